"""Reading and writing an open warehouse.

Here: replacing derived tables, appending raw revisions, keeping what breaks a rule. Not here: opening it
(pipelines.warehouse.opening), what the tables mean (assets.contracts), Dagster's side of it
(pipelines.orchestration.io_manager).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime

import duckdb
import polars as pl

from assets.contracts import CONTRACTS
from assets.door.findings import Finding
from assets.framework.contract import RawTable, Table
from assets.framework.errors import KnownFault
from assets.framework.rows import Rows
from pipelines.warehouse import decisions, doubts
from pipelines.warehouse.ddl import column_definitions, column_types, listed, literal, table_name
from pipelines.warehouse.decisions import Decision
from pipelines.warehouse.kept import keep, kept_parts
from pipelines.warehouse.known import known_rows
from pipelines.warehouse.revisions import Fetch, Revisions, append
from pipelines.warehouse.schema_diff import LossySchemaChange, schema_diff


class EmptyResult(KnownFault):
    """A table that must have rows was about to become empty."""


class Warehouse:
    """An open warehouse; use `open_warehouse`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, history: str) -> None:
        self._db = connection
        self._history = history  # the catalog that holds raw: this file's, or the home's for an as-of run
        self._laid_down: dict[type[Table], pl.DataFrame] = {}

    # ------------------------------------------------------------------ reading
    def query(self, sql: str) -> pl.DataFrame:
        """Run one SELECT and return its rows."""
        rows: pl.DataFrame = self._db.sql(sql).pl()
        return rows

    def load(self, contract: type[Table]) -> pl.DataFrame:
        """All rows of a derived table, columns in the contract's order."""
        if contract in self._laid_down:
            return self._laid_down[contract]
        columns = listed(contract.ordered_columns())
        return self.query(f"select {columns} from {table_name(contract)}")

    def kept(self, contract: type[Table]) -> dict[str, bytes]:
        """What a derived table keeps between nights, by part."""
        return kept_parts(self._db, contract)

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

    def known(self, contract: type[RawTable], on: date) -> pl.DataFrame:
        """The rows of a raw table as known at the end of a day, whatever day this run computes."""
        day = f"date '{on.isoformat()}'"
        return self.query(known_rows(contract, self._history, day).sql("duckdb"))

    def waiting(self, contract: type[RawTable], on: date) -> pl.DataFrame:
        """The held rows that an answer of this day would confirm by repeating them."""
        return doubts.waiting(self._db, contract, on, into=self._history)

    def quarantined(self, contract: type[RawTable]) -> dict[str, list[date]]:
        """Days of each series that are in quarantine."""
        return doubts.quarantined(self._db, contract, into=self._history)

    def asked_again(self) -> dict[str, date]:
        """The day from which a person wants a series anew, for those that were not fetched since."""
        return decisions.requests(self._db, into=self._history)

    def open_findings(self, contract: type[RawTable]) -> list[Finding]:
        """What of a raw table is in quarantine or held back now."""
        return doubts.open_findings(self._db, contract, into=self._history)

    def lines(self) -> tuple[str, ...]:
        """What the last fetches left to look at, most important first; nothing from after the as-of day."""
        rows = self._db.execute(
            f"select line from {self._history}.ops.lines where noted_on <= getvariable('as_of') "
            f"order by weight, table_name, position"
        )
        return tuple(line for (line,) in rows.fetchall())

    # ------------------------------------------------------------------ deciding
    def hold(self, decision: Decision) -> int:
        """Take stored values out of what is known, from now on; returns how many days."""
        with self._transaction():
            return decisions.hold(self._db, decision, into=self._history)

    def release(self, decision: Decision) -> int:
        """Believe what is held back or in quarantine, from now on; returns how many values."""
        with self._transaction():
            return decisions.release(self._db, decision, into=self._history)

    def ask_again(self, decision: Decision) -> None:
        """Have the next fetch ask for a series from an earlier day on."""
        decisions.request(self._db, decision, into=self._history)

    # ------------------------------------------------------------------ writing
    def replace(self, contract: type[Table], rows: Rows, run_id: str) -> None:
        """Make a derived table hold exactly these rows, by column name, and keep their parts, in one transaction."""
        self._must_not_be_empty(contract, rows)
        diff = schema_diff(self._stored_columns(contract.layer, contract.table_name()), column_types(contract))
        if diff.is_lossy:
            raise LossySchemaChange(contract.full_name(), diff)
        with self._transaction():
            self._write(contract, rows)
            self._comment(contract)
            if rows.kept is not None:
                keep(self._db, contract, rows.kept)
            doubts.keep_broken(self._db, "quarantine.rows", contract.full_name(), rows.broken, run_id, None)

    def lay_down(self, contract: type[Table], rows: Rows) -> None:
        """Make a derived table of a warehouse that ends with its run: its rows are not copied, SQL reads them as is."""
        self._must_not_be_empty(contract, rows)
        frame = _in_order(contract, rows).with_columns(pl.col(pl.Enum).cast(pl.String))
        self._laid_down[contract] = frame
        self._db.register(contract.table_name(), frame.to_arrow())
        self._db.execute(f'create schema if not exists "{contract.layer}"')
        self._db.execute(
            f'create or replace view {table_name(contract)} as select * from temp.main."{contract.table_name()}"'
        )

    def has_laid_down(self, contract: type[Table]) -> bool:
        """The table's rows are those that this process held to the contract; nobody else had them in hand."""
        return contract in self._laid_down

    @staticmethod
    def _must_not_be_empty(contract: type[Table], rows: Rows) -> None:
        if rows.good.is_empty() and not contract.may_be_empty:
            raise EmptyResult(
                f"table {contract.full_name()} would become empty; nothing was written. "
                f"Look at the run's quarantine and at the tables it is made from"
            )

    def _write(self, contract: type[Table], rows: Rows) -> None:
        self._db.execute(f'create schema if not exists "{contract.layer}"')
        self._db.execute(f"create or replace table {table_name(contract)} ({column_definitions(contract)})")
        self._insert(table_name(contract), _in_order(contract, rows))

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
            confirmed = doubts.enter(self._db, contract, rows, fetched, into=self._history)
            self._note_fetched(contract, rows.fetched, fetched_at, fetched_on)
            quarantine = f"{self._history}.quarantine.rows"
            doubts.keep_broken(self._db, quarantine, contract.full_name(), rows.broken, run_id, fetched_on)
        return dataclasses.replace(revisions, confirmed=confirmed)

    def keep_lines(self, contract: type[RawTable], lines: Sequence[tuple[int, str]], on: date) -> None:
        """What the last fetch of a table left to look at, each with its weight; what the one before left is over."""
        table, name = f"{self._history}.ops.lines", contract.table_name()
        rows = [(name, number, weight, line, on) for number, (weight, line) in enumerate(lines)]
        with self._transaction():
            self._db.execute(f"delete from {table} where table_name = ?", [name])
            if rows:
                columns = "table_name, position, weight, line, noted_on"
                self._db.executemany(f"insert into {table} ({columns}) values (?, ?, ?, ?, ?)", rows)

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
        table = table_name(contract)
        comments = [f"comment on table {table} is {literal(contract.summary())}"]
        for column in contract.ordered_columns():
            comments.append(f'comment on column {table}."{column}" is {literal(contract.column_comment(column))}')
        self._db.execute("; ".join(comments))

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
            self._db.execute(
                f"update {self._history}.ops.requests set answered_on = ? "
                f"where answered_on is null and list_contains(?, series)",
                [fetched_on, list(ids)],
            )


def _in_order(contract: type[Table], rows: Rows) -> pl.DataFrame:
    """In the order of the key, so that sums of fractions over the table come out the same every time."""
    return rows.good.sort(contract.key()) if contract.key() else rows.good
