"""Revisions: what differs from what is stored is appended, never written over it.

Here: when a value is another one, and the append. Not here: which revision counts on which day
(pipelines.warehouse.known).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import duckdb
import polars as pl

from assets.door.columns import RELATIVE_TOLERANCE
from assets.framework.contract import RawTable, Table
from pipelines.warehouse.ddl import listed, quoted


@dataclass(frozen=True)
class Fetch:
    """Who was asked, and when."""

    source: str
    fetched_at: datetime
    fetched_on: date


@dataclass(frozen=True)
class Revisions:
    """What an append did; confirmed: rows held back until another night's answer repeated them, as this one did."""

    first: int
    revised: int
    unchanged: int
    confirmed: int = 0


def append(
    connection: duckdb.DuckDBPyConnection, contract: type[RawTable], rows: pl.DataFrame, fetch: Fetch, *, into: str
) -> Revisions:
    """Append to the raw table of catalog `into` what is new or differs from the newest stored revision.

    Leaves what it appended in the temporary table `changes`.
    """
    table = f"{into}.raw.{quoted(contract.table_name())}"
    incoming = rows.select(contract.column_names())
    key, values = contract.key(), [c for c in contract.column_names() if c not in contract.key()]
    same_key = " and ".join(f"i.{quoted(c)} is not distinct from n.{quoted(c)}" for c in key)
    differs = " or ".join(_differs(contract, c) for c in values)
    connection.register("incoming", incoming.to_arrow())
    connection.execute(
        f"""
        create or replace temp table changes as
        with newest as (
            select * from {table}
            qualify row_number() over (partition by {listed(key)} order by revision desc) = 1
        )
        select i.*, coalesce(n.revision, 0) + 1 as revision, $source as source,
               $fetched_at::timestamp as fetched_at, $fetched_on::date as fetched_on
        from incoming as i left join newest as n on {same_key}
        where n.revision is null or {differs};
        """,
        {
            "source": fetch.source,
            "fetched_at": fetch.fetched_at.replace(tzinfo=None),
            "fetched_on": fetch.fetched_on,
        },
    )
    counted = connection.execute(
        "select count(*) filter (where revision = 1), count(*) filter (where revision > 1) from changes"
    )
    first, revised = counted.fetchone() or (0, 0)
    connection.execute(f"insert into {table} by name select * from changes order by {listed(key)}")
    connection.unregister("incoming")
    return Revisions(first, revised, incoming.height - first - revised)


def _differs(contract: type[Table], column: str) -> str:
    """SQL: the incoming value is not the stored one, floats within the relative tolerance."""
    if contract.columns()[column].dtype != pl.Float64():
        return f'i."{column}" is distinct from n."{column}"'
    return (
        f'((i."{column}" is null) <> (n."{column}" is null) or '
        f'abs(i."{column}" - n."{column}") > {RELATIVE_TOLERANCE} * greatest(abs(i."{column}"), abs(n."{column}")))'
    )
