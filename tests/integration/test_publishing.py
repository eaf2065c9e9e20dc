"""Publishing: a versioned folder, one flip, a serving database that clients keep open."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from assets.contracts import MARTS
from assets.contracts.rows import Rows
from pipelines.publishing import Publisher, PublishingError, content_hash, contract_version, export_copy, roll_back
from pipelines.settings import Settings
from pipelines.warehouse import open_warehouse
from tests.conftest import draw_brief, mart

AS_OF = date(2026, 1, 30)
NOW = datetime(2026, 1, 31, 1, 30, tzinfo=UTC)


class World:
    """A tree to publish into, from the marts of an earlier run."""

    def __init__(self, tree: Path, source: Settings) -> None:
        self.tree = tree
        self._frames = {m: mart(source, m.table_name()) for m in MARTS}

    def publish(self, now: datetime = NOW, keep_hours: int = 48, scale: float = 1.0) -> Path:
        """Publish at a moment, total assets scaled; returns the run's folder."""
        with open_warehouse(self.tree / "w.duckdb", as_of=AS_OF, simulated=True) as warehouse:
            for contract, frame in self._frames.items():
                warehouse.replace(contract, Rows(_scaled(frame, scale)), "run")
            publisher = Publisher(
                warehouse=warehouse,
                tree=self.tree,
                as_of=AS_OF,
                source="sample",
                simulated=True,
                keep=timedelta(hours=keep_hours),
                clock=lambda: now,
            )
            return Path(str(publisher.publish("0123456789")["folder"]))


def _scaled(frame: pl.DataFrame, scale: float) -> pl.DataFrame:
    return frame.with_columns(pl.col("^total_assets_usd_bn$") * scale)


@pytest.fixture
def world(tmp_path: Path, sample_home: Settings) -> World:
    return World(tmp_path, sample_home)


def test_a_run_is_one_folder_and_current_points_at_it(world: World) -> None:
    folder = world.publish()
    current = world.tree / "marts" / "current"
    assert current.is_symlink()
    assert current.resolve() == folder.resolve()
    assert {p.stem for p in current.glob("*.parquet")} == {*(m.table_name() for m in MARTS), "_meta"}


def test_the_manifest_names_run_date_contract_rows_and_hashes(world: World) -> None:
    world.publish()
    manifest = json.loads((world.tree / "manifest.json").read_text())
    assert (manifest["run_id"], manifest["as_of"], manifest["simulated"]) == ("0123456789", "2026-01-30", True)
    assert manifest["contract_version"] == contract_version()
    for contract in MARTS:
        frame = pl.read_parquet(world.tree / "marts" / "current" / f"{contract.table_name()}.parquet")
        said = manifest["marts"][contract.table_name()]
        assert (said["rows"], said["content_hash"]) == (frame.height, content_hash(frame))


def test_a_connection_kept_open_sees_the_new_run_on_its_next_query(world: World) -> None:
    world.publish()
    with duckdb.connect(str(world.tree / "serving.duckdb"), read_only=True) as connection:
        query = "select max(total_assets_usd_bn) from fed_liquidity"
        ((before,),) = connection.sql(query).fetchall()
        world.publish(NOW + timedelta(days=1), scale=2)
        ((after,),) = connection.sql(query).fetchall()
    assert after == pytest.approx(2 * before)


def test_the_serving_database_is_rebuilt_only_when_the_contract_changes(world: World) -> None:
    world.publish()
    serving = world.tree / "serving.duckdb"
    built = serving.stat().st_ino
    world.publish(NOW + timedelta(days=1))
    assert serving.stat().st_ino == built
    (world.tree / ".serving-shape").write_text("another contract")
    world.publish(NOW + timedelta(days=2))
    assert serving.stat().st_ino != built


def test_views_carry_the_contracts_words(world: World) -> None:
    world.publish()
    with duckdb.connect(str(world.tree / "serving.duckdb"), read_only=True) as connection:
        query = "select table_name || '.' || column_name, comment from duckdb_columns() where not internal"
        comments = dict(connection.sql(query).fetchall())
    for contract in MARTS:
        for column in contract.ordered_columns():
            assert comments[f"{contract.table_name()}.{column}"] == contract.column_comment(column)


def test_superseded_runs_go_after_the_grace_period(world: World) -> None:
    first = world.publish()
    world.publish(datetime.now(UTC), keep_hours=1)
    assert first.exists()
    last = world.publish(datetime.now(UTC) + timedelta(hours=2), keep_hours=1)
    assert not first.exists()
    assert last.exists()


def test_a_mart_that_breaks_its_contract_is_not_flipped(world: World) -> None:
    world.publish()
    before = (world.tree / "marts" / "current").resolve()
    with pytest.raises(PublishingError, match="fed_liquidity.parquet"):
        world.publish(NOW + timedelta(days=1), scale=-1)
    assert (world.tree / "marts" / "current").resolve() == before


def test_the_brief_is_drawn_beside_the_marts(world: World) -> None:
    folder = world.publish()
    draw_brief(folder)
    assert (folder / "brief.html").stat().st_size > 10_000


def test_a_brief_that_cannot_be_drawn_says_how_to_repeat_it(tmp_path: Path) -> None:
    with pytest.raises(PublishingError, match="python.* -m pipelines.brief"):
        draw_brief(tmp_path)


def test_rollback_is_one_flip(world: World) -> None:
    first = world.publish()
    world.publish(NOW + timedelta(days=1), scale=2)
    assert roll_back(world.tree) == first
    assert json.loads((world.tree / "manifest.json").read_text())["published_at"] == NOW.isoformat()


def test_without_an_earlier_run_there_is_nothing_to_roll_back_to(world: World) -> None:
    world.publish()
    with pytest.raises(PublishingError, match="no earlier run"):
        roll_back(world.tree)


def test_the_exported_copy_stands_alone(world: World, tmp_path: Path) -> None:
    world.publish()
    export_copy(world.tree, tmp_path / "copy.duckdb")
    rows = pl.read_parquet(world.tree / "marts" / "current" / "market_state.parquet").height
    shutil.rmtree(world.tree / "marts")
    with duckdb.connect(str(tmp_path / "copy.duckdb"), read_only=True) as connection:
        assert connection.sql("select count(*) from market_state").fetchall() == [(rows,)]


def test_exporting_before_the_first_run_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(PublishingError, match="run `make nightly` once"):
        export_copy(tmp_path, tmp_path / "copy.duckdb")


def test_readers_in_another_process_are_served_while_runs_flip(world: World) -> None:
    world.publish()
    reader = (
        "import duckdb, sys\n"
        f"c = duckdb.connect({str(world.tree / 'serving.duckdb')!r}, read_only=True)\n"
        "print('open', flush=True)\n"
        "while sys.stdin.readline().strip() == 'read':\n"
        "    for name in [n for (n,) in c.sql('select view_name from duckdb_views() where not internal').fetchall()]:\n"
        "        c.sql(f'select count(*) from {name}').fetchall()\n"
        "    print('read', flush=True)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", reader], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        for night in range(1, 4):
            process.stdin.write("read\n")
            process.stdin.flush()
            world.publish(NOW + timedelta(days=night))
            assert process.stdout.readline() == "read\n"
        process.stdin.close()
