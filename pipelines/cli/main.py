"""The `recouple` command: what the Makefile and a terminal call.

Here: arguments, printing, exit codes. Not here: anything that computes (pipelines.cli.runs and below).

Exit codes: 0 done, 1 a run failed or something is wrong, 2 the command or the environment cannot be used. `status`
ends in 1 when an input that the reading needs is late, and every command ends in 2 when there is no published run to
read.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from dotenv import load_dotenv

from assets.framework.entries import EntryError
from assets.framework.errors import KnownFault
from pipelines.home import Home, Tree
from pipelines.settings import Settings

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
    from pipelines.orchestration.instance import dagster_home

    settings = _settings()
    dagster_home(settings.home)
    program = Path(sys.executable).with_name("dg")
    os.execv(program, [str(program), "dev", "--host", "127.0.0.1", "--port", str(port)])


@app.command()
def status(as_json: AsJson = False) -> None:
    """Today's reading, the age of the data, the last run."""
    from pipelines.cli.terminal import Status

    now = Status.of(_settings().tree)
    typer.echo(json.dumps(now.as_dict(), indent=2) if as_json else now.as_text())
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
def asof(day: str) -> None:
    """Compute every mart as it could have been computed at the end of DAY, in a tree of its own."""
    settings = _settings({"RECOUPLE_AS_OF": day})
    stored = Home(settings.home).warehouse.exists()
    _run(settings, "marts" if stored else "nightly")


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
    """Write docs/data_dictionary.md from the contracts."""
    import assets.contracts  # noqa: F401  the tables describe themselves once they are loaded
    from assets.framework.dictionary import dictionary as written

    path = Path(__file__).parents[2] / "docs" / "data_dictionary.md"
    if not check:
        path.write_text(written(), encoding="utf-8")
        typer.echo(f"written: {path}")
    elif not path.exists() or path.read_text(encoding="utf-8") != written():
        typer.echo(f"{path} is out of date; run `recouple dictionary` and commit it", err=True)
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


Why = Annotated[str, typer.Option("--why", help="kept with the decision; say it for whoever finds it")]
Until = Annotated[str, typer.Option("--until", help="last of several days")]


@app.command()
def hold(series: str, day: str, why: Why, until: Until = "") -> None:
    """Take a stored value out of everything computed, from now on: SERIES DAY --why TEXT."""
    from pipelines.cli import decisions

    typer.echo(decisions.hold(_settings(), series, day, until, why))


@app.command()
def release(series: str, day: str, why: Why, until: Until = "") -> None:
    """Believe a value that is held back or in quarantine, from now on: SERIES DAY --why TEXT."""
    from pipelines.cli import decisions

    typer.echo(decisions.release(_settings(), series, day, until, why))


@app.command()
def refetch(
    series: str,
    since: Annotated[str, typer.Option("--since", help="first day to ask for; without it, all of it")] = "",
    why: Why = "asked for by hand",
) -> None:
    """Ask the source for a series of the catalog again, further back than a night does."""
    from pipelines.cli import decisions

    settings = _settings()
    decisions.ask_again(settings, series, since, why)
    _run(settings, "ingest", only=series)


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


def _run(settings: Settings, job: str, only: str = "") -> None:
    """Run a job and say what came of it; the reason of a failure comes first. only: the one series to ask for."""
    from pipelines.cli.runs import run_job
    from pipelines.cli.terminal import Status

    begun = datetime.now(UTC)
    _say(f"{job} on {settings.source} -> {settings.tree}")
    report = run_job(settings, job, only=only)
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
    for line in report.look_at:
        _say(f"data: {line}")
    _say(f"{job} done in {took:.1f} s: {report.revisions} restated values, {report.quarantined} rows in quarantine")
    if job != "ingest":
        typer.echo(Status.of(settings.tree).as_text())


def _say(text: str) -> None:
    """Progress and remarks go to standard error; standard output holds the result alone."""
    typer.echo(text, err=True)
