"""The database that BI opens: views with explicit columns over the run in force, made, checked and made anew.

Here: serving.duckdb. Not here: which run is in force (pipelines.publishing.in_force), copies that need no other file
(pipelines.publishing.copies).

Why the views do not read `marts/current`: when a link moves under DuckDB, a query over several views opens several
files and mixes two runs, and a file that is opened twice is read with another file's footer (both measured, with 1.4,
1.5 and 2.0). So every view lists all complete runs and keeps the rows of the one that was in force when the
transaction began: the newest entry of `published.csv` that is not after `now()`, which is the same everywhere in a
transaction.

Why `filename in (select ... limit 1)` and an empty second branch: every version from 1.2 to 2.0.1 then knows the filter
before files are opened, so that a query opens one file a view however many runs are kept, and removing a superseded
run disturbs nobody. Written as `filename = (select ...)`, 2.0.1 opens every run in some joins; without the branch, 1.5
and 2.0 do so in `qualify row_number() = 1`, which they turn into a second scan without the filter. A test fails with
the first version that needs another form (tests/serving/test_bi_clients.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from assets.framework.errors import KnownFault
from pipelines.home import Tree
from pipelines.published.contract import contract_of, is_readable
from pipelines.publishing.tables import STORAGE_VERSION, listed, quoted, served_tables

# Begins the folder of empty marts that gives the views of one contract their columns. Every view names it first, so
# that it is what a client of a moved home is told is missing.
_SHAPE = "if-moved-run-recouple-heal."
_SHAPE_ROWS = 100_000
_STORAGE_NUMBER = 64  # how a file in storage v1.0.0 begins, after its magic bytes
_CATALOG = """
    select 'view', view_name, '', sql, comment from duckdb_views() where database_name = 'served' and not internal
    union all
    select 'column', table_name, column_name, data_type, comment from duckdb_columns()
    where database_name = 'served' and not internal
    union all
    select 'table', schema_name, table_name, sql, comment from duckdb_tables() where database_name = 'served'
    order by all
"""


class ServingError(KnownFault):
    """The serving database cannot be used."""


def serve(folder: Path, *, simulated: bool) -> list[str]:
    """Make serving.duckdb right for the run in `folder`; says, in sentences, what was damaged.

    The views of a run that an earlier release made stay as that release made them, until the next publication.
    """
    if not is_readable(folder):
        return [f"{folder.name} was made by another release; the next night makes views of this one"]
    views = _Views.of(folder, simulated=simulated)
    fault = views.fault() if views.made_so else None
    if views.made_so and fault is None:
        return []
    _write_shape(folder)
    views.build()
    return [f"{views.tree.serving} {fault}; made anew"] if fault else []


def outdated(folder: Path, *, simulated: bool) -> str | None:
    """What is wrong with serving.duckdb for the run in `folder`, if anything; changes nothing."""
    if not is_readable(folder):
        return None
    views = _Views.of(folder, simulated=simulated)
    return views.fault() if views.made_so else "was made for another folder, contract or DuckDB"


@dataclass(frozen=True)
class _Views:
    """The views that the database of a tree should hold, and how it was made last."""

    tree: Tree
    contract: str
    statements: tuple[str, ...]
    mark: Mapping[str, str]

    @classmethod
    def of(cls, folder: Path, *, simulated: bool) -> _Views:
        tree, contract = Tree(folder.parents[1].resolve()), contract_of(folder.name)
        return cls(tree, contract, tuple(_statements(tree, contract, simulated=simulated)), _mark(tree))

    @property
    def digest(self) -> str:
        """Changes with the views, and with the library that writes them down."""
        return hashlib.sha256("\n".join([duckdb.__version__, *self.statements]).encode()).hexdigest()

    @property
    def made_so(self) -> bool:
        """The database was made with these views."""
        return self.mark.get("views") == self.digest

    def fault(self) -> str | None:
        """How the database differs from the one that was made."""
        if not self.tree.serving.exists():
            return "was gone"
        if self.tree.serving_wal.exists():
            return "had been written to: a .wal lay beside it"
        if _shape_digest(_shape(self.tree, self.contract)) != self.mark.get("shape"):
            return "had lost the files that give its views their columns"
        try:
            same = _catalog(self.tree.serving) == self.mark.get("catalog")
        except (duckdb.Error, OSError) as error:
            return f"could not be opened ({type(error).__name__})"
        return None if same else "had been changed: other views, comments or tables than were made"

    def build(self) -> None:
        """Make the database and put it in its place."""
        building = self.tree.serving.with_name(".serving-building.duckdb")
        building.unlink(missing_ok=True)
        with duckdb.connect() as connection:
            connection.execute(f"attach {quoted(building)} as serving (storage_version '{STORAGE_VERSION}')")
            for statement in self.statements:
                connection.execute(statement)
            connection.execute("detach serving")
        building.chmod(0o444)  # a client that forgets to open it read-only is told so instead of changing it
        self.tree.serving_wal.unlink(missing_ok=True)
        building.replace(self.tree.serving)
        _must_be_readable(self.tree)
        shape = _shape_digest(_shape(self.tree, self.contract))
        mark = {"views": self.digest, "catalog": _catalog(self.tree.serving), "shape": shape}
        self.tree.serving_mark.write_text(json.dumps(mark))


def _catalog(path: Path) -> str:
    """A hash of everything that the database holds, and of its storage version."""
    with path.open("rb") as file:
        header = file.read(20)
    if header[8:12] != b"DUCK" or int.from_bytes(header[12:20], "little") != _STORAGE_NUMBER:
        raise duckdb.IOException(f"{path} is not in storage {STORAGE_VERSION}")
    with duckdb.connect() as connection:
        connection.execute(f"attach {quoted(path)} as served (read_only)")
        rows = connection.execute(_CATALOG).fetchall()
    return hashlib.sha256(repr(rows).encode()).hexdigest()


def _mark(tree: Tree) -> dict[str, str]:
    try:
        mark = json.loads(tree.serving_mark.read_text())
    except (OSError, ValueError):
        return {}
    return mark if isinstance(mark, dict) else {}


def _must_be_readable(tree: Tree) -> None:
    try:
        with duckdb.connect() as connection:
            connection.execute(f"attach {quoted(tree.serving)} as served (read_only)")
            shown = connection.execute("select count(*) from served._meta").fetchall()[0][0]
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise ServingError(f"{tree.serving} cannot be read ({reason}); set RECOUPLE_HOME to another folder") from None
    if shown == 0:
        raise ServingError(
            f"the views of {tree.serving} show no run: DuckDB reads the path of this home in another way; "
            f"set RECOUPLE_HOME to a folder with a plain name"
        )


def _statements(tree: Tree, contract: str, *, simulated: bool) -> list[str]:
    """The views, with explicit columns and comments, that show the run in force."""
    statements = []
    log = (
        f"read_csv({quoted(_literally(tree.published_log))}, auto_detect = false, header = true, delim = ',', "
        f"ignore_errors = true, columns = {{'run': 'varchar', 'from_us': 'bigint'}})"
    )
    for table in served_tables():
        file = table.file(Path()).name
        # The first file gives the view its columns: one that stays, while runs come and go.
        shape, marts = _literally(_shape(tree, contract)), _literally(tree.marts)
        files = ", ".join(map(quoted, (f"{shape}/{file}", f"{marts}/[0-9]*.{contract}/{file}")))
        shown = (
            f"select {quoted(f'{tree.marts}/')} || run || {quoted(f'/{file}')} from {log} "
            f"where from_us <= epoch_us(now()) and run like '%.{contract}' order by from_us desc limit 1"
        )
        columns, options = listed(table.columns), "hive_partitioning = false"
        rows = f"select {columns} from read_parquet([{files}], filename = true, {options}) where filename in ({shown})"
        none = f"select {columns} from read_parquet({quoted(f'{shape}/{file}')}, {options}) where false"
        statements.append(f'create view serving.main."{table.name}" as {rows} union all {none}')
        statements += table.comments("view", "serving", mark="SIMULATED DATA. " if simulated else "")
    return statements


def _write_shape(folder: Path) -> None:
    """Empty rows, never shown and of no size: they make DuckDB's planner take a mart for larger than the log."""
    shape = _shape(Tree(folder.parents[1]), contract_of(folder.name))
    shape.mkdir(exist_ok=True)
    for table in served_tables():
        made = shape / f".{table.name}-next"
        pl.read_parquet(table.file(folder), glob=False).clear(_SHAPE_ROWS).write_parquet(made)
        made.replace(table.file(shape))


def _shape_digest(shape: Path) -> str:
    """A hash of the empty marts; nothing where one is missing."""
    try:
        return hashlib.sha256(b"".join(table.file(shape).read_bytes() for table in served_tables())).hexdigest()
    except OSError:
        return ""


def _shape(tree: Tree, contract: str) -> Path:
    return tree.marts / f"{_SHAPE}{contract}"


def _literally(path: Path) -> str:
    """A path that DuckDB reads as it is written, not as a pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))
