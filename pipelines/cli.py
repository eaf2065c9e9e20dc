"""The `recouple` command: what the Makefile and a terminal call.

Here: arguments, printing, exit codes. Not here: anything that computes (pipelines.runs and below).

Exit codes: 0 done, 1 a run failed or something is wrong, 2 the command or the environment cannot be used.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import typer
from dotenv import load_dotenv

from assets.entries import EntryError
from pipelines.errors import RecoupleError
from pipelines.settings import Settings

app = typer.Typer(
    help="Decoupling or delay? Bitcoin, small caps and the Fed, measured every night.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
    home = Path(os.environ.get("RECOUPLE_HOME") or "data") / "demo"
    _run(_settings({"RECOUPLE_SOURCE": "sample", "RECOUPLE_HOME": str(home)}), "nightly")


@app.command()
def dev() -> None:
    """Dagster's UI and daemon on 127.0.0.1:3000, nightly schedule on."""
    from pipelines.instance import dagster_home

    settings = _settings()
    dagster_home(settings.home)
    program = Path(sys.executable).with_name("dg")
    os.execv(program, [str(program), "dev", "--host", "127.0.0.1", "--port", "3000"])


@app.command()
def doctor() -> None:
    """Look at configuration, services, key, clock, disk and lock, and say what to do about each."""
    from pipelines.doctor import examine

    findings = examine(_settings())
    for finding in findings:
        typer.echo(f"{'ok ' if finding.ok else 'NO '} {finding.name}: {finding.detail}")
        if finding.remedy:
            typer.echo(f"    {finding.remedy}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def export(target: Path) -> None:
    """Copy the current run into one DuckDB file, for tools that cannot see the parquet folder."""
    from pipelines.publishing import export_copy

    export_copy(_settings().tree, target)
    typer.echo(f"written: {target}")


@app.command()
def drop(table: str) -> None:
    """Remove one derived table, so that the next run may give it another shape."""
    from pipelines.warehouse import open_existing

    settings = _settings()
    with open_existing(settings.tree / "warehouse.duckdb", settings.lock_wait_seconds) as warehouse:
        warehouse.drop(table)
    typer.echo(f"dropped: {table}; the next run makes it anew")


def main() -> NoReturn:
    """Entry point: known faults end in their one sentence, not in a traceback."""
    load_dotenv(Path.cwd() / ".env")
    try:
        app()
    except (RecoupleError, EntryError) as error:
        typer.echo(f"recouple: {error}", err=True)
        sys.exit(2)
    sys.exit(0)


def _settings(overrides: dict[str, str] | None = None) -> Settings:
    return Settings.from_env({**os.environ, **(overrides or {})})


def _run(settings: Settings, job: str) -> None:
    """Run a job and say what came of it; the reason of a failure comes first."""
    from pipelines.runs import run_job
    from pipelines.summary import run_summary

    begun = datetime.now(UTC)
    _say(f"{job} on {settings.source} -> {settings.tree}")
    report = run_job(settings, job)
    took = (datetime.now(UTC) - begun).total_seconds()
    if not report.success:
        for failure in report.failures:
            typer.echo(f"{job} failed: {failure}", err=True)
        if (settings.tree / "marts" / "current").exists():
            _say("the last good marts stay served")
        hint = "`recouple doctor` looks at the services, " if settings.source == "live" else ""
        _say(f"{hint}`make dev` shows the run: {report.run_id}")
        raise typer.Exit(1)
    for warning in report.warnings:
        _say(f"look at: {warning}")
    _say(f"{job} done in {took:.1f} s: {report.revisions} restated values, {report.quarantined} rows in quarantine")
    if job != "ingest":
        typer.echo(run_summary(settings.tree))


def _say(text: str) -> None:
    """Progress and remarks go to standard error; standard output holds the result alone."""
    typer.echo(text, err=True)
