"""Dagster's own state: one instance per home.

Here: the instance's folder, its settings file and where it keeps runs, and how its SQLite files are written. Not
here: what runs in it.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy
import yaml

from assets.framework.errors import KnownFault
from pipelines.home import Home

# What the sources say goes into the run's events, where the UI shows it beside the step; files of standard output, each
# filled by two more processes, would hold nothing else. One pool for all writers of the warehouse, held by one run at a
# time. A run that dies is noticed by its process (run_launcher), or by the code server while it starts, and gives the
# slot back; the clock is for what no process is left to notice. Writing down what a run is about to do takes a second
# of processor time, two minutes on a crowded machine: a shorter clock fails nights before they begin.
_SETTINGS = """\
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  pools:
    default_limit: 1
    granularity: run
run_queue:
  dequeue_interval_seconds: 1
run_launcher:
  module: pipelines.orchestration.run_launcher
  class: WatchfulRunLauncher
run_monitoring:
  enabled: true
  poll_interval_seconds: 5
  start_timeout_seconds: 300
  cancel_timeout_seconds: 60
  free_slots_after_run_end_seconds: 30
compute_logs:
  module: dagster.core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
python_logs:
  managed_python_loggers: [pipelines]
  python_log_level: INFO
retention:
  schedule: {purge_after_days: {skipped: 7, success: 90, failure: 90, started: 7}}
  sensor: {purge_after_days: {skipped: 1, success: 14, failure: 30, started: 1}}
"""


class InstanceUnreachable(KnownFault):
    """The database of runs does not answer."""


# Where runs are kept for more than one machine or many readers; without the variable, in SQLite beside the settings.
POSTGRES = "RECOUPLE_POSTGRES_URL"
_IN_SQLITE = """\
event_log_storage:
  module: pipelines.orchestration.event_log
  class: KeptEventLog
  config:
    base_dir:
      env: DAGSTER_HOME
"""
_IN_POSTGRES = f"""\
storage:
  postgres:
    postgres_url:
      env: {POSTGRES}
"""

_NEEDED = ("concurrency", "run_monitoring", "run_launcher")  # what keeps two runs apart and notices a dead one

_OURS = "# Made by Recouple and made anew when it changes; remove this line to keep a file of your own.\n"
_OURS_BEFORE = {"3d3da82c45935e7a"}  # files of earlier releases, which did not say so: SHA-256, the first 16 digits


def dagster_home(home: Path) -> Path:
    """The folder of this home's Dagster instance, with its settings written; also put into the environment."""
    folder = Home(home).dagster
    folder.mkdir(parents=True, exist_ok=True)
    path, settings = folder / "dagster.yaml", settings_text()
    if not path.exists() or (is_ours(path.read_text()) and path.read_text() != settings):
        fresh = path.with_name(f".dagster-{os.getpid()}.yaml")
        fresh.write_text(settings)
        fresh.replace(path)
    os.environ["DAGSTER_HOME"] = str(folder)
    if url := os.environ.get(POSTGRES):  # SQLAlchemy takes a plain address for another driver than Dagster brings
        os.environ[POSTGRES] = re.sub(r"^postgres(ql)?://", "postgresql+psycopg2://", url)
    return folder


def settings_text() -> str:
    """The settings as they are written where there are none."""
    return _OURS + _SETTINGS + (_IN_POSTGRES if os.environ.get(POSTGRES) else _IN_SQLITE)


def is_ours(text: str) -> bool:
    """Nobody has made the file their own."""
    return text.startswith(_OURS) or hashlib.sha256(text.encode()).hexdigest()[:16] in _OURS_BEFORE


def missing_settings(home: Path) -> list[str]:
    """What an operator's own settings lack that runs rely on, as sentences; nothing where the file is ours."""
    path = Home(home).dagster / "dagster.yaml"
    if not path.exists() or is_ours(path.read_text()):
        return []
    try:
        theirs = yaml.safe_load(path.read_text()) or {}
    except yaml.YAMLError as error:
        return [f"{path} is no YAML ({str(error).splitlines()[0]})"]
    wanted = yaml.safe_load(_SETTINGS)
    needed = [(name, value) for name, value in _leaves(wanted) if name.partition(".")[0] in _NEEDED]
    lacks = [f"{path} lacks {name}: {value}" for name, value in needed if _leaf(theirs, name) != value]
    if os.environ.get(POSTGRES) and _leaf(theirs, "storage.postgres") is None:
        lacks.append(f"{POSTGRES} is set, but {path} lacks storage.postgres: runs are kept elsewhere")
    return lacks


def _leaves(tree: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def _leaf(tree: Any, name: str) -> Any:
    for part in name.split("."):
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


@contextmanager
def open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """The home's instance; runs made with it show in the UI of `make dev`."""
    with _unhurried_sqlite(), _instance(dagster_home(home)) as instance:
        yield instance


def _instance(folder: Path) -> dg.DagsterInstance:
    try:
        return dg.DagsterInstance.from_config(str(folder))
    except _unreachable() as error:
        kept = POSTGRES if os.environ.get(POSTGRES) else str(folder)
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise InstanceUnreachable(
            f"Dagster's runs cannot be reached where {kept} says they are ({reason}); start that database or correct it"
        ) from None


def _unreachable() -> tuple[type[Exception], ...]:
    """What a database of runs raises that does not answer."""
    if not os.environ.get(POSTGRES):
        return (sqlalchemy.exc.SQLAlchemyError,)
    from dagster_postgres.utils import DagsterPostgresException  # here, because its drivers take a third of a second

    return (sqlalchemy.exc.SQLAlchemyError, DagsterPostgresException)


@contextmanager
def _unhurried_sqlite() -> Iterator[None]:
    """Let SQLite write Dagster's runs without waiting for the disk each time; the event log sees to itself.

    Each close of the last connection copies the write-ahead log back, so one is kept open per file.
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
