"""Copies of a run that need no other file: one DuckDB file, or one CSV or XLSX file per mart.

Here: making them, and writing them only over an earlier copy; `python -m pipelines.publishing.copies FOLDER` makes the
file of the run in a folder. Not here: the views that BI opens (pipelines.publishing.serving).
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Literal, get_args

import duckdb
import polars as pl

from assets.framework.errors import KnownFault
from pipelines.home import Run, Tree
from pipelines.published.contract import must_be_readable
from pipelines.publishing.tables import META, STORAGE_VERSION, Served, listed, quoted, served_tables

Kind = Literal["duckdb", "csv", "xlsx"]

_MARK = "recouple-export.json"  # the manifest, under a name that no other folder has
_XLSX_ROWS = 1_048_575  # of a sheet, without its header


class ExportError(KnownFault):
    """The copy cannot be made there."""


def kind_named(text: str) -> Kind:
    """The kind of copy a person asks for."""
    for kind in get_args(Kind):
        if text == kind:
            return kind  # type: ignore[no-any-return]
    raise ExportError(f"there is no export as {text}; choose one of {', '.join(get_args(Kind))}")


def write_database(folder: Path) -> Path:
    """The run's marts as tables with keys and comments, in one file inside its folder."""
    target, building = Run(folder).database, Run(folder).building
    _fill(folder, building)
    building.chmod(0o444)
    building.replace(target)
    return target


def _fill(folder: Path, building: Path) -> None:
    building.unlink(missing_ok=True)
    with duckdb.connect() as connection:
        connection.execute(f"attach {quoted(building)} as copy (storage_version '{STORAGE_VERSION}')")
        connection.execute("begin transaction")  # one for all: each would write the file's catalog anew
        for table in served_tables():
            _copy_table(connection, table, table.file(folder))
        connection.execute("commit")
        connection.execute("detach copy")


def _copy_table(connection: duckdb.DuckDBPyConnection, table: Served, file: Path) -> None:
    rows = f"select {listed(table.columns)} from read_parquet($file)"
    described = connection.execute(f"describe {rows}", {"file": _literally(file)}).fetchall()
    columns = ", ".join(f'"{name}" {kind}' for name, kind, *_ in described)
    connection.execute(f'create table copy.main."{table.name}" ({columns}, primary key ({listed(table.key)}))')
    connection.execute(f'insert into copy.main."{table.name}" {rows}', {"file": _literally(file)})
    connection.execute("; ".join(table.comments("table", "copy")))


def export(tree: Path, target: Path, kind: Kind) -> None:
    """Copy the run in force to `target`: a file for `duckdb`, a folder for the others."""
    link = Tree(tree).current
    if not link.exists():
        raise ExportError(f"{link} does not exist; run `make nightly` once, then export")
    folder = must_be_readable(link.resolve())
    if not target.absolute().parent.is_dir():
        raise ExportError(f"{target.absolute().parent} is no folder; make it, or export to another place")
    if kind == "duckdb":
        _export_database(folder, target)
    else:
        _export_files(folder, target, kind)


def _export_database(folder: Path, target: Path) -> None:
    if target.is_dir():
        raise ExportError(f"{target} is a folder; name a file in it, such as {target / 'recouple.duckdb'}")
    if target.exists() and not _is_export(target):
        raise ExportError(f"{target} exists and is no earlier export; nothing was written. Name another file")
    copied = target.with_name(f".{target.name}-next")
    if Run(folder).database.exists():
        shutil.copyfile(Run(folder).database, copied)
    else:
        _fill(folder, copied)
    copied.replace(target)


def _is_export(path: Path) -> bool:
    """A database that begins with a run's own table; the warehouse and the serving database do not."""
    try:
        with duckdb.connect() as connection:
            connection.execute(f"attach {quoted(path)} as old (read_only)")
            tables = connection.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = 'old'"
            ).fetchall()
    except duckdb.Error:
        return False
    return ("main", META) in tables and {schema for schema, _ in tables} == {"main"}


def _export_files(folder: Path, target: Path, kind: Kind) -> None:
    if target.exists() and not target.is_dir():
        raise ExportError(f"{target} is a file; an export as {kind} is a folder with one file per mart")
    mark = target / _MARK
    if target.exists() and any(target.iterdir()) and not mark.is_file():
        raise ExportError(f"{target} is neither empty nor an earlier export; nothing was written. Name another folder")
    target.mkdir(exist_ok=True)
    shutil.copyfile(Run(folder).manifest, mark)
    for table in served_tables():
        rows = pl.read_parquet(table.file(folder), glob=False)
        path = target / f"{table.file(folder).stem}.{kind}"
        fresh = target / f".{path.stem}-next.{kind}"
        if kind == "csv":
            rows.write_csv(fresh)
        elif rows.height > _XLSX_ROWS:
            raise ExportError(f"{table.name} has {rows.height:,} rows, more than a sheet holds; export it as csv")
        else:
            rows.write_excel(fresh, worksheet=table.name[:31])
        fresh.replace(path)


def _literally(path: Path) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))


if __name__ == "__main__":
    write_database(Path(sys.argv[1]))
