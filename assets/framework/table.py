"""How a function or a SELECT becomes a Dagster asset with a contract.

Here: the `table` decorator for Python, `sql_tables` for sql/, `ingest` for the raw layer; names, columns, units,
checks and pools all come from the contract. Not here: what a table contains (assets.*, sql/), how it is stored
(pipelines.orchestration.io_manager).

The asset bodies carry no return annotation: with one, Dagster takes the value for nothing and does not store it.
"""

import hashlib
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import dagster as dg
import polars as pl
import sqlglot
from dagster import AssetExecutionContext, AssetsDefinition
from sqlglot import exp

from assets.catalog import Catalog, Futures, Series, Symbol
from assets.door.judgement import admitted
from assets.framework import checks, lineage
from assets.framework.contract import Mart, RawTable, Table
from assets.framework.kept import computed_with_past
from assets.framework.registry import CONTRACTS
from assets.framework.rows import Rows, hold_to_contract
from assets.framework.step_failure import in_one_sentence
from assets.upstream import Fetched

SQL_FOLDER = Path(__file__).parents[2] / "sql"
_BOOKKEEPING = {"fetches", "restatements", "doubts"}  # known.X that are kept beside raw, filled with it
KEPT = "kept"  # the parameter of functions that keep parts between nights
POOL = "warehouse"  # one writer at a time, whichever run it belongs to

_NOTHING_ASKED = "the run was restricted to other ids; nothing was asked for, what is stored stays"
_RETRY_INGESTION = dg.RetryPolicy(max_retries=3, delay=30, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS)


TableFunction = Callable[..., pl.DataFrame]

FUNCTIONS: dict[str, Callable[..., Any]] = {}
"""The function behind every `@table` and `@ingest`, by table name: for tests, notebooks and runs without Dagster."""

READS: dict[str, set[str]] = {}
"""The tables that each `@table` reads, by table name."""


class Horizon(Protocol):
    """What a run may know, and whether any of it is real."""

    @property
    def as_of(self) -> date:
        """The last day whose knowledge may be used."""

    @property
    def simulated(self) -> bool:
        """Nothing is real."""


class Queries(Protocol):
    """The one thing a SQL model needs from the warehouse."""

    def query(self, sql: str) -> pl.DataFrame:
        """Run one SELECT and return its rows."""


@dataclass(frozen=True)
class Arguments:
    """A function's parameters, told apart: tables it reads, resources it uses, whether it keeps parts of itself."""

    tables: tuple[str, ...]
    resources: tuple[str, ...]
    keeps: bool

    @property
    def needed(self) -> tuple[str, ...]:
        """The resources without which the function cannot be called."""
        return (*self.resources, "warehouse") if self.keeps else self.resources

    @classmethod
    def of(cls, function: Callable[..., object]) -> "Arguments":
        names = tuple(inspect.signature(function).parameters)
        tables = tuple(n for n in names if n in CONTRACTS)
        return cls(tables, tuple(n for n in names if n not in CONTRACTS and n != KEPT), KEPT in names)


@dataclass(frozen=True)
class Place:
    """Where something is written."""

    file: Path
    line: int

    @classmethod
    def of(cls, thing: type | Callable[..., object]) -> "Place":
        file = Path(inspect.getfile(thing))
        return cls(
            file, _class_lines(file)[thing.__name__] if isinstance(thing, type) else thing.__code__.co_firstlineno
        )

    def __str__(self) -> str:
        house = SQL_FOLDER.parent
        return f"{self.file.relative_to(house) if self.file.is_relative_to(house) else self.file}, line {self.line}"


@cache
def _class_lines(file: Path) -> dict[str, int]:
    """Where each class of a module begins; asking inspect for every class of it would parse the module each time."""
    lines = enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
    return {line[6:].split("(")[0].rstrip(":"): number for number, line in lines if line.startswith("class ")}


def table(contract: type[Table], reads: Sequence[type[Table]] = ()) -> Callable[[TableFunction], AssetsDefinition]:
    """Make a pure function an asset: parameters named like tables are their rows, `kept` is what it keeps between
    nights (assets.framework.kept), others are resources.

    reads: tables it reads by queries of its own, which must be there before it.
    """

    def decorate(function: TableFunction) -> AssetsDefinition:
        arguments = Arguments.of(function)
        FUNCTIONS[contract.table_name()] = function
        READS[contract.table_name()] = {*arguments.tables, *(read.table_name() for read in reads)}

        @dg.asset(
            **_presentation(contract, {"polars", "python"}, Place.of(function), arguments.keeps),
            ins={name: dg.AssetIn(key=asset_key(CONTRACTS[name])) for name in arguments.tables},
            deps=[asset_key(read) for read in reads],
            required_resource_keys={"horizon", *arguments.needed},
        )
        def body(context: AssetExecutionContext, **frames: pl.DataFrame):
            resources = {name: getattr(context.resources, name) for name in arguments.needed}
            with in_one_sentence():
                return _result(contract, rows_of(contract, frames, resources, context.resources.horizon))

        return body

    return decorate


def ingest(
    contract: type[RawTable], asked: Callable[[Catalog], Sequence[Futures | Symbol | Series]] | None = None
) -> Callable[[Callable[..., Fetched]], AssetsDefinition]:
    """Make a fetching function an asset: everything it needs is a resource; faults upstream are retried.

    asked: the catalog entries this asset fetches, so that a required one that is missing can be named; None where it
    fetches something else.
    """

    def decorate(function: Callable[..., Fetched]) -> AssetsDefinition:
        resources = Arguments.of(function).resources
        FUNCTIONS[contract.table_name()] = function

        @dg.asset(
            **_presentation(contract, {"python"}, Place.of(function)),
            required_resource_keys={"asked", "upstream", "warehouse", *resources},
            retry_policy=_RETRY_INGESTION,
        )
        def body(context: AssetExecutionContext):
            entries = asked(context.resources.asked) if asked else ()
            with in_one_sentence():
                if asked and not entries:
                    fetched = Fetched(contract.create_empty())
                else:
                    fetched = function(**{name: getattr(context.resources, name) for name in resources})
                missing = {m.id for m in fetched.missing}
                ids = [e.id for e in entries] if asked else [contract.table_name()]
                rows = admitted(
                    contract,
                    fetched,
                    [i for i in ids if i not in missing],
                    context.resources.warehouse,
                    context.resources.upstream.today(),
                    entries,
                )
            return dg.MaterializeResult(
                value=rows,
                metadata={
                    "rows_fetched": fetched.rows.height,
                    "rows_quarantined": rows.broken.height,
                    "rows_held": rows.held.height,
                    **({"asked": _NOTHING_ASKED} if asked and not entries else {}),
                },
                check_results=[
                    *checks.of_rows(contract, rows),
                    checks.of_arrival(entries, fetched.missing),
                    *checks.of_belief(contract, rows, context.resources.asked),
                ],
            )

        return body

    return decorate


def sql_tables(folder: Path = SQL_FOLDER) -> list[AssetsDefinition]:
    """One asset per file sql/<layer>/<table>.sql; what it depends on is read from the SELECT.

    Raises FileNotFoundError for a folder without any: an installation that left them behind would compute nothing.
    """
    paths = sorted(folder.glob("*/*.sql"))
    if not paths:
        raise FileNotFoundError(f"{folder} holds no SELECT; install Recouple again, with its folder sql")
    return [_sql_table(path) for path in paths]


def _sql_table(path: Path) -> AssetsDefinition:
    sql = path.read_text(encoding="utf-8")
    contract = CONTRACTS.get(path.stem)
    if contract is None or contract.layer != path.parent.name:
        raise ValueError(
            f"{path.parent.name}/{path.name} has no contract; add a class for table {path.stem} of layer "
            f"{path.parent.name} to assets/contracts"
        )

    @dg.asset(
        **_presentation(contract, {"duckdb", "sql"}, Place(path, 1)),
        deps=[asset_key(c) for c in sql_dependencies(sql, path.name)],
        required_resource_keys={"horizon", "warehouse"},
    )
    def body(context: AssetExecutionContext):
        with in_one_sentence():
            frame = context.resources.warehouse.query(sql)
            return _result(contract, finished_rows(contract, frame, context.resources.horizon))

    return body


def sql_dependencies(sql: str, name: str) -> list[type[Table]]:
    """The tables a SELECT reads, as contracts; known.X stands for raw.X as known on the as-of date."""
    parsed = sqlglot.parse_one(sql, dialect="duckdb")
    found: dict[str, type[Table]] = {}
    for node in parsed.find_all(exp.Table):
        if not node.db or node.name in _BOOKKEEPING:
            continue
        layer = "raw" if node.db == "known" else node.db
        contract = CONTRACTS.get(node.name)
        if contract is None or contract.layer != layer:
            raise ValueError(f"{name} reads {node.db}.{node.name}, which no contract describes; correct the name")
        found[node.name] = contract
    return list(found.values())


def asset_key(contract: type[Table]) -> dg.AssetKey:
    """layer/table."""
    return dg.AssetKey([contract.layer, contract.table_name()])


def _presentation(contract: type[Table], kinds: set[str], made_by: Place, keeps: bool = False) -> dict[str, Any]:
    """Everything the Dagster UI shows of a table before it is filled, and the pool it is written in."""
    return {
        "key": asset_key(contract),
        "group_name": contract.subject,
        "tags": {"subject": contract.subject, "layer": contract.layer},
        "code_version": _code_version(contract, made_by),
        "description": inspect.cleandoc(contract.__doc__ or ""),
        "kinds": kinds,
        "owners": ["team:recouple"],
        "metadata": {
            "dagster/column_schema": _column_schema(contract),
            "dagster/column_lineage": lineage.of_table(contract),
            **lineage.told(contract),
            "dagster/table_name": contract.full_name(),
            "contract": f"{contract.__name__} in {Place.of(contract)}",
            "made by": str(made_by),
            "dagster/code_references": _links(contract=Place.of(contract), code=made_by),
        },
        "check_specs": [
            *checks.specs(contract, asset_key(contract)),
            *([checks.spec_of_kept(asset_key(contract))] if keeps else []),
        ],
        "pool": POOL,
    }


def _code_version(contract: type[Table], made_by: Place) -> str:
    """Changes with the file that makes the table and with what its contract promises."""
    promise = [(name, str(spec.dtype), spec.nullable) for name, spec in contract.columns().items()]
    written = hashlib.sha256(made_by.file.read_bytes())
    written.update(repr(promise).encode())
    return written.hexdigest()[:12]


def _links(**places: Place) -> dg.CodeReferencesMetadataValue:
    """Places that Dagster's UI opens in an editor."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)  # if it goes, the places are still there as text
        return dg.CodeReferencesMetadataValue(
            code_references=[
                dg.LocalFileCodeReference(file_path=str(place.file), line_number=place.line, label=name)
                for name, place in places.items()
            ]
        )


def _column_schema(contract: type[Table]) -> dg.TableSchema:
    key, columns = contract.key(), contract.columns()
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=name,
                type=str(spec.dtype),
                description=contract.column_comment(name),
                constraints=dg.TableColumnConstraints(nullable=spec.nullable, other=["key"] if name in key else []),
            )
            for name, spec in ((name, columns[name]) for name in contract.ordered_columns())
        ]
    )


def rows_of(
    contract: type[Table], frames: Mapping[str, pl.DataFrame], resources: Mapping[str, Any], horizon: Horizon
) -> Rows:
    """The finished rows of a table that a function makes, from the tables it reads and the resources it needs."""
    function = FUNCTIONS[contract.table_name()]
    arguments = Arguments.of(function)
    given = {**frames, **{name: resources[name] for name in arguments.resources}}
    if not arguments.keeps:
        return finished_rows(contract, function(**given), horizon)
    frame, keeping = computed_with_past(
        contract,
        lambda kept: function(**given, kept=kept),
        Place.of(function).file,
        resources["warehouse"],
        horizon.as_of,
    )
    return replace(finished_rows(contract, frame, horizon), kept=keeping)


def finished_rows(contract: type[Table], frame: pl.DataFrame, horizon: Horizon) -> Rows:
    """Stamp a mart's rows with the run's horizon and hold them to the contract."""
    if issubclass(contract, Mart):
        frame = frame.with_columns(as_of=pl.lit(horizon.as_of), simulated=pl.lit(horizon.simulated))
    return hold_to_contract(contract, frame)


def _result(contract: type[Table], rows: Rows) -> dg.MaterializeResult[Rows]:
    return dg.MaterializeResult(
        value=rows,
        metadata={"dagster/row_count": rows.good.height, "rows_quarantined": rows.broken.height},
        check_results=checks.of_rows(contract, rows),
    )
