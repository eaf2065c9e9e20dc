"""Running a job in this process.

Here: launching in-process, and what follows the end of a run. Not here: arguments and printing (pipelines.cli.main),
the jobs (pipelines.orchestration.jobs), what came of it (pipelines.orchestration.run_report).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg

from assets.as_of import FIRST_DAY, SESSIONS
from assets.framework.errors import KnownFault
from pipelines.alerts import delivery as alerts
from pipelines.build import build_defs
from pipelines.cli.interruption import settling
from pipelines.cli.progress import progress_logger, source_progress
from pipelines.home import Home
from pipelines.orchestration.dead_nights import NOT_AGAIN
from pipelines.orchestration.instance import open_instance
from pipelines.orchestration.jobs import AS_OF, IN_THE_UI
from pipelines.orchestration.retention import forget_old_runs
from pipelines.orchestration.run_processes import RunProcess, fail_dead_runs
from pipelines.orchestration.run_report import RunReport, events_of, report_of
from pipelines.settings import Settings


class NoSession(KnownFault):
    """A day was asked for on which the exchange was closed, or that has not come."""


def run_job(
    settings: Settings,
    job: str,
    overrides: Mapping[str, Any] | None = None,
    only: str = "",
) -> RunReport:
    """Run one job to its end in this process; faults are in the report, not raised.

    With an as-of date what is stored is computed as of that day, after fetching where the job fetches or nothing is
    stored yet. overrides: resources by name. only: the one series that ingestion asks for.
    """
    day = settings.as_of
    if day is None or job == "ingest":
        return _run(settings, job, {}, overrides, only)
    live = settings.model_copy(update={"as_of": None})
    if job == "nightly" or not Home(settings.home).warehouse.exists():
        fetched = _run(live, "ingest", {}, overrides)
        if not fetched.success:
            return fetched
    return run_days(live, day, day, overrides)


def run_days(
    settings: Settings,
    first: date,
    last: date,
    overrides: Mapping[str, Any] | None = None,
) -> RunReport:
    """Compute the sessions from one day to another, each as of its own evening; raises NoSession."""
    keys = SESSIONS.get_partition_keys()
    named = [key for key in keys if first.isoformat() <= key <= last.isoformat()]
    if not named:
        before, after = ([k for k in keys if k < first.isoformat()], [k for k in keys if k > last.isoformat()])
        near = [*before[-1:], *after[:1]]
        raise NoSession(f"{first} is no past session of the NYSE since {FIRST_DAY}; choose {' or '.join(near)}")
    chosen = {"dagster/asset_partition_range_start": named[0], "dagster/asset_partition_range_end": named[-1]}
    return _run(settings, AS_OF, chosen, overrides)


def _run(
    settings: Settings,
    job: str,
    tags: Mapping[str, str],
    overrides: Mapping[str, Any] | None,
    only: str = "",
) -> RunReport:
    defs = build_defs(settings, overrides, loggers={"console": progress_logger})
    run_id = str(uuid4())
    asked = {"resources": {"asked": {"config": {"symbols": [only]}}}} if only else {}
    with open_instance(settings.home) as instance, source_progress():
        tell_of_dead_runs(settings, instance)
        with settling(lambda: _cancel(instance, run_id)):
            result = defs.resolve_job_def(job).execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config={"loggers": {"console": {}}, **asked},
                tags={**tags, **IN_THE_UI, **NOT_AGAIN, **RunProcess.this(run_id).tags()},
                run_id=run_id,
            )
        forget_old_runs(instance, datetime.now(UTC) - timedelta(days=settings.keep_history_days), lasting_job=AS_OF)
        run = instance.get_run_by_id(run_id) or result.dagster_run
    report = report_of(run, result.all_events, datetime.now(UTC))
    if not report.canceled and job != AS_OF:
        alerts.tell(settings, report)
    return report


def _cancel(instance: dg.DagsterInstance, run_id: str) -> None:
    """Let Dagster know that the run ends here and now, so that nothing waits for it."""
    run = instance.get_run_by_id(run_id)
    if run is not None and not run.is_finished:
        instance.report_run_canceled(run, "A signal ended the command.")


def tell_of_dead_runs(settings: Settings, instance: dg.DagsterInstance) -> None:
    """Mark the runs failed whose process is gone, so that none is waited for, and tell of them."""
    for run in fail_dead_runs(instance):
        alerts.tell(settings, report_of(run, *events_of(instance, run.run_id)))
