"""What people decide about single values: hold, release, ask again.

Here: the three decisions, each with who, when and why. Not here: what the nightly holds and releases by itself
(pipelines.warehouse.doubts).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from assets.contracts import RAW_TABLES
from assets.door.findings import NIGHTLY
from assets.framework.contract import RawTable
from assets.framework.errors import KnownFault
from pipelines.warehouse.ddl import column_types, listed, literal, quoted
from pipelines.warehouse.doubts import row_key, whose


class NothingToDecide(KnownFault):
    """A person spoke of a value that is neither stored nor in quarantine."""


@dataclass(frozen=True)
class Decision:
    """Who decides about the values of a series, from one day to another, when and why."""

    series: str
    first: date
    last: date
    on: date
    by: str
    why: str

    def __str__(self) -> str:
        days = str(self.first) if self.first == self.last else f"{self.first} to {self.last}"
        return f"{self.series} {days}"


def hold(connection: duckdb.DuckDBPyConnection, decision: Decision, *, into: str) -> int:
    """Take what is stored of these days out of what is known, from now on; returns how many days."""
    held = sum(_hold_in(connection, contract, decision, into) for contract in _judged())
    if not held:
        raise NothingToDecide(f"{decision}: nothing is stored that is known; look at `recouple status` for the series")
    return held


def _hold_in(connection: duckdb.DuckDBPyConnection, contract: type[RawTable], decision: Decision, into: str) -> int:
    """Every revision of a day, so that no older one takes the place of the newest."""
    (series, day), value = whose(contract), contract.door.values[0] if contract.door else ""
    final = "and not provisional" if "provisional" in contract.column_names() else ""
    rows = connection.execute(
        f"""
        insert into {into}.ops.holds by name
        select $table as table_name, {row_key(contract)} as row_key, revision, {series} as series, {day} as day,
               'held_by_hand' as rule, {literal(value)} as field, {quoted(value)} as value, $why as reason,
               $on::date as held_from, $on::date as found_on, $by as held_by
        from {into}.raw.{quoted(contract.table_name())}
        where {series} = $series and {day} between $first and $last {final}
            and ({row_key(contract)}, revision) not in (
                select row_key, revision from {into}.ops.holds where table_name = $table and released_on is null
            )
        returning row_key
        """,
        {**_facts(decision), "table": contract.table_name()},
    ).fetchall()
    return len(set(rows))


def release(connection: duckdb.DuckDBPyConnection, decision: Decision, *, into: str) -> int:
    """Believe what is held back or in quarantine on these days, from now on; returns how many values."""
    released = 0
    for contract in _judged():
        released += _release_held(connection, contract, decision, into)
        released += _release_quarantined(connection, contract, decision, into)
    if not released:
        raise NothingToDecide(f"{decision}: nothing is held back or in quarantine; `recouple status` lists what is")
    return released


def _release_held(
    connection: duckdb.DuckDBPyConnection, contract: type[RawTable], decision: Decision, into: str
) -> int:
    rows = connection.execute(
        f"""
        update {into}.ops.holds set released_on = $on::date, released_by = $by, released_why = $why
        where table_name = $table and released_on is null and series = $series and day between $first and $last
        returning row_key
        """,
        {**_facts(decision), "table": contract.table_name()},
    ).fetchall()
    return len(set(rows))


def _release_quarantined(
    connection: duckdb.DuckDBPyConnection, contract: type[RawTable], decision: Decision, into: str
) -> int:
    """The newest payload of each row becomes a revision, known from today only."""
    table, types = f"{into}.raw.{quoted(contract.table_name())}", column_types(contract)
    columns = ", ".join(f"(payload->>{literal(name)})::{kind} as {quoted(name)}" for name, kind in types.items())
    facts = {**_facts(decision), "full": contract.full_name()}
    connection.execute(
        f"""
        create or replace temp table released as
        with believed as (
            select {columns}, rule, field, value, reason, found_on
            from {into}.quarantine.rows
            where table_name = $full and closed_on is null and series = $series and day between $first and $last
        )
        select b.*, {row_key(contract, "b.")} as row_key,
               coalesce((select max(r.revision) from {table} as r
                         where {row_key(contract, "r.")} = {row_key(contract, "b.")}), 0) + 1 as revision,
               $by as source, current_timestamp::timestamp as fetched_at, $on::date as fetched_on
        from believed as b
        qualify row_number() over (partition by {row_key(contract, "b.")} order by found_on desc) = 1
        """,
        {k: v for k, v in facts.items() if k != "why"},
    )
    stored = [*types, "revision", "source", "fetched_at", "fetched_on"]
    connection.execute(f"insert into {table} by name select {listed(stored)} from released")
    connection.execute(
        f"""
        insert into {into}.ops.holds by name
        select $table as table_name, row_key, revision, $series as series, {whose(contract)[1]} as day,
               'released' as rule, field, value, reason, found_on, $nightly as held_by,
               $on::date as released_on, $by as released_by, $why as released_why
        from released
        """,
        {"table": contract.table_name(), "series": decision.series, "nightly": NIGHTLY, "on": decision.on,
         "by": decision.by, "why": decision.why},
    )  # fmt: skip
    connection.execute(
        f"""
        update {into}.quarantine.rows set closed_on = $on::date, closed_by = $by, closed_why = $why
        where table_name = $full and closed_on is null and series = $series and day between $first and $last
        """,
        facts,
    )
    (count,) = connection.execute("select count(*) from released").fetchone() or (0,)
    connection.execute("drop table released")
    return int(count)


def request(connection: duckdb.DuckDBPyConnection, decision: Decision, *, into: str) -> None:
    """Ask for a series anew with the next fetch, from the decision's first day on."""
    connection.execute(
        f"insert into {into}.ops.requests (series, since, asked_on, asked_by, why) values (?, ?, ?, ?, ?)",
        [decision.series, decision.first, decision.on, decision.by, decision.why],
    )


def requests(connection: duckdb.DuckDBPyConnection, *, into: str) -> dict[str, date]:
    """The first day asked for of every series that was not fetched since."""
    query = f"select series, min(since) from {into}.ops.requests where answered_on is null group by series"
    return dict(connection.execute(query).fetchall())


def _judged() -> list[type[RawTable]]:
    return [contract for contract in RAW_TABLES if contract.door is not None]


def _facts(decision: Decision) -> dict[str, Any]:
    return {
        "series": decision.series, "first": decision.first, "last": decision.last, "on": decision.on,
        "by": decision.by, "why": decision.why,
    }  # fmt: skip
