"""Commands that show what was published.

Here: status, brief, explorer, claims, the data dictionary. Not here: what they say (pipelines.cli.terminal).
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli.console import AsJson, settings, show_json
from pipelines.cli.interruption import hand_over

app = typer.Typer()


@app.command()
def status(as_json: AsJson = False) -> None:
    """Today's reading, the age of the data, the last night; 1 where a needed input is late or something is wrong."""
    from pipelines.cli.installation import findings
    from pipelines.cli.terminal import Status, attention
    from pipelines.published.contract import AnotherContract
    from pipelines.published.marts import NothingPublished

    chosen = settings()
    operations = findings(chosen, datetime.now(UTC))
    wrong = [finding for finding in operations if not finding.ok]
    told = {"operations": [asdict(finding) for finding in operations]}
    try:
        now = Status.of(chosen.tree)
    except (NothingPublished, AnotherContract):  # its sentence is the last; how the installation is stands above it
        show_json(told) if as_json else typer.echo("\n".join(attention(wrong)).strip())
        raise
    if as_json:
        show_json(now.as_dict() | told)
    else:
        typer.echo("\n".join([now.as_text(), *attention(wrong)]))
    if now.late or wrong:
        raise typer.Exit(1)


@app.command()
def brief(show: Annotated[bool, typer.Option("--open", help="open it in the browser")] = False) -> None:
    """Where the brief of the current run lies."""
    from pipelines.cli.terminal import Status

    path = Status.of(settings().tree).brief
    typer.echo(path)
    if show:
        hand_over()  # the browser outlives this
        typer.launch(path)


@app.command()
def explore(port: Annotated[int, typer.Option(help="where the page listens on 127.0.0.1")] = 3100) -> None:
    """A local page to question the marts with: any pair, any day, two days side by side, any SELECT."""
    import uvicorn

    from pipelines.cli.dev import HOST, check_port
    from pipelines.explorer.app import explorer

    check_port(port, "explore")
    page = explorer(settings().home)
    typer.echo(f"http://{HOST}:{port} (Ctrl-C ends it)")
    uvicorn.run(page, host=HOST, port=port, log_level="warning")


@app.command()
def claims(as_json: AsJson = False) -> None:
    """What was claimed and what the marts measure, on the claim's own date and on the run's."""
    from pipelines.cli import terminal

    rows = terminal.claims(settings().tree)
    show_json(rows) if as_json else typer.echo(terminal.claims_text(rows))


@app.command()
def dictionary(
    check: Annotated[bool, typer.Option("--check", help="only say whether it is up to date")] = False,
) -> None:
    """Write docs/data_dictionary.md from the contracts, and from which columns each column is made."""
    from assets.framework import lineage
    from assets.framework.dictionary import dictionary as described
    from pipelines.build import column_lineage

    path = Path(__file__).parents[2] / "docs" / "data_dictionary.md"
    for file, text in ((lineage.PATH, column_lineage()), (path, described())):
        if not check:
            file.write_text(text, encoding="utf-8")
            typer.echo(f"written: {file}")
        elif not file.exists() or file.read_text(encoding="utf-8") != text:
            typer.echo(f"{file} is out of date; run `recouple dictionary` and commit it", err=True)
            raise typer.Exit(1)
