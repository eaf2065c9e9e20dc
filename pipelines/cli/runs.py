"""Running a job in this process.

Here: launching in-process, and what follows the end of a run. Not here: arguments and printing (pipelines.cli.main),
the jobs (pipelines.orchestration.jobs), what came of it (pipelines.orchestration.run_report).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg

from pipelines.alerts import delivery as alerts
from pipelines.build import build_defs
from pipelines.cli.interruption import Heard
from pipelines.cli.progress import progress_logger, source_progress
from pipelines.orchestration.instance import open_instance
from pipelines.orchestration.retention import forget_old_runs
from pipelines.orchestration.run_processes import RunProcess, fail_dead_runs
from pipelines.orchestration.run_report import RunReport, events_of, report_of
from pipelines.settings import Settings


def run_job(
    settings: Settings, job: str, overrides: Mapping[str, Any] | None = None, heard: Heard | None = None
) -> RunReport:
    """Run one job to its end in this process; faults are in the report, not raised.

    overrides: resources by name. heard: the signals that may cancel it.
    """
    defs = build_defs(settings, overrides, loggers={"console": progress_logger})
    run_id = str(uuid4())
    with open_instance(settings.home) as instance, source_progress():
        tell_of_dead_runs(settings, instance)
        if heard:
            heard.going_on = lambda: _canceling(instance, run_id)
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {}}},
            tags=RunProcess.this().tags(),
            run_id=run_id,
        )
        forget_old_runs(instance, timedelta(days=settings.keep_history_days))
    report = report_of(result.dagster_run, result.all_events, datetime.now(UTC))
    if report.canceled:
        return report
    alerts.tell(settings, report)
    return report


def _canceling(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Let Dagster know that the run is to end, so that it does not take the interruption for a failure."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return False
    if run.status != dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceling(run)
    return True


def tell_of_dead_runs(settings: Settings, instance: dg.DagsterInstance) -> None:
    """Mark the runs failed whose process is gone, so that none is waited for, and tell of them."""
    for run in fail_dead_runs(instance):
        alerts.tell(settings, report_of(run, *events_of(instance, run.run_id)))
