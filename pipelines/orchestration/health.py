"""How the nights go: what Dagster's instance says of the last one, of its daemon and of the schedule.

Here: facts read from the instance. Not here: what is wrong with them and what to do (pipelines.cli.installation), what
came of one run (pipelines.orchestration.run_report).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import psutil
from cronsim import CronSim

from pipelines.home import Home
from pipelines.orchestration.dead_nights import REPEATS
from pipelines.orchestration.instance import open_instance
from pipelines.orchestration.run_report import RunReport, report_of
from pipelines.orchestration.schedules import nightly_schedule

_STARTING = timedelta(minutes=2)  # a run that has begun may not have opened the warehouse yet
_BEAT = timedelta(minutes=5)  # Dagster's daemons give a sign every 30 seconds


@dataclass(frozen=True)
class Night:
    """The last nightly that has ended."""

    run_id: str
    began: datetime
    ended: datetime
    success: bool
    failures: tuple[str, ...]
    quarantined: int
    step_seconds: Mapping[str, float]
    runs_again: bool = False  # its process died, and the daemon starts it once more
    first_try: tuple[str, ...] = ()  # why the run failed that this one repeats

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.ended - self.began).total_seconds()


@dataclass(frozen=True)
class Health:
    """What the instance says at one moment."""

    last_night: Night | None
    last_success: datetime | None
    dead_runs: tuple[str, ...]
    daemon_seen: datetime | None
    schedule_on: bool
    next_night: datetime

    def daemon_alive(self, now: datetime) -> bool:
        """Something starts the nights."""
        return self.daemon_seen is not None and now - self.daemon_seen < _BEAT


def health(home: Path, now: datetime) -> Health | None:
    """Of a home; None where Dagster has never run in it."""
    if not Home(home).dagster.is_dir():
        return None
    with open_instance(home) as instance:
        ended = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
        last = _newest(instance, ended)
        success = _newest(instance, [dg.DagsterRunStatus.SUCCESS])
        beats = [beat.timestamp for beat in instance.get_daemon_heartbeats().values()]
        return Health(
            last_night=_night(instance, last) if last else None,
            last_success=_moment(success.end_time) if success else None,
            dead_runs=_dead(instance, home, now),
            daemon_seen=_moment(max(beats)) if beats else None,
            schedule_on=_schedule_on(instance),
            next_night=next_night(now),
        )


def next_night(now: datetime) -> datetime:
    """When the schedule's next tick comes."""
    zone = ZoneInfo(str(nightly_schedule.execution_timezone))
    return next(CronSim(str(nightly_schedule.cron_schedule), now.astimezone(zone))).astimezone(UTC)


def _newest(instance: dg.DagsterInstance, statuses: list[dg.DagsterRunStatus]) -> dg.RunRecord | None:
    found = instance.get_run_records(dg.RunsFilter(job_name="nightly", statuses=statuses), limit=1)
    return found[0] if found else None


def _night(instance: dg.DagsterInstance, record: dg.RunRecord) -> Night:
    run, ended = record.dagster_run, _moment(record.end_time)
    report = _report(instance, run, ended)
    steps = instance.get_run_step_stats(run.run_id)
    return Night(
        run_id=run.run_id,
        began=_moment(record.start_time) if record.start_time else ended,
        ended=ended,
        success=run.status == dg.DagsterRunStatus.SUCCESS,
        failures=report.failures,
        runs_again=report.runs_again,
        first_try=_first_try(instance, run),
        quarantined=report.quarantined,
        step_seconds={
            step.step_key.replace("__", "."): step.end_time - step.start_time
            for step in steps
            if step.start_time and step.end_time
        },
    )


def _first_try(instance: dg.DagsterInstance, run: dg.DagsterRun) -> tuple[str, ...]:
    first = instance.get_run_record_by_id(run.tags[REPEATS]) if REPEATS in run.tags else None
    return _report(instance, first.dagster_run, _moment(first.end_time)).failures if first else ()


def _report(instance: dg.DagsterInstance, run: dg.DagsterRun, ended: datetime) -> RunReport:
    events = [entry.dagster_event for entry in instance.all_logs(run.run_id) if entry.dagster_event]
    return report_of(run, events, ended)


def _dead(instance: dg.DagsterInstance, home: Path, now: datetime) -> tuple[str, ...]:
    """Runs that say they run while no process of this machine has the warehouse open."""
    records = instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    old = [r.dagster_run.run_id for r in records if r.start_time and now - _moment(r.start_time) > _STARTING]
    return tuple(old) if old and not _in_use(Home(home).warehouse) else ()


def _in_use(path: Path) -> bool:
    wanted = str(path.resolve())
    for process in psutil.process_iter():
        try:
            if any(opened.path == wanted for opened in process.open_files()):
                return True
        except psutil.Error:  # gone meanwhile, or not ours to look at
            continue
    return False


def _schedule_on(instance: dg.DagsterInstance) -> bool:
    """Its default is on; a person may have switched it off in the UI."""
    states = [state for state in instance.all_instigator_state() if state.name == nightly_schedule.name]
    return all(state.is_running for state in states)


def _moment(seconds: float | None) -> datetime:
    return datetime.fromtimestamp(seconds or 0.0, UTC)
