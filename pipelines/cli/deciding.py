"""Commands by which a person decides about single values: hold, release, refetch.

Here: arguments and printing. Not here: what a decision does (pipelines.cli.decisions).
"""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.cli.console import settings
from pipelines.cli.running import run

app = typer.Typer()

Why = Annotated[str, typer.Option("--why", help="kept with the decision; say it for whoever finds it")]
Until = Annotated[str, typer.Option("--until", help="last of several days")]


@app.command()
def hold(series: str, day: str, why: Why, until: Until = "") -> None:
    """Take a stored value out of everything computed, from now on: SERIES DAY --why TEXT."""
    from pipelines.cli import decisions

    typer.echo(decisions.hold(settings(), series, day, until, why))


@app.command()
def release(series: str, day: str, why: Why, until: Until = "") -> None:
    """Believe a value that is held back or in quarantine, from now on: SERIES DAY --why TEXT."""
    from pipelines.cli import decisions

    typer.echo(decisions.release(settings(), series, day, until, why))


@app.command()
def refetch(
    series: str,
    since: Annotated[str, typer.Option("--since", help="first day to ask for; without it, all of it")] = "",
    why: Why = "asked for by hand",
) -> None:
    """Ask the source for a series of the catalog again, further back than a night does."""
    from pipelines.cli import decisions
    from pipelines.cli.runs import run_job

    chosen = settings()
    decisions.ask_again(chosen, series, since, why)
    run(chosen, "ingest", lambda: run_job(chosen, "ingest", only=series))
