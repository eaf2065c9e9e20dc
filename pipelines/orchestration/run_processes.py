"""Which process computes a run, and whether it still lives.

Here: the tag that says so, and marking the runs of dead processes failed, so that no later run waits behind one. Not
here: who calls that (pipelines.orchestration.run_launcher and housekeeping for the daemon, pipelines.cli.runs for the
terminal).

A run whose process was killed, ran out of memory or lost power says nothing more: Dagster keeps it as started for
ever, and the one slot of the warehouse with it.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
import psutil

TAG = "recouple/process"
_SAME_SECONDS = 1.0  # a process's time of birth is computed from the boot's, which may be read a little differently
_UNNAMED_FOR = timedelta(seconds=60)  # a run names its process at its first resource
_UNBORN_FOR = timedelta(seconds=90)  # a process that a former code server started says so by then
_BEGUN = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


@dataclass(frozen=True)
class RunProcess:
    """A process, told from a later one of the same number by when it began.

    run_id: the run that it computes; a run that repeats another begins with the tags of that one.
    """

    host: str
    pid: int
    begun: float
    run_id: str = ""

    @classmethod
    def this(cls, run_id: str) -> RunProcess:
        """The process that asks."""
        own = psutil.Process()
        return cls(socket.gethostname(), own.pid, own.create_time(), run_id)

    @classmethod
    def of(cls, run: dg.DagsterRun) -> RunProcess | None:
        """The process that computes a run; None where it has not said so."""
        found = cls(**json.loads(run.tags[TAG])) if TAG in run.tags else None
        return found if found and found.run_id == run.run_id else None

    @property
    def is_here(self) -> bool:
        """It is one of this machine's, so that its life can be judged."""
        return self.host == socket.gethostname()

    @property
    def lives(self) -> bool:
        """It is there, or nobody here can know."""
        if not self.is_here:
            return True
        try:
            found = psutil.Process(self.pid)
            same = abs(found.create_time() - self.begun) < _SAME_SECONDS
            return same and found.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def tags(self) -> dict[str, str]:
        """As a run carries it."""
        return {TAG: json.dumps(asdict(self))}


def death(run: dg.DagsterRun, started: datetime | None) -> str | None:
    """Why a run in progress will never end, in a sentence; None while it may."""
    process = RunProcess.of(run)
    if process is None:
        if started is None or datetime.now(UTC) - started < _UNNAMED_FOR:
            return None
        return "the run's process ended before it began to work (killed, out of memory or a power cut)"
    if process.lives:
        return None
    return f"the run's process {process.pid} is gone (killed, out of memory or a power cut)"


def started_at(record: dg.RunRecord) -> datetime | None:
    """When a run began to work."""
    return datetime.fromtimestamp(record.start_time, UTC) if record.start_time else None


def fail_dead_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Mark every run failed whose process is gone; returns them as they are now."""
    return _failed(instance, _BEGUN, lambda record: death(record.dagster_run, started_at(record)))


def fail_unborn_runs(instance: dg.DagsterInstance, serving_since: datetime, now: datetime) -> list[dg.DagsterRun]:
    """Mark every run failed that is starting and never will begin. serving_since: when the code server began.

    The code server starts runs and notices a process that dies as it starts. After a power cut, or when both were
    killed, no process is left to notice.
    """

    def unborn(record: dg.RunRecord) -> str | None:
        launched = record.update_timestamp  # when it was called starting
        if launched > serving_since or now - launched < _UNBORN_FOR:
            return None
        return "what was to start the run ended before it began (killed, or a power cut)"

    return _failed(instance, [dg.DagsterRunStatus.STARTING], unborn)


def _failed(
    instance: dg.DagsterInstance,
    statuses: list[dg.DagsterRunStatus],
    why: Callable[[dg.RunRecord], str | None],
) -> list[dg.DagsterRun]:
    marked = []
    for record in instance.get_run_records(dg.RunsFilter(statuses=statuses)):
        run, reason = record.dagster_run, why(record)
        if reason is None:
            continue
        now = instance.get_run_by_id(run.run_id)
        if now is not None and now.status == run.status:  # nobody was faster
            instance.report_run_failed(run, reason)
            marked.append(run)
    return marked
