"""Publishing: all marts of a run, written and validated as one versioned folder, then put in force.

Here: writing, validating, pruning runs. Not here: which run readers see and how (pipelines.publishing.serving), what
a mart contains (assets.contracts), the warehouse (pipelines.warehouse.store), which BI never opens.
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
from typing import Any

import polars as pl

from assets.contracts import MARTS
from assets.framework.contract import Mart
from assets.framework.errors import KnownFault
from assets.framework.rows import hold_to_contract
from pipelines.home import Run, Tree
from pipelines.publishing import serving
from pipelines.warehouse.store import Warehouse

_BRIEF_SECONDS = 300


class PublishingError(KnownFault):
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

    def publish(self, run_id: str) -> dict[str, Any]:
        """Write all marts, validate them, put them in force, remove what is long superseded."""
        published_at = self.clock()
        stem = f"{self.as_of}_{published_at:%Y%m%dT%H%M%S%f}Z_{run_id[:8]}"
        name = serving.run_name(stem, contract_version())
        tree = Tree(self.tree)
        staging = tree.staging(name)
        staging.mkdir(parents=True)
        marts = [self._write(mart, staging) for mart in MARTS]
        manifest = {
            "run_id": run_id,
            "as_of": self.as_of.isoformat(),
            "published_at": published_at.isoformat(),
            "source": self.source,
            "simulated": self.simulated,
            "contract_version": contract_version(),
            "look_at": list(self.warehouse.lines()),
            "marts": {m["mart"]: {"rows": m["rows"], "content_hash": m["content_hash"]} for m in marts},
        }
        shared = {k: v for k, v in manifest.items() if k not in ("marts", "look_at")} | {
            "as_of": self.as_of,
            "published_at": published_at,
        }
        pl.DataFrame([{**m, **shared} for m in marts]).write_parquet(Run(staging).mart(serving.META))
        Run(staging).manifest.write_text(json.dumps(manifest, indent=2) + "\n")
        _draw_brief(staging)
        folder = staging.rename(tree.marts / name)
        serving.put_in_force(folder)
        serving.serve(folder, simulated=self.simulated)
        for outdated in serving.removable(self.tree, self.keep):
            shutil.rmtree(outdated)
        return {
            "folder": str(folder),
            "brief": str(Run(folder).brief),
            "as_of": self.as_of.isoformat(),
            **{str(m["mart"]): int(m["rows"]) for m in marts},
        }

    def _write(self, mart: type[Mart], folder: Path) -> dict[str, str | int]:
        frame = self.warehouse.load(mart).sort(mart.key())
        path = Run(folder).mart(mart.table_name())
        frame.write_parquet(path)
        _validate(mart, path)
        return {"mart": mart.table_name(), "rows": frame.height, "content_hash": content_hash(frame)}


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


def _validate(mart: type[Mart], path: Path) -> None:
    """Read the file back as a reader would and hold it to the contract once more."""
    broken = hold_to_contract(mart, pl.read_parquet(path)).broken
    if not broken.is_empty():
        raise PublishingError(
            f"{path.name}: {broken.height} rows break rule {broken['rule'][0]} after writing; "
            f"the last good run stays served. Look at {path}"
        )
