"""The `recouple` command: what the Makefile and a terminal call.

Here: arguments, printing, exit codes. Not here: anything that computes (pipelines.cli.runs and below).

Exit codes: 0 done, 1 a run failed or something is wrong, 2 the command or the environment cannot be used, 130 and 143
it was interrupted. `status`
ends in 1 when an input that the reading needs is late, and every command ends in 2 when there is no published run to
read.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from signal import SIGINT
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from dotenv import load_dotenv

from assets.framework.entries import EntryError
from assets.framework.errors import KnownFault
from pipelines.home import Home, Tree
from pipelines.settings import Settings

if TYPE_CHECKING:
    from pipelines.cli.interruption import Heard
    from pipelines.orchestration.run_report import RunReport

app = typer.Typer(
    help="Decoupling or delay? Bitcoin, small caps and the Fed, measured every night.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

AsJson = Annotated[bool, typer.Option("--json", help="for machines")]


@app.command()
def nightly() -> None:
    """Fetch, compute, publish: the whole run on the configured source."""
    _run(_settings(), "nightly")


@app.command()
def ingest() -> None:
    """Fetch only; nothing is computed or published."""
    _run(_settings(), "ingest")


@app.command()
def marts() -> None:
    """Compute and publish from what is stored; nothing is fetched."""
    _run(_settings(), "marts")


@app.command()
def demo() -> None:
    """The whole pipeline, offline, on the bundled simulated market, in a home of its own."""
    home = Home(Path(os.environ.get("RECOUPLE_HOME") or "data")).demo
    _run(_settings({"RECOUPLE_SOURCE": "sample", "RECOUPLE_HOME": str(home)}), "nightly")


@app.command()
def dev(port: Annotated[int, typer.Option(help="where the UI listens on 127.0.0.1")] = 3000) -> None:
    """Dagster's UI and daemon, nightly schedule on."""
    from pipelines.cli.dev import serve

    raise typer.Exit(serve(_settings(), port))


@app.command()
def status(as_json: AsJson = False) -> None:
    """Today's reading, the age of the data, the last run."""
    from pipelines.cli.runs import last_night
    from pipelines.cli.terminal import Status

    settings = _settings()
    now, trouble = Status.of(settings.tree), last_night(settings)
    typer.echo(json.dumps(now.as_dict() | {"last_night": trouble}, indent=2) if as_json else now.as_text())
    if trouble and not as_json:
        typer.echo(f"\n{trouble}")
    if now.late:
        raise typer.Exit(1)


@app.command()
def brief(show: Annotated[bool, typer.Option("--open", help="open it in the browser")] = False) -> None:
    """Where the brief of the current run lies."""
    from pipelines.cli.terminal import Status

    path = Status.of(_settings().tree).brief
    typer.echo(path)
    if show:
        typer.launch(path)


@app.command()
def asof(days: Annotated[str, typer.Argument(metavar="DAY|FROM..TO")]) -> None:
    """Compute every mart as it could have been computed at the end of a day, or of each session of a range."""
    first, _, last = days.partition("..")
    settings = _settings({"RECOUPLE_AS_OF": first})
    if last:
        until = _settings({"RECOUPLE_AS_OF": last}).as_of
        _run(settings, f"as of {days}", lambda heard: _past(settings, until or date.max, heard))
    else:
        _run(settings, "marts")


@app.command()
def days(as_json: AsJson = False) -> None:
    """The days of the past that have been computed."""
    from pipelines.publishing import history

    found = history.days(_settings().home)
    if as_json:
        typer.echo(json.dumps([{**asdict(day), "day": str(day.day)} for day in found], indent=2))
        return
    for day in found:
        typer.echo(f"{day.day}  {day.rows:>9,} rows  {day.megabytes:6.1f} MB  published {day.published_at[:16]}")
    _say(f"{len(found)} days" if found else "no day yet: `recouple asof DAY` or `recouple asof FROM..TO` computes some")


@app.command()
def diff(first: str, second: str, as_json: AsJson = False) -> None:
    """What the marts of one day of the past say otherwise than those of another."""
    from pipelines.publishing import history

    settings = _settings()
    one, two = (_settings({"RECOUPLE_AS_OF": day}).as_of or date.max for day in (first, second))
    found = list(history.compare(settings.home, one, two))
    if as_json:
        typer.echo(json.dumps([asdict(difference) for difference in found], indent=2))
        return
    typer.echo(f"{'mart':<26} {'only ' + first:>16} {'only ' + second:>16} {'changed':>9}  in")
    for d in found:
        columns = ", ".join(d.columns[:3]) + (" ..." if len(d.columns) > 3 else "")
        typer.echo(f"{d.mart:<26} {d.only_first:>16,} {d.only_second:>16,} {d.changed:>9,}  {columns}".rstrip())


@app.command()
def claims(as_json: AsJson = False) -> None:
    """What was claimed and what the marts measure, on the claim's own date and on the run's."""
    from pipelines.cli import terminal

    rows = terminal.claims(_settings().tree)
    typer.echo(json.dumps(rows, indent=2) if as_json else terminal.claims_text(rows))


@app.command()
def rollback() -> None:
    """Serve the run before the newest again, until the next run is published."""
    from pipelines.publishing.serving import roll_back

    typer.echo(f"served again: {roll_back(_settings().tree)}")


@app.command()
def dictionary(
    check: Annotated[bool, typer.Option("--check", help="only say whether it is up to date")] = False,
) -> None:
    """Write docs/data_dictionary.md from the contracts, and from which columns each column is made."""
    from assets.framework import lineage
    from assets.framework.dictionary import dictionary as described
    from pipelines.build import column_lineage

    path = Path(__file__).parents[2] / "docs" / "data_dictionary.md"
    for file, text in ((path, described()), (lineage.PATH, column_lineage())):
        if not check:
            file.write_text(text, encoding="utf-8")
            typer.echo(f"written: {file}")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            typer.echo(f"{file} is out of date; run `recouple dictionary` and commit it", err=True)
            raise typer.Exit(1)


@app.command()
def doctor(
    alert: Annotated[bool, typer.Option("--alert", help="also send a test message to every alert address")] = False,
) -> None:
    """Look at configuration, services, key, clock, disk and lock, and say what to do about each."""
    from pipelines.cli.doctor import examine, try_alerts

    settings = _settings()
    findings = [*examine(settings), *(try_alerts(settings) if alert else [])]
    for finding in findings:
        typer.echo(f"{'ok ' if finding.ok else 'NO '} {finding.name}: {finding.detail}")
        if finding.remedy:
            typer.echo(f"    {finding.remedy}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def export(target: Path) -> None:
    """Copy the current run into one DuckDB file, for tools that cannot see the parquet folder."""
    from pipelines.publishing.serving import export_copy

    export_copy(_settings().tree, target)
    typer.echo(f"written: {target}")


@app.command()
def drop(table: str) -> None:
    """Remove one derived table, so that the next run may give it another shape."""
    from pipelines.warehouse.opening import open_existing

    settings = _settings()
    with open_existing(Tree(settings.tree).warehouse, settings.lock_wait_seconds) as warehouse:
        warehouse.drop(table)
    typer.echo(f"dropped: {table}; the next run makes it anew")


def main() -> NoReturn:
    """Entry point: known faults end in their one sentence, not in a traceback."""
    load_dotenv(Path.cwd() / ".env")
    try:
        app()
    except (KnownFault, EntryError) as error:
        typer.echo(f"recouple: {error}", err=True)
        sys.exit(2)
    sys.exit(0)


def _settings(overrides: dict[str, str] | None = None) -> Settings:
    return Settings.from_env({**os.environ, **(overrides or {})})


def _run(settings: Settings, job: str, runs: Callable[[Heard], RunReport] | None = None) -> None:
    """Run a job and say what came of it, a signal included. runs: how, where it is not the job of that name."""
    from pipelines.cli.interruption import hearing_signals

    begun = datetime.now(UTC)
    with hearing_signals() as heard:
        try:
            canceled = _run_to_its_end(settings, job, runs, heard)
        except KeyboardInterrupt:  # before the run began or after it ended
            canceled = True
    if canceled:
        took = (datetime.now(UTC) - begun).total_seconds()
        _say(f"{job} was cancelled after {took:.1f} s; the last good marts stay served, the next run starts afresh")
        raise typer.Exit(128 + (heard.number or SIGINT))


def _run_to_its_end(settings: Settings, job: str, runs: Callable[[Heard], RunReport] | None, heard: Heard) -> bool:
    """Run a job and say what came of it, the reason of a failure first; returns whether it was cancelled."""
    from pipelines.cli.runs import run_job
    from pipelines.cli.terminal import Status

    begun = datetime.now(UTC)
    _say(f"{job} on {settings.source} -> {settings.tree}")
    report = runs(heard) if runs else run_job(settings, job, heard=heard)
    if report.refused:
        raise KnownFault(report.refused)
    if report.canceled:
        return True
    took = (datetime.now(UTC) - begun).total_seconds()
    if not report.success:
        for failure in report.failures:
            typer.echo(f"{job} failed: {failure}", err=True)
        if Tree(settings.tree).current.exists():
            _say("the last good marts stay served")
        hint = "`recouple doctor` looks at the services, " if settings.source == "live" else ""
        _say(f"{hint}`make dev` shows the run: {report.run_id}")
        raise typer.Exit(1)
    for warning in report.warnings:
        _say(f"look at: {warning}")
    _say(f"{job} done in {took:.1f} s: {report.revisions} restated values, {report.quarantined} rows in quarantine")
    if job in ("nightly", "marts"):
        typer.echo(Status.of(settings.tree).as_text())
    return False


def _past(settings: Settings, last: date, heard: Heard) -> RunReport:
    """The sessions from the as-of date of the settings to `last`."""
    from pipelines.cli.runs import run_days

    return run_days(settings.model_copy(update={"as_of": None}), settings.as_of or date.max, last, heard=heard)


def _say(text: str) -> None:
    """Progress and remarks go to standard error; standard output holds the result alone."""
    typer.echo(text, err=True)
