"""The serving database with the clients that BI tools are built on: DuckDB old and new, SQLAlchemy, command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from tests.serving import readers, world

Clients = Callable[[str], Path]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    world.publish(tree)
    return tree


def output(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("version", ["duckdb-1.4", "duckdb-1.5"])
def test_older_clients_read_views_and_comments(tree: Path, client: Clients, version: str) -> None:
    script = """
import duckdb, json, sys
c = duckdb.connect(sys.argv[1], read_only=True)
about = "from duckdb_columns() where not internal and table_name = 'market_state' and column_name = 'drawdown'"
(comment,) = c.execute(f"select comment {about}").fetchone()
print(json.dumps([c.execute("select count(*) from market_state").fetchone()[0], comment]))
"""
    rows, comment = json.loads(output(client(version) / "python", "-c", script, tree / "serving.duckdb"))
    assert rows == 2 * world.SESSIONS
    assert "record_close" in comment


def test_sqlalchemy_lists_and_reads_the_views(tree: Path, client: Clients) -> None:
    script = """
import json, sys, sqlalchemy as sa
engine = sa.create_engine(f"duckdb:///{sys.argv[1]}", connect_args={"read_only": True})
with engine.connect() as connection:
    rows = connection.execute(sa.text("select count(*) from fed_liquidity")).scalar()
print(json.dumps([sorted(sa.inspect(engine).get_view_names()), rows]))
"""
    views, rows = json.loads(output(client("duckdb-1.5") / "python", "-c", script, tree / "serving.duckdb"))
    assert {"market_state", "fed_liquidity", "_meta"} <= set(views)
    assert rows == 200


def test_command_line_client_reads(tree: Path, client: Clients) -> None:
    said = output(
        client("duckdb-1.5") / "duckdb", "-readonly", "-json", tree / "serving.duckdb", "select count(*) n from _meta"
    )
    assert json.loads(said)[0]["n"] > 0


def test_node_client_reads(tree: Path, client: Clients) -> None:
    node = client("node") / "node"
    said = output(node, node.parents[1] / "ask.mjs", tree / "serving.duckdb", "select count(*) from market_state")
    assert json.loads(said) == [[str(2 * world.SESSIONS)]]


def test_polars_and_pandas_read_the_parquet_files(tree: Path) -> None:
    path = (tree / "marts" / "current").resolve() / "market_state.parquet"
    assert pl.read_parquet(path).height == len(pd.read_parquet(path)) == 2 * world.SESSIONS


def test_readers_of_three_versions_see_one_run_at_a_time(tmp_path: Path, client: Clients) -> None:
    pythons = {Path(sys.executable): 2, client("duckdb-1.4") / "python": 2, client("duckdb-1.5") / "python": 2}
    seen = readers.watch(tmp_path, pythons, runs=5)
    assert [s["errors"] for s in seen] == [[], [], []]
    assert [s["mixed"] for s in seen] == [0, 0, 0]
    assert all(s["rows"] == [f"{2 * world.SESSIONS} 200"] for s in seen), "a query saw part of a run, or two"
    assert min(n for s in seen for n in s["runs"]) > 2, "a long-lived connection stayed on an old run"
