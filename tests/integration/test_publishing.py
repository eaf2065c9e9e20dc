"""Publishing: a versioned folder, one flip, a serving database that clients keep open."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from assets.contracts import MARTS
from assets.framework.rows import Rows
from pipelines.orchestration.ui_charts import PublisherWithCard
from pipelines.published.contract import contract_version
from pipelines.publishing import publish as publishing
from pipelines.publishing.content_hash import content_hash
from pipelines.publishing.publish import Publisher, PublishingError
from pipelines.settings import Settings
from pipelines.warehouse.opening import open_warehouse
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
        return Path(self.published(now, keep_hours, scale)["folder"])

    def published(self, now: datetime = NOW, keep_hours: int = 48, scale: float = 1.0) -> dict[str, Any]:
        """The same; returns what a person is told of it."""
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
            return PublisherWithCard(publisher).publish("0123456789")


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
    assert {p.stem for p in current.glob("*.parquet")} == {*(m.table_name() for m in MARTS), "meta"}


def test_the_manifest_names_run_date_contract_rows_and_hashes(world: World) -> None:
    world.publish()
    manifest = json.loads((world.tree / "manifest.json").read_text())
    assert (manifest["run_id"], manifest["as_of"], manifest["simulated"]) == ("0123456789", "2026-01-30", True)
    assert manifest["contract_version"] == contract_version()
    for contract in MARTS:
        frame = pl.read_parquet(world.tree / "marts" / "current" / f"{contract.table_name()}.parquet")
        said = manifest["marts"][contract.table_name()]
        assert (said["rows"], said["content_hash"]) == (frame.height, content_hash(frame, contract.key()))


def test_views_carry_the_contracts_words(world: World) -> None:
    world.publish()
    with duckdb.connect(str(world.tree / "serving.duckdb"), read_only=True) as connection:
        query = "select table_name || '.' || column_name, comment from duckdb_columns() where not internal"
        comments = dict(connection.sql(query).fetchall())
    for contract in MARTS:
        for column in contract.ordered_columns():
            assert comments[f"{contract.table_name()}.{column}"] == contract.column_comment(column)


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


def test_the_briefs_picture_is_shown_with_the_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "_draw_brief", draw_brief)
    card = world.published()["card"].value
    png = base64.b64decode(re.search(r"base64,([^)]+)\)", card).group(1))
    assert png.startswith(b"\x89PNG")
    assert len(png) < 60_000


def test_a_brief_that_cannot_be_drawn_says_how_to_repeat_it(tmp_path: Path) -> None:
    with pytest.raises(PublishingError, match="python.* -m pipelines.brief"):
        draw_brief(tmp_path)
