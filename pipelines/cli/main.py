"""The `recouple` command: what the Makefile and a terminal call.

Here: the commands put together, the environment, exit codes. Not here: the commands (running, reading, serving,
deciding, keeping beside this file), anything that computes.

Exit codes: 0 done, 1 a run failed or something is wrong, 2 the command or the environment cannot be used. `status`
ends in 1 when an input that the reading needs is late or the last night failed, `doctor` when anything is wrong, and
every command ends in 2 when there is no published run to read.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version as installed
from typing import Annotated, NoReturn

import typer

from assets.framework.entries import EntryError
from assets.framework.errors import KnownFault
from pipelines.cli import deciding, keeping, reading, running, serving
from pipelines.settings import load_environment

app = typer.Typer(
    help="Decoupling or delay? Bitcoin, small caps and the Fed, measured every night.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for room in (running, reading, serving, deciding, keeping):
    app.add_typer(room.app)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"recouple {installed('recouple')}")
        raise typer.Exit


@app.callback()
def recouple(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="say it and end")
    ] = False,
) -> None:
    """Decoupling or delay? Bitcoin, small caps and the Fed, measured every night."""


def main() -> NoReturn:
    """Entry point: known faults end in their one sentence, not in a traceback."""
    try:
        os.environ.update(load_environment(os.environ))
        app()
    except (KnownFault, EntryError) as error:
        typer.echo(f"recouple: {error}", err=True)
        sys.exit(2)
    sys.exit(0)
