"""Reading and writing an open warehouse.

Here: replacing derived tables, appending raw revisions, keeping what breaks a rule. Not here: opening it
(pipelines.warehouse.opening), what the tables mean (assets.contracts), Dagster's side of it
(pipelines.orchestration.io_manager).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime

import duckdb
import polars as pl

from assets.contracts import CONTRACTS
from assets.framework.contract import RawTable, Table
from assets.framework.errors import KnownFault
from assets.framework.rows import Rows
from pipelines.warehouse.ddl import column_definitions, column_types, listed, literal, table_name
from pipelines.warehouse.revisions import Fetch, Revisions, append
from pipelines.warehouse.schema_diff import LossySchemaChange, schema_diff


class EmptyResult(KnownFault):
    """A table that must have rows was about to become empty."""


class Warehouse:
    """An open warehouse; use `open_warehouse`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, history: str) -> None:
        self._db = connection
        self._history = history  # the catalog that holds raw: this file's, or the home's for an as-of run

    # ------------------------------------------------------------------ reading
    def query(self, sql: str) -> pl.DataFrame:
        """Run one SELECT and return its rows."""
        rows: pl.DataFrame = self._db.sql(sql).pl()
        return rows

    def load(self, contract: type[Table]) -> pl.DataFrame:
        """All rows of a derived table, columns in the contract's order."""
        columns = listed(contract.ordered_columns())
        return self.query(f"select {columns} from {table_name(contract)}")

    def watermarks(self, contract: type[RawTable], series: str, day: str) -> dict[str, date]:
        """Last stored final date per series of a raw table."""
        final = "where not provisional" if "provisional" in contract.column_names() else ""
        rows = self._db.execute(
            f'select "{series}", max("{day}") from {self._raw(contract)} {final} group by 1'
        ).fetchall()
        return dict(rows)

    def first_days(self, contract: type[RawTable], series: str, day: str) -> dict[str, date]:
        """First stored date per series of a raw table."""
        return dict(
            self._db.execute(f'select "{series}", min("{day}") from {self._raw(contract)} group by 1').fetchall()
        )

    # ------------------------------------------------------------------ writing
    def replace(self, contract: type[Table], rows: Rows, run_id: str) -> None:
        """Make a derived table hold exactly these rows, by column name, in one transaction."""
        if rows.good.is_empty() and not contract.may_be_empty:
            raise EmptyResult(
                f"table {contract.full_name()} would become empty; nothing was written. "
                f"Look at the run's quarantine and at the tables it is made from"
            )
        diff = schema_diff(self._stored_columns(contract.layer, contract.table_name()), column_types(contract))
        if diff.is_lossy:
            raise LossySchemaChange(contract.full_name(), diff)
        with self._transaction():
            self._db.execute(f'create schema if not exists "{contract.layer}"')
            self._db.execute(f"create or replace table {table_name(contract)} ({column_definitions(contract)})")
            # In the order of the key, so that sums of fractions over the table come out the same every time.
            self._insert(table_name(contract), rows.good.sort(contract.key()) if contract.key() else rows.good)
            self._comment(contract)
            self._keep_broken("quarantine.rows", contract, rows, run_id)

    def append_revisions(
        self,
        contract: type[RawTable],
        rows: Rows,
        *,
        source: str,
        fetched_at: datetime,
        fetched_on: date,
        run_id: str,
    ) -> Revisions:
        """Append what is new or differs from the newest stored revision; the same payload twice adds nothing."""
        fetched = Fetch(source, fetched_at, fetched_on)
        with self._transaction():
            revisions = append(self._db, contract, rows.good, fetched, into=self._history)
            self._note_fetched(contract, rows.fetched, fetched_at, fetched_on)
            self._keep_broken(f"{self._history}.quarantine.rows", contract, rows, run_id)
        return revisions

    def derived_tables(self) -> dict[str, int]:
        """Every table that a run computes anew, with its rows."""
        rows = self._db.execute(
            "select schema_name || '.' || table_name, estimated_size from duckdb_tables() "
            "where database_name = current_database() and schema_name not in ('raw', 'ops', 'quarantine') order by 1"
        ).fetchall()
        return dict(rows)

    def of_another_shape(self) -> list[str]:
        """Derived tables that a run would refuse to write, because columns they have would be lost."""
        derived = [contract for contract in CONTRACTS.values() if not issubclass(contract, RawTable)]
        return [
            contract.full_name()
            for contract in derived
            if schema_diff(self._stored_columns(contract.layer, contract.table_name()), column_types(contract)).is_lossy
        ]

    def drop(self, table: str) -> None:
        """Remove one derived table, so that the next run may give it another shape."""
        layer, _, name = table.partition(".")
        if table not in self.derived_tables():
            raise KnownFault(f"{table} is no derived table of this warehouse; `recouple drop` lists them")
        self._db.execute(f'drop table "{layer}"."{name}"')

    # ------------------------------------------------------------------ inner workings
    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin transaction")
        try:
            yield
        except BaseException:  # whatever ended the block, nothing of it may stay
            self._db.execute("rollback")
            raise
        self._db.execute("commit")

    def _raw(self, contract: type[RawTable]) -> str:
        return f'{self._history}.raw."{contract.table_name()}"'

    def _stored_columns(self, schema: str, table: str) -> dict[str, str]:
        rows = self._db.execute(
            "select column_name, data_type from duckdb_columns() "
            "where database_name = current_database() and schema_name = ? and table_name = ? order by column_index",
            [schema, table],
        ).fetchall()
        return dict(rows)

    def _insert(self, table: str, frame: pl.DataFrame) -> None:
        self._db.register("incoming", frame.to_arrow())
        self._db.execute(f"insert into {table} by name select * from incoming")
        self._db.unregister("incoming")

    def _comment(self, contract: type[Table]) -> None:
        self._db.execute(f"comment on table {table_name(contract)} is {literal(contract.summary())}")
        for column in contract.ordered_columns():
            text = literal(contract.column_comment(column))
            self._db.execute(f'comment on column {table_name(contract)}."{column}" is {text}')

    def _keep_broken(self, quarantine: str, contract: type[Table], rows: Rows, run_id: str) -> None:
        """Rows that broke a rule, once each however often they come back."""
        if rows.broken.is_empty():
            return
        self._db.register("broken", rows.broken.to_arrow())
        self._db.execute(
            f"""
            insert into {quarantine} by name
            select $table as table_name, b.rule, b.payload::json as payload, $run as run_id,
                   getvariable('as_of') as as_of
            from broken as b
            where not exists (
                from {quarantine} as q
                where q.table_name = $table and q.rule = b.rule and q.payload::varchar = b.payload
            )
            """,
            {"table": contract.full_name(), "run": run_id},
        )
        self._db.unregister("broken")

    def _note_fetched(
        self, contract: type[RawTable], ids: Iterable[str], fetched_at: datetime, fetched_on: date
    ) -> None:
        rows = [(contract.table_name(), i, fetched_at.replace(tzinfo=None), fetched_on) for i in ids]
        if rows:
            self._db.executemany(
                f"insert or replace into {self._history}.ops.fetches "
                f"(table_name, series, fetched_at, fetched_on) values (?, ?, ?, ?)",
                rows,
            )
