"""Faults by the hundred: publishing and whole nights killed, disks full, files torn, clocks wrong, nights at once.

    python -m benchmarks.faults --seed 7 --kills 200 --nights 10 --disks 60 --torn 100

Here: the faults, and what must hold after each; everything follows from the seed. Not here: single promises
(tests/serving). After every fault a reader must find one complete run, that before the fault or that of it; the next
undisturbed publication must be served, hold what an undisturbed home holds and leave nothing behind; and whatever
ended by itself must have said why in a sentence.

Each fault happens in a process of its own, forked from one that has loaded the libraries and never used them.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
from rich.table import Table

from assets.framework.errors import KnownFault
from benchmarks.figures import CONSOLE, Figure, compared
from pipelines.publishing import in_force, publish, serving
from pipelines.publishing.in_force import complete_runs, manifest_of
from tests.serving import world
from tests.serving.crashes import ending_at

MOMENTS = 130  # just before and just after every write of a publication of three marts
PUBLISHING_SECONDS = 0.3
HIDDEN = {".lock", ".serving-views"}


@dataclass(frozen=True)
class Outcome:
    """What became of one fault; the violation is empty where everything held."""

    fault: str
    ended: str
    violation: str = ""


# ------------------------------------------------------------------ processes
def forked(work: Callable[[], object], during: Callable[[int], None] | None = None) -> tuple[str, str]:
    """How a process that does `work` ended (`done`, `sentence`, `traceback`, `killed`), and its last words."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        code, said = 0, ""
        try:
            said = str(work() or "")
        except KnownFault as fault:
            code, said = 2, str(fault)
        except KeyboardInterrupt:
            code, said = 130, "interrupted"
        except BaseException:  # noqa: BLE001 - told to the parent, whatever it is
            code, said = 1, traceback.format_exc(limit=-3)
        os.write(writing, said.encode()[-4000:])
        os._exit(code)
    os.close(writing)
    if during is not None:
        during(pid)
    _, status = os.waitpid(pid, 0)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    return {0: "done", 2: "sentence", 130: "interrupted", 1: "traceback"}.get(code, "killed"), said


def small_run(tree: Path, name: str) -> None:
    """One publication of three small marts; the same rows every time."""
    publish._draw_brief = publish._copy = lambda folder: None  # type: ignore[assignment]
    in_force.LEAD_US = 30_000
    logging.getLogger(in_force.__name__).setLevel(logging.ERROR)  # no reader is there that a late entry could mislead
    with world.few_marts():
        world.publish(tree, name)


def shown(tree: Path) -> str:
    """The run that a reader finds, by view and by link; raises where it is not whole."""
    with duckdb.connect(str(tree / "serving.duckdb"), read_only=True) as connection:
        ((run, rows, weeks),) = connection.execute(
            "select (select any_value(run_id) from _meta), (select count(*) from market_state), "
            "(select count(*) from fed_liquidity)"
        ).fetchall()
    assert (rows, weeks) == (2 * world.SESSIONS, 200), f"{rows} and {weeks} rows of {run}"
    manifest = manifest_of((tree / "marts" / "current").resolve())
    assert manifest, "current leads to no run"
    return str(run)


def hashes(tree: Path) -> dict[str, str]:
    """The content of what is in force."""
    manifest = manifest_of((tree / "marts" / "current").resolve())
    return {name: mart["content_hash"] for name, mart in manifest["marts"].items()}


def left_behind(tree: Path) -> list[str]:
    """Files of processes that ended before their time."""
    return sorted(path.name for path in tree.rglob(".*") if path.name not in HIDDEN)


def healed(tree: Path, before: set[str], expected: str) -> str:
    """What does not hold after a fault and one more publication; nothing where all does."""

    def look() -> str:
        seen = shown(tree)
        return "" if seen in before else f"a reader sees {seen}, not one of {sorted(before)}"

    def publish_again() -> str:
        small_run(tree, "after")
        with world.few_marts():
            seen = shown(tree)
        wrong = [] if seen == "after" else [f"{seen} is served after an undisturbed publication"]
        wrong += [f"left behind: {left_behind(tree)}"] if left_behind(tree) else []
        wrong += [] if str(sorted(hashes(tree).items())) == expected else ["other contents than undisturbed"]
        doubled = [run for run, times in Counter(run.name for run in complete_runs(tree)).items() if times > 1]
        return "; ".join([*wrong, *doubled])

    for step in [look] * bool(before) + [publish_again]:
        ended, said = forked(step)
        if ended != "done" or said:
            return f"{step.__name__}: {ended}: {said.strip().splitlines()[-1] if said else ''}"
    return ""


class Ward:
    """A published tree that every fault gets a copy of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.whole = folder / "whole"
        for name in ("first", "second"):
            assert forked(lambda name=name: small_run(self.whole, name))[0] == "done"  # type: ignore[misc]
        self.expected = forked(lambda: str(sorted(hashes(self.whole).items())))[1]

    def patient(self, tree: Path | None = None) -> Path:
        """A fresh copy whose views are its own."""
        tree = tree or self.folder / "patient"
        shutil.rmtree(tree, ignore_errors=True)
        shutil.copytree(self.whole, tree, symlinks=True)

        def settle() -> None:
            with world.few_marts(), in_force.changing(tree):
                folder = in_force.in_force(tree)
                assert folder is not None
                serving.serve(folder, simulated=False)

        assert forked(settle)[0] == "done"
        return tree


# ------------------------------------------------------------------ faults
def killed_at_a_write(ward: Ward, dice: random.Random, number: int) -> Outcome:
    """kill -9 just before or after the n-th write of publishing."""
    tree, moment = ward.patient(), number % MOMENTS + 1

    def work() -> None:
        with ending_at(moment, lambda: os.kill(os.getpid(), signal.SIGKILL)):
            small_run(tree, "killed")

    ended, _ = forked(work)
    return Outcome("kill -9 at a write", ended, healed(tree, {"second", "killed"}, ward.expected))


def signalled(name: str, number: int) -> Callable[[Ward, random.Random, int], Outcome]:
    """A signal at a random moment of publishing."""

    def fault(ward: Ward, dice: random.Random, _: int) -> Outcome:
        tree, wait = ward.patient(), dice.uniform(0, PUBLISHING_SECONDS)

        def strike(pid: int) -> None:
            time.sleep(wait)
            os.kill(pid, number)

        ended, _said = forked(lambda: small_run(tree, "killed"), strike)
        return Outcome(name, ended, healed(tree, {"second", "killed"}, ward.expected))

    return fault


def full_disk(ward: Ward, dice: random.Random, _: int) -> Outcome:
    """A file system that is full after a random number of kilobytes, and then larger."""
    mounted = ward.folder / "small"
    mounted.mkdir(exist_ok=True)
    size_kb = dice.randint(100, 900)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(mounted)], check=True)
    try:
        tree = mounted / "tree"
        before = set()
        with_room = forked(lambda: small_run(tree, "before"))
        if with_room[0] == "done":
            before = {"before", "killed"}
        ended, said = forked(lambda: small_run(tree, "killed"))
        if ended == "traceback":
            return Outcome("disk full", ended, said.strip().splitlines()[-1])
        subprocess.run(["mount", "-o", "remount,size=20m", str(mounted)], check=True)
        return Outcome("disk full", ended, healed(tree, before, ward.expected))
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def read_only(ward: Ward, dice: random.Random, _: int) -> Outcome:
    """A home that cannot be written to, and then can."""
    mounted = ward.folder / "locked"
    mounted.mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(mounted)], check=True)
    try:
        tree = ward.patient(mounted / "tree")
        subprocess.run(["mount", "-o", "remount,ro", str(mounted)], check=True)
        ended, said = forked(lambda: small_run(tree, "killed"))
        subprocess.run(["mount", "-o", "remount,rw", str(mounted)], check=True)
        violation = said.strip().splitlines()[-1] if ended == "traceback" else ""
        return Outcome("home read-only", ended, violation or healed(tree, {"second"}, ward.expected))
    finally:
        subprocess.run(["umount", str(mounted)], check=True)


def wrong_clock(ward: Ward, dice: random.Random, _: int) -> Outcome:
    """A publication while the clock is days ahead or behind, then the right time again."""
    tree, off = ward.patient(), timedelta(hours=dice.choice([-48, -25, -1, 1, 25, 48]))
    real = in_force.now_us

    def work() -> None:
        in_force.now_us = lambda: real() + off // timedelta(microseconds=1)
        world.datetime = _Shifted(off)  # type: ignore[assignment]
        small_run(tree, "killed")

    ended, said = forked(work)
    violation = said.strip().splitlines()[-1] if ended == "traceback" else ""
    return Outcome("clock wrong", ended, violation or healed(tree, {"second", "killed"}, ward.expected))


@dataclass(frozen=True)
class _Shifted:
    """The clock of the small world, off by some hours."""

    off: timedelta

    def __call__(self, *parts: int) -> datetime:
        return datetime(*parts)  # type: ignore[arg-type]

    def now(self, zone: object) -> datetime:
        return datetime.now(UTC) + self.off


def at_once(ward: Ward, dice: random.Random, _: int) -> Outcome:
    """Two or four publications into one tree at the same time."""
    tree, number = ward.patient(), dice.choice([2, 4])
    pids = []
    for n in range(number):
        pid = os.fork()
        if pid == 0:
            try:
                small_run(tree, f"at-once{n}")
            except BaseException:  # noqa: BLE001 - any end but a good one is counted
                os._exit(1)
            os._exit(0)
        pids.append(pid)
    failed = sum(os.waitpid(pid, 0)[1] != 0 for pid in pids)
    violation = f"{failed} of {number} failed" if failed else ""
    seen = {f"at-once{n}" for n in range(number)}
    return Outcome("nights at once", "done", violation or healed(tree, seen, ward.expected))


def torn(ward: Ward, dice: random.Random, _: int) -> Outcome:
    """Up to three files of the home cut short, emptied, overwritten or gone; folders gone too."""
    tree = ward.patient()
    current = (tree / "marts" / "current").resolve()
    kept = [path for path in tree.rglob("*") if path.exists() and "warehouse" not in path.name]
    spared = next(run for run in complete_runs(tree) if run != current)  # something must be left to heal from
    targets = [path for path in kept if spared not in (path, *path.parents) and path != tree / "marts"]
    for path in dice.sample(targets, min(len(targets), dice.randint(1, 3))):
        _spoil(path, dice)
    return Outcome("files torn", "done", healed(tree, set(), ward.expected))


def _spoil(path: Path, dice: random.Random) -> None:
    if path.is_symlink() or not path.exists():
        path.unlink(missing_ok=True)
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        path.chmod(0o644)
        size = path.stat().st_size
        how = dice.choice(["cut", "empty", "noise", "gone"])
        if how == "gone":
            path.unlink()
        elif how == "noise":
            path.write_bytes(dice.randbytes(max(size, 64)))
        else:
            os.truncate(path, dice.randrange(size) if how == "cut" and size else 0)


# ------------------------------------------------------------------ whole nights
def killed_nights(folder: Path, dice: random.Random, number: int) -> list[Outcome]:
    """Whole nights on the simulated market, killed at random moments; then one that nobody disturbs."""
    command = [sys.executable, "-m", "pipelines.cli", "nightly"]

    def night(home: Path, *, strike: tuple[float, int] | None = None) -> tuple[int, str]:
        environment = {**os.environ, "RECOUPLE_SOURCE": "sample", "RECOUPLE_HOME": str(home)}
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if strike is not None:
            try:
                process.wait(strike[0])
            except subprocess.TimeoutExpired:
                process.send_signal(strike[1])
        said, _ = process.communicate()
        return process.returncode, said

    begun = time.monotonic()
    assert night(folder / "calm")[0] == 0
    length = time.monotonic() - begun
    shutil.copytree(folder / "calm", folder / "rough", symlinks=True)
    outcomes = []
    for _ in range(number):
        signal_number = dice.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
        code, said = night(folder / "rough", strike=(dice.uniform(1, length), signal_number))
        told = "Traceback" in said and signal_number != signal.SIGKILL
        outcomes.append(Outcome(f"night, {signal.Signals(signal_number).name}", str(code), "traceback" if told else ""))
    code, said = night(folder / "rough")
    wrong = [] if code == 0 else [said.strip().splitlines()[-1]]
    wrong += [] if hashes(folder / "rough") == hashes(folder / "calm") else ["other contents than undisturbed"]
    wrong += [f"left behind: {left}"] if (left := left_behind(folder / "rough" / "marts")) else []
    outcomes.append(Outcome("night after them", str(code), "; ".join(wrong)))
    return outcomes


# ------------------------------------------------------------------ the matrix
def storm(seed: int, *, kills: int, disks: int, torn_homes: int, others: int, nights: int) -> list[Outcome]:
    """Everything, in the order of the seed."""
    dice = random.Random(seed)
    plan: list[tuple[int, Callable[[Ward, random.Random, int], Outcome]]] = [
        (kills, killed_at_a_write),
        (kills // 2, signalled("kill -9 at random", signal.SIGKILL)),
        (others, signalled("SIGTERM", signal.SIGTERM)),
        (others, signalled("SIGINT", signal.SIGINT)),
        (disks, full_disk),
        (others, wrong_clock),
        (others, at_once),
        (torn_homes, torn),
        (min(others, 5), read_only),
    ]
    with tempfile.TemporaryDirectory() as folder:
        ward = Ward(Path(folder))
        outcomes: list[Outcome] = []
        for times, fault in plan:
            outcomes += [fault(ward, dice, number) for number in range(times)]
            _progress(outcomes)
        return outcomes + (killed_nights(Path(folder), dice, nights) if nights else [])


def _progress(outcomes: list[Outcome]) -> None:
    """A storm takes a while; what was found by then is not lost with the process."""
    found = sum(bool(outcome.violation) for outcome in outcomes)
    sys.stderr.write(
        f"{len(outcomes)} faults, {found} violations, last: {outcomes[-1].fault if outcomes else 'none'}\n"
    )


def show(outcomes: list[Outcome]) -> None:
    """The matrix: how often each fault, how it ended, what did not hold."""
    table = Table("fault", "times", "ended", "violations")
    for fault in dict.fromkeys(outcome.fault for outcome in outcomes):
        of_it = [outcome for outcome in outcomes if outcome.fault == fault]
        ended = ", ".join(f"{word} {times}" for word, times in Counter(o.ended for o in of_it).most_common())
        table.add_row(fault, str(len(of_it)), ended, str(sum(bool(o.violation) for o in of_it)))
    CONSOLE.print(table)
    for outcome in outcomes:
        if outcome.violation:
            CONSOLE.print(f"{outcome.fault}: {outcome.violation}", markup=False)


def run() -> list[Figure]:
    """For `make bench`: a tenth of what is asked for by hand."""
    outcomes = storm(1, kills=20, disks=6 if os.geteuid() == 0 else 0, torn_homes=10, others=4, nights=2)
    violations = float(sum(bool(outcome.violation) for outcome in outcomes))
    return [compared("faults: what did not hold", violations, "violations", "faults", float(len(outcomes)))]


def main() -> None:
    """By hand, with numbers and a seed."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("seed", 1), ("kills", 200), ("disks", 60), ("torn", 100), ("others", 25), ("nights", 10)):
        ask.add_argument(f"--{name}", type=int, default=default)
    said = ask.parse_args()
    outcomes = storm(
        said.seed, kills=said.kills, disks=said.disks, torn_homes=said.torn, others=said.others, nights=said.nights
    )
    show(outcomes)
    sys.exit(any(outcome.violation for outcome in outcomes))


if __name__ == "__main__":
    main()
