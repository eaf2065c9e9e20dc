"""Dagster's event log in SQLite, with its connections kept.

Here: Dagster's own log of events, which `dagster.yaml` names in place of the stock class. Not here: the rest of the
instance (pipelines.orchestration.instance), what is said in events.

Dagster makes an engine and opens, commits and closes a connection for every event and every look at one, up to six a
check: measured, a quarter of a nightly's processor time. An engine that is kept opens its file once and compiles a
statement once. `synchronous = NORMAL` is safe against corruption in WAL mode: a power cut may lose the last events of
the log, never anything of the warehouse.

A check's result is an event; that the step produced an output of the check's name is another, which says nothing more.
There is one of them for every rule of every contract, a third of a night's events: they are not kept.

Dagster documents the setting `event_log_storage` but has no public name for the class that stands there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import dagster as dg
import sqlalchemy
from dagster._core.storage.event_log import SqliteEventLogStorage

_OF_THE_ASSET = "result"  # what Dagster calls the one output of an asset that is no check
_BUSY_SECONDS = 60  # how long a write waits for another process's


@dataclass(frozen=True)
class _Kept:
    """An engine with one open connection, and the file it was opened on."""

    shard: str
    file: tuple[int, int]
    engine: sqlalchemy.Engine


class KeptEventLog(SqliteEventLogStorage):
    """Keeps two files open: the index, and that of the run spoken of last."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        self._kept: dict[bool, _Kept] = {}  # by whether it is the index
        self._keeping = Lock()
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Any) -> KeptEventLog:
        """From `dagster.yaml`, which names Dagster's folder: the log lies where the stock class keeps it."""
        return cls(str(Path(config_value["base_dir"]) / "history" / "runs"), inst_data)

    @contextmanager
    def run_connection(self, run_id: str | None = None) -> Iterator[sqlalchemy.Connection]:
        """A transaction in the file of a run."""
        with self._keeping, self._engine(str(run_id), is_index=False).begin() as connection:
            yield connection

    @contextmanager
    def index_connection(self) -> Iterator[sqlalchemy.Connection]:
        """A transaction in the file that knows all runs."""
        with self._keeping, self._engine("index", is_index=True).begin() as connection:
            yield connection

    def store_event(self, event: dg.EventLogEntry) -> None:
        """As the stock class; then the run's file is touched, because readers watch it and not the log beside it."""
        if _repeats_a_check(event):
            return
        super().store_event(event)
        os.utime(self.path_for_shard(event.run_id))

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table; it is asked for every check, and a table that is there stays."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def dispose(self) -> None:
        """Close the files."""
        super().dispose()
        with self._keeping:
            while self._kept:
                self._kept.popitem()[1].engine.dispose()

    def _engine(self, shard: str, *, is_index: bool) -> sqlalchemy.Engine:
        """The kept one, unless another run is asked for or the file has been replaced (a restored home) or removed."""
        path = Path(self.path_for_shard(shard))
        kept = self._kept.get(is_index)
        if kept and kept.shard == shard and kept.file == _identity(path):
            return kept.engine
        if kept:
            kept.engine.dispose()
        if not path.exists():
            self._initialized_dbs.discard(shard)
        with super()._connect(shard):  # makes the file and its tables where they are missing
            engine = _kept_engine(self.conn_string_for_shard(shard))
        self._kept[is_index] = _Kept(shard, _identity(path), engine)
        return engine


def _repeats_a_check(event: dg.EventLogEntry) -> bool:
    told = event.dagster_event
    if told is None or not told.is_successful_output:
        return False
    return told.step_output_data.step_output_handle.output_name != _OF_THE_ASSET


def _identity(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_dev, found.st_ino)


def _kept_engine(address: str) -> sqlalchemy.Engine:
    engine = sqlalchemy.create_engine(
        address,
        poolclass=sqlalchemy.StaticPool,
        connect_args={"timeout": _BUSY_SECONDS, "check_same_thread": False},
    )
    sqlalchemy.event.listen(engine, "connect", lambda opened, _: opened.execute("pragma synchronous = normal"))
    return engine
