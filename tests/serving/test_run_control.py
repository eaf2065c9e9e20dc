"""A run can be ended, or end itself in any way, and the next one starts: signals, kill -9, a taken port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from pipelines.orchestration.dead_nights import NOT_AGAIN, REPEATS, again
from pipelines.orchestration.instance import open_instance
from pipelines.orchestration.run_processes import RunProcess, death, fail_dead_runs, fail_unborn_runs

ROOT = Path(__file__).parents[2]
RECOUPLE = Path(sys.executable).with_name("recouple")
ENOUGH_S = 120


@contextmanager
def started(home: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
    """A command in the background, its end awaited."""
    environment = os.environ | {"RECOUPLE_SOURCE": "sample", "RECOUPLE_HOME": str(home), "RECOUPLE_AS_OF": ""}
    with subprocess.Popen(
        [RECOUPLE, *command], cwd=ROOT, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def until(process: subprocess.Popen[str], said: str) -> None:
    """Read what it says up to these words."""
    assert process.stderr
    assert any(said in line for line in process.stderr), f"it ended without saying {said}"


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cancels_the_run_and_ends_in_one_sentence(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    with started(tmp_path, "nightly") as nightly:
        until(nightly, "core.symbols")
        nightly.send_signal(sent)
        _, rest = nightly.communicate(timeout=ENOUGH_S)
    assert nightly.returncode == code
    assert "Traceback" not in rest
    assert rest.splitlines()[-1].startswith("nightly was cancelled after")
    with open_instance(tmp_path) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.CANCELED]


def hears(pid: int) -> bool:
    """Whether a process has begun to hear signals itself."""
    blocked = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("SigBlk"))
    return bool(int(blocked.split()[1], 16) >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("command", ["nightly", "dev", "explore", "status"])
def test_a_signal_while_libraries_are_loaded_ends_any_command_in_one_sentence(tmp_path: Path, command: str) -> None:
    with started(tmp_path, command) as process:
        while not hears(process.pid):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=ENOUGH_S)
    assert (process.returncode, said) == (130, "recouple: cancelled by SIGINT\n")


def test_a_killed_nightly_gives_its_place_to_the_next_run(tmp_path: Path) -> None:
    with started(tmp_path, "nightly") as nightly:
        until(nightly, "core.symbols")
        nightly.kill()
        nightly.wait(ENOUGH_S)
    with open_instance(tmp_path) as instance:
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.STARTED]
        assert instance.run_launcher.supports_check_run_worker_health  # so the daemon asks for it every few seconds
        health = instance.run_launcher.check_run_worker_health(instance.get_runs()[0])
        assert health.status.value == "FAILED"
        assert len(fail_dead_runs(instance)) == 1
        assert fail_dead_runs(instance) == []
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]


def run_of(process: RunProcess) -> dg.DagsterRun:
    """The run `a`, which carries the process in its tags."""
    return dg.DagsterRun(job_name="nightly", run_id="a", tags=process.tags())


def test_a_run_whose_process_lives_is_left_alone() -> None:
    assert death(run_of(RunProcess.this("a")), None) is None


def test_a_process_of_the_same_number_is_not_the_runs() -> None:
    mine = RunProcess.this("a")
    before = RunProcess(mine.host, mine.pid, mine.begun - 3600, "a")
    assert "is gone" in (death(run_of(before), None) or "")


def test_a_run_that_repeats_a_dead_one_is_not_taken_for_it() -> None:
    mine = RunProcess.this("a")
    repeated = run_of(RunProcess(mine.host, mine.pid, mine.begun - 3600, "the dead one"))
    assert death(repeated, datetime.now(UTC)) is None


@pytest.mark.parametrize(
    ("status", "tags", "is_repeated"),
    [
        (dg.DagsterRunStatus.FAILURE, {}, True),
        (dg.DagsterRunStatus.FAILURE, {"dagster/failure_reason": "UNEXPECTED_TERMINATION"}, True),
        (dg.DagsterRunStatus.FAILURE, {"dagster/failure_reason": "STEP_FAILURE"}, False),
        (dg.DagsterRunStatus.FAILURE, {REPEATS: "the first"}, False),
        (dg.DagsterRunStatus.FAILURE, NOT_AGAIN, False),
        (dg.DagsterRunStatus.CANCELED, {}, False),
        (dg.DagsterRunStatus.STARTED, {}, False),
    ],
)
def test_the_newest_night_is_run_again_where_it_died(
    status: dg.DagsterRunStatus, tags: dict[str, str], is_repeated: bool
) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(nothing, status=status, tags=tags)
        asked = again(instance)
    assert (asked.run_key if asked else None) == (run.run_id if is_repeated else None)


def test_a_run_that_was_starting_when_the_power_failed_is_given_up_within_two_minutes(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        run = instance.create_run_for_job(nothing, status=dg.DagsterRunStatus.STARTING)
        launched = datetime.now(UTC)
        booted, later = launched + timedelta(seconds=20), launched + timedelta(seconds=100)
        assert fail_unborn_runs(instance, launched - timedelta(days=1), later) == []  # what starts it is there
        assert fail_unborn_runs(instance, booted, booted) == []
        assert [found.run_id for found in fail_unborn_runs(instance, booted, later)] == [run.run_id]
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]


@dg.job(name="nightly")
def nothing() -> None:
    """A job that is never begun."""


def test_what_runs_on_another_machine_is_not_judged() -> None:
    assert death(run_of(RunProcess("elsewhere", 1, 0.0, "a")), None) is None


def test_a_taken_port_ends_dev_with_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with started(tmp_path, "dev", "--port", str(port)) as dev:
            _, said = dev.communicate(timeout=ENOUGH_S)
    assert dev.returncode == 2
    assert said.startswith(f"recouple: port {port} of 127.0.0.1 is taken by ")
    assert said.count("\n") == 1
