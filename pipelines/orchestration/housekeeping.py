"""What the daemon looks after by itself: the length of Dagster's own history.

Here: the sensor. Not here: what is forgotten (pipelines.orchestration.retention), runs of dead processes, which run
monitoring finds (pipelines.orchestration.run_launcher).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from pipelines.orchestration.jobs import AS_OF
from pipelines.orchestration.retention import forget_old_runs
from pipelines.settings import Settings

_EVERY_SECONDS = 6 * 3600


def forgetting(settings: Settings) -> dg.SensorDefinition:
    """Four times a day, whatever becomes of the nights."""

    @dg.sensor(
        name="forget_old_runs",
        minimum_interval_seconds=_EVERY_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Deletes runs older than RECOUPLE_KEEP_HISTORY_DAYS ({settings.keep_history_days:g}) with what "
        "they said; days of the past keep theirs.",
    )
    def forget(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        before = datetime.now(UTC) - timedelta(days=settings.keep_history_days)
        forgotten = forget_old_runs(context.instance, before, lasting_job=AS_OF)
        return dg.SkipReason(f"{forgotten} runs from before {before:%Y-%m-%d} are forgotten")

    return forget
