"""What came of a run, read from its events.

Here: how it ended, the reason of a failure in one sentence, what a finished run found. Not here: launching
(pipelines.cli.runs), printing (pipelines.cli.main), telling (pipelines.alerts.delivery).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from assets.framework.checks import BELIEVED
from pipelines.orchestration.dead_nights import is_run_again
from pipelines.orchestration.io_manager import LINES
from pipelines.orchestration.refused_runs import REFUSED

_ENDED = "Run execution process"  # how the code server's note of it begins


@dataclass(frozen=True)
class RunReport:
    """How a run ended.

    causes: where it failed, one word each, the same whenever the same thing fails. look_at: what the data left to look
    at, most important first.
    """

    run_id: str
    job: str
    success: bool
    ended_at: datetime
    failures: tuple[str, ...]
    causes: tuple[str, ...]
    warnings: tuple[str, ...]
    quarantined: int
    revisions: int
    canceled: bool = False
    refused: str | None = None  # why it was not begun
    look_at: tuple[str, ...] = ()
    runs_again: bool = False  # its process died, and the daemon starts it once more


def report_of(run: dg.DagsterRun, events: Sequence[dg.DagsterEvent], ended_at: datetime) -> RunReport:
    """The report of a run that has ended, from its events."""
    checks = [e.asset_check_evaluation_data for e in events if _is_check(e)]
    checks = [check for check in checks if "rows_broken" not in check.metadata]  # the whole contract's check says it
    failed = [c for c in checks if not c.passed and c.check_name != BELIEVED]  # look_at says more of it
    errors = {_name(c): _sentence(c) for c in failed if c.blocking and c.severity == dg.AssetCheckSeverity.ERROR}
    warnings = [_sentence(c) for c in failed if not (c.blocking and c.severity == dg.AssetCheckSeverity.ERROR)]
    reasons = errors or _failures(events)
    made = [e.step_materialization_data.materialization for e in events if _is_materialization(e)]
    told = [str(m.metadata["look_at"].value) for m in made if "look_at" in m.metadata]
    return RunReport(
        run_id=run.run_id,
        job=run.job_name,
        success=any(e.event_type == dg.DagsterEventType.PIPELINE_SUCCESS for e in events),
        ended_at=ended_at,
        failures=tuple(reasons.values()),
        causes=tuple(sorted(reasons)),
        warnings=(*warnings, *(line for text in told for line in text.splitlines())),
        quarantined=sum(_number(c.metadata.get("rows_quarantined")) for c in checks),
        revisions=sum(_number(m.metadata.get("rows_revised")) for m in made),
        refused=run.tags.get(REFUSED),
        canceled=any(e.event_type == dg.DagsterEventType.PIPELINE_CANCELED for e in events),
        look_at=_lines(made),
        runs_again=is_run_again(run),
    )


def events_of(instance: dg.DagsterInstance, run_id: str) -> tuple[list[dg.DagsterEvent], datetime]:
    """A run's events, and when the last of them was."""
    logged = instance.all_logs(run_id)
    events = [entry.dagster_event for entry in logged if entry.dagster_event is not None]
    return events, datetime.fromtimestamp(max(entry.timestamp for entry in logged), UTC)


def _lines(made: Sequence[dg.AssetMaterialization]) -> tuple[str, ...]:
    """The lines of all tables that were fetched, most important first."""
    told: list[Any] = [line for m in made if LINES in m.metadata for line in m.metadata[LINES].value]  # type: ignore[union-attr]
    return tuple(str(text) for _, text in sorted(told, key=lambda line: int(line[0])))


def _is_check(event: dg.DagsterEvent) -> bool:
    return event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION


def _is_materialization(event: dg.DagsterEvent) -> bool:
    return event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION


def _name(check: dg.AssetCheckEvaluation) -> str:
    return ".".join(check.asset_key.path)


def _sentence(check: dg.AssetCheckEvaluation) -> str:
    return f"{_name(check)}: {check.description}"


def _failures(events: Sequence[dg.DagsterEvent]) -> dict[str, str]:
    """The innermost reason of every failed step, or of the run where no step began; by what failed."""
    said: dict[str, str] = {}
    for event in events:
        if event.is_step_failure:
            step = str(event.step_key).replace("__", ".")
            said[step] = f"{step}: {_innermost(event.step_failure_data.error)}"
        elif event.event_type == dg.DagsterEventType.PIPELINE_FAILURE and not said:
            error = event.job_failure_data.error if event.event_specific_data else None
            said["start"] = _innermost(error) if error else _from_outside(events) or str(event.message)
    return said


def _from_outside(events: Sequence[dg.DagsterEvent]) -> str | None:
    """What Dagster noted when the run's process ended before the run."""
    noted = [str(e.message).partition(_ENDED) for e in events if e.event_type == dg.DagsterEventType.ENGINE_EVENT]
    return next((f"{_ENDED}{how}" for _, ended, how in reversed(noted) if ended), None)  # before it stands who noted it


def _innermost(error: object) -> str:
    """The message of the first cause, without the exception's name and the frames."""
    while getattr(error, "cause", None) is not None:
        error = error.cause  # type: ignore[attr-defined]
    if getattr(error, "cls_name", "") == dg.DagsterExecutionInterruptedError.__name__:  # says nothing more
        return "interrupted, because what started the run was ended"
    name, _, message = str(getattr(error, "message", error)).strip().partition(": ")
    return message if message and " " not in name else f"{name}: {message}".rstrip(": ")


def _number(value: object) -> int:
    return int(getattr(value, "value", 0) or 0)
