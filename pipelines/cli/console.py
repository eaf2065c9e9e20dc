"""What every command uses: the settings of this installation, and how it speaks to people and to programs.

Here: settings, remarks, tables, JSON. Not here: any command (running, reading, serving, keeping beside this file).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from pipelines.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="for machines")]


def settings(overrides: dict[str, str] | None = None) -> Settings:
    """What the environment says, with some variables replaced."""
    return Settings.from_env({**os.environ, **(overrides or {})})


def say(text: str) -> None:
    """Progress and remarks go to standard error; standard output holds the result alone."""
    typer.echo(text, err=True)


def show_json(value: Any) -> None:
    """The result for a program."""
    typer.echo(json.dumps(value, indent=2, default=str))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """The result for a person; nothing is cut where it is not shown on a terminal."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row)
    Console(width=None if Console().is_terminal else 200, highlight=False, markup=False).print(table)


def sure(question: str, *, yes: bool) -> None:
    """Go on only where a person, or the option that stands for one, says so."""
    if not yes and not typer.confirm(question):
        raise typer.Exit(1)
