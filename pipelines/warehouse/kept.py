"""Parts of tables that are kept between nights, in the warehouse whose tables they belong to.

Here: where they lie, reading them, replacing those that were written anew. Not here: what they hold and whether they
still stand (assets.framework.kept).

An as-of run has a warehouse of its own, so it neither reads nor disturbs what the nightly keeps. Each table has its own
place: DuckDB reads every blob of a table it looks for some in.
"""

from __future__ import annotations

import duckdb
import polars as pl

from assets.framework.contract import Table
from assets.framework.kept import Keeping
from pipelines.warehouse.ddl import quoted


def kept_parts(connection: duckdb.DuckDBPyConnection, contract: type[Table]) -> dict[str, bytes]:
    """Every kept part of a table, by name."""
    return dict(connection.execute(f"select part, state from {_place(connection, contract)}").fetchall())


def keep(connection: duckdb.DuckDBPyConnection, contract: type[Table], keeping: Keeping) -> None:
    """Hold exactly these parts of a table; within the transaction that stores its rows."""
    place = _place(connection, contract)
    connection.execute(
        f"delete from {place} where not list_contains(?::varchar[], part)",
        [list(keeping.standing)],
    )
    if keeping.renewed:
        renewed = pl.DataFrame(
            {"part": list(keeping.renewed), "state": [write() for write in keeping.renewed.values()]}
        )
        connection.register("renewed", renewed.to_arrow())
        connection.execute(f"insert into {place} by name select * from renewed")
        connection.unregister("renewed")


def _place(connection: duckdb.DuckDBPyConnection, contract: type[Table]) -> str:
    place = f"ops.{quoted(f'kept_{contract.table_name()}')}"
    connection.execute(
        f"create schema if not exists ops; create table if not exists {place} (part varchar, state blob)"
    )
    return place
