"""Running a job in this process.

Here: launching in-process, and what follows the end of a run. Not here: arguments and printing (pipelines.cli.main),
the jobs (pipelines.orchestration.jobs), what came of it (pipelines.orchestration.run_report).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pipelines.alerts import delivery as alerts
from pipelines.build import build_defs
from pipelines.cli.progress import progress_logger, source_progress
from pipelines.orchestration.instance import open_instance
from pipelines.orchestration.run_report import RunReport, report_of
from pipelines.settings import Settings


def run_job(settings: Settings, job: str, overrides: Mapping[str, Any] | None = None, only: str = "") -> RunReport:
    """Run one job to its end in this process; faults are in the report, not raised.

    overrides: resources by name. only: the one series that ingestion asks for.
    """
    asked = {"resources": {"asked": {"config": {"symbols": [only]}}}} if only else {}
    defs = build_defs(settings, overrides, loggers={"console": progress_logger})
    with open_instance(settings.home) as instance, source_progress():
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {}}, **asked},
        )
    report = report_of(result.dagster_run, result.all_events, datetime.now(UTC))
    alerts.tell(settings, report)
    return report
