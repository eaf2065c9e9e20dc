"""The serving database with the clients that BI tools are built on: DuckDB old and new, SQLAlchemy, command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pytest

from assets.contracts import MARTS
from pipelines.publishing.copies import write_database
from tests.serving import readers, world
from tests.serving.test_documents import QUESTIONS

WHOLE = [f"select count(*), count(as_of) from {mart.table_name()}" for mart in MARTS]
SHAPES = (
    "select * from {} order by all limit 3",
    "select * from {} qualify row_number() over (partition by as_of order by simulated desc) = 1",
    "select * from {} qualify rank() over (partition by as_of order by simulated desc) <= 2",
    "select distinct on (as_of) * from {}",
    "select a.as_of from {} a join {} b using (as_of) limit 1",
    "select * from {} where as_of = (select max(as_of) from {}) limit 1",
    "with x as (from {}) select (select count(*) from x), (select max(as_of) from x)",
    "select *, lag(as_of) over (order by as_of) from {} order by as_of limit 2",
    "select * from {} a where exists (from _meta b where b.as_of = a.as_of)",
    "select * from {} using sample 2",
    "summarize {}",
)
SHAPED = [
    shape.replace("{}", table) for table in ("market_state", "fed_liquidity", "claims", "_meta") for shape in SHAPES
]

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


OTHERS = ("duckdb-1.4", "duckdb-1.5", "duckdb-newest")


@pytest.mark.parametrize("version", OTHERS)
def test_other_clients_read_views_and_comments(tree: Path, client: Clients, version: str) -> None:
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


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree that keeps fifty runs besides the one in force, none of which can be opened."""
    tree = tmp_path_factory.mktemp("crowded")
    world.publish(tree)
    in_force = (tree / "marts" / "current").resolve()
    contract = in_force.name.rpartition(".")[2]
    for number in range(50):
        kept = in_force.with_name(f"2025-01-01_2025010{number % 9 + 1}T0000000000{number:02}Z_kept.{contract}")
        kept.mkdir()
        for file in in_force.glob("*.parquet"):
            (kept / file.name).write_bytes(b"no parquet")
    return tree


THREE_VIEWS = """
    select count(*), avg(c.correlation), any_value(m.run_id)
    from market_state s
    join rolling_correlations c on c.session = s.session and c.asset = s.symbol
    join relative_strength r on r.pair = c.pair and r.session = c.session
    join _meta m on m.mart = 'market_state'
    where s.session >= (select max(session) - 90 from market_state)
"""


@pytest.mark.parametrize("version", ["own", *OTHERS])
def test_a_query_opens_no_run_but_the_one_in_force(crowded: Path, client: Clients, version: str) -> None:
    """Every version prunes the views' files before it opens them; one that does not anymore fails here."""
    script = """
import duckdb, json, sys
c = duckdb.connect(sys.argv[1], read_only=True)
for query in json.load(sys.stdin):
    c.execute(query).fetchall()
print(duckdb.__version__)
"""
    python = Path(sys.executable) if version == "own" else client(version) / "python"
    asked = json.dumps([*(sql for _, sql in QUESTIONS), THREE_VIEWS, *WHOLE, *SHAPED])
    done = subprocess.run(
        [python, "-c", script, crowded / "serving.duckdb"], input=asked, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("version", OTHERS)
def test_the_copy_in_a_run_is_read_by_every_version(tmp_path: Path, client: Clients, version: str) -> None:
    world.publish(tmp_path)
    copy = write_database((tmp_path / "marts" / "current").resolve())
    script = """
import duckdb, json, sys
c = duckdb.connect(sys.argv[1], read_only=True)
(keys,) = c.execute("select count(*) from duckdb_constraints() where constraint_type = 'PRIMARY KEY'").fetchone()
print(json.dumps([c.execute("select count(*) from market_state").fetchone()[0], keys]))
"""
    rows, keys = json.loads(output(client(version) / "python", "-c", script, copy))
    assert (rows, keys) == (2 * world.SESSIONS, len(MARTS) + 1)


def test_no_client_needs_another_library_for_a_time(tree: Path) -> None:
    with duckdb.connect(str(tree / "serving.duckdb"), read_only=True) as connection:
        kinds = connection.execute("select distinct data_type from duckdb_columns() where not internal").fetchall()
    assert "TIMESTAMP WITH TIME ZONE" not in {kind for (kind,) in kinds}


def test_readers_of_every_version_see_one_run_at_a_time(tmp_path: Path, client: Clients) -> None:
    pythons = {Path(sys.executable): 2} | {client(version) / "python": 2 for version in OTHERS}
    seen = readers.watch(tmp_path, pythons, runs=5)
    assert [s["errors"] for s in seen] == [[]] * len(pythons)
    assert [s["mixed"] for s in seen] == [0] * len(pythons)
    assert all(s["rows"] == [f"{2 * world.SESSIONS} 200"] for s in seen), "a query saw part of a run, or two"
    assert min(n for s in seen for n in s["runs"]) > 2, "a long-lived connection stayed on an old run"
