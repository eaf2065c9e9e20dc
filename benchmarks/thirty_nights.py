"""A month nobody looks after: thirty nights, some of them struck at random, and what was served each morning.

    python -m benchmarks.thirty_nights --seed 1

Here: nights on two years of the simulated market, one session more each, in one home, and the mornings. Not here: what
must hold at the moment of a fault (benchmarks.faults, benchmarks.struck_nights). A morning is right when views and link
show one complete run, every mart of it holds what its manifest says, and it is at most one night old.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
from rich.table import Table

from assets.contracts import MARTS
from benchmarks.figures import CONSOLE, Figure, compared
from benchmarks.processes import forked, forked_for, last_line, worked_for
from benchmarks.struck_nights import night, sessions_less, write_two_years
from pipelines.home import Run
from pipelines.publishing.content_hash import content_hash
from pipelines.publishing.in_force import is_complete, manifest_of

NIGHTS, STRUCK = 30, 0.25
MOST_SECONDS = 20.0  # processor time within which a signal strikes


def main() -> None:
    """By hand, with a seed."""
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--nights", type=int, default=NIGHTS)
    said = ask.parse_args()
    mornings = month(random.Random(said.seed), said.nights)
    table = Table("night", "struck by", "ended", "morning")
    for number, (fault, ended, wrong) in enumerate(mornings, 1):
        table.add_row(str(number), fault, ended, wrong or "right")
    CONSOLE.print(table)
    right = sum(not wrong for *_, wrong in mornings)
    CONSOLE.print(f"{right} of {len(mornings)} mornings served a right answer, at most one night old")
    sys.exit(right < len(mornings) - 1)


def run() -> list[Figure]:
    """For `make bench`: a week."""
    mornings = month(random.Random(1), 7)
    right = float(sum(not wrong for *_, wrong in mornings))
    return [compared("mornings with a right answer", right, "mornings", "nights", float(len(mornings)))]


def month(dice: random.Random, nights: int) -> list[tuple[str, str, str]]:
    """Of each night: what struck it, how it ended, what was wrong in the morning."""
    with tempfile.TemporaryDirectory() as folder:
        place, market = Path(folder), Path(folder) / "market"
        forked_for(lambda: write_two_years(market))
        for number in range(nights + 1):
            forked_for(lambda number=number: sessions_less(market, place / f"{number}", nights - number))  # type: ignore[misc]
        home = place / "home"
        forked_for(lambda: night(home, place / "0"))
        return [_day(dice, home, place, number) for number in range(1, nights + 1)]


def _day(dice: random.Random, home: Path, place: Path, number: int) -> tuple[str, str, str]:
    name, strike = dice.choice(FAULTS) if dice.random() < STRUCK else ("", _nothing)
    ended, said = strike(dice, home, place / f"{number}")
    accepted = [_last_day(place / f"{n}") for n in (number - 1, number)]
    looked, wrong = forked(lambda: morning(home, accepted))
    sys.stderr.write(f"night {number}: {name or 'undisturbed'}, {ended}; {wrong or 'right'}\n")
    return name, f"{ended} {last_line(said)[:60]}".strip(), wrong if looked == "done" else last_line(wrong)


def _last_day(files: Path) -> str:
    found = forked(lambda: pl.scan_parquet(files / "prices.parquet").select(pl.col("date").max()).collect().item())
    return found[1]


def morning(home: Path, accepted: list[str]) -> str:
    """What is wrong with what is served; nothing where nothing is. accepted: as-of days that are young enough."""
    folder = (home / "marts" / "current").resolve()
    if not is_complete(folder):
        return f"{folder.name} is not complete"
    manifest = manifest_of(folder)
    with duckdb.connect(str(home / "serving.duckdb"), read_only=True) as connection:
        shown = connection.execute("select any_value(run_id), any_value(as_of)::varchar from _meta").fetchall()[0]
    if shown != (manifest["run_id"], manifest["as_of"]):
        return f"views show {shown}, the link leads to {folder.name}"
    if manifest["as_of"] not in accepted:
        return f"as of {manifest['as_of']}: older than one night"
    for mart in MARTS:
        rows = pl.read_parquet(Run(folder).mart(mart.table_name()), glob=False)
        if content_hash(rows, mart.key()) != manifest["marts"][mart.table_name()]["content_hash"]:
            return f"{mart.table_name()} holds something else than its manifest says"
    return ""


# ------------------------------------------------------------------ what happens to a night
def _nothing(dice: random.Random, home: Path, files: Path) -> tuple[str, str]:
    return forked(lambda: night(home, files))


def _signalled(number: int) -> Callable[[random.Random, Path, Path], tuple[str, str]]:
    def strike(dice: random.Random, home: Path, files: Path) -> tuple[str, str]:
        moment = dice.uniform(0, MOST_SECONDS)

        def during(pid: int) -> None:
            if worked_for(pid, moment):
                os.kill(pid, number)

        return forked(lambda: night(home, files), during)

    return strike


def _files_gone(dice: random.Random, home: Path, files: Path) -> tuple[str, str]:
    return forked(lambda: night(home, files.with_name("nowhere")))


def _torn(dice: random.Random, home: Path, files: Path) -> tuple[str, str]:
    """What leads readers to the run is damaged before the night."""
    path = dice.choice([home / "serving.duckdb", home / "marts" / "published.csv", home / "manifest.json"])
    path.unlink()
    path.write_bytes(dice.randbytes(200))
    return forked(lambda: night(home, files))


def _twice(dice: random.Random, home: Path, files: Path) -> tuple[str, str]:
    """The same night once more while it runs."""
    second: list[tuple[str, str]] = []
    first = forked(lambda: night(home, files), lambda _: second.append(forked(lambda: night(home, files))))
    return first[0], f"{first[1]} {second[0][1]}".strip()


FAULTS: list[tuple[str, Callable[[random.Random, Path, Path], tuple[str, str]]]] = [
    ("kill -9", _signalled(signal.SIGKILL)),
    ("SIGTERM", _signalled(signal.SIGTERM)),
    ("no upstream", _files_gone),
    ("torn files", _torn),
    ("a second night at once", _twice),
]


if __name__ == "__main__":
    main()
