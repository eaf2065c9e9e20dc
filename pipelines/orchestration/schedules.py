"""When the nightly runs.

Here: the one schedule. Not here: what it runs (pipelines.orchestration.jobs).
"""

from __future__ import annotations

import dagster as dg

from pipelines.orchestration.jobs import nightly

# 22:45 in New York is after the equity close (16:00), after the H.4.1 release (Thursdays 16:30), after 00:00 UTC, the
# crypto close, in summer and in winter, and after the hour by which Yahoo has settled the day's bars (recordings show
# live-stamped bars 1 h 42 min after the close and settled ones by 22:19). A night missed is made up by the next run:
# ingestion fetches since what is stored.
nightly_schedule = dg.ScheduleDefinition(
    name="nightly_schedule",
    job=nightly,
    cron_schedule="45 22 * * 1-5",
    execution_timezone="America/New_York",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Weekdays 22:45 New York: after the US close, the Fed's releases and the crypto close.",
)

SCHEDULES = [nightly_schedule]
