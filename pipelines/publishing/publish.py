"""Publishing: all marts of a run, written and validated as one versioned folder, then put in force.

Here: writing, validating, the order of things. Not here: which run readers see (pipelines.publishing.in_force) and
how (pipelines.publishing.serving), what a mart contains (assets.contracts), the warehouse (pipelines.warehouse.store),
which BI never opens.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from assets.catalog import Catalog
from assets.contracts import MARTS
from assets.framework.contract import Mart
from assets.framework.errors import KnownFault
from assets.framework.rows import hold_to_contract
from pipelines.home import Run, Tree, size_bytes
from pipelines.published.contract import META_COMMENTS, contract_version
from pipelines.publishing.archive import keep_brief
from pipelines.publishing.content_hash import content_hash
from pipelines.publishing.in_force import (
    changing,
    clear_away,
    heal,
    in_force,
    manifest_of,
    put_in_force,
    removable,
    run_name,
)
from pipelines.publishing.parquet import write_mart
from pipelines.publishing.serving import serve
from pipelines.publishing.shared import SharedRuns
from pipelines.warehouse.store import Warehouse

_SECONDS = 300  # for what is made of a run in a process of its own


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
    with_extras: bool = True  # the brief and the copy in one file
    catalog: Catalog | None = None  # what is told of it goes into the manifest, for the page and for alerts
    shared: SharedRuns | None = None  # readers on other machines

    def publish(self, run_id: str, attempts: Collection[str] = ()) -> dict[str, Any]:
        """Write all marts, validate them, put them in force, remove what is long superseded; then what can wait.

        Nothing drawn and no copy stands between the marts and their readers: where one fails, it is told. attempts:
        runs that this one takes up where they ended; one of them may have died after its marts were in force.
        """
        with changing(self.tree), _explained(self.tree):
            told = heal(self.tree)
            folder = self._in_force_of(attempts)
            if folder is None:
                folder = self._written(run_id)
                put_in_force(folder)
            told += serve(folder, simulated=self.simulated)
            for outdated in removable(self.tree, self.keep):
                shutil.rmtree(outdated)
        told += _extras(folder) if self.with_extras else []
        if self.shared and (fault := _attempted(self.shared.publish, folder)):
            told.append(fault)
        rows = {name: mart["rows"] for name, mart in manifest_of(folder)["marts"].items()}
        return {
            "folder": str(folder),
            "brief": str(Run(folder).brief),
            "as_of": self.as_of.isoformat(),
            **({"look_at": "\n".join(told)} if told else {}),
            **rows,
        }

    def _in_force_of(self, attempts: Collection[str]) -> Path | None:
        """The run in force, where one of these has published it and every mart still is what it holds."""
        folder = in_force(self.tree) if attempts else None
        manifest = manifest_of(folder) if folder else {}
        if manifest.get("run_id") not in attempts:
            return None
        now = {mart.table_name(): content_hash(self.warehouse.load(mart), mart.key()) for mart in MARTS}
        return folder if now == {name: mart["content_hash"] for name, mart in manifest["marts"].items()} else None

    def _written(self, run_id: str) -> Path:
        """The complete folder of this run, not yet in force."""
        published_at = self.clock()
        contract = contract_version()
        name = run_name(f"{self.as_of}_{published_at:%Y%m%dT%H%M%S%f}Z_{run_id[:8]}", contract)
        tree = Tree(self.tree)
        staging = tree.staging(name)
        staging.mkdir(parents=True)
        self._fill(staging, run_id, contract, published_at)
        return staging.rename(tree.marts / name)

    def _fill(self, staging: Path, run_id: str, contract: str, published_at: datetime) -> None:
        marts = [self._write(mart, staging) for mart in MARTS]
        shared = {
            "run_id": run_id,
            "as_of": self.as_of,
            "published_at": published_at,
            "source": self.source,
            "simulated": self.simulated,
            "contract_version": contract,
        }
        manifest = {
            **shared,
            "as_of": self.as_of.isoformat(),
            "published_at": published_at.isoformat(),
            "home_bytes": size_bytes(self.tree),
            "look_at": list(self.warehouse.lines()),
            **({"catalog": self.catalog.told()} if self.catalog else {}),
            "marts": {m["mart"]: {"rows": m["rows"], "content_hash": m["content_hash"]} for m in marts},
        }
        # A plain timestamp: clients need another library to show one with a time zone.
        plain = {**shared, "published_at": published_at.astimezone(UTC).replace(tzinfo=None)}
        pl.DataFrame([{**m, **plain} for m in marts]).select(*META_COMMENTS).write_parquet(Run(staging).meta)
        Run(staging).manifest.write_text(json.dumps(manifest, indent=2) + "\n")
        _settle(staging)

    def _write(self, mart: type[Mart], folder: Path) -> dict[str, str | int]:
        frame = self.warehouse.load(mart).sort(mart.key())
        path = Run(folder).mart(mart.table_name())
        if not self.warehouse.has_laid_down(mart):
            _must_keep(mart, frame, path)
        write_mart(mart, frame, path)
        _must_hold(frame, path)
        return {"mart": mart.table_name(), "rows": frame.height, "content_hash": content_hash(frame, mart.key())}


@contextmanager
def _explained(tree: Path) -> Iterator[None]:
    """What the disk refuses ends in one sentence and leaves nothing half written; readers keep a complete run."""
    try:
        yield
    except (OSError, duckdb.Error, pl.exceptions.PolarsError) as error:
        with suppress(OSError):
            clear_away(tree)
        reason = str(error).splitlines()[0]
        raise PublishingError(
            f"the run could not be published into {tree} ({reason}); readers keep a complete run. "
            f"`recouple doctor` looks at disk and permissions"
        ) from None


def _settle(folder: Path) -> None:
    """Wait until the run lies on the disk: after a power cut, what is in force must be whole."""
    for path in (*folder.iterdir(), folder):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)


def _attempted(after: Callable[[Path], object], folder: Path) -> str | None:
    """Do what comes after publishing; the reason if it could not be done."""
    try:
        after(folder)
    except (KnownFault, duckdb.Error, OSError) as error:
        return f"the marts are in force, but {error}"
    return None


def _extras(folder: Path) -> list[str]:
    """The brief and its copy in the archive, the marts in one file; what could not be done."""
    with ThreadPoolExecutor(max_workers=1) as beside:  # each has a process of its own, so both have a core
        copied = beside.submit(_attempted, _copy, folder)
        told = [*(_attempted(page, folder) for page in (_draw_brief, keep_brief)), copied.result()]
    return [fault for fault in told if fault]


def _copy(folder: Path) -> None:
    """Write the marts into one file. Raises PublishingError when that failed."""
    _in_a_process("pipelines.publishing.copies", folder, f"the copy {Run(folder).database.name} could not be made")


def _draw_brief(folder: Path) -> None:
    """Write the brief. Raises PublishingError when it could not be drawn."""
    _in_a_process("pipelines.brief", folder, "the brief could not be drawn")


def _in_a_process(module: str, folder: Path, fault: str) -> None:
    """Let a module make something of a run's folder, where the memory it takes is given back: over 100 MB each."""
    command = [sys.executable, "-m", module, str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=_SECONDS)
        return
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines()[-1] if error.stderr.strip() else f"exit code {error.returncode}"
    except subprocess.TimeoutExpired:
        reason = f"it took more than {_SECONDS} s"
    raise PublishingError(f"{fault}: {reason}; repeat it with `{' '.join(command)}`")


def _must_keep(mart: type[Mart], frame: pl.DataFrame, path: Path) -> None:
    """Hold the rows to the contract once more, whoever had the warehouse in hand since they were stored."""
    broken = hold_to_contract(mart, frame).broken
    if not broken.is_empty():
        raise PublishingError(
            f"{path.name} would hold {broken.height} rows that break rule {broken['rule'][0]}; "
            f"the last good run stays served. The next run computes them anew"
        )


def _must_hold(frame: pl.DataFrame, path: Path) -> None:
    """Read the file back as a reader would: it must hold the very rows that keep their contract."""
    if not pl.read_parquet(path, glob=False).equals(frame):
        raise PublishingError(
            f"{path} does not hold the rows that were written into it; the last good run stays served. "
            f"`recouple doctor` looks at the disk"
        )
