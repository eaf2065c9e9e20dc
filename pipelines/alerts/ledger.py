"""What has been told: every event seen and every message due.

Here: one small SQLite file. Not here: what is news (pipelines.alerts.news), the sending (pipelines.alerts.messenger).

News is what the ledger has not seen and what happened since the publication before, less a few days for data that came
late: a first run, a rerun or a restatement of long ago tells nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from pipelines.alerts.news import STALE, Event

LATE = timedelta(days=10)  # a symbol may be missing for some nights: its news is still news when it comes
LOCK_SECONDS = 30.0


class Ledger:
    """Every event seen and every message due, in a small SQLite file beside the marts."""

    def __init__(self, path: Path, channels: int) -> None:
        """channels: how many addresses are told of each event."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._channels = range(channels)
        self._db = sqlite3.connect(path, timeout=LOCK_SECONDS)
        self._db.executescript(
            """
            create table if not exists events (id text primary key, day text not null, seen_at text not null);
            create table if not exists messages (
                event text not null, channel integer not null, text text not null, told_at text,
                primary key (event, channel)
            );
            create table if not exists published (as_of text not null);
            """
        )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add_failure(self, event: Event) -> None:
        """A failed run, which is news whenever it has not been seen."""
        with self._db:
            self._add(event, news=True)

    def add_publication(self, as_of: date, found: Sequence[Event]) -> None:
        """A published run: what it knows for the first time and what is recent becomes due."""
        with self._db:
            self._db.execute("begin immediate")  # a run in the UI may publish in the same moment
            (before,) = self._db.execute("select max(as_of) from published").fetchone()
            recent = date.fromisoformat(before) - LATE if before else date.max
            for event in found:
                self._add(event, news=event.day > recent)
            self._forget_what_is_over({event.id for event in found})
            self._db.execute("insert into published values (?)", [as_of.isoformat()])

    def claim(self, channel: int) -> list[tuple[str, str]]:
        """What is due on a channel as (event, text), from now on marked as told."""
        with self._db:
            return self._db.execute(
                "update messages set told_at = ? where channel = ? and told_at is null returning event, text",
                [_now(), channel],
            ).fetchall()

    def give_back(self, channel: int, ids: Iterable[str]) -> None:
        """These were not told after all."""
        with self._db:
            unmark = "update messages set told_at = null where event = ? and channel = ?"
            self._db.executemany(unmark, [(id, channel) for id in ids])

    def _add(self, event: Event, *, news: bool) -> None:
        entered = self._db.execute(
            "insert or ignore into events values (?, ?, ?)", [event.id, event.day.isoformat(), _now()]
        )
        if entered.rowcount and news:
            due = [(event.id, channel, event.text) for channel in self._channels]
            self._db.executemany("insert or replace into messages values (?, ?, ?, null)", due)

    def _forget_what_is_over(self, found: set[str]) -> None:
        """A series that is no longer late may become so again: that is another event of the same name."""
        stored = self._db.execute("select id from events where id like ?", [f"{STALE} %"]).fetchall()
        self._db.executemany("delete from events where id = ?", [row for row in stored if row[0] not in found])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
