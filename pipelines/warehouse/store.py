"""The warehouse: the one DuckDB file of a home, and the rules of writing to it.

Here: opening it (one connection a run, a bounded wait for the lock), replacing derived tables, appending raw
revisions, quarantine, the views of what was known on the as-of date. Not here: what the tables mean
(assets.contracts), Dagster's side of it (pipelines.warehouse.io_manager), publishing (pipelines.publishing.publish).

An explicit as-of run computes into a warehouse of its own and reads raw from the home's, so that looking back never
disturbs what is served.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TypeVar

import duckdb
import polars as pl
import psutil
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from assets.contracts import RAW_TABLES
from assets.framework.contract import RawTable, Table
from assets.framework.errors import KnownFault
from assets.framework.rows import Rows
from pipelines.warehouse.schema_diff import SchemaDiff, schema_diff

Opened = TypeVar("Opened")

RELATIVE_TOLERANCE = 1e-6  # Yahoo's adj_close flickers by 6e-8 between identical calls

_BOOKKEEPING = {"revision": "BIGINT", "source": "VARCHAR", "fetched_at": "TIMESTAMP", "fetched_on": "DATE"}
_TYPES: dict[object, str] = {
    pl.String: "VARCHAR",
    pl.Date: "DATE",
    pl.Datetime: "TIMESTAMP",
    pl.Float64: "DOUBLE",
    pl.Int64: "BIGINT",
    pl.Boolean: "BOOLEAN",
    pl.Enum: "VARCHAR",
}


class WarehouseLocked(KnownFault):
    """Another process kept the warehouse open for longer than the wait allows."""

    def __init__(self, path: Path, holder: str, waited_seconds: float) -> None:
        super().__init__(
            f"{path} is in use by {holder}, waited {waited_seconds:g} s; "
            f"let that process finish or stop it, then run again"
        )
        self.holder = holder


class LossySchemaChange(KnownFault):
    """Writing would drop a column or narrow a type of a stored table."""

    def __init__(self, table: str, diff: SchemaDiff) -> None:
        super().__init__(
            f"table {table} would lose data:\n{diff}\n"
            f"Nothing was written. If this is intended, run `recouple drop {table}` (derived tables are "
            f"recomputed from raw) and run again; raw tables only ever gain columns."
        )
        self.diff = diff


class EmptyResult(KnownFault):
    """A table that must have rows was about to become empty."""


class OriginMismatch(KnownFault):
    """Simulated and real data were about to be mixed in one home."""


@dataclass(frozen=True)
class Revisions:
    """What an append did."""

    first: int
    revised: int
    unchanged: int


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
        columns = _columns(contract.ordered_columns())
        return self.query(f"select {columns} from {_name(contract)}")

    def watermarks(self, contract: type[RawTable], series: str, day: str) -> dict[str, date]:
        """Last stored final date per series of a raw table."""
        final = "where not provisional" if "provisional" in contract.column_names() else ""
        rows = self._db.execute(
            f'select "{series}", max("{day}") from {self._raw(contract)} {final} group by 1'
        ).fetchall()
        return dict(rows)

    # ------------------------------------------------------------------ writing
    def replace(self, contract: type[Table], rows: Rows, run_id: str) -> None:
        """Make a derived table hold exactly these rows, by column name, in one transaction."""
        if rows.good.is_empty() and not contract.may_be_empty:
            raise EmptyResult(
                f"table {contract.full_name()} would become empty; nothing was written. "
                f"Look at the run's quarantine and at the tables it is made from"
            )
        diff = schema_diff(self._stored_columns(contract.layer, contract.table_name()), _ddl_types(contract))
        if diff.is_lossy:
            raise LossySchemaChange(contract.full_name(), diff)
        with self._transaction():
            self._db.execute(f'create schema if not exists "{contract.layer}"')
            self._db.execute(f"create or replace table {_name(contract)} ({_ddl(contract)})")
            self._insert(_name(contract), rows.good)
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
        table = self._raw(contract)
        incoming = rows.good.select(contract.column_names())
        key, values = contract.key(), [c for c in contract.column_names() if c not in contract.key()]
        same_key = " and ".join(f'i."{c}" is not distinct from n."{c}"' for c in key)
        differs = " or ".join(_differs(contract, c) for c in values)
        with self._transaction():
            self._db.register("incoming", incoming.to_arrow())
            self._db.execute(
                f"""
                create or replace temp table changes as
                with newest as (
                    select * from {table}
                    qualify row_number() over (partition by {_columns(key)} order by revision desc) = 1
                )
                select i.*, coalesce(n.revision, 0) + 1 as revision, $source as source,
                       $fetched_at::timestamp as fetched_at, $fetched_on::date as fetched_on
                from incoming as i left join newest as n on {same_key}
                where n.revision is null or {differs};
                """,
                {"source": source, "fetched_at": fetched_at.replace(tzinfo=None), "fetched_on": fetched_on},
            )
            counted = self._db.execute(
                "select count(*) filter (where revision = 1), count(*) filter (where revision > 1) from changes"
            )
            first, revised = counted.fetchone() or (0, 0)
            self._db.execute(f"insert into {table} by name select * from changes order by {_columns(key)}")
            self._db.execute("drop table changes")
            self._db.unregister("incoming")
            self._note_fetched(contract, rows.fetched, fetched_at, fetched_on)
            self._keep_broken(f"{self._history}.quarantine.rows", contract, rows, run_id)
        return Revisions(first, revised, incoming.height - first - revised)

    def drop(self, table: str) -> None:
        """Remove one derived table, so that the next run may give it another shape."""
        layer, _, name = table.partition(".")
        if layer in {"raw", "ops", "quarantine"} or not self._stored_columns(layer, name):
            raise KnownFault(f"{table} is no derived table of this warehouse; name one such as core.daily_prices")
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
        self._db.execute(f"comment on table {_name(contract)} is {_quote(contract.summary())}")
        for column in contract.ordered_columns():
            text = _quote(contract.column_comment(column))
            self._db.execute(f'comment on column {_name(contract)}."{column}" is {text}')

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


@contextmanager
def open_warehouse(
    path: Path,
    *,
    as_of: date,
    simulated: bool,
    home_path: Path | None = None,
    lock_wait_seconds: float = 60.0,
) -> Iterator[Warehouse]:
    """Open the warehouse for one run and close it whatever happens.

    path: this run's file. as_of: the last day whose knowledge may be used. home_path: the file that holds raw, where
    it is another one. Raises WarehouseLocked, OriginMismatch.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = _connect(path, lock_wait_seconds)
    try:
        connection.execute(f"set variable as_of = date '{as_of.isoformat()}'")
        connection.execute("set timezone = 'UTC'")
        history = connection.execute("select current_database()").fetchall()[0][0]
        _create_quarantine(connection, history)
        if home_path is not None and home_path != path:
            _attach(connection, home_path, lock_wait_seconds)
            history = "history"
        _create_history(connection, history)
        _check_origin(connection, history, simulated, home_path or path)
        _create_known_views(connection, history)
        yield Warehouse(connection, history)
    finally:
        connection.close()


@contextmanager
def open_existing(path: Path, lock_wait_seconds: float) -> Iterator[Warehouse]:
    """Open a warehouse that a run has made, for looking after it by hand."""
    if not path.exists():
        raise KnownFault(f"{path} does not exist; run `make nightly` once, or set RECOUPLE_HOME to where it is")
    connection = _connect(path, lock_wait_seconds)
    try:
        yield Warehouse(connection, connection.execute("select current_database()").fetchall()[0][0])
    finally:
        connection.close()


def _connect(path: Path, wait_seconds: float) -> duckdb.DuckDBPyConnection:
    return _patiently(path, wait_seconds, lambda: duckdb.connect(str(path)))


def _attach(connection: duckdb.DuckDBPyConnection, path: Path, wait_seconds: float) -> None:
    _patiently(path, wait_seconds, lambda: connection.execute(f"attach {_quote(str(path))} as history"))


def _patiently(path: Path, wait_seconds: float, opening: Callable[[], Opened]) -> Opened:
    """Try to open until the lock is free or the wait is over."""
    attempts = Retrying(
        retry=retry_if_exception_type(_Locked), stop=stop_after_delay(wait_seconds), wait=wait_fixed(0.2)
    )
    try:
        opened: Opened = attempts(_translating_lock, opening)
        return opened
    except RetryError as error:
        holder = str(error.last_attempt.exception())
        raise WarehouseLocked(path, holder, wait_seconds) from None


class _Locked(Exception):
    """DuckDB found the file locked; the message names the holder."""


def _translating_lock(opening: Callable[[], Opened]) -> Opened:
    try:
        return opening()
    except duckdb.IOException as error:
        if "lock" not in str(error):
            raise
        raise _Locked(_holder(str(error))) from None


def _holder(message: str) -> str:
    """The process DuckDB names, with its command line where it can be read."""
    found = re.search(r"held in (.+?) \(PID (\d+)\)", message)
    if not found:
        return "another process"
    program, pid = found.group(1), int(found.group(2))
    with suppress(psutil.Error):  # gone meanwhile, or not ours to look at
        program = " ".join(psutil.Process(pid).cmdline()[:4]) or program
    return f"{program} (PID {pid})"


def _create_quarantine(connection: duckdb.DuckDBPyConnection, database: str) -> None:
    connection.execute(f"create schema if not exists {database}.quarantine")
    connection.execute(
        f"create table if not exists {database}.quarantine.rows "
        f"(table_name varchar, rule varchar, payload json, run_id varchar, as_of date)"
    )


def _create_history(connection: duckdb.DuckDBPyConnection, history: str) -> None:
    """Every raw table exists from the first day, and gains the columns its contract gains."""
    for schema in ("raw", "ops"):
        connection.execute(f"create schema if not exists {history}.{schema}")
    _create_quarantine(connection, history)
    connection.execute(f"create table if not exists {history}.ops.origin (simulated boolean)")
    connection.execute(
        f"create table if not exists {history}.ops.fetches "
        f"(table_name varchar, series varchar, fetched_at timestamp, fetched_on date, primary key (table_name, series))"
    )
    for contract in RAW_TABLES:
        table = f'{history}.raw."{contract.table_name()}"'
        columns = {**_ddl_types(contract), **_BOOKKEEPING}
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


def _check_origin(connection: duckdb.DuckDBPyConnection, history: str, simulated: bool, path: Path) -> None:
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


def _create_known_views(connection: duckdb.DuckDBPyConnection, history: str) -> None:
    """known.X: raw.X as it was known at the end of the as-of day, bookkeeping left out.

    The first final revision counts as known from the day the value became available (core judges that by the
    catalog's release lag), since history is usually fetched long after; a later revision only from its fetch.
    """
    connection.execute("create schema if not exists known")
    for contract in RAW_TABLES:
        key = _columns(contract.key())
        final = "where not provisional" if "provisional" in contract.column_names() else ""
        connection.execute(
            f"""
            create or replace view known."{contract.table_name()}" as
            with final as (
                select *, row_number() over (partition by {key} order by revision) as final_number
                from {history}.raw."{contract.table_name()}" {final}
            )
            select {_columns(contract.column_names())}
            from final
            where final_number = 1 or fetched_on <= getvariable('as_of')
            qualify row_number() over (partition by {key} order by revision desc) = 1
            """
        )
    connection.execute(f"create or replace view known.fetches as select * from {history}.ops.fetches")
    connection.execute(
        f"""
        create or replace view known.restatements as
        select symbol as id, fetched_on
        from {history}.raw.price_bars
        where not provisional
        qualify row_number() over (partition by symbol, date order by revision) > 1
        union all
        select series_id as id, coalesce(realtime_start, fetched_on) as fetched_on
        from {history}.raw.macro_observations
        qualify row_number() over (partition by series_id, date order by realtime_start, revision) > 1
        """
    )


def _differs(contract: type[Table], column: str) -> str:
    """SQL: the incoming value is not the stored one, floats within the relative tolerance."""
    if contract.columns()[column].dtype != pl.Float64():
        return f'i."{column}" is distinct from n."{column}"'
    return (
        f'((i."{column}" is null) <> (n."{column}" is null) or '
        f'abs(i."{column}" - n."{column}") > {RELATIVE_TOLERANCE} * greatest(abs(i."{column}"), abs(n."{column}")))'
    )


def _ddl_types(contract: type[Table]) -> dict[str, str]:
    columns = contract.columns()
    return {name: _ddl_type(columns[name].dtype) for name in contract.ordered_columns()}


def _ddl_type(dtype: pl.DataType) -> str:
    """DuckDB's name of a column's type; a list is its inner type with brackets."""
    if isinstance(dtype, pl.List):
        return f"{_TYPES[dtype.inner.base_type()]}[]"
    return _TYPES[type(dtype)]


def _ddl(contract: type[Table]) -> str:
    columns = contract.columns()
    return ", ".join(
        f'"{name}" {kind}{"" if columns[name].nullable else " not null"}' for name, kind in _ddl_types(contract).items()
    )


def _name(contract: type[Table]) -> str:
    return f'"{contract.layer}"."{contract.table_name()}"'


def _columns(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
