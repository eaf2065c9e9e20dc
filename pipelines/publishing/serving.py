"""Serving: which run readers see, the database that BI opens over it, going back one run, the self-contained copy.

Here: the log of what is in force, serving.duckdb and its views. Not here: writing and validating a run
(pipelines.publishing.publish), what a mart contains (assets.contracts).

Why the views do not read `marts/current`: when a link moves under DuckDB, a query over several views opens several
files and mixes two runs, and a file that is opened twice is read with another file's footer (both measured, with 1.4,
1.5 and 2.0). So a path that readers use never changes its content. Every view lists all complete runs and keeps the
rows of the one that was in force when the transaction began: the newest entry of `published.csv` that is not after
`now()`. `now()` is the same in every view of a query and in every query of a transaction, and an entry is written
shortly *before* its time comes, so two views cannot disagree about it. DuckDB opens only the files of that run
(dynamic filter on `filename`, from 1.4), so removing a superseded run disturbs nobody.

The promise ends where a reader's clock runs ahead of the publisher's by more than LEAD_US, or where a transaction
outlives the hours for which superseded runs are kept.
"""

from __future__ import annotations

import csv
import hashlib
import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import duckdb
import polars as pl

from assets.contracts import MARTS
from assets.framework.errors import KnownFault
from pipelines.home import Run, Tree

STORAGE_VERSION = "v1.0.0"  # the newest that every DuckDB client since 1.2 can open
META = "_meta"
LEAD_US = 500_000  # from writing an entry to its time; in between lies one replacement of a small file

_SHAPE = "shape."  # begins the folder of empty marts that gives the views of one contract their columns
_SHAPE_ROWS = 100_000
_META_COMMENTS = {
    "mart": "view of this database",
    "rows": "rows of the view",
    "content_hash": "SHA-256 of the rows as CSV: equal rows, equal hash",
    "run_id": "Dagster run that published",
    "as_of": "the day at whose end every row could have been computed",
    "published_at": "when the run was written, UTC",
    "source": "live, files or sample",
    "simulated": "true: made from the simulated sample market, not from real prices",
    "contract_version": "changes when columns, types or their meaning change",
}

_log = logging.getLogger(__name__)


class ServingError(KnownFault):
    """What is served cannot be changed as asked."""


@dataclass(frozen=True)
class Entry:
    """A run, by the name of its folder, and the moment from which readers see it, in microseconds since 1970 UTC."""

    run: str
    from_us: int


def run_name(stem: str, contract_version: str) -> str:
    """The name of a run's folder; it ends with the contract, because a view reads only runs of its own shape."""
    return f"{stem}.{contract_version}"


def put_in_force(folder: Path) -> None:
    """Let readers see the complete run in `folder` from now on; returns when they do."""
    tree = folder.parents[1]
    now = _now_us()
    # Entries still to come were written before the clock was set back; they would hide this one later.
    entries = [entry for entry in history(tree) if entry.from_us <= now and (folder.parent / entry.run).exists()]
    begins = now + LEAD_US
    _write_log(tree, [*entries, Entry(folder.name, begins)])
    if _now_us() >= begins:
        _log.warning("%s was announced too late: a query begun just then may have seen two runs", folder)
    link(Tree(tree).current, Path(folder.name))
    link(Tree(tree).manifest, Run(Tree(tree).current).manifest.relative_to(tree))
    while (remaining_us := begins - _now_us()) >= 0:
        time.sleep((remaining_us + 1) / 1_000_000)


def history(tree: Path) -> list[Entry]:
    """What was in force, oldest first."""
    log = Tree(tree).published_log
    if not log.exists():
        return []
    with log.open(newline="", encoding="utf-8") as file:
        return [Entry(row["run"], int(row["from_us"])) for row in csv.DictReader(file)]


def removable(tree: Path, keep: timedelta) -> list[Path]:
    """The folders that nobody needs: runs out of force for longer than `keep`, and the rests of runs that died."""
    entries = history(tree)
    left_us = {entry.run: later.from_us for entry, later in pairwise(entries)}
    in_force = {entry.run for entry in entries[-1:]}
    oldest_us = _now_us() - keep // timedelta(microseconds=1)
    folders = [path for path in Tree(tree).marts.iterdir() if path.is_dir() and not path.is_symlink()]
    runs = [path for path in folders if not path.name.startswith(_SHAPE) and path.name not in in_force]
    gone = [path for path in runs if left_us.get(path.name, path.stat().st_mtime_ns // 1_000) < oldest_us]
    contracts = {_contract(path.name) for path in folders if path not in gone and not path.name.startswith(_SHAPE)}
    return [*gone, *(p for p in folders if p.name.startswith(_SHAPE) and _contract(p.name) not in contracts)]


def roll_back(tree: Path) -> Path:
    """Serve the run before the current one again, until the next run is published; returns its folder."""
    marts = Tree(tree).marts
    current = Tree(tree).current.resolve().name
    first_us: dict[str, int] = {}
    for entry in history(tree):
        if _contract(entry.run) == _contract(current):
            first_us.setdefault(entry.run, entry.from_us)
    earlier = {run: us for run, us in first_us.items() if us < first_us.get(current, 0)}
    there = [run for run in earlier if (marts / run).exists()]
    if not there:
        raise ServingError(f"{tree} holds no earlier run; run `make nightly` to publish a new one")
    folder = marts / max(there, key=earlier.__getitem__)
    put_in_force(folder)
    return folder


def serve(folder: Path, *, simulated: bool) -> None:
    """Make serving.duckdb anew if the run in `folder` needs other views than the database has."""
    tree = folder.parents[1]
    path, mark = Tree(tree).serving, Tree(tree).serving_mark
    statements = _statements(folder, simulated=simulated)
    digest = hashlib.sha256("\n".join(statements).encode()).hexdigest()
    if path.exists() and mark.exists() and mark.read_text() == digest:
        return
    _write_shape(folder)
    building = tree / ".serving-building.duckdb"
    building.unlink(missing_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"attach {_quote(building)} as serving (storage_version '{STORAGE_VERSION}')")
        for statement in statements:
            connection.execute(statement)
        connection.execute("detach serving")
    building.replace(path)
    mark.write_text(digest)


def export_copy(tree: Path, target: Path) -> None:
    """A self-contained copy of the current run, for tools that cannot see the folder of parquet files."""
    link_to_current = Tree(tree).current
    if not link_to_current.exists():
        raise ServingError(f"{link_to_current} does not exist; run `make nightly` once, then export")
    folder = link_to_current.resolve()
    building = target.with_name(f".building-{target.name}")
    building.unlink(missing_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"attach {_quote(building)} as copy (storage_version '{STORAGE_VERSION}')")
        for name, (summary, columns) in _served(folder).items():
            rows = f"select {_listed(columns)} from read_parquet({_quote(Run(folder).mart(name))})"
            connection.execute(f'create table copy.main."{name}" as {rows}')
            for statement in _comments("table", f'copy.main."{name}"', summary, columns):
                connection.execute(statement)
        connection.execute("detach copy")
    building.replace(target)


def link(path: Path, target: Path) -> None:
    """One atomic replacement; whoever follows the link finds the old target or the new one, never none."""
    fresh = path.with_name(f".{path.name}-next")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(path)


def _write_log(tree: Path, entries: Iterable[Entry]) -> None:
    log = Tree(tree).published_log
    fresh = log.with_name(f".{log.name}-next")
    with fresh.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["run", "from_us"])
        rows.writerows((entry.run, entry.from_us) for entry in entries)
    fresh.replace(log)


def _statements(folder: Path, *, simulated: bool) -> list[str]:
    """The views, with explicit columns and comments, that show the run in force."""
    statements = []
    tree, contract = Tree(folder.parents[1].absolute()), _contract(folder.name)
    marts, file_of_runs = tree.marts, _quote(tree.published_log)
    log = f"read_csv({file_of_runs}, header = true, columns = {{'run': 'varchar', 'from_us': 'bigint'}})"
    in_force = f"select arg_max(run, from_us) from {log} where from_us <= epoch_us(now()) and run like '%.{contract}'"
    for name, (summary, columns) in _served(folder).items():
        view, file = f'serving.main."{name}"', f"{name}.parquet"
        # The first file gives the view its columns: one that stays, while runs come and go.
        found = (f"{marts}/{runs}/{file}" for runs in (f"{_SHAPE}{contract}", f"[0-9]*.{contract}"))
        files = ", ".join(map(_quote, found))
        shown = f"{_quote(f'{marts}/')} || ({in_force}) || {_quote(f'/{file}')}"
        rows = f"select {_listed(columns)} from read_parquet([{files}], filename = true) where filename = {shown}"
        statements.append(f"create view {view} as {rows}")
        statements += _comments("view", view, ("SIMULATED DATA. " if simulated else "") + summary, columns)
    return statements


def _served(folder: Path) -> dict[str, tuple[str, dict[str, str]]]:
    """Every table that readers see: what it is, and its columns with their comments."""
    tables = {
        mart.table_name(): (mart.summary(), {c: mart.column_comment(c) for c in mart.ordered_columns()})
        for mart in MARTS
    }
    meta = {c: _META_COMMENTS[c] for c in pl.read_parquet_schema(Run(folder).mart(META))}
    return {**tables, META: ("The run behind the views: one row per mart.", meta)}


def _write_shape(folder: Path) -> None:
    """Empty rows, never shown and of no size: they make DuckDB's planner take a mart for larger than the log."""
    shape = _shape(folder)
    shape.mkdir(exist_ok=True)
    for path in folder.glob("*.parquet"):
        pl.read_parquet(path).clear(_SHAPE_ROWS).write_parquet(shape / path.name)


def _shape(folder: Path) -> Path:
    return folder.with_name(_SHAPE + _contract(folder.name))


def _contract(run: str) -> str:
    return run.rpartition(".")[2]


def _comments(kind: str, name: str, summary: str, columns: dict[str, str]) -> list[str]:
    return [
        f"comment on {kind} {name} is {_quote(summary)}",
        *(f'comment on column {name}."{column}" is {_quote(text)}' for column, text in columns.items()),
    ]


def _listed(columns: Iterable[str]) -> str:
    return ", ".join(f'"{c}"' for c in columns)


def _now_us() -> int:
    return time.time_ns() // 1_000


def _quote(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"
