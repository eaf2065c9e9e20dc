"""What was known when: the one rule behind every table that is not raw.

Raw keeps every revision of every row. `known.X` shows raw.X as a reader knew it at the end of the as-of day:

1. A provisional row (a bar of a day that was not over) is known to nobody.
2. The first final revision counts from the day its value became available. Core judges that by the catalog's release
   lag or a stored vintage date, because history is usually fetched long after it could be known.
3. A later revision counts from the day it was fetched. Of those that count, the newest is shown.
4. A revision counts for nobody while it is held back: from when it came, or from the day a person held it, until the
   day it is released.

Here: this rule as views. Not here: how revisions are told apart (pipelines.warehouse.revisions), what is held back
(pipelines.warehouse.doubts), release lags (sql/core).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import cast

import duckdb
import sqlglot
from sqlglot import exp

from assets.framework.contract import RawTable
from assets.framework.registry import raw_tables
from pipelines.warehouse.doubts import row_key

_AS_OF = "getvariable('as_of')"


def create_known_views(connection: duckdb.DuckDBPyConnection, history: str) -> None:
    """`known.X` for every raw table, and beside them what was fetched and restated when."""
    connection.execute("create schema if not exists known")
    for statement in _views(tuple(raw_tables()), history):
        connection.execute(statement)


@cache
def _views(tables: tuple[type[RawTable], ...], history: str) -> tuple[str, ...]:
    """The statements that make the views; written once a process, because every day of the past needs them."""
    queries = {contract.table_name(): known_rows(contract, history) for contract in tables}
    queries["fetches"] = exp.select("*").from_(_stored("fetches", "ops", history))
    queries["restatements"] = restated(history)
    queries["doubts"] = doubted(history)
    return tuple(_view(name, query) for name, query in queries.items())


def known_rows(contract: type[RawTable], history: str, as_of: str = _AS_OF) -> exp.Query:
    """The rows of one raw table as known at the end of a day, bookkeeping left out. as_of: that day, as SQL."""
    key = [_column(name) for name in contract.key()]
    held = (
        exp.select("1")
        .from_(_stored("holds", "ops", history).as_("h"))
        .where(
            exp.column("table_name", "h").eq(contract.table_name()),
            f"h.revision = r.revision and h.row_key = {row_key(contract, 'r.')}",
            f"coalesce(h.held_from <= {as_of}, true) and coalesce({as_of} < h.released_on, true)",
            dialect="duckdb",
        )
    )
    numbered = (
        exp.select("*", _number(key, "revision").as_("final_number"))
        .from_(_stored(contract.table_name(), "raw", history).as_("r"))
        .where(*_final(contract), exp.Not(this=exp.Exists(this=held)))
    )
    return (
        exp.select(*(_column(name) for name in contract.column_names()))
        .with_("final", as_=numbered)
        .from_("final")
        .where(f"final_number = 1 or fetched_on <= {as_of}", dialect="duckdb")
        .qualify(_number(key, "revision desc").eq(1))
    )


def restated(history: str) -> exp.Query:
    """Ids and days of every value that replaced an earlier one."""
    bars, observations = (_stored(name, "raw", history) for name in ("price_bars", "macro_observations"))
    return (
        exp.select("symbol as id", "fetched_on")
        .from_(bars)
        .where("not provisional")
        .qualify(_number([_column("symbol"), _column("date")], "revision") > 1)
        .union(
            exp.select("series_id as id", "coalesce(realtime_start, fetched_on) as fetched_on")
            .from_(observations)
            .qualify(_number([_column("series_id"), _column("date")], "realtime_start", "revision") > 1),
            distinct=False,
        )
    )


def doubted(history: str) -> exp.Query:
    """Every value that was in quarantine or held back, released or asked for again, as known at the as-of day."""
    query = sqlglot.parse_one(Path(__file__).with_name("doubts.sql").read_text(encoding="utf-8"), dialect="duckdb")
    for table in query.find_all(exp.Table):
        if table.db:
            table.set("catalog", exp.to_identifier(history, quoted=True))
    return cast("exp.Query", query)


def _view(name: str, query: exp.Query) -> str:
    view = exp.Create(this=exp.table_(name, db="known", quoted=True), kind="VIEW", replace=True, expression=query)
    return view.sql("duckdb")


def _number(partition: list[exp.Column], *order: str) -> exp.Window:
    return exp.Window(
        this=exp.RowNumber(),
        partition_by=[column.copy() for column in partition],
        order=exp.Order(expressions=[exp.maybe_parse(o, into=exp.Ordered, dialect="duckdb") for o in order]),
    )


def _final(contract: type[RawTable]) -> list[str]:
    return ["not provisional"] if "provisional" in contract.column_names() else []


def _stored(table: str, schema: str, history: str) -> exp.Table:
    return exp.table_(table, db=schema, catalog=history, quoted=True)


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)
