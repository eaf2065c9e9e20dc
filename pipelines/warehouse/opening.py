"""Opening the warehouse: one connection a run, a bounded wait for its lock.

Here: who may open it, and what is made ready then. Not here: reading and writing (pipelines.warehouse.store).

An explicit as-of run computes into a warehouse of its own and reads raw from the home's, so that looking back never
disturbs what is served.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TypeVar

import duckdb
import psutil
from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from assets.framework.errors import KnownFault
from pipelines.warehouse.ddl import literal
from pipelines.warehouse.doubts import create_quarantine
from pipelines.warehouse.known import create_known_views
from pipelines.warehouse.raw_history import check_origin, create_raw_history
from pipelines.warehouse.store import Warehouse

Opened = TypeVar("Opened")


class WarehouseLocked(KnownFault):
    """Another process kept the warehouse open for longer than the wait allows."""

    def __init__(self, path: Path, holder: str, waited_seconds: float) -> None:
        super().__init__(
            f"{path} is in use by {holder}, waited {waited_seconds:g} s; "
            f"let that process finish or stop it, then run again"
        )
        self.holder = holder


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
        create_quarantine(connection, history)
        if home_path is not None and home_path != path:
            _attach(connection, home_path, lock_wait_seconds)
            history = "history"
        create_raw_history(connection, history)
        check_origin(connection, history, simulated, home_path or path)
        create_known_views(connection, history)
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


@contextmanager
def holding(path: Path, lock_wait_seconds: float) -> Iterator[None]:
    """Keep runs out of a warehouse while its file is copied; raises WarehouseLocked."""
    connection = _patiently(path, lock_wait_seconds, lambda: duckdb.connect(str(path), read_only=True))
    try:
        yield
    finally:
        connection.close()


def _connect(path: Path, wait_seconds: float) -> duckdb.DuckDBPyConnection:
    return _patiently(path, wait_seconds, lambda: duckdb.connect(str(path)))


def _attach(connection: duckdb.DuckDBPyConnection, path: Path, wait_seconds: float) -> None:
    _patiently(path, wait_seconds, lambda: connection.execute(f"attach {literal(str(path))} as history"))


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
