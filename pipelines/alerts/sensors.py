"""What Dagster's daemon calls when a run it started has ended.

Here: the two sensors that tell of runs of the schedule and the UI. Not here: what is told
(pipelines.alerts.delivery); runs of the terminal tell by themselves (pipelines.cli.runs), and the ledger keeps the
two from telling twice.
"""

from __future__ import annotations

from typing import Any

import dagster as dg

from pipelines.alerts import delivery as alerts
from pipelines.orchestration.run_report import events_of, report_of
from pipelines.settings import Settings


def alert_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """None where nobody is to be told."""
    if not settings.alert_urls:
        return []

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS,
        name="tell_what_changed",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="After a run that published: regimes that changed, divergences, data gone stale.",
    )
    def tell_what_changed(context: dg.RunStatusSensorContext) -> None:
        _tell(settings, context)

    @dg.run_failure_sensor(
        name="tell_of_failure",
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="After a nightly that failed: one message for each cause and night.",
    )
    def tell_of_failure(context: dg.RunFailureSensorContext) -> None:
        _tell(settings, context)

    return [tell_what_changed, tell_of_failure]


def _tell(settings: Settings, context: dg.RunStatusSensorContext) -> None:
    run = context.dagster_run
    if _is_elsewhere(settings, run):
        return
    alerts.tell(settings, report_of(run, *events_of(context.instance, run.run_id)))


def _is_elsewhere(settings: Settings, run: dg.DagsterRun) -> bool:
    """A run with an as-of date or a source of its own, chosen in the launchpad: it is not this home's nightly."""
    config: Any = run.run_config
    chosen = config.get("resources", {}).get("run", {}).get("config", {})
    return bool(chosen.get("as_of")) or chosen.get("source", settings.source) != settings.source
