"""Commands of those who keep an installation well: doctor, backup, restore, upgrade, drop, metrics, services.

Here: arguments and printing. Not here: what is looked at (pipelines.cli.doctor, pipelines.cli.installation), how a
home is copied (pipelines.cli.backup).
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.console import AsJson, say, settings, show_json, show_table, sure
from pipelines.cli.interruption import hand_over
from pipelines.home import Tree

app = typer.Typer()

Yes = Annotated[bool, typer.Option("--yes", help="do not ask")]


@app.command()
def doctor(
    alert: Annotated[bool, typer.Option("--alert", help="also send a test message to every alert address")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at configuration, services, key, clock, disk, lock, nights and what is served; 1 if something is wrong."""
    from pipelines.cli.doctor import examine, try_alerts

    chosen = settings()
    found = [*examine(chosen), *(try_alerts(chosen) if alert else [])]
    if as_json:
        show_json([asdict(finding) for finding in found])
    else:
        for finding in found:
            typer.echo(f"{'ok ' if finding.ok else 'NO '} {finding.name}: {finding.detail}")
            if finding.remedy:
                typer.echo(f"    {finding.remedy}")
    if not all(finding.ok for finding in found):
        raise typer.Exit(1)


@app.command()
def metrics(
    target: Annotated[
        Path | None, typer.Argument(help="a file for the node exporter; standard output by default")
    ] = None,
) -> None:
    """Figures for Prometheus: last success, age and lateness of data, seconds per step, size of the home."""
    from pipelines.cli.metrics import exposition, write_textfile

    chosen = settings()
    if target is None:
        typer.echo(exposition(chosen, datetime.now(UTC)), nl=False)
    else:
        write_textfile(chosen, datetime.now(UTC), target)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="where backups are kept; each gets a folder of its own")],
    wait: Annotated[float, typer.Option(help="seconds to wait for a night that runs")] = 3600.0,
) -> None:
    """Copy the history, what is served and Dagster's state, between two nights."""
    from pipelines.cli.backup import back_up

    typer.echo(f"written: {back_up(settings().home, folder, datetime.now(UTC), wait)}")


@app.command()
def restore(
    backup: Annotated[Path, typer.Argument(help="a folder that `recouple backup` made")],
) -> None:
    """Make an empty RECOUPLE_HOME what it was when the backup was made, and compare every mart with what it held."""
    from pipelines.cli.backup import restore

    home = settings().home
    for sentence in restore(backup, home):
        say(sentence)
    typer.echo(f"restored: {home}")


@app.command()
def upgrade(yes: Yes = False) -> None:
    """Make a home of an earlier release ready for this one: derived tables of another shape go, the history stays."""
    from pipelines.cli.serving import heal
    from pipelines.warehouse.opening import open_existing

    chosen = settings()
    with open_existing(Tree(chosen.tree).warehouse, chosen.lock_wait_seconds) as warehouse:
        other = warehouse.of_another_shape()
        if other:
            say(f"of another shape, and computed anew by the next run: {', '.join(other)}")
            sure("Remove them?", yes=yes)
        for table in other:
            warehouse.drop(table)
    heal()
    typer.echo("ready: run `recouple nightly`, or `recouple marts` without fetching")


@app.command()
def drop(
    table: Annotated[str | None, typer.Argument(help="such as core.daily_prices; without it, all are listed")] = None,
    yes: Yes = False,
) -> None:
    """Remove one derived table, so that the next run may give it another shape; the raw history cannot be removed."""
    from pipelines.warehouse.opening import open_existing

    chosen = settings()
    with open_existing(Tree(chosen.tree).warehouse, chosen.lock_wait_seconds) as warehouse:
        tables = warehouse.derived_tables()
        if table is None:
            show_table(("table", "rows"), [(name, f"{rows:,}") for name, rows in tables.items()])
            return
        if table in tables:
            sure(f"Remove {table} with {tables[table]:,} rows? The next run computes it anew.", yes=yes)
        warehouse.drop(table)
    typer.echo(f"dropped: {table}; the next run makes it anew")


@app.command()
def service(
    name: Annotated[str, typer.Argument(help="webserver, daemon or code")],
    port: Annotated[int | None, typer.Option(help="3000 for the webserver, 4266 for the code server")] = None,
    host: Annotated[str, typer.Option(help="where it listens")] = "127.0.0.1",
    code: Annotated[
        str | None, typer.Option(help="HOST:PORT of the code server; this process loads the code without")
    ] = None,
) -> None:
    """Be one of Dagster's services on a server; deploy/ starts each as a unit or container of its own."""
    from pipelines.orchestration.services import become

    hand_over()
    become(name, settings(), host=host, port=port, code=code)
