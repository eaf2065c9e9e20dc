"""Whole nights struck: what kill -9 would leave at any moment of one, and nights that signals really end.

Here: nights on two years of the simulated market, and what must hold whenever one ends. Not here: faults of publishing
alone (benchmarks.faults).

A killed process changes nothing any more, and what it wrote is in the system's hands: its home is then what it is at
that moment. So a night is stopped (SIGSTOP) at many moments, its home is copied, judged in its own place as a home
after kill -9 would be, and the night goes on. One night gives a hundred deaths. From one state of each night the next
night is run to its end, and its marts are held against those of the undisturbed one.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import polars as pl

from assets.catalog import load_catalog
from benchmarks.processes import Outcome, forked, forked_for, last_line, left_behind, unspoken, worked_for
from pipelines.cli.runs import run_job
from pipelines.publishing import publish
from pipelines.publishing.in_force import is_complete, manifest_of
from pipelines.settings import Settings
from pipelines.sources.sample import SampleUpstream
from tests.conftest import two_years

A_NIGHT = 130  # states taken of one
UNHEARD_SECONDS = 0.1  # of processor time, in which the interpreter starts and reads the first line of the command
BEGINNING_SECONDS = 3.0  # in which libraries are loaded and the run is planned
LOOKED_AT = ("market_state", "fed_liquidity", "claims", "signal_scorecard")
KEYS = {"price_bars": "symbol, date", "macro_observations": "series_id, date, realtime_start"}


def hashes(tree: Path) -> dict[str, str]:
    """The content of what is in force."""
    manifest = manifest_of((tree / "marts" / "current").resolve())
    return {name: mart["content_hash"] for name, mart in manifest["marts"].items()}


class StruckNights:
    """A home after one night; every struck night begins with it and brings one session more."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.home, self._calm = folder / "home", folder / "calm"
        self._earlier, self._later = folder / "earlier", folder / "later"
        self._stopped, self._state, self._chosen = (folder / name for name in ("stopped", "state", "chosen"))
        forked_for(lambda: write_two_years(self._later))
        forked_for(lambda: sessions_less(self._later, self._earlier, 1))
        forked_for(lambda: night(self.home, self._earlier))
        shutil.copytree(self.home, self._calm, symlinks=True)
        self._length = forked_for(self._next)
        self._expected = forked(lambda: str(sorted(hashes(self.home).items())))[1]

    # -------------------------------------------------------------- what kill -9 would leave
    def states(self, dice: random.Random, wanted: int) -> Iterator[Outcome]:
        """The homes of so many killed nights, each judged; and after one in a hundred, the next night."""
        taken = 0
        while taken < wanted:
            outcomes = self._stopped_often(dice, min(A_NIGHT, wanted - taken))
            taken += len(outcomes)
            yield from outcomes
            yield self._next_night_heals(self._chosen)

    def _stopped_often(self, dice: random.Random, times: int) -> list[Outcome]:
        self._begin(self._calm)
        moments = sorted(dice.uniform(0, self._length) for _ in range(times))
        chosen, outcomes = dice.randrange(max(times // 2, 1), times), []

        def during(pid: int) -> None:
            for number, moment in enumerate(moments):
                if not worked_for(pid, moment) or not _stop(pid):
                    break
                outcomes.append(self._judged(keep=number <= chosen))
                os.kill(pid, signal.SIGCONT)

        ended, said = forked(self._next, during)
        if ended != "done" or said:
            outcomes.append(Outcome("night, stopped and resumed", ended, last_line(said)))
        return outcomes

    def _judged(self, *, keep: bool) -> Outcome:
        """The state of the stopped night, in its own place while that is held."""
        shutil.copytree(self.home, self._state, symlinks=True)
        if keep:
            shutil.rmtree(self._chosen, ignore_errors=True)
            shutil.copytree(self._state, self._chosen, symlinks=True)
        self.home.rename(self._stopped)
        self._state.rename(self.home)
        ended, said = forked(self._fault)
        shutil.rmtree(self.home)
        self._stopped.rename(self.home)
        return Outcome("night, as kill -9 leaves it", ended, last_line(said))

    def _fault(self) -> str:
        """What a reader and the history suffer; nothing where nothing does."""
        folder = (self.home / "marts" / "current").resolve()
        if not is_complete(folder):
            return f"current leads to {folder.name}, which is not complete"
        counted = ", ".join(f"(select count(*) from {mart})" for mart in LOOKED_AT)
        with duckdb.connect(str(self.home / "serving.duckdb"), read_only=True) as connection:
            run, *rows = connection.execute(f"select (select any_value(run_id) from _meta), {counted}").fetchall()[0]
        known = {m["run_id"]: m for path in folder.parent.iterdir() if (m := manifest_of(path))}
        if run not in known or [known[run]["marts"][mart]["rows"] for mart in LOOKED_AT] != rows:
            return f"a reader sees {rows} rows of {run}"
        return self._history_fault()

    def _history_fault(self) -> str:
        with duckdb.connect(str(self.home / "warehouse.duckdb")) as connection:
            connection.execute(f"attach '{self._calm / 'warehouse.duckdb'}' as calm (read_only)")
            for table, key in KEYS.items():
                lost = connection.sql(f"from calm.raw.{table} except all from warehouse.raw.{table}").pl().height
                doubled = f"select 1 from warehouse.raw.{table} group by {key}, revision having count(*) > 1"
                if lost or connection.sql(doubled).pl().height:
                    return f"raw.{table} lost {lost} rows or holds some twice"
        return ""

    def _next_night_heals(self, state: Path) -> Outcome:
        self._begin(state)
        ended, said = forked(self._next)
        return Outcome("night after one of them", ended, last_line(said) or self._differs())

    # -------------------------------------------------------------- signals
    def killed(self, dice: random.Random, number: int) -> Iterator[Outcome]:
        """Nights that the command runs, ended by signals at random moments; then one that nobody disturbs."""
        if not number:
            return
        self._begin(self._calm)
        for _ in range(number):
            with_signal = dice.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
            latest = dice.choice([BEGINNING_SECONDS, 1.5 * self._length])
            code, said = self._command(dice.uniform(UNHEARD_SECONDS, latest), with_signal)
            violation = unspoken(said, with_signal, code) or self._fault_forked()
            yield Outcome(f"night, {signal.Signals(with_signal).name}", str(code), violation)
        code, said = self._command()
        yield Outcome("night after them", str(code), last_line(said) if code else self._differs())

    def _command(self, moment: float | None = None, with_signal: int = 0) -> tuple[int, str]:
        environment = {
            **os.environ,
            "RECOUPLE_SOURCE": "files",
            "RECOUPLE_FILES": str(self._later),
            "RECOUPLE_HOME": str(self.home),
        }
        command = [sys.executable, "-m", "pipelines.cli", "nightly"]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if moment is not None and worked_for(process.pid, moment):
            process.send_signal(with_signal)
        said, _ = process.communicate()
        return process.returncode, said

    def _fault_forked(self) -> str:
        return last_line(forked(self._fault)[1])

    # -------------------------------------------------------------- nights
    def _begin(self, state: Path) -> None:
        shutil.rmtree(self.home, ignore_errors=True)
        shutil.copytree(state, self.home, symlinks=True)

    def _next(self) -> str:
        return night(self.home, self._later)

    def _differs(self) -> str:
        """How the home differs from an undisturbed one."""
        found = forked(lambda: str(sorted(hashes(self.home).items())))[1]
        wrong = [] if found == self._expected else ["other contents than undisturbed"]
        wrong += [f"left behind: {left}"] if (left := left_behind(self.home / "marts")) else []
        return "; ".join([*wrong, *filter(None, [self._fault_forked()])])


def night(home: Path, files: Path) -> str:
    """One night without the brief; says why it failed, if it did."""
    publish._draw_brief = lambda folder: None
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 2)  # what it says of each step
    report = run_job(Settings(source="files", files=files, home=home), "nightly")
    return "; ".join(report.failures)


def write_two_years(target: Path) -> None:
    """Of the simulated market."""
    catalog = load_catalog()
    two_years(SampleUpstream(catalog), catalog, target)


def sessions_less(folder: Path, target: Path, number: int) -> None:
    """The same market as it was so many days of prices before its end."""
    target.mkdir()
    tables = {name: pl.read_parquet(folder / f"{name}.parquet") for name in ("prices", "fred")}
    last = tables["prices"].filter(symbol="^RUT")["date"].sort()[-1 - number]
    for name, rows in tables.items():
        rows.filter(pl.col("date") <= last).write_parquet(target / f"{name}.parquet")


def _stop(pid: int) -> bool:
    """Stop a process and wait until it stands; False where it has ended."""
    os.kill(pid, signal.SIGSTOP)
    told = os.waitid(os.P_PID, pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
    return told is not None and told.si_code == os.CLD_STOPPED
