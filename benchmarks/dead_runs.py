"""How soon the next run starts after one was killed: kill -9 of nightlies at random moments under `recouple dev`.

Run as `python -m benchmarks.dead_runs 50`. The schedule ticks every minute on the simulated market, so a tick is never
far; each kill hits the run's own process, or every second time one at the terminal. Not here: a short slice of it
(tests/serving/test_run_control.py).
"""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import dagster as dg
import psutil

from pipelines.orchestration.instance import open_instance
from pipelines.orchestration.run_processes import RunProcess

ALLOWED_SECONDS = 120
_SEED = 12
_IN_PROGRESS = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])


def main(kills: int) -> None:
    """Kill, wait for the next start, print how long it took."""
    home = Path(tempfile.mkdtemp(prefix="recouple-dead-runs-"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"RECOUPLE_SOURCE": "sample", "RECOUPLE_HOME": str(home), "RECOUPLE_AS_OF": ""}
    program = str(Path(sys.executable).with_name("recouple"))
    with (home / "dev.log").open("w") as log:
        dev = subprocess.Popen(
            [program, "dev", "--port", str(port)],
            env=environment | {"RECOUPLE_NIGHTLY_CRON": "* * * * *"},
            stdout=log,
            stderr=log,
        )
        try:
            with open_instance(home) as instance:
                waits = [_killed(instance, program, environment, n) for n in range(kills)]
        finally:
            dev.send_signal(signal.SIGTERM)
            dev.wait(timeout=60)
    late = sum(wait > ALLOWED_SECONDS for wait in waits)
    print(f"{len(waits) - late} of {len(waits)} next runs began within {ALLOWED_SECONDS} s; longest {max(waits):.0f} s")


def _killed(instance: dg.DagsterInstance, program: str, environment: dict[str, str], n: int) -> float:
    """Kill one run at a random moment; seconds until the next one of the schedule began."""
    moments = random.Random(_SEED + n)
    terminal = None
    if n % 2:
        _until_idle(instance)
        terminal = subprocess.Popen([program, "nightly"], env=environment, stderr=subprocess.DEVNULL)
    run = _running(instance)
    time.sleep(moments.uniform(0, 15))
    record = instance.get_run_by_id(run.run_id)
    process = RunProcess.of(record) if record else None
    pid = terminal.pid if terminal else process.pid if process else None
    where = "terminal" if terminal else "schedule"
    killed_at = time.time()
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    if terminal:
        terminal.wait()
    while True:
        newest = instance.get_run_records(limit=3)
        began = [r.start_time for r in newest if r.start_time and r.start_time > killed_at]
        if began:
            wait = min(began) - killed_at
            ended = instance.get_run_by_id(run.run_id)
            became = ended.status.value if ended else "unknown"
            print(f"{n + 1:3} {where:<8} now {became:<8} next began after {wait:.0f} s")
            sys.stdout.flush()
            return wait
        if time.time() - killed_at > 3 * ALLOWED_SECONDS:
            return time.time() - killed_at
        time.sleep(0.5)


def _running(instance: dg.DagsterInstance) -> dg.DagsterRun:
    while not (runs := [r for r in instance.get_runs(_IN_PROGRESS) if _lives(r)]):
        time.sleep(0.2)
    return runs[0]


def _until_idle(instance: dg.DagsterInstance) -> None:
    while [r for r in instance.get_runs(_IN_PROGRESS) if _lives(r)]:
        time.sleep(0.2)


def _lives(run: dg.DagsterRun) -> bool:
    process = RunProcess.of(run)
    return process is not None and process.lives and psutil.pid_exists(process.pid)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
