"""How soon the next run starts after one was killed: kill -9 of nightlies at random moments under `recouple dev`.

Run as `python -m benchmarks.dead_runs 50`. The schedule ticks every minute on the simulated market, so a tick is never
far; four of five kills hit a nightly of the schedule, the others one at the terminal. Not here: a short slice of it
(tests/serving/test_run_control.py).
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg
import psutil

from pipelines.orchestration.instance import open_instance
from pipelines.orchestration.run_processes import RunProcess
from tests.serving.dagster_ui import served
from tests.serving.programs import awaited

ALLOWED_SECONDS = 120
_SEED = 12
_LATEST_SECONDS = 25  # into a nightly, which takes about as long where nothing else runs
_GIVE_UP_SECONDS = 600
_IN_PROGRESS = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]


def main(kills: int) -> None:
    """Kill, wait for the next start, print how long it took."""
    home = Path(tempfile.mkdtemp(prefix="recouple-dead-runs-"))
    moments = random.Random(_SEED)
    with served(home, {"RECOUPLE_NIGHTLY_CRON": "* * * * *"}), open_instance(home) as instance:
        waits: list[float] = []
        while len(waits) < kills:
            kind = _of_the_terminal if len(waits) % 5 == 4 else _of_the_schedule
            with kind(instance, home) as process:
                into = moments.uniform(0, _LATEST_SECONDS)
                if not _killed(process, into):
                    continue
                waits.append(_next_start(instance, time.time()))
            print(
                f"{len(waits):3}{kind.__name__.replace('_', ' ')}, {into:.1f} s in: next began after {waits[-1]:.0f} s"
            )
            sys.stdout.flush()
    late = sum(wait > ALLOWED_SECONDS for wait in waits)
    print(f"{len(waits) - late} of {len(waits)} next runs began within {ALLOWED_SECONDS} s; longest {max(waits):.0f} s")


def _killed(process: psutil.Process, after_seconds: float) -> bool:
    """Kill it after some seconds; whether it had not ended before."""
    try:
        process.wait(timeout=after_seconds)
    except psutil.TimeoutExpired:
        process.kill()
        return True
    return False


@contextmanager
def _of_the_schedule(instance: dg.DagsterInstance, home: Path) -> Iterator[psutil.Process]:
    """The process of the run that the daemon has begun, or of the next as soon as there is one."""
    yield awaited(lambda: next(iter(_workers()), None))


@contextmanager
def _of_the_terminal(instance: dg.DagsterInstance, home: Path) -> Iterator[psutil.Process]:
    """A nightly of the terminal, begun while none of the schedule is in progress."""
    awaited(lambda: not instance.get_runs(dg.RunsFilter(statuses=_IN_PROGRESS)))
    environment = os.environ | {"RECOUPLE_SOURCE": "sample", "RECOUPLE_HOME": str(home), "RECOUPLE_AS_OF": ""}
    program = str(Path(sys.executable).with_name("recouple"))
    with subprocess.Popen([program, "nightly"], env=environment, stderr=subprocess.DEVNULL) as nightly:
        awaited(lambda: nightly.poll() is not None or _has_begun(instance, nightly.pid))
        yield psutil.Process(nightly.pid)


def _workers() -> list[psutil.Process]:
    """Processes that compute runs of the daemon: what the code server spawns."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if "--multiprocessing-fork" in process.cmdline():
                found.append(process)
    return found


def _has_begun(instance: dg.DagsterInstance, pid: int) -> bool:
    processes = [RunProcess.of(run) for run in instance.get_runs(limit=5)]
    return any(process is not None and process.pid == pid for process in processes)


def _next_start(instance: dg.DagsterInstance, killed_at: float) -> float:
    """Seconds until the next run began; the time it took so far where none does."""

    def started() -> float | None:
        newest = instance.get_run_records(limit=10)
        return min((r.start_time for r in newest if r.start_time and r.start_time > killed_at), default=None)

    return (awaited(started, _GIVE_UP_SECONDS) or time.time()) - killed_at


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
