"""Commands over what is served: the runs kept, going back and forward, healing, copies, other machines.

Here: arguments and printing. Not here: how a run is put in force (pipelines.publishing.in_force), how a copy is made
(pipelines.publishing.copies), how a run reaches other machines (pipelines.publishing.shared).
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli.console import AsJson, say, settings, show_json, show_table
from pipelines.settings import Settings, SettingsError

app = typer.Typer()


@app.command()
def runs(as_json: AsJson = False) -> None:
    """The runs that are kept: dates, source, contract, which one is in force."""
    rows = _runs(settings().tree)
    if as_json:
        show_json(rows)
        return
    shown = [
        ("in force" if row["in_force"] else "", row["as_of"], row["published_at"][:16], row["source"], row["run"])
        for row in rows
    ]
    show_table(("", "as of", "published", "source", "run"), shown)


def _runs(tree: Path) -> list[dict[str, Any]]:
    from pipelines.publishing.in_force import complete_runs, in_force, manifest_of

    current = in_force(tree)
    kept = ("as_of", "published_at", "source", "simulated", "contract_version", "run_id")
    return [
        {"run": run.name, "in_force": run == current, **{name: manifest_of(run)[name] for name in kept}}
        for run in complete_runs(tree)
    ]


@app.command()
def rollback(
    run: Annotated[str | None, typer.Argument(help="one of `recouple runs`; the one before by default")] = None,
) -> None:
    """Serve an earlier run again, until the next run is published."""
    from pipelines.publishing.in_force import changing, heal, roll_back

    tree = settings().tree
    with changing(tree):
        _tell(heal(tree))
        folder = roll_back(tree, run)
    typer.echo(f"served again: {folder}")


@app.command()
def roll_forward() -> None:
    """Serve the newest run again."""
    from pipelines.publishing.in_force import changing, heal, roll_forward

    tree = settings().tree
    with changing(tree):
        _tell(heal(tree))
        folder = roll_forward(tree)
    typer.echo(f"served again: {folder}")


@app.command()
def heal() -> None:
    """Make what is served right again: after damage, and after the home was moved or copied."""
    from pipelines.publishing.in_force import changing, heal, in_force, manifest_of
    from pipelines.publishing.serving import serve

    tree = settings().tree
    with changing(tree):
        told = heal(tree)
        folder = in_force(tree)
        if folder is not None:
            told += serve(folder, simulated=bool(manifest_of(folder).get("simulated")))
    _tell(told)
    typer.echo(f"served: {folder}" if folder else f"nothing is published in {tree}")


@app.command()
def push(
    run: Annotated[str | None, typer.Argument(help="one of `recouple runs`; the one in force by default")] = None,
) -> None:
    """Put a run in force in the object store: after a night that could not reach it, or to go back there too."""
    from pipelines.publishing.in_force import chosen_run
    from pipelines.publishing.shared import shared_runs

    chosen = settings()
    pushed = shared_runs(_store(chosen), chosen.keep_runs_hours).push(chosen_run(chosen.tree, run))
    typer.echo(f"in force: {chosen.store_tree}/{pushed.folder}")


@app.command()
def pull(
    folder: Annotated[Path, typer.Argument(help="where this machine serves it from; it computes nothing")],
) -> None:
    """Fetch the run in force in the object store, verify it, and serve it from a folder of this machine."""
    from pipelines.publishing.shared import shared_runs

    chosen = settings()
    fetched, healed = shared_runs(_store(chosen), chosen.keep_runs_hours).pull(folder.resolve())
    _tell(healed)
    typer.echo(f"served: {fetched}")


def _store(chosen: Settings) -> str:
    if chosen.store_tree is None:
        raise SettingsError("RECOUPLE_STORE is not set; set it to the address of the store, such as s3://bucket/prefix")
    return chosen.store_tree


def _tell(healed: list[str]) -> None:
    for sentence in healed:
        say(f"look at: {sentence}")


@app.command()
def export(
    target: Annotated[Path, typer.Argument(help="a file; for csv and xlsx a folder")],
    kind: Annotated[str, typer.Option("--as", help="duckdb, csv or xlsx")] = "duckdb",
) -> None:
    """Copy the current run to where its parquet files cannot be seen: one DuckDB file, or a file per mart."""
    from pipelines.publishing.copies import export, kind_named

    export(settings().tree, target, kind_named(kind))
    typer.echo(f"written: {target} ({datetime.now(UTC):%Y-%m-%d %H:%M} UTC)")
