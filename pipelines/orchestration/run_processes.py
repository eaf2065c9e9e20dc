"""Which process computes a run, and whether it still lives.

Here: the tag that says so, and marking the runs of dead processes failed, so that no later run waits behind one. Not
here: who calls that (pipelines.orchestration.run_launcher for the daemon, pipelines.cli.runs for the terminal).

A run whose process was killed, ran out of memory or lost power says nothing more: Dagster keeps it as started for
ever, and the one slot of the warehouse with it.
"""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
import psutil

TAG = "recouple/process"
_SAME_SECONDS = 1.0  # a process's time of birth is computed from the boot's, which may be read a little differently
_UNNAMED_FOR = timedelta(seconds=60)  # a run names its process at its first resource


@dataclass(frozen=True)
class RunProcess:
    """A process, told from a later one of the same number by when it began."""

    host: str
    pid: int
    begun: float

    @classmethod
    def this(cls) -> RunProcess:
        """The process that asks."""
        own = psutil.Process()
        return cls(socket.gethostname(), own.pid, own.create_time())

    @classmethod
    def of(cls, run: dg.DagsterRun) -> RunProcess | None:
        """The process that computes a run; None where it has not said so."""
        tag = run.tags.get(TAG)
        return cls(**json.loads(tag)) if tag else None

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
    in_progress = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
    marked = []
    for record in instance.get_run_records(in_progress):
        run = record.dagster_run
        reason = death(run, started_at(record))
        if reason is None:
            continue
        instance.report_run_failed(run, reason)
        marked.append(run)
    return marked
