"""Figures of an installation in Prometheus' text format.

Here: which figures, from what is published and from Dagster's instance. Not here: alert rules over them
(deploy/prometheus).
"""

from __future__ import annotations

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from prometheus_client import CollectorRegistry, Gauge, generate_latest, write_to_textfile

from assets.framework.errors import KnownFault
from pipelines.cli.installation import nearest
from pipelines.home import Run, size_bytes
from pipelines.orchestration.health import Health, health
from pipelines.published.contract import is_readable
from pipelines.publishing.in_force import complete_runs, in_force, manifest_of
from pipelines.settings import Settings


def exposition(settings: Settings, now: datetime) -> str:
    """Everything, as text."""
    return generate_latest(registry(settings, now)).decode()


def write_textfile(settings: Settings, now: datetime, target: Path) -> None:
    """The same into a file that a node exporter reads, replaced as a whole."""
    if not os.access(target.absolute().parent, os.W_OK):
        raise KnownFault(f"{target.absolute().parent} is no folder that can be written; make it, or name another file")
    write_to_textfile(str(target), registry(settings, now))


def registry(settings: Settings, now: datetime) -> CollectorRegistry:
    """The figures."""
    figures = CollectorRegistry()
    _disk(figures, settings.home)
    _published(figures, settings.tree, now)
    told = health(settings.home, now)
    if told is not None:
        _nights(figures, told, now)
    return figures


def _gauge(figures: CollectorRegistry, name: str, words: str, value: float) -> None:
    Gauge(f"recouple_{name}", words, registry=figures).set(value)


def _disk(figures: CollectorRegistry, home: Path) -> None:
    _gauge(figures, "home_bytes", "Size of the home.", size_bytes(home))
    _gauge(figures, "disk_free_bytes", "Free space where the home lies.", shutil.disk_usage(nearest(home)).free)


def _published(figures: CollectorRegistry, tree: Path, now: datetime) -> None:
    folder, runs = in_force(tree), complete_runs(tree)
    if folder is None or folder not in runs:
        _gauge(figures, "published", "1 where a complete run is in force.", 0)
        return
    manifest = manifest_of(folder)
    published = datetime.fromisoformat(manifest["published_at"])
    as_of = datetime.fromisoformat(manifest["as_of"]).replace(tzinfo=UTC)
    _gauge(figures, "published", "1 where a complete run is in force.", 1)
    _gauge(figures, "published_timestamp_seconds", "When the run in force was written.", published.timestamp())
    _gauge(figures, "data_age_seconds", "Time since the as-of date of the run in force.", (now - as_of).total_seconds())
    _gauge(figures, "rolled_back", "1 where a newer complete run is not in force.", float(folder != runs[-1]))
    _gauge(figures, "runs_kept", "Complete runs on disk.", len(runs))
    _inputs(figures, folder)
    rows = Gauge("recouple_mart_rows", "Rows of each mart in force.", ["mart"], registry=figures)
    for name, mart in manifest["marts"].items():
        rows.labels(name).set(mart["rows"])


def _inputs(figures: CollectorRegistry, folder: Path) -> None:
    if not is_readable(folder):  # another release's; the next night tells them again
        return
    freshness = pl.read_parquet(Run(folder).mart("series_freshness"), glob=False)
    _gauge(figures, "inputs", "Series that are fetched.", freshness.height)
    _gauge(figures, "inputs_stale", "Series later than expected.", freshness.filter("is_stale").height)
    late = freshness.filter("is_stale", "required").height
    _gauge(figures, "inputs_required_late", "Late series that the reading cannot do without.", late)


def _nights(figures: CollectorRegistry, told: Health, now: datetime) -> None:
    if told.last_success is not None:
        success = told.last_success.timestamp()
        _gauge(figures, "last_success_timestamp_seconds", "When a nightly last succeeded.", success)
    _gauge(figures, "dead_runs", "Runs that say they run and no process does.", len(told.dead_runs))
    _gauge(figures, "daemon_alive", "1 where something starts the nights.", float(told.daemon_alive(now)))
    _gauge(figures, "schedule_on", "1 where the nightly schedule is on.", float(told.schedule_on))
    night = told.last_night
    if night is None:
        return
    _gauge(figures, "last_night_success", "1 where the last nightly succeeded.", float(night.success))
    _gauge(figures, "last_night_seconds", "How long the last nightly took.", night.seconds)
    _gauge(figures, "quarantined_rows", "Rows that the last nightly put in quarantine.", night.quarantined)
    steps = Gauge("recouple_step_seconds", "Seconds of each step of the last nightly.", ["step"], registry=figures)
    for step, seconds in night.step_seconds.items():
        steps.labels(step).set(seconds)
