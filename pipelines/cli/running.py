"""Commands that run something: a job in this process, or Dagster's UI and daemon.

Here: arguments, what is said before and after. Not here: the run itself (pipelines.cli.runs).
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.console import say, settings
from pipelines.home import Home, Tree
from pipelines.settings import Settings, base

app = typer.Typer()


@app.command()
def nightly() -> None:
    """Fetch, compute, publish: the whole run on the configured source."""
    _run(settings(), "nightly")


@app.command()
def ingest() -> None:
    """Fetch only; nothing is computed or published."""
    _run(settings(), "ingest")


@app.command()
def marts() -> None:
    """Compute and publish from what is stored; nothing is fetched."""
    _run(settings(), "marts")


@app.command()
def demo() -> None:
    """The whole pipeline, offline, on the bundled simulated market, in a home of its own."""
    home = Home(settings({"RECOUPLE_SOURCE": "sample"}).home).demo
    _run(settings({"RECOUPLE_SOURCE": "sample", "RECOUPLE_HOME": str(home)}), "nightly")


@app.command()
def dev(port: Annotated[int, typer.Option(help="where the UI listens on 127.0.0.1")] = 3000) -> None:
    """Dagster's UI and daemon, nightly schedule on."""
    from pipelines.orchestration.instance import dagster_home

    chosen = settings()
    dagster_home(chosen.home)
    _from_anywhere(chosen)
    program = Path(sys.executable).with_name("dg")
    os.execv(program, [str(program), "dev", "--host", "127.0.0.1", "--port", str(port)])


def _from_anywhere(chosen: Settings) -> None:
    """The project that `dg` serves lies at the checkout; paths that were relative to this place go along."""
    os.environ["RECOUPLE_HOME"] = str(chosen.home)
    if chosen.files is not None:
        os.environ["RECOUPLE_FILES"] = str(chosen.files)
    os.chdir(base())


@app.command()
def asof(day: str) -> None:
    """Compute every mart as it could have been computed at the end of DAY, in a tree of its own."""
    chosen = settings({"RECOUPLE_AS_OF": day})
    stored = Home(chosen.home).warehouse.exists()
    _run(chosen, "marts" if stored else "nightly")


def _run(chosen: Settings, job: str) -> None:
    """Run a job and say what came of it; the reason of a failure comes first."""
    from pipelines.cli.runs import run_job
    from pipelines.cli.terminal import Status

    begun = datetime.now(UTC)
    say(f"{job} on {chosen.source} -> {chosen.tree}")
    report = run_job(chosen, job)
    took = (datetime.now(UTC) - begun).total_seconds()
    if not report.success:
        for failure in report.failures:
            typer.echo(f"{job} failed: {failure}", err=True)
        if Tree(chosen.tree).current.exists():
            say("the last good marts stay served")
        hint = "`recouple doctor` looks at the services, " if chosen.source == "live" else ""
        say(f"{hint}`make dev` shows the run: {report.run_id}")
        raise typer.Exit(1)
    for warning in report.warnings:
        say(f"look at: {warning}")
    say(f"{job} done in {took:.1f} s: {report.revisions} restated values, {report.quarantined} rows in quarantine")
    if job != "ingest":
        typer.echo(Status.of(chosen.tree).as_text())
