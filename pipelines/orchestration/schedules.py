"""When the nightly runs.

Here: the one schedule. Not here: what it runs (pipelines.orchestration.jobs), the hour and why (pipelines.settings).
"""

from __future__ import annotations

import dagster as dg

from pipelines.orchestration.jobs import nightly
from pipelines.settings import Settings


def schedule_of(settings: Settings) -> dg.ScheduleDefinition:
    """On from the first start, in New York's time."""
    return dg.ScheduleDefinition(
        name="nightly_schedule",
        job=nightly,
        cron_schedule=settings.nightly_cron,
        execution_timezone="America/New_York",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Weekdays 22:45 New York: after the US close, the Fed's releases and the crypto close. "
        "RECOUPLE_NIGHTLY_CRON sets another time.",
    )


nightly_schedule = schedule_of(Settings())
