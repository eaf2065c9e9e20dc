"""One SELECT of a reader, over the views of one tree.

Here: a connection of its own for each query, which can read that tree's marts, write nothing, and ends in time. Not
here: the views (pipelines.publishing.serving), the page (explorer.app).

The serving database is attached anew for every query, so that one made anew by a nightly is seen, and a query sees one
run from its beginning to its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Timer
from typing import Any

import duckdb

from assets.framework.errors import KnownFault
from pipelines.home import Tree
from pipelines.publishing.tables import quoted

SECONDS = 20.0
ROWS = 500
_MEMORY = "2GB"


class NoAnswer(KnownFault):
    """The query was refused, or failed."""


@dataclass(frozen=True)
class Answer:
    """The first rows of a result; there are more where `cut`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    cut: bool


def answer(tree: Tree, sql: str, *, seconds: float = SECONDS) -> Answer:
    """The answer to one SELECT. Raises NoAnswer with the reason."""
    try:
        statements = duckdb.extract_statements(sql)
        if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
            raise NoAnswer("only one SELECT is answered here, and it changes nothing; take out everything else")
        with _reading(tree) as connection:
            return _asked(connection, sql, seconds)
    except duckdb.InterruptException:
        raise NoAnswer(f"the query was ended after {seconds:g} s; ask for fewer rows") from None
    except duckdb.Error as error:
        raise NoAnswer(str(error).strip()) from None


@contextmanager
def _reading(tree: Tree) -> Iterator[duckdb.DuckDBPyConnection]:
    """Files outside the tree's marts cannot be opened, and nothing can be set back."""
    with duckdb.connect() as connection:
        connection.execute(f"attach {quoted(tree.serving)} as served (read_only)")
        connection.execute("use served")
        connection.execute(f"set memory_limit = '{_MEMORY}'")
        connection.execute(f"set allowed_directories = [{quoted(tree.marts)}]")
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        yield connection


def _asked(connection: duckdb.DuckDBPyConnection, sql: str, seconds: float) -> Answer:
    limit = Timer(seconds, connection.interrupt)
    limit.start()
    try:
        result = connection.execute(sql)
        columns = tuple(column[0] for column in result.description or ())
        rows = result.fetchmany(ROWS + 1)
    finally:
        limit.cancel()
    return Answer(columns, tuple(rows[:ROWS]), len(rows) > ROWS)
