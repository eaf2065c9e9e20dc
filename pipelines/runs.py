"""Running a job in this process, and saying what came of it.

Here: launching in-process, the reason of a failure in one sentence, what a finished run found. Not here: arguments and
printing (pipelines.cli), the jobs (pipelines.jobs).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import dagster as dg

from pipelines.build import build_defs
from pipelines.instance import open_instance
from pipelines.progress import progress_logger, source_progress
from pipelines.settings import Settings


@dataclass(frozen=True)
class RunReport:
    """How a run ended."""

    run_id: str
    success: bool
    failures: tuple[str, ...]
    warnings: tuple[str, ...]
    quarantined: int
    revisions: int


def run_job(settings: Settings, job: str, overrides: Mapping[str, Any] | None = None) -> RunReport:
    """Run one job to its end in this process; faults are in the report, not raised. overrides: resources by name."""
    defs = build_defs(settings, overrides, loggers={"console": progress_logger})
    with open_instance(settings.home) as instance, source_progress():
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            raise_on_error=False,
            run_config={"loggers": {"console": {}}},
        )
    return _report(result)


def _report(result: dg.ExecuteInProcessResult) -> RunReport:
    checks = [e.asset_check_evaluation_data for e in result.all_events if _is_check(e)]
    failed = [c for c in checks if not c.passed]
    errors = tuple(_sentence(c) for c in failed if c.blocking and c.severity == dg.AssetCheckSeverity.ERROR)
    warnings = tuple(_sentence(c) for c in failed if not (c.blocking and c.severity == dg.AssetCheckSeverity.ERROR))
    return RunReport(
        run_id=result.run_id,
        success=result.success,
        failures=errors or tuple(_failures(result)),
        warnings=warnings,
        quarantined=sum(_number(c.metadata.get("rows_quarantined")) for c in checks),
        revisions=sum(
            _number(e.materialization.metadata.get("rows_revised")) for e in result.get_asset_materialization_events()
        ),
    )


def _is_check(event: dg.DagsterEvent) -> bool:
    return event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION


def _sentence(check: dg.AssetCheckEvaluation) -> str:
    return f"{'.'.join(check.asset_key.path)}: {check.description}"


def _failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """The innermost reason of every failed step, or of the run where no step began."""
    said = []
    for event in result.all_events:
        if event.is_step_failure:
            said.append(f"{str(event.step_key).replace('__', '.')}: {_innermost(event.step_failure_data.error)}")
        elif event.event_type == dg.DagsterEventType.PIPELINE_FAILURE and not said:
            error = event.job_failure_data.error
            said.append(_innermost(error) if error else str(event.message))
    return said


def _innermost(error: object) -> str:
    """The message of the first cause, without the exception's name and the frames."""
    while getattr(error, "cause", None) is not None:
        error = error.cause  # type: ignore[attr-defined]
    name, _, message = str(getattr(error, "message", error)).strip().partition(": ")
    return message if message and " " not in name else f"{name}: {message}".rstrip(": ")


def _number(value: object) -> int:
    return int(getattr(value, "value", 0) or 0)
