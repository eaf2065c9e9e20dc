"""What the daemon looks after by itself: the length of Dagster's own history, and runs that will never end.

Here: the sensors. Not here: what is forgotten (pipelines.orchestration.retention), how a dead run is known
(pipelines.orchestration.run_processes), which nights are run again (pipelines.orchestration.dead_nights).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg
import psutil

from pipelines.orchestration.dead_nights import again
from pipelines.orchestration.jobs import AS_OF, nightly
from pipelines.orchestration.retention import forget_old_runs
from pipelines.orchestration.run_processes import fail_dead_runs, fail_unborn_runs
from pipelines.settings import Settings

_FORGETTING_SECONDS = 6 * 3600
_LOOKING_SECONDS = 30


def housekeeping(settings: Settings) -> list[dg.SensorDefinition]:
    """On from the first start."""
    return [_forgetting(settings), notice_dead_runs]


def _forgetting(settings: Settings) -> dg.SensorDefinition:
    """Four times a day, whatever becomes of the nights."""

    @dg.sensor(
        name="forget_old_runs",
        minimum_interval_seconds=_FORGETTING_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Deletes runs older than RECOUPLE_KEEP_HISTORY_DAYS ({settings.keep_history_days:g}) with what "
        "they said; days of the past keep theirs.",
    )
    def forget(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        before = datetime.now(UTC) - timedelta(days=settings.keep_history_days)
        forgotten = forget_old_runs(context.instance, before, lasting_job=AS_OF)
        return dg.SkipReason(f"{forgotten} runs from before {before:%Y-%m-%d} are forgotten")

    return forget


@dg.sensor(
    job=nightly,
    minimum_interval_seconds=_LOOKING_SECONDS,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Marks runs failed whose process is gone, so that none waits behind them (run monitoring does so where "
    "it shares a machine with the runs, and knows none that was starting when the power failed); runs a nightly again "
    "whose process died.",
)
def notice_dead_runs(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Evaluated in the code server, which starts the runs and sees their processes."""
    serving_since = datetime.fromtimestamp(psutil.Process().create_time(), UTC)
    marked = [*fail_dead_runs(context.instance), *fail_unborn_runs(context.instance, serving_since, datetime.now(UTC))]
    told = f"marked failed: {', '.join(run.run_id for run in marked)}" if marked else "all runs live"
    return again(context.instance) or dg.SkipReason(told)
