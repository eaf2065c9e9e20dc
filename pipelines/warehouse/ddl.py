"""Contracts as DuckDB sees them: types, names, comments.

Here: a contract -> the SQL words for it. Not here: executing any of it (pipelines.warehouse.store).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from sqlglot import exp

from assets.framework.contract import Table
from assets.framework.errors import KnownFault

_TYPES: dict[type[pl.DataType], str] = {
    pl.String: "VARCHAR",
    pl.Date: "DATE",
    pl.Datetime: "TIMESTAMP",
    pl.Float64: "DOUBLE",
    pl.Int64: "BIGINT",
    pl.Boolean: "BOOLEAN",
    pl.Enum: "VARCHAR",
}


class UnknownType(KnownFault):
    """A contract has a column of a type that the warehouse cannot hold."""


def column_types(contract: type[Table]) -> dict[str, str]:
    """Column -> DuckDB type, in the contract's order; raises UnknownType naming the column and the remedy."""
    columns = contract.columns()
    types = {name: _TYPES.get(type(columns[name].dtype)) for name in contract.ordered_columns()}
    for name, kind in types.items():
        if kind is None:
            known = ", ".join(sorted(dtype.__name__ for dtype in _TYPES))
            raise UnknownType(
                f"{contract.full_name()}.{name} is of type {columns[name].dtype}, which the warehouse cannot hold; "
                f"use one of {known}"
            )
    return {name: kind for name, kind in types.items() if kind is not None}


def column_definitions(contract: type[Table]) -> str:
    """The columns of a `create table`."""
    columns = contract.columns()
    return ", ".join(
        f"{quoted(name)} {kind}{'' if columns[name].nullable else ' not null'}"
        for name, kind in column_types(contract).items()
    )


def table_name(contract: type[Table]) -> str:
    """Layer and table, quoted."""
    return f"{quoted(contract.layer)}.{quoted(contract.table_name())}"


def listed(names: Sequence[str]) -> str:
    """Column names, quoted, with commas between."""
    return ", ".join(map(quoted, names))


def quoted(name: str) -> str:
    """A name of SQL."""
    return exp.to_identifier(name, quoted=True).sql("duckdb")


def literal(text: str) -> str:
    """A text of SQL."""
    return exp.Literal.string(text).sql("duckdb")
