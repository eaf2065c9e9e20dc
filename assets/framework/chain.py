"""The tables in the order they are made, and one table made from those before it: a run without Dagster's steps.

Here: what days of the past and other sources are computed with, beside what is live. Not here: where rows are kept
(whoever gives `Tables`), Dagster's own steps (assets.framework.table).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from graphlib import TopologicalSorter
from typing import Any, Protocol

import polars as pl

from assets.framework.contract import RawTable, Table
from assets.framework.registry import CONTRACTS
from assets.framework.rows import Rows
from assets.framework.table import (
    FUNCTIONS,
    READS,
    SQL_FOLDER,
    Arguments,
    Horizon,
    finished_rows,
    rows_of,
    sql_dependencies,
)


class Tables(Protocol):
    """Where the tables made so far are."""

    def load(self, contract: type[Table]) -> pl.DataFrame:
        """All rows of a table."""

    def query(self, sql: str) -> pl.DataFrame:
        """Run one SELECT and return its rows."""


def in_order() -> list[type[Table]]:
    """Every table that is computed, each after those it reads."""
    graph = {name: set(reads(name)) for name, contract in CONTRACTS.items() if not issubclass(contract, RawTable)}
    return [CONTRACTS[name] for name in TopologicalSorter(graph).static_order()]


@cache
def reads(name: str) -> tuple[str, ...]:
    """The computed tables that a table is made from."""
    found = READS[name] if name in FUNCTIONS else {c.table_name() for c in sql_dependencies(_sql(name), name)}
    return tuple(sorted(read for read in found if not issubclass(CONTRACTS[read], RawTable)))


@cache
def reads_raw(name: str) -> bool:
    """The table is made from what upstreams said, by itself."""
    return name not in FUNCTIONS and any(issubclass(c, RawTable) for c in sql_dependencies(_sql(name), name))


def computed(contract: type[Table], tables: Tables, resources: Mapping[str, Any], horizon: Horizon) -> Rows:
    """A table's rows as of the horizon, from the tables made before it."""
    name = contract.table_name()
    if name not in FUNCTIONS:
        return finished_rows(contract, tables.query(_sql(name)), horizon)
    frames = {read: tables.load(CONTRACTS[read]) for read in Arguments.of(FUNCTIONS[name]).tables}
    return rows_of(contract, frames, resources, horizon)


def _sql(name: str) -> str:
    return (SQL_FOLDER / CONTRACTS[name].layer / f"{name}.sql").read_text(encoding="utf-8")
