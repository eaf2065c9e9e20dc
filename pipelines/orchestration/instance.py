"""Dagster's own state: one instance per home.

Here: the instance's folder, its settings file, and how its SQLite files are written. Not here: what runs in it.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import dagster as dg
import sqlalchemy

from pipelines.home import Home

# One pool for all writers of the warehouse, held by one run at a time, and freed when a run is cancelled or dies.
_SETTINGS = """\
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    default_limit: 1
    granularity: run
run_monitoring:
  enabled: true
  free_slots_after_run_end_seconds: 30
"""


def dagster_home(home: Path) -> Path:
    """The folder of this home's Dagster instance, with its settings written; also put into the environment."""
    folder = Home(home).dagster
    folder.mkdir(parents=True, exist_ok=True)
    settings = folder / "dagster.yaml"
    if not settings.exists() or settings.read_text() != _SETTINGS:
        settings.write_text(_SETTINGS)
    os.environ["DAGSTER_HOME"] = str(folder)
    return folder


@contextmanager
def open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The home's instance; runs made with it show in the UI of `make dev`."""
    with _unhurried_sqlite(), dg.DagsterInstance.from_config(str(dagster_home(home))) as instance:
        yield instance


@contextmanager
def _unhurried_sqlite() -> Iterator[None]:
    """Let SQLite write Dagster's events without waiting for the disk each time.

    Dagster opens, commits and closes its event log for every event, and each close of the last connection copies the
    write-ahead log back: measured, 8 of 17 seconds of a nightly. In WAL mode `synchronous = NORMAL` is safe against
    corruption (a power cut may lose the last events of the log, never anything of the warehouse), and one connection
    kept open per file spares the copying.
    """
    with ExitStack() as kept:
        seen: set[str] = set()

        def relax(connection: object, _: object) -> None:
            if not isinstance(connection, sqlite3.Connection):
                return
            connection.execute("pragma synchronous = normal")
            path = connection.execute("pragma database_list").fetchone()[2]
            if path and path not in seen:
                seen.add(path)
                keeper = kept.enter_context(closing(sqlite3.connect(path, check_same_thread=False)))
                keeper.execute("select count(*) from sqlite_master").fetchone()

        sqlalchemy.event.listen(sqlalchemy.Engine, "connect", relax)
        try:
            yield
        finally:
            sqlalchemy.event.remove(sqlalchemy.Engine, "connect", relax)
