"""Faults by the thousand: publishing and whole nights killed, disks full, files torn, clocks wrong, nights at once.

    python -m benchmarks.faults --seed 7 --kills 200 --states 780 --nights 20 --disks 60 --torn 80 --others 40

Here: the faults of publishing, and what must hold after each; everything follows from the seed. Not here: whole nights
(benchmarks.struck_nights), single promises (tests/serving). After every fault a reader must find one complete run, that
before the fault or that of it; the next undisturbed publication must be served, hold what an undisturbed home holds and
leave nothing behind; and whatever ended by itself must have said why in a sentence.
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
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
from rich.table import Table

from benchmarks.figures import CONSOLE, Figure, compared
from benchmarks.processes import Outcome, forked, forked_for, last_line, left_behind, unspoken, worked_for
from benchmarks.struck_nights import StruckNights, hashes
from pipelines.cli.interruption import hear_signals
from pipelines.publishing import in_force, publish
from pipelines.publishing.in_force import complete_runs, manifest_of
from tests.serving import world
from tests.serving.crashes import ending_at

MOMENTS = 130  # just before and just after every write of a publication of three marts


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


def healed(tree: Path, before: set[str], expected: str) -> str:
    """What does not hold after a fault and one more publication; nothing where all does."""

    def look_and_publish() -> str:
        seen = shown(tree) if before else ""
        if seen and seen not in before:
            return f"a reader sees {seen}, not one of {sorted(before)}"
        small_run(tree, "after")
        seen = shown(tree)
        wrong = [] if seen == "after" else [f"{seen} is served after an undisturbed publication"]
        wrong += [f"left behind: {left_behind(tree)}"] if left_behind(tree) else []
        wrong += [] if str(sorted(hashes(tree).items())) == expected else ["other contents than undisturbed"]
        doubled = [run for run, times in Counter(run.name for run in complete_runs(tree)).items() if times > 1]
        return "; ".join([*wrong, *doubled])

    ended, said = forked(look_and_publish)
    return "" if ended == "done" and not said else f"{ended}: {last_line(said)}"


class Ward:
    """One place where every fault finds the same published tree; views name their folder, so it never moves."""

    def __init__(self, folder: Path) -> None:
        self.place, self._whole = folder / "place", folder / "whole"
        self.place.mkdir()
        self.tree = self.place / "tree"
        for name in ("first", "second"):
            self.length = forked_for(lambda name=name: small_run(self.tree, name))  # type: ignore[misc]
        self.expected = forked(lambda: str(sorted(hashes(self.tree).items())))[1]
        shutil.copytree(self.tree, self._whole, symlinks=True)

    def patient(self) -> Path:
        """The tree as it was before the fault."""
        shutil.rmtree(self.tree, ignore_errors=True)
        return Path(shutil.copytree(self._whole, self.tree, symlinks=True))

    @contextmanager
    def mounted(self, size: str) -> Iterator[Callable[[str], object]]:
        """A small file system in the place of the tree, while this lasts, and how to mount it otherwise."""

        def mount(*options: str) -> None:
            subprocess.run(["mount", *options, str(self.place)], check=True)

        mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs")
        try:
            yield lambda option: mount("-o", f"remount,{option}")
        finally:
            subprocess.run(["umount", str(self.place)], check=True)


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
    """A signal at a random moment of publishing, heard as the command hears it."""

    def fault(ward: Ward, dice: random.Random, _: int) -> Outcome:
        tree, moment = ward.patient(), dice.uniform(0, ward.length)

        def strike(pid: int) -> None:
            worked_for(pid, moment)
            os.kill(pid, number)

        with tempfile.TemporaryFile() as errors:

            def work() -> None:
                os.dup2(errors.fileno(), 2)
                hear_signals()
                small_run(tree, "killed")

            before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})  # until they are heard
            ended, said = forked(work, strike)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            errors.seek(0)
            said += errors.read().decode()
        code = {"done": 0, "cancelled": 128 + number}.get(ended, 1)
        violation = unspoken(said, number, code)
        return Outcome(name, ended, violation or healed(tree, {"second", "killed"}, ward.expected))

    return fault


def full_disk(ward: Ward, dice: random.Random, _: int) -> Outcome:
    """A file system that is full after a random number of kilobytes, and then larger."""
    with ward.mounted(f"{dice.randint(100, 900)}k") as remount:
        with_room = forked(lambda: small_run(ward.tree, "before"))
        before = {"before", "killed"} if with_room[0] == "done" else set()
        ended, said = forked(lambda: small_run(ward.tree, "killed"))
        if ended == "traceback":
            return Outcome("disk full", ended, last_line(said))
        remount("size=20m")
        return Outcome("disk full", ended, healed(ward.tree, before, ward.expected))


def read_only(ward: Ward, dice: random.Random, _: int) -> Outcome:
    """A home that cannot be written to, and then can."""
    with ward.mounted("20m") as remount:
        tree = ward.patient()
        remount("ro")
        ended, said = forked(lambda: small_run(tree, "killed"))
        remount("rw")
        violation = last_line(said) if ended == "traceback" else ""
        return Outcome("home read-only", ended, violation or healed(tree, {"second"}, ward.expected))


def wrong_clock(ward: Ward, dice: random.Random, _: int) -> Outcome:
    """A publication while the clock is days ahead or behind, then the right time again."""
    tree, off = ward.patient(), timedelta(hours=dice.choice([-48, -25, -1, 1, 25, 48]))
    real = in_force.now_us

    def work() -> None:
        in_force.now_us = lambda: real() + off // timedelta(microseconds=1)
        world.datetime = _Shifted(off)  # type: ignore[assignment]
        small_run(tree, "killed")

    ended, said = forked(work)
    violation = last_line(said) if ended == "traceback" else ""
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


def torn_home(ward: Ward, dice: random.Random, _: int) -> Outcome:
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


# ------------------------------------------------------------------ the matrix
def storm(seed: int, *, kills: int, disks: int, torn: int, others: int, nights: int, states: int) -> Iterator[Outcome]:
    """Everything, in the order of the seed."""
    dice = random.Random(seed)
    plan: list[tuple[int, Callable[[Ward, random.Random, int], Outcome]]] = [
        (kills - kills // 3, killed_at_a_write),
        (kills // 3, signalled("kill -9 at random", signal.SIGKILL)),
        (others, signalled("SIGTERM", signal.SIGTERM)),
        (others, signalled("SIGINT", signal.SIGINT)),
        (disks, full_disk),
        (others, wrong_clock),
        (others, at_once),
        (torn, torn_home),
        (min(others, 5) if disks else 0, read_only),
    ]
    with tempfile.TemporaryDirectory() as folder:
        ward = Ward(Path(folder))
        for times, fault in plan:
            yield from (fault(ward, dice, number) for number in range(times))
        if nights or states:
            struck = StruckNights(Path(folder) / "nights")
            yield from struck.states(dice, states)
            yield from struck.killed(dice, nights)


def told(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """All of them; a storm takes a while, so what it finds is told at once, and kept where it is interrupted."""
    seen: list[Outcome] = []
    try:
        for outcome in outcomes:
            seen.append(outcome)
            if outcome.violation:
                CONSOLE.print(f"{outcome.fault}: {outcome.violation}", markup=False)
            if len(seen) % 20 == 0:
                sys.stderr.write(f"{len(seen)} faults, last: {outcome.fault}\n")
    except KeyboardInterrupt:
        sys.stderr.write(f"interrupted after {len(seen)} faults\n")
    return seen


def show(outcomes: list[Outcome]) -> None:
    """The matrix: how often each fault, how it ended, what did not hold."""
    table = Table("fault", "times", "ended", "violations")
    for fault in dict.fromkeys(outcome.fault for outcome in outcomes):
        of_it = [outcome for outcome in outcomes if outcome.fault == fault]
        ended = ", ".join(f"{word} {times}" for word, times in Counter(o.ended for o in of_it).most_common())
        table.add_row(fault, str(len(of_it)), ended, str(sum(bool(o.violation) for o in of_it)))
    CONSOLE.print(table)


def run() -> list[Figure]:
    """For `make bench`: a tenth of what is asked for by hand."""
    outcomes = told(storm(1, kills=20, disks=6 if os.geteuid() == 0 else 0, torn=10, others=4, nights=2, states=40))
    violations = float(sum(bool(outcome.violation) for outcome in outcomes))
    return [compared("faults: what did not hold", violations, "violations", "faults", float(len(outcomes)))]


def main() -> None:
    """By hand, with numbers and a seed."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (
        *(("seed", 1), ("kills", 200), ("states", 780), ("nights", 20)),
        *(("disks", 60), ("torn", 80), ("others", 40)),
    ):
        ask.add_argument(f"--{name}", type=int, default=default)
    outcomes = told(storm(**vars(ask.parse_args())))
    show(outcomes)
    sys.exit(any(outcome.violation for outcome in outcomes))


if __name__ == "__main__":
    main()
