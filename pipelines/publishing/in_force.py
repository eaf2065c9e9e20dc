"""Which run readers see, since when, and how that is kept right.

Here: the log of what is in force, going back and forward, what may be removed, healing all of it from the runs on
disk. Not here: how readers reach a run (pipelines.publishing.serving), writing one (pipelines.publishing.publish).

A path that readers use never changes its content: a run is a folder, and which one counts stands in `published.csv`.
An entry is written shortly *before* its time comes, and readers compare it with the time their transaction began, so
two views of one query cannot disagree about it. The promise ends where a reader's clock runs ahead of the publisher's
by more than LEAD_US, or where a transaction outlives the hours for which superseded runs are kept.

Everything here can be lost and is made anew from the folders of the runs; whoever changes it holds `changing`.
"""

from __future__ import annotations

import csv
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from assets.framework.errors import KnownFault
from pipelines.home import Run, Tree
from pipelines.published.contract import contract_of

LEAD_US = 500_000  # from writing an entry to its time; in between lies one replacement of a small file
LOCK_SECONDS = 60.0

_HEADER = ["run", "from_us"]
_RUN = re.compile(r"\d{4}-\d\d-\d\d_(?P<stamp>\d{8}T\d{12})Z_[^.]+\.(?P<contract>[^.]+)")
_MICROSECONDS = re.compile(r"[1-9]\d{15}")  # any moment from 2001 to 2286, and no torn one
_PARQUET_ENDS = {b"PAR1", b"PARE"}

_log = logging.getLogger(__name__)


class NotInForce(KnownFault):
    """What is in force cannot be changed as asked."""


@dataclass(frozen=True)
class InForce:
    """A run, by the name of its folder, and the moment from which readers see it, in microseconds since 1970 UTC."""

    run: str
    from_us: int


@contextmanager
def changing(tree: Path) -> Iterator[None]:
    """Only one process at a time changes what is in force; the lock of one that dies is free again."""
    lock = FileLock(Tree(tree).marts_lock)
    try:
        Tree(tree).marts.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise NotInForce(
            f"another process has been publishing into {tree} for {LOCK_SECONDS:g} s; let it end, then try again"
        ) from None
    except OSError as error:
        raise NotInForce(
            f"{Tree(tree).marts} cannot be written to ({error.strerror}); free room, or give this user write access"
        ) from None
    try:
        yield
    finally:
        lock.release()


# ------------------------------------------------------------------ runs
def run_name(stem: str, contract: str) -> str:
    """The name of a run's folder; it ends with the contract, because a view reads only runs of its own shape."""
    return f"{stem}.{contract}"


def is_run_name(name: str) -> bool:
    """Whether a run's folder may be called so."""
    return _RUN.fullmatch(name) is not None


def published_us(run: str) -> int:
    """When a run was written, from its name."""
    named = _RUN.fullmatch(run)
    if named is None:
        raise NotInForce(f"{run} is no run; `recouple runs` lists them")
    written = datetime.strptime(named["stamp"], "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    return (written - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)


def complete_runs(tree: Path) -> list[Path]:
    """The runs that could be read, oldest first."""
    marts = Tree(tree).marts
    found = [path for path in marts.iterdir() if _RUN.fullmatch(path.name)] if marts.is_dir() else []
    return sorted((path for path in found if is_complete(path)), key=lambda path: published_us(path.name))


def is_complete(folder: Path) -> bool:
    """The manifest can be read, and every mart that it names lies there whole, by its last bytes."""
    manifest = manifest_of(folder)
    return bool(manifest) and all(_ends_whole(Run(folder).mart(mart)) for mart in manifest["marts"])


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of a run; nothing where it cannot be read."""
    try:
        manifest = json.loads(Run(folder).manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) and "marts" in manifest else {}


def _ends_whole(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            file.seek(-4, os.SEEK_END)
            return file.read() in _PARQUET_ENDS
    except OSError:
        return False


# ------------------------------------------------------------------ what is in force
def history(tree: Path) -> list[InForce]:
    """What was in force, oldest first; where the log is lost, what the runs on disk say of it."""
    entries = _logged(tree)
    return _from_runs(tree) if entries is None else entries


def in_force(tree: Path) -> Path | None:
    """The folder of the run that readers see."""
    entries = history(tree)
    return Tree(tree).marts / entries[-1].run if entries else None


def put_in_force(folder: Path) -> None:
    """Let readers see the complete run in `folder` from now on; returns when they do."""
    tree = folder.parents[1]
    now = now_us()
    # Entries still to come were written before the clock was set back; they would hide this one later.
    earlier = _logged(tree) or [entry for entry in _from_runs(tree) if entry.run != folder.name]
    entries = [entry for entry in earlier if entry.from_us <= now and (folder.parent / entry.run).exists()]
    begins = now + (LEAD_US if entries else 0)  # nobody can be reading an earlier run where there is none
    _write_log(tree, [*entries, InForce(folder.name, begins)])
    if entries and now_us() >= begins:
        _log.warning("%s was announced too late: a query begun just then may have seen two runs", folder)
    _point_at(folder)
    while (remaining_us := begins - now_us()) >= 0:
        time.sleep((remaining_us + 1) / 1_000_000)


def chosen_run(tree: Path, run: str | None = None) -> Path:
    """The folder of the run that a person named, or of the one in force."""
    runs, current = complete_runs(tree), in_force(tree)
    if run is None and current in runs:
        return current
    chosen = [p for p in runs if run and (p.name.startswith(run) or f"_{run}." in p.name)]
    if len(chosen) != 1:
        named = f"{len(chosen)} runs of {tree} are called {run}" if run else f"no whole run is in force in {tree}"
        raise NotInForce(f"{named}; `recouple runs` lists them")
    return chosen[0]


def roll_back(tree: Path, run: str | None = None) -> Path:
    """Serve the run before the one in force, or the named one, until the next is published; returns its folder."""
    current = in_force(tree)
    if run is not None:
        folder = chosen_run(tree, run)
    else:
        now = published_us(current.name) if current else 0
        earlier = [path for path in complete_runs(tree) if published_us(path.name) < now]
        if not earlier:
            raise NotInForce(f"{tree} holds no earlier run; run `make nightly` to publish a new one")
        folder = earlier[-1]
    if current is not None and contract_of(folder.name) != contract_of(current.name):
        raise NotInForce(
            f"{folder.name} was made under another contract than {current.name}, the run in force: its columns differ "
            f"and BI would find other views; `recouple export` of an older release reads it"
        )
    put_in_force(folder)
    return folder


def roll_forward(tree: Path) -> Path:
    """Serve the newest run again; returns its folder."""
    runs = complete_runs(tree)
    if not runs:
        raise NotInForce(f"{tree} holds no complete run; run `make nightly` to publish one")
    if runs[-1] == in_force(tree):
        raise NotInForce(f"the newest run is in force already: {runs[-1].name}")
    put_in_force(runs[-1])
    return runs[-1]


def removable(tree: Path, keep: timedelta) -> list[Path]:
    """The runs out of force for longer than `keep`, and the folders of views that no run needs any more."""
    entries = history(tree)
    left_us = {entry.run: later.from_us for entry, later in pairwise(entries)}
    current = {entry.run for entry in entries[-1:]}
    oldest_us = now_us() - keep // timedelta(microseconds=1)
    folders = [path for path in Tree(tree).marts.iterdir() if path.is_dir() and not path.is_symlink()]
    runs = [path for path in folders if _RUN.fullmatch(path.name)]
    superseded = [path for path in runs if path.name not in current]
    gone = [path for path in superseded if left_us.get(path.name, path.stat().st_mtime_ns // 1_000) < oldest_us]
    contracts = {contract_of(path.name) for path in runs if path not in gone}
    return [*gone, *(p for p in folders if p not in runs and contract_of(p.name) not in contracts)]


# ------------------------------------------------------------------ healing
def heal(tree: Path) -> list[str]:
    """Make what is in force whole again from the runs on disk; says what was damaged, in sentences."""
    clear_away(tree)
    runs = complete_runs(tree)
    if not runs:
        return []
    told = []
    if _logged(tree) is None:
        _write_log(tree, _from_runs(tree))
        told.append(f"{Tree(tree).published_log} was damaged or gone; made anew from {len(runs)} runs on disk")
    folder = in_force(tree)
    if folder not in runs:
        lost = folder.name if folder else "none"
        put_in_force(runs[-1])
        told.append(f"the run in force ({lost}) was damaged or gone; {runs[-1].name} is served instead")
    elif not _points_at(folder):
        _point_at(folder)
        told.append(f"{Tree(tree).current} or the manifest did not lead to the run in force; set to {folder.name}")
    return told


def clear_away(tree: Path) -> None:
    """What processes left that died while they wrote: nobody reads it, and under the lock nobody writes it."""
    marts = Tree(tree).marts
    left = [*marts.glob(".staging-*"), *marts.glob(".*-next"), *tree.glob(".*-next"), *tree.glob(".*-building*")]
    for path in (*left, *marts.glob("*/.*-building*")):
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)


def _from_runs(tree: Path) -> list[InForce]:
    """The runs in the order they were written; the one that `current` names comes last."""
    entries = [InForce(path.name, published_us(path.name)) for path in complete_runs(tree)]
    current = Tree(tree).current.resolve().name
    if any(entry.run == current for entry in entries[:-1]):
        entries.append(InForce(current, entries[-1].from_us + 1))
    return entries


def _points_at(folder: Path) -> bool:
    tree = Tree(folder.parents[1])
    return (
        tree.current.is_symlink()
        and tree.current.resolve() == folder.resolve()
        and tree.manifest.is_symlink()
        and tree.manifest.resolve() == Run(folder).manifest.resolve()
    )


def _point_at(folder: Path) -> None:
    tree = Tree(folder.parents[1])
    _link(tree.current, Path(folder.name))
    _link(tree.manifest, Run(tree.current).manifest.relative_to(tree.root))


def _link(path: Path, target: Path) -> None:
    """One atomic replacement; whoever follows the link finds the old target or the new one, never none."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)  # the home was copied by something that follows links
    fresh = path.with_name(f".{path.name}-next")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(path)


def _logged(tree: Path) -> list[InForce] | None:
    """The log as it lies there; None where it is gone or damaged."""
    try:
        with Tree(tree).published_log.open(newline="", encoding="utf-8") as file:
            header, *lines = csv.reader(file)
    except (OSError, ValueError, csv.Error):
        return None
    whole = header == _HEADER and all(
        len(line) == 2 and _RUN.fullmatch(line[0]) and _MICROSECONDS.fullmatch(line[1]) for line in lines
    )
    entries = [InForce(run, int(from_us)) for run, from_us in lines] if whole else []
    in_order = all(earlier.from_us <= later.from_us for earlier, later in pairwise(entries))
    return entries if entries and in_order else None


def _write_log(tree: Path, entries: Iterable[InForce]) -> None:
    log = Tree(tree).published_log
    fresh = log.with_name(f".{log.name}-next")
    with fresh.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(_HEADER)
        rows.writerows((entry.run, entry.from_us) for entry in entries)
        file.flush()
        os.fsync(file.fileno())  # a power cut must not leave an empty log behind the new name
    fresh.replace(log)


def now_us() -> int:
    """This machine's clock, which readers share."""
    return time.time_ns() // 1_000
