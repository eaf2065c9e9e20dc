"""From which columns a column is made.

Here: deriving it (from a SELECT by sqlglot, from a Python function by the column names it speaks of) and reading what
was derived. Not here: dependencies of tables (assets.framework.table).

Deriving takes longer than loading everything else, so `recouple dictionary` writes it down beside the dictionary and
`make check` holds it against the code. What Python does with a column cannot be read off as exactly as SQL: a column
that an input has under the same name is taken from there, any other from every column of its inputs that the module
names.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import dagster as dg
import sqlglot
from sqlglot import exp

from assets.framework.contract import Mart, RawTable, Table
from assets.framework.registry import CONTRACTS

PATH = Path(__file__).parents[1] / "lineage.json"

Origins = dict[str, list[str]]
"""Column -> `layer.table.column` of everything it is made from."""

_OF_THE_RUN = set(Mart.column_names())  # stamped on every row of a mart: they come from the run, not from a table


@cache
def _stored() -> dict[str, Origins]:
    stored: dict[str, Origins] = json.loads(PATH.read_text(encoding="utf-8")) if PATH.exists() else {}
    return stored


def of_table(contract: type[Table]) -> dg.TableColumnLineage:
    """A table's column lineage as Dagster keeps it; only its paid UI draws it."""
    origins = _stored().get(contract.table_name(), {})
    return dg.TableColumnLineage(
        {
            column: [
                dg.TableColumnDep(dg.AssetKey([layer, table]), name)
                for layer, table, name in (origin.split(".") for origin in found)
            ]
            for column, found in origins.items()
        }
    )


def told(contract: type[Table]) -> dict[str, dg.MarkdownMetadataValue]:
    """The same to read on the table's page; nothing for a table that is made from no other."""
    origins = _stored().get(contract.table_name(), {})
    lines = [f"| {column} | {', '.join(found)} |" for column, found in origins.items()]
    listed = "\n".join(("| column | is made from |", "| --- | --- |", *lines))
    return {"columns are made from": dg.MarkdownMetadataValue(listed)} if lines else {}


def written(sql: Mapping[str, str], functions: Mapping[str, object], reads: Mapping[str, set[str]]) -> str:
    """The file: every computed table by name. sql: SELECT by table. functions, reads: of the tables in Python."""
    found = {}
    for name in sorted(CONTRACTS):
        if name in sql:
            found[name] = _of_select(CONTRACTS[name], sql[name])
        elif name in functions and not issubclass(CONTRACTS[name], RawTable):
            found[name] = _of_function(CONTRACTS[name], functions[name], reads[name])
    return json.dumps(found, indent=1) + "\n"


def _of_select(contract: type[Table], sql: str) -> Origins:
    # Imported here because only writing needs the optimizer.
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope

    schema: dict[str, object] = {**_schema()}
    parsed = sqlglot.parse_one(sql, dialect="duckdb")
    read = {t.name for t in parsed.find_all(exp.Table) if t.db and t.name in CONTRACTS}
    select = qualify(parsed, schema=schema, dialect="duckdb", validate_qualify_columns=False, identify=False)
    scope = build_scope(select)
    found: Origins = {}
    for column in (c for c in contract.ordered_columns() if c not in _OF_THE_RUN or not issubclass(contract, Mart)):
        node = lineage(column, select, schema, dialect="duckdb", scope=scope, trim_selects=False)
        leaves = (
            (leaf.expression.name, leaf.name.split(".")[-1])
            for leaf in node.walk()
            if isinstance(leaf.expression, exp.Table) and leaf.expression.name in CONTRACTS
        )
        found[column] = sorted({_name(table, name) for table, name in leaves}) or _keys(read)  # it counts rows
    return found


def _of_function(contract: type[Table], function: object, reads: set[str]) -> Origins:
    if not reads:
        return {}  # made from entries of the repository, which are no tables
    source = inspect.getsource(sys.modules[function.__module__])
    named = sorted(
        _name(table, column)
        for table in reads
        for column in CONTRACTS[table].column_names()
        if f'"{column}"' in source or f"{column}=" in source
    )
    found: Origins = {}
    for column in (c for c in contract.ordered_columns() if c not in _OF_THE_RUN):
        same = sorted(_name(table, column) for table in reads if column in CONTRACTS[table].column_names())
        found[column] = same or named or _keys(reads)
    return found


def _schema() -> dict[str, dict[str, dict[str, str]]]:
    schema: dict[str, dict[str, dict[str, str]]] = {}
    for name, contract in CONTRACTS.items():
        for layer in _schemas(contract):
            schema.setdefault(layer, {})[name] = dict.fromkeys(contract.ordered_columns(), "VARCHAR")
    schema["known"]["fetches"] = dict.fromkeys(("table_name", "series", "fetched_at", "fetched_on"), "VARCHAR")
    schema["known"]["restatements"] = dict.fromkeys(("id", "fetched_on"), "VARCHAR")
    return schema


def _schemas(contract: type[Table]) -> Iterator[str]:
    yield contract.layer
    if issubclass(contract, RawTable):
        yield "known"


def _keys(tables: set[str]) -> list[str]:
    return sorted(_name(table, column) for table in tables for column in CONTRACTS[table].key())


def _name(table: str, column: str) -> str:
    return f"{CONTRACTS[table].layer}.{table}.{column}"
