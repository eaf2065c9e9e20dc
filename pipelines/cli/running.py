"""Commands that run something: a job in this process, or Dagster's UI and daemon.

Here: arguments, what is said before and after. Not here: the run itself (pipelines.cli.runs).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from signal import SIGINT, Signals
from typing import TYPE_CHECKING, Annotated

import typer

from assets.framework.errors import KnownFault
from pipelines.cli.console import AsJson, say, settings, show_json
from pipelines.cli.interruption import saying
from pipelines.home import Home, Tree
from pipelines.settings import Settings, base

if TYPE_CHECKING:
    from pipelines.orchestration.run_report import RunReport

WORKSPACE = Path(__file__).parents[2] / "workspace.yaml"  # beside the rooms, in a checkout as in a wheel

app = typer.Typer()


@app.command()
def nightly() -> None:
    """Fetch, compute, publish: the whole run on the configured source."""
    run(settings(), "nightly")


@app.command()
def ingest() -> None:
    """Fetch only; nothing is computed or published."""
    run(settings(), "ingest")


@app.command()
def marts() -> None:
    """Compute and publish from what is stored; nothing is fetched."""
    run(settings(), "marts")


@app.command()
def demo() -> None:
    """The whole pipeline, offline, on the bundled simulated market, in a home of its own."""
    home = Home(settings({"RECOUPLE_SOURCE": "sample"}).home).demo
    run(settings({"RECOUPLE_SOURCE": "sample", "RECOUPLE_HOME": str(home), "RECOUPLE_STORE": ""}), "nightly")


@app.command()
def dev(port: Annotated[int, typer.Option(help="where the UI listens on 127.0.0.1")] = 3000) -> None:
    """Dagster's UI and daemon, nightly schedule on."""
    from pipelines.cli.dev import serve

    chosen = settings()
    _from_anywhere(chosen)
    code = serve(chosen, port, WORKSPACE)
    if code > 128:
        say(f"dev was ended by {Signals(code - 128).name}; runs in progress ended with it")
    raise typer.Exit(code)


def _from_anywhere(chosen: Settings) -> None:
    """The project that `dg` serves lies at the checkout; paths that were relative to this place go along."""
    os.environ["RECOUPLE_HOME"] = str(chosen.home)
    if chosen.files is not None:
        os.environ["RECOUPLE_FILES"] = str(chosen.files)
    os.chdir(base())


@app.command()
def asof(days: Annotated[str, typer.Argument(metavar="DAY|FROM..TO")]) -> None:
    """Compute every mart as it could have been computed at the end of a day, or of each session of a range."""
    first, _, last = days.partition("..")
    chosen = settings({"RECOUPLE_AS_OF": first})
    if last:
        until = settings({"RECOUPLE_AS_OF": last}).as_of
        run(chosen, f"as of {days}", lambda: _past(chosen, until or date.max))
    else:
        run(chosen, "marts")


@app.command()
def days(as_json: AsJson = False) -> None:
    """The days of the past that have been computed."""
    from pipelines.publishing import history

    found = history.days(settings().home)
    if as_json:
        show_json([asdict(day) for day in found])
        return
    for day in found:
        typer.echo(f"{day.day}  {day.rows:>9,} rows  {day.megabytes:6.1f} MB  published {day.published_at[:16]}")
    say(f"{len(found)} days" if found else "no day yet: `recouple asof DAY` or `recouple asof FROM..TO` computes some")


@app.command()
def diff(first: str, second: str, as_json: AsJson = False) -> None:
    """What the marts of one day of the past say otherwise than those of another."""
    from pipelines.publishing import history

    home = settings().home
    one, two = (settings({"RECOUPLE_AS_OF": day}).as_of or date.max for day in (first, second))
    found = list(history.compare(home, one, two))
    if as_json:
        show_json([asdict(difference) for difference in found])
        return
    typer.echo(f"{'mart':<26} {'only ' + first:>16} {'only ' + second:>16} {'changed':>9}  in")
    for d in found:
        columns = ", ".join(d.columns[:3]) + (" ..." if len(d.columns) > 3 else "")
        typer.echo(f"{d.mart:<26} {d.only_first:>16,} {d.only_second:>16,} {d.changed:>9,}  {columns}".rstrip())


def run(chosen: Settings, job: str, runs: Callable[[], RunReport] | None = None) -> None:
    """Run a job and say what came of it, a signal included. runs: how, where it is not the job of that name."""
    begun = datetime.now(UTC)

    def took() -> str:
        return f"{(datetime.now(UTC) - begun).total_seconds():.1f} s"

    def cancelled() -> str:
        return f"{job} was cancelled after {took()}; the last good marts stay served, the next run starts afresh"

    with saying(cancelled):
        from pipelines.cli.runs import run_job

        say(f"{job} on {chosen.source} -> {chosen.tree}")
        report = runs() if runs else run_job(chosen, job)
    if report.refused:
        raise KnownFault(report.refused)
    if report.canceled:  # marked so in the UI, without a signal
        say(cancelled())
        raise typer.Exit(128 + SIGINT)
    _told(chosen, job, report, took())


def _told(chosen: Settings, job: str, report: RunReport, took: str) -> None:
    """Say what came of a run, the reason of a failure first."""
    from pipelines.cli.terminal import Status

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
    for line in report.look_at:
        say(f"data: {line}")
    say(f"{job} done in {took}: {report.revisions} restated values, {report.quarantined} rows in quarantine")
    if job in ("nightly", "marts"):
        typer.echo(Status.of(chosen.tree).as_text())


def _past(chosen: Settings, last: date) -> RunReport:
    """The sessions from the as-of date of the chosen to `last`."""
    from pipelines.cli.runs import run_days

    return run_days(chosen.model_copy(update={"as_of": None}), chosen.as_of or date.max, last)
