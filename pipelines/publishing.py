"""Publishing: a versioned folder of parquet marts, one flip, a serving database of views.

Here: writing, validating, flipping, pruning runs; building serving.duckdb. Not here: what a mart contains
(assets.contracts), the warehouse (pipelines.warehouse), which BI never opens.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl

from assets.contracts import MARTS
from assets.contracts.base import Mart
from assets.contracts.rows import hold_to_contract
from pipelines.brief import BRIEF
from pipelines.errors import RecoupleError
from pipelines.warehouse import Warehouse

_BRIEF_SECONDS = 300
STORAGE_VERSION = "v1.0.0"  # the newest that every DuckDB client since 1.2 can open


class PublishingError(RecoupleError):
    """The run could not be published; the last good one stays served."""


@dataclass(frozen=True)
class Publisher:
    """Publishes one run's marts under `tree`."""

    warehouse: Warehouse
    tree: Path
    as_of: date
    source: str
    simulated: bool
    keep: timedelta
    clock: Callable[[], datetime]

    def publish(self, run_id: str) -> dict[str, str | int]:
        """Write all marts, validate them, flip, rebuild the serving database where its shape changed."""
        published_at = self.clock()
        name = f"{self.as_of}_{published_at:%Y%m%dT%H%M%S%f}Z_{run_id[:8]}"
        staging = self.tree / "marts" / f".staging-{name}"
        staging.mkdir(parents=True)
        marts = [self._write(mart, staging) for mart in MARTS]
        manifest = {
            "run_id": run_id,
            "as_of": self.as_of.isoformat(),
            "published_at": published_at.isoformat(),
            "source": self.source,
            "simulated": self.simulated,
            "contract_version": contract_version(),
            "marts": {m["mart"]: {"rows": m["rows"], "content_hash": m["content_hash"]} for m in marts},
        }
        shared = {k: v for k, v in manifest.items() if k != "marts"}
        pl.DataFrame([{**m, **shared} for m in marts]).write_parquet(staging / "_meta.parquet")
        (staging / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
        _draw_brief(staging)
        folder = staging.rename(self.tree / "marts" / name)
        self._flip(folder)
        self._serve(folder)
        self._prune(folder, published_at)
        return {
            "folder": str(folder),
            "brief": str(folder / BRIEF),
            "as_of": self.as_of.isoformat(),
            **{str(m["mart"]): int(m["rows"]) for m in marts},
        }

    def _write(self, mart: type[Mart], folder: Path) -> dict[str, str | int]:
        frame = self.warehouse.load(mart).sort(mart.key())
        path = folder / f"{mart.table_name()}.parquet"
        frame.write_parquet(path)
        _validate(mart, path)
        return {"mart": mart.table_name(), "rows": frame.height, "content_hash": content_hash(frame)}

    def _flip(self, folder: Path) -> None:
        """One atomic replacement of a link; readers see either the old run or the new one, whole."""
        _link(self.tree / "marts" / "current", Path(folder.name))
        _link(self.tree / "manifest.json", Path("marts") / "current" / "manifest.json")

    def _serve(self, folder: Path) -> None:
        path, mark = self.tree / "serving.duckdb", self.tree / ".serving-shape"
        shape = f"{contract_version()} {self.tree} {self.simulated}"
        if path.exists() and mark.exists() and mark.read_text() == shape:
            return
        building = self.tree / ".serving-building.duckdb"
        building.unlink(missing_ok=True)
        build_serving(building, self.tree / "marts" / "current", simulated=self.simulated)
        building.replace(path)
        mark.write_text(shape)

    def _prune(self, current: Path, now: datetime) -> None:
        """Remove runs that nobody can still be reading, and the rests of runs that died."""
        oldest = (now - self.keep).timestamp()
        for folder in current.parent.iterdir():
            if folder.is_dir() and not folder.is_symlink() and folder != current and folder.stat().st_mtime < oldest:
                shutil.rmtree(folder)


def _draw_brief(folder: Path) -> None:
    """Write the brief in a process of its own: the drawing library takes 180 MB that the run would not get back.

    Raises PublishingError when it could not be drawn.
    """
    command = [sys.executable, "-m", "pipelines.brief", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_BRIEF_SECONDS)
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()[-1] if error.stderr.strip() else f"exit code {error.returncode}"
        raise PublishingError(f"the brief could not be drawn: {reason}; repeat it with `{' '.join(command)}`") from None
    except subprocess.TimeoutExpired:
        raise PublishingError(
            f"the brief took more than {_BRIEF_SECONDS} s; repeat it with `{' '.join(command)}`"
        ) from None


def content_hash(frame: pl.DataFrame) -> str:
    """SHA-256 of the rows as CSV, floats in full: equal rows, equal hash, however they lie in memory or in a file."""
    text = io.BytesIO()
    frame.write_csv(text)
    return hashlib.sha256(text.getvalue()).hexdigest()


def contract_version() -> str:
    """A short hash over every mart's columns, types and comments; it changes when the promise does."""
    promise = [
        (
            mart.table_name(),
            mart.summary(),
            [(c, str(mart.columns()[c].dtype), mart.column_comment(c)) for c in mart.ordered_columns()],
        )
        for mart in MARTS
    ]
    return hashlib.sha256(json.dumps(promise).encode()).hexdigest()[:12]


def build_serving(path: Path, marts: Path, *, simulated: bool) -> None:
    """A small database of views with explicit columns and comments over the parquet files of `marts`."""
    with duckdb.connect() as connection:
        connection.execute(f"attach {_quote(path)} as serving (storage_version '{STORAGE_VERSION}')")
        for mart in MARTS:
            columns = {c: mart.column_comment(c) for c in mart.ordered_columns()}
            _view(
                connection,
                mart.table_name(),
                marts,
                columns,
                ("SIMULATED DATA. " if simulated else "") + mart.summary(),
            )
        meta = pl.read_parquet_schema(marts / "_meta.parquet")
        _view(connection, "_meta", marts, dict.fromkeys(meta, ""), "The run behind the views: one row per mart.")
        connection.execute("detach serving")


def export_copy(tree: Path, target: Path) -> None:
    """A self-contained copy of the current run, for tools that cannot see the folder of parquet files."""
    current = tree / "marts" / "current"
    if not current.exists():
        raise PublishingError(f"{current} does not exist; run `make nightly` once, then export")
    building = target.with_name(f".building-{target.name}")
    building.unlink(missing_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"attach {_quote(building)} as copy (storage_version '{STORAGE_VERSION}')")
        for name in [*(m.table_name() for m in MARTS), "_meta"]:
            connection.execute(
                f'create table copy."{name}" as select * from read_parquet({_quote(current / f"{name}.parquet")})'
            )
        connection.execute("detach copy")
    building.replace(target)


def roll_back(tree: Path) -> Path:
    """Serve the run before the current one again, until the next run is published; returns its folder."""
    marts = tree / "marts"
    runs = sorted(f for f in marts.glob("[0-9]*") if (f / "manifest.json").exists())
    current = (marts / "current").resolve()
    earlier = [f for f in runs if f.stat().st_mtime < current.stat().st_mtime] if current.exists() else []
    if not earlier:
        raise PublishingError(f"{tree} holds no earlier run; run `make nightly` to publish a new one")
    previous = max(earlier, key=lambda f: f.stat().st_mtime)
    _link(marts / "current", Path(previous.name))
    return previous


def _view(connection: duckdb.DuckDBPyConnection, name: str, marts: Path, columns: dict[str, str], comment: str) -> None:
    listed = ", ".join(f'"{c}"' for c in columns)
    view = f'serving.main."{name}"'
    connection.execute(f"create view {view} as select {listed} from read_parquet({_quote(marts / f'{name}.parquet')})")
    connection.execute(f"comment on view {view} is {_quote(comment)}")
    for column, text in columns.items():
        connection.execute(f'comment on column {view}."{column}" is {_quote(text)}')


def _validate(mart: type[Mart], path: Path) -> None:
    """Read the file back as a reader would and hold it to the contract once more."""
    broken = hold_to_contract(mart, pl.read_parquet(path)).broken
    if not broken.is_empty():
        raise PublishingError(
            f"{path.name}: {broken.height} rows break rule {broken['rule'][0]} after writing; "
            f"the last good run stays served. Look at {path}"
        )


def _link(link: Path, target: Path) -> None:
    fresh = link.with_name(f".{link.name}-next")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(link)


def _quote(text: object) -> str:
    return "'" + str(text).replace("'", "''") + "'"
