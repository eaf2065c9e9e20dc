"""The raw layer of a warehouse: its tables, what was fetched, what was refused, where it all comes from.

Here: making them, from the first day and as contracts gain columns. Not here: filling them (pipelines.warehouse.store).
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from assets.framework.errors import KnownFault
from assets.framework.registry import raw_tables
from pipelines.warehouse.ddl import column_types
from pipelines.warehouse.doubts import create_doubts
from pipelines.warehouse.schema_diff import LossySchemaChange, schema_diff

_BOOKKEEPING = {"revision": "BIGINT", "source": "VARCHAR", "fetched_at": "TIMESTAMP", "fetched_on": "DATE"}


class OriginMismatch(KnownFault):
    """Simulated and real data were about to be mixed in one home."""


def create_raw_history(connection: duckdb.DuckDBPyConnection, history: str) -> None:
    """Every raw table exists from the first day, and gains the columns its contract gains."""
    for schema in ("raw", "ops"):
        connection.execute(f"create schema if not exists {history}.{schema}")
    create_doubts(connection, history)
    connection.execute(f"create table if not exists {history}.ops.origin (simulated boolean)")
    connection.execute(
        f"create table if not exists {history}.ops.fetches "
        f"(table_name varchar, series varchar, fetched_at timestamp, fetched_on date, primary key (table_name, series))"
    )
    for contract in raw_tables():
        table = f'{history}.raw."{contract.table_name()}"'
        columns = {**column_types(contract), **_BOOKKEEPING}
        ddl = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
        connection.execute(f"create table if not exists {table} ({ddl})")
        stored = dict(
            connection.execute(
                "select column_name, data_type from duckdb_columns() "
                "where database_name = ? and schema_name = 'raw' and table_name = ?",
                [history, contract.table_name()],
            ).fetchall()
        )
        diff = schema_diff(stored, columns)
        if diff.is_lossy or diff.changed:
            raise LossySchemaChange(contract.full_name(), diff)
        for name, kind in diff.added.items():
            connection.execute(f'alter table {table} add column "{name}" {kind}')


def check_origin(connection: duckdb.DuckDBPyConnection, history: str, simulated: bool, path: Path) -> None:
    """One home holds either a simulated market or real data, never both."""
    stored = connection.execute(f"select simulated from {history}.ops.origin").fetchone()
    if stored is None:
        connection.execute(f"insert into {history}.ops.origin values (?)", [simulated])
    elif stored[0] != simulated:
        words = {True: "the simulated sample market", False: "real data"}
        raise OriginMismatch(
            f"{path} holds {words[stored[0]]} and this run brings {words[simulated]}; "
            f"set RECOUPLE_HOME to another folder"
        )
