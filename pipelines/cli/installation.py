"""How this installation is: what a person who runs it should know before it hurts, as findings.

Here: nights, daemon, schedule, what is in force here and in the store, room. Not here: services, key and clock
(pipelines.cli.doctor), what the data says (pipelines.cli.terminal), how findings are printed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from assets.framework.errors import KnownFault
from pipelines.home import Home, Tree, size_bytes
from pipelines.orchestration.health import Health, health
from pipelines.orchestration.instance import missing_settings
from pipelines.published.contract import is_readable
from pipelines.publishing.in_force import complete_runs, in_force, manifest_of
from pipelines.publishing.serving import outdated
from pipelines.publishing.shared import shared_runs
from pipelines.settings import Settings

LEAST_FREE_BYTES = 2 * 10**9
_LATE = timedelta(hours=30)  # a night and what it may take


@dataclass(frozen=True)
class DoctorFinding:
    """One thing looked at; the remedy is empty where there is nothing to do."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def findings(settings: Settings, now: datetime) -> list[DoctorFinding]:
    """All of them, in the order a person would look."""
    lacks = missing_settings(settings.home)
    found = [
        *_nights(health(settings.home, now), now),
        *_served(settings.tree),
        *_shared(settings),
        disk(settings.home),
    ]
    found += [DoctorFinding("dagster.yaml", False, sentence, "Add it: runs rely on it") for sentence in lacks]
    return found if settings.source != "files" else [files(settings.files), *found]


def files(folder: Path | None) -> DoctorFinding:
    """Is what the files source reads where it should be?"""
    wanted = [folder / name for name in ("prices.parquet", "fred.parquet")] if folder else []
    missing = [path for path in wanted if not path.is_file()]
    if missing:
        told = f"{' and '.join(map(str, missing))} cannot be found"
        return DoctorFinding(
            "files", False, told, "Set RECOUPLE_FILES to a folder with prices.parquet and fred.parquet"
        )
    return DoctorFinding("files", True, f"prices and series are in {folder}")


def _nights(told: Health | None, now: datetime) -> Iterator[DoctorFinding]:
    if told is None or told.last_night is None:
        yield DoctorFinding("last night", True, "none yet; `make nightly` runs one, `make dev` runs one every evening")
    elif told.last_night.success:
        detail = f"ended {_at(told.last_night.ended)} after {told.last_night.seconds:.0f} s"
        detail += f", at the second try: {'; '.join(first)}" if (first := told.last_night.first_try) else ""
        yield DoctorFinding("last night", True, detail)
    else:
        reason = "; ".join(told.last_night.failures) or "it was cancelled"
        detail = f"failed {_at(told.last_night.ended)}: {reason}"
        detail += "; the daemon runs it again" if told.last_night.runs_again else ""
        yield DoctorFinding("last night", False, detail, f"`make dev` shows the run: {told.last_night.run_id}")
    if told is None:
        return
    if told.dead_runs:
        detail = f"{len(told.dead_runs)} runs say they run and no process does: {', '.join(told.dead_runs)}"
        yield DoctorFinding("dead runs", False, detail, "Terminate them in the UI with `Force termination`")
    if told.daemon_seen is not None:
        alive = told.daemon_alive(now)
        remedy = "" if alive else "Start `recouple service daemon` or `recouple dev`; without it no night begins"
        yield DoctorFinding("daemon", alive, f"last seen {_at(told.daemon_seen)}", remedy)
        remedy = "" if told.schedule_on else "Switch nightly_schedule on in the UI under Automation"
        detail = f"next night {_at(told.next_night)}" if told.schedule_on else "switched off: no night begins"
        yield DoctorFinding("schedule", told.schedule_on, detail, remedy)


def _served(tree: Path) -> Iterator[DoctorFinding]:
    runs, current = complete_runs(tree), in_force(tree)
    if not runs:
        yield DoctorFinding("served", True, "no run published yet")
        return
    if current not in runs:
        yield DoctorFinding("served", False, f"the run in force is damaged or gone ({current})", "Run `recouple heal`")
        return
    ahead = [run for run in runs if run.name > current.name]
    if ahead:
        detail = f"ROLLED BACK to {current.name}; {len(ahead)} newer runs wait"
        yield DoctorFinding(
            "served", False, detail, "`recouple roll-forward` or the next night serves the newest again"
        )
    else:
        yield DoctorFinding("served", True, f"{current.name}, the newest of {len(runs)} runs kept")
    if not is_readable(current):
        yield DoctorFinding(
            "contract", False, f"{current.name} was made by another release", "Run `recouple upgrade`, then a night"
        )
    fault = outdated(current, simulated=bool(manifest_of(current).get("simulated")))
    if fault:
        yield DoctorFinding("serving.duckdb", False, f"{Tree(tree).serving} {fault}", "Run `recouple heal`")


def _shared(settings: Settings) -> Iterator[DoctorFinding]:
    """Does the object store answer, and do other machines read what this one serves?"""
    if settings.store_tree is None:
        return
    try:
        now = shared_runs(settings.store_tree, settings.keep_runs_hours).current()
    except KnownFault as error:
        yield DoctorFinding("store", False, str(error), "Nights go on here meanwhile; `recouple push` afterwards")
        return
    here = in_force(settings.tree)
    detail = f"{now.run if now else 'nothing'} is in force in {settings.store_tree}"
    same = here is None or (now is not None and now.run == here.name)
    remedy = "" if same else "Wait for the next night, or `recouple push` the run that is in force here"
    yield DoctorFinding("store", same, detail, remedy)


def disk(folder: Path) -> DoctorFinding:
    """Is there room for the next nights?"""
    free = shutil.disk_usage(nearest(folder)).free
    runs = complete_runs(folder)
    # The next run, its copy while it is written, and the warehouse once more while DuckDB tidies it.
    need = max(LEAST_FREE_BYTES, 3 * size_bytes(runs[-1]) + size_bytes(Home(folder).warehouse) if runs else 0)
    told = f"{free / 1e9:.1f} GB free at {folder}, which takes {size_bytes(folder) / 1e9:.2f} GB; a night needs "
    told += f"{need / 1e9:.1f} GB at most{_growth(runs)}"
    if free >= need:
        return DoctorFinding("disk", True, told)
    remedy = f"Free at least {(need - free) / 1e9:.1f} GB: old runs lie in {Tree(folder).marts}, logs in DAGSTER_HOME"
    return DoctorFinding("disk", False, told, remedy)


def _growth(runs: list[Path]) -> str:
    """How much the home gained between the runs that are kept."""
    sizes = [manifest.get("home_bytes") for run in runs if (manifest := manifest_of(run))]
    known = [size for size in sizes if isinstance(size, int)]
    if len(known) < 2:
        return ""
    return f"; it gained {(known[-1] - known[0]) / (len(known) - 1) / 1e6:.1f} MB a night"


def nearest(folder: Path) -> Path:
    """The folder, or the closest one above it that exists."""
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def _at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
