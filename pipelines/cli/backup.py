"""Backup and restore of a home: the history, what is served, Dagster's state.

Here: consistent copies while others read and write. Not here: PostgreSQL, which has tools of its own (docs/deploy.md),
as-of trees, which the history gives again.

The warehouse is copied while this process holds it open read-only, so that no run writes meanwhile; SQLite copies
itself; of the marts only complete runs are taken, and those never change.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import polars as pl
from filelock import FileLock, Timeout

from assets.contracts import MARTS
from assets.framework.errors import KnownFault
from pipelines.home import Home, Run, Tree
from pipelines.published.contract import is_readable
from pipelines.publishing.content_hash import content_hash
from pipelines.publishing.in_force import changing, complete_runs, heal, in_force, manifest_of
from pipelines.publishing.serving import serve
from pipelines.warehouse.opening import holding

_MARK, _NAME = "backup.json", "recouple-"


class BackupError(KnownFault):
    """A backup cannot be made or restored."""


def back_up(home: Path, folder: Path, now: datetime, wait_seconds: float) -> Path:
    """Copy the home into a new folder below `folder`; returns it. Raises BackupError, WarehouseLocked."""
    source = Home(home)
    if not source.warehouse.exists():
        raise BackupError(f"{source.warehouse} does not exist; nothing to back up in {home}")
    if home.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise BackupError(f"{folder} lies inside {home}; name a folder on another disk")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / ".lock", timeout=0):
            return _copied(source, folder, now, wait_seconds)
    except Timeout:
        raise BackupError(
            f"another backup is being written into {folder}; wait for it, or name another folder"
        ) from None


def _copied(source: Home, folder: Path, now: datetime, wait_seconds: float) -> Path:
    for left in folder.glob(f".{_NAME}*"):  # of backups that were ended before their time
        shutil.rmtree(left)
    home, target = source.root, folder / f"{_NAME}{now:%Y%m%dT%H%M%SZ}"
    building = folder / f".{target.name}"
    building.mkdir()
    with changing(home):
        kept = [run.name for run in complete_runs(home)]
        current = in_force(home)
        for run in kept:
            shutil.copytree(Tree(home).marts / run, Tree(building).marts / run)
        if kept:
            shutil.copyfile(Tree(home).published_log, Tree(building).published_log)
    with holding(source.warehouse, wait_seconds):
        for part in (source.warehouse, source.warehouse.with_suffix(".duckdb.wal")):
            if part.exists():
                shutil.copyfile(part, building / part.name)
    for database in (*source.dagster.rglob("*.db"), source.alerts):
        if database.exists():
            _copy_sqlite(database, building / database.relative_to(home))
    settings = source.dagster / "dagster.yaml"
    if settings.exists():
        Home(building).dagster.mkdir(exist_ok=True)
        shutil.copyfile(settings, Home(building).dagster / settings.name)
    mark = {"made_at": now.isoformat(), "home": str(home), "runs": kept, "in_force": current.name if current else None}
    (building / _MARK).write_text(json.dumps(mark, indent=2) + "\n")
    return building.rename(target)


def restore(backup: Path, home: Path) -> list[str]:
    """Copy a backup into an empty home and hold its marts against their hashes; says what was found."""
    if not (backup / _MARK).is_file():
        raise BackupError(f"{backup} is no backup: it has no {_MARK}. Name a folder that `recouple backup` made")
    if home.exists() and any(home.iterdir()):
        raise BackupError(f"{home} is not empty; move it away first, or set RECOUPLE_HOME to another folder")
    shutil.copytree(backup, home, symlinks=True, dirs_exist_ok=True)
    (home / _MARK).unlink()
    with changing(home):
        told = [sentence for sentence in heal(home) if "did not lead" not in sentence]
        folder = in_force(home)
        if folder is None:
            return [*told, "the backup holds no published run; `recouple marts` computes one"]
        serve(folder, simulated=bool(manifest_of(folder).get("simulated")))
    return [*told, *_compared(folder)]


def _compared(folder: Path) -> list[str]:
    """Every mart of the run in force against the hash in its manifest."""
    if not is_readable(folder):
        return [f"{folder.name} was made by another release: its marts were copied and not compared"]
    said = manifest_of(folder)["marts"]
    other = [
        mart.table_name()
        for mart in MARTS
        if mart.table_name() in said
        and content_hash(pl.read_parquet(Run(folder).mart(mart.table_name()), glob=False), mart.key())
        != said[mart.table_name()]["content_hash"]
    ]
    if other:
        return [f"differ from their hashes (damaged): {', '.join(other)}"]
    return [f"all {len(said)} marts of {folder.name} hold what they held"]


def _copy_sqlite(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(f"file:{source}?mode=ro", uri=True)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)
