"""What is not believed: rows in quarantine, and revisions that are held back.

Here: their tables, what a fetch enters and what it ends, reading what is open. Not here: why a value is doubted
(assets.door.judgement), what people decide about it (pipelines.warehouse.decisions), what is known in spite of it
(pipelines.warehouse.known).

A row in quarantine never was in raw; its payload is kept, and it ends when another answer takes its place or when
somebody releases it. A held revision is in raw and counts for nobody from `held_from` (null: since it came) until
`released_on`. Both keep who ended them, when and why.
"""

from __future__ import annotations

from datetime import date

import duckdb
import polars as pl

from assets.door.findings import NIGHTLY, Finding
from assets.framework.contract import RawTable
from assets.framework.rows import Rows
from pipelines.warehouse.ddl import literal, quoted
from pipelines.warehouse.revisions import Fetch

_QUARANTINE = {
    "table_name": "varchar", "rule": "varchar", "payload": "json", "run_id": "varchar", "as_of": "date",
    "series": "varchar", "day": "date", "field": "varchar", "value": "double", "was": "double",
    "expected_low": "double", "expected_high": "double", "reason": "varchar", "found_on": "date",
    "closed_on": "date", "closed_by": "varchar", "closed_why": "varchar",
}  # fmt: skip
_HOLDS = {
    "table_name": "varchar", "row_key": "varchar", "revision": "bigint", "series": "varchar", "day": "date",
    "rule": "varchar", "field": "varchar", "value": "double", "was": "double", "reason": "varchar",
    "held_from": "date", "found_on": "date", "held_by": "varchar",
    "released_on": "date", "released_by": "varchar", "released_why": "varchar",
}  # fmt: skip
_REQUESTS = {
    "series": "varchar", "since": "date", "asked_on": "date", "asked_by": "varchar", "why": "varchar",
    "answered_on": "date",
}  # fmt: skip
_LINES = {
    "table_name": "varchar", "position": "bigint", "weight": "bigint", "line": "varchar", "noted_on": "date",
}  # fmt: skip


def create_quarantine(connection: duckdb.DuckDBPyConnection, database: str) -> None:
    """Where rows that break a rule are kept."""
    connection.execute(f"create schema if not exists {database}.quarantine")
    _create(connection, f"{database}.quarantine.rows", _QUARANTINE)


def create_doubts(connection: duckdb.DuckDBPyConnection, history: str) -> None:
    """Everything kept beside raw about values that are not believed, from the first day and as columns are added."""
    create_quarantine(connection, history)
    _create(connection, f"{history}.ops.holds", _HOLDS)
    _create(connection, f"{history}.ops.requests", _REQUESTS)
    _create(connection, f"{history}.ops.lines", _LINES)


def _create(connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str]) -> None:
    connection.execute(f"create table if not exists {table} ({', '.join(f'{n} {t}' for n, t in columns.items())})")
    for name, kind in columns.items():
        connection.execute(f"alter table {table} add column if not exists {name} {kind}")


def whose(contract: type[RawTable]) -> tuple[str, str]:
    """The columns that say whose value a row is, and of when."""
    if contract.door is None:
        raise ValueError(f"{contract.full_name()} has no door")
    return quoted(contract.door.series), quoted(contract.door.day)


def row_key(contract: type[RawTable], prefix: str = "") -> str:
    """SQL: what identifies a row of a raw table, as one text."""
    return f"concat_ws('|', {', '.join(f'{prefix}{quoted(c)}::varchar' for c in contract.key())})"


# ---------------------------------------------------------------------- what a fetch brings
def enter(
    connection: duckdb.DuckDBPyConnection, contract: type[RawTable], rows: Rows, fetch: Fetch, *, into: str
) -> int:
    """Hold back the appended rows that wait, and end what this answer ends; returns how many holds it confirmed.

    Reads the temporary table `changes` of the append: a row that is not in it repeats the newest stored revision.
    """
    if contract.door is None:
        return 0
    if not rows.held.is_empty():
        _hold_changes(connection, contract, rows.held, fetch, into)
    connection.register("incoming", rows.good.to_arrow())
    connection.register("broken", rows.broken.to_arrow())
    confirmed = _confirm(connection, contract, fetch, into) if _has_open_holds(connection, contract, into) else 0
    if _has_open_rows(connection, contract, into):
        _end_replaced(connection, contract, rows, fetch, into)
    connection.unregister("incoming")
    connection.unregister("broken")
    return confirmed


def _hold_changes(
    connection: duckdb.DuckDBPyConnection, contract: type[RawTable], held: pl.DataFrame, fetch: Fetch, into: str
) -> None:
    same = " and ".join(f"c.{quoted(k)} is not distinct from h.{quoted(k)}" for k in contract.key())
    series, day = whose(contract)
    connection.register("held", held.to_arrow())
    connection.execute(
        f"""
        insert into {into}.ops.holds by name
        select $table as table_name, {row_key(contract, "c.")} as row_key, c.revision, c.{series} as series,
               c.{day} as day, h.rule, h.field, h.value, h.was, h.reason, $on::date as found_on, $by as held_by
        from changes as c inner join held as h on {same}
        """,
        {"table": contract.table_name(), "on": fetch.fetched_on, "by": NIGHTLY},
    )
    connection.unregister("held")


def _confirm(connection: duckdb.DuckDBPyConnection, contract: type[RawTable], fetch: Fetch, into: str) -> int:
    """A held revision that another night's answer repeats is believed from then on; what a person held stays held."""
    found = connection.execute(
        f"""
        update {into}.ops.holds as h
        set released_on = $on::date, released_by = $by, released_why = 'another night answered the same'
        where h.table_name = $table and h.released_on is null and h.held_by = $by and h.found_on < $on::date
            and h.row_key in (select {row_key(contract)} from incoming)
            and h.row_key not in (select {row_key(contract)} from changes)
            and {_is_newest(contract, into)}
        returning h.row_key
        """,
        {"table": contract.table_name(), "on": fetch.fetched_on, "by": NIGHTLY},
    ).fetchall()
    return len(found)


def _end_replaced(
    connection: duckdb.DuckDBPyConnection, contract: type[RawTable], rows: Rows, fetch: Fetch, into: str
) -> None:
    """A quarantined row ends when an answer brings its day without complaint."""
    final = "where not provisional" if "provisional" in contract.column_names() else ""
    own_key = f"concat_ws('|', {', '.join(f'payload->>{literal(c)}' for c in contract.key())})"
    connection.execute(
        f"""
        update {into}.quarantine.rows as q
        set closed_on = $on::date, closed_by = $by, closed_why = 'another answer took its place'
        where q.table_name = $table and q.closed_on is null and q.series is not null
            and {own_key} in (select {row_key(contract)} from incoming {final})
            and {own_key} not in (select {own_key.replace("payload", "payload::json")} from broken)
        """,
        {"table": contract.full_name(), "on": fetch.fetched_on, "by": NIGHTLY},
    )


def _has_open_holds(connection: duckdb.DuckDBPyConnection, contract: type[RawTable], into: str) -> bool:
    query = f"select 1 from {into}.ops.holds where table_name = ? and released_on is null limit 1"
    return connection.execute(query, [contract.table_name()]).fetchone() is not None


def _has_open_rows(connection: duckdb.DuckDBPyConnection, contract: type[RawTable], into: str) -> bool:
    query = f"select 1 from {into}.quarantine.rows where table_name = ? and closed_on is null limit 1"
    return connection.execute(query, [contract.full_name()]).fetchone() is not None


def _is_newest(contract: type[RawTable], into: str) -> str:
    """SQL: a hold h speaks of the newest revision of its row; an older one no longer matters."""
    return f"""(h.row_key, h.revision) in (
        select {row_key(contract)}, max(revision) from {into}.raw.{quoted(contract.table_name())} group by 1
    )"""


def keep_broken(
    connection: duckdb.DuckDBPyConnection,
    quarantine: str,
    table: str,
    broken: pl.DataFrame,
    run_id: str,
    on: date | None,
) -> None:
    """Rows that broke a rule or were not believed, once each however often they come back."""
    if broken.is_empty():
        return
    connection.register("broken", broken.to_arrow())
    connection.execute(
        f"""
        insert into {quarantine} by name
        select b.* replace (b.payload::json as payload), $table as table_name, $run as run_id,
               getvariable('as_of') as as_of, $on::date as found_on
        from broken as b
        where not exists (
            from {quarantine} as q
            where q.table_name = $table and q.rule = b.rule and q.payload::varchar = b.payload and q.closed_on is null
        )
        """,
        {"table": table, "run": run_id, "on": on},
    )
    connection.unregister("broken")


# ---------------------------------------------------------------------- what is open
def open_findings(connection: duckdb.DuckDBPyConnection, contract: type[RawTable], *, into: str) -> list[Finding]:
    """What of a table is in quarantine or held back now."""
    rows = connection.execute(
        f"""
        select series, day, 'quarantined', rule, coalesce(field, 'the row'), value, was, expected_low, expected_high
        from {into}.quarantine.rows
        where table_name = ? and closed_on is null and series is not null
        """,
        [contract.full_name()],
    ).fetchall()
    if _has_open_holds(connection, contract, into):
        rows += connection.execute(
            f"""
            select h.series, h.day, 'held', h.rule, h.field, h.value, h.was, null, null
            from {into}.ops.holds as h
            where h.table_name = ? and h.released_on is null and {_is_newest(contract, into)}
            """,
            [contract.table_name()],
        ).fetchall()
    return [Finding(*row) for row in rows]


def waiting(
    connection: duckdb.DuckDBPyConnection, contract: type[RawTable], before: date, *, into: str
) -> pl.DataFrame:
    """The revisions that an answer of this night would confirm by repeating them, in the contract's columns."""
    columns = ", ".join(f"r.{quoted(c)}" for c in contract.column_names())
    rows: pl.DataFrame = connection.sql(
        f"""
        select {columns}
        from {into}.raw.{quoted(contract.table_name())} as r
        inner join {into}.ops.holds as h on {row_key(contract, "r.")} = h.row_key and r.revision = h.revision
        where h.table_name = ? and h.released_on is null and h.held_by = ? and h.found_on < ?
            and {_is_newest(contract, into)}
        """,
        params=[contract.table_name(), NIGHTLY, before],
    ).pl()
    return rows


def quarantined(connection: duckdb.DuckDBPyConnection, contract: type[RawTable], *, into: str) -> dict[str, list[date]]:
    """Days of each series that are in quarantine."""
    rows = connection.execute(
        f"""
        select series, list(distinct day) from {into}.quarantine.rows
        where table_name = ? and closed_on is null and series is not null group by series
        """,
        [contract.full_name()],
    ).fetchall()
    return dict(rows)
