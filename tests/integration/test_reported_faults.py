"""Faults that people reported of these services, one night of them at once: nothing untrue is published, all is named.

Here: whole nightlies on a folder that is right, damaged, and right again. Not here: the rules one by one
(tests/unit/test_plausibility.py, tests/integration/test_doubts.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.catalog import Catalog
from pipelines.cli.runs import RunReport, run_job
from pipelines.cli.terminal import Status
from pipelines.settings import Settings
from pipelines.sources.sample import SampleUpstream
from tests.conftest import mart, succeed

SINCE = date(2024, 1, 2)
PRICES = ("open", "high", "low", "close", "adj_close")
ABOUT_THE_DATA = {"data_quality", "series_freshness"}  # they say what happened, which differs


@dataclass(frozen=True)
class World:
    """The sample's last two years, and its last three sessions."""

    prices: pl.DataFrame
    fred: pl.DataFrame
    last: tuple[date, date, date]

    def write(self, folder: Path, until: date, *, damaged: bool = False) -> Path:
        """A folder that ends on a day."""
        folder.mkdir(exist_ok=True)
        prices = self.prices.filter(pl.col("date") <= until)
        fred = self.fred.filter(pl.col("date") <= until)
        if damaged:
            prices, fred = _damaged(prices, self.last[0], until), _times(fred, 0.001, ("value",), series_id="WTREGEN")
        prices.write_parquet(folder / "prices.parquet")
        fred.write_parquet(folder / "fred.parquet")
        return folder


def _damaged(prices: pl.DataFrame, before: date, today: date) -> pl.DataFrame:
    """A hundredfold day, a hundredfold high, a history in another scale, another currency, fields gone empty."""
    prices = _times(prices, 100, PRICES, symbol="BTC-USD", date=today)
    prices = _times(prices, 100, ("high",), symbol="^RUT", date=today)
    prices = _times(prices, 0.86, PRICES, symbol="ETH-USD")
    old = (pl.col("symbol") == "TLT") & (pl.col("date") <= before)
    prices = prices.with_columns(pl.when(old).then(pl.col(p) * 0.0015).otherwise(p).alias(p) for p in PRICES)
    gone = {"adj_close": "SPY", "high": "^GSPC"}
    day = pl.col("date") == before
    empty = [pl.when(day, pl.col("symbol") == s).then(None).otherwise(c).alias(c) for c, s in gone.items()]
    return prices.with_columns(empty)


def _times(frame: pl.DataFrame, factor: float, columns: tuple[str, ...], **where: object) -> pl.DataFrame:
    hit = pl.all_horizontal(pl.col(column) == value for column, value in where.items())
    return frame.with_columns(pl.when(hit).then(pl.col(c) * factor).otherwise(c).alias(c) for c in columns)


@pytest.fixture(scope="module")
def world(sample: SampleUpstream, catalog: Catalog) -> World:
    prices = sample.price_bars(catalog.symbol, {}).rows.filter(pl.col("date") >= SINCE).drop("provisional")
    fred = sample.macro_observations(catalog.series, {}).rows.filter(pl.col("date") >= SINCE)
    days = prices.filter(symbol="^RUT")["date"].unique().sort().tail(3).to_list()
    return World(prices, fred, (days[0], days[1], days[2]))


@dataclass(frozen=True)
class Lived:
    """A home after a right night and a damaged one, and its twin that saw no damage."""

    home: Settings
    twin: Settings
    report: RunReport


@pytest.fixture(scope="module")
def lived(world: World, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    root = tmp_path_factory.mktemp("lived")
    home = Settings(source="files", files=root / "folder", home=root / "home")
    twin = Settings(source="files", files=root / "right", home=root / "twin")
    world.write(root / "folder", world.last[0])
    succeed(run_job(home, "ingest"))
    world.write(root / "folder", world.last[1], damaged=True)
    report = succeed(run_job(home, "nightly"))
    world.write(root / "right", world.last[1])
    succeed(run_job(twin, "nightly"))
    return Lived(home, twin, report)


def row(settings: Settings, table: str, **where: object) -> dict[str, Any]:
    return mart(settings, table).filter(**where).row(0, named=True)


def test_a_hundredfold_day_is_not_published_and_the_record_stands(world: World, lived: Lived) -> None:
    states = mart(lived.home, "market_state").filter(symbol="BTC-USD").sort("session")
    assert states["session"][-1] < world.last[1]
    clean = row(lived.twin, "market_state", symbol="BTC-USD", session=states["session"][-1])
    assert states.row(-1, named=True) == clean


def test_a_hundredfold_high_makes_no_record(world: World, lived: Lived) -> None:
    found = row(lived.home, "market_state", symbol="^RUT", session=world.last[1])
    right = row(lived.twin, "market_state", symbol="^RUT", session=world.last[1])
    assert found["close"] == right["close"]
    assert found["record_high"] <= right["record_high"]


@pytest.mark.parametrize("symbol", ["TLT", "SPY", "^GSPC"])
def test_history_in_another_scale_and_fields_gone_empty_replace_nothing(lived: Lived, symbol: str) -> None:
    found, right = (mart(s, "market_state").filter(symbol=symbol).sort("session") for s in (lived.home, lived.twin))
    assert found.equals(right)


def test_another_currency_leaves_what_was_known(world: World, lived: Lived) -> None:
    found = mart(lived.home, "market_state").filter(symbol="ETH-USD").sort("session")
    right = mart(lived.twin, "market_state").filter(symbol="ETH-USD").sort("session")
    assert found.equals(right.filter(pl.col("session") <= found["session"][-1]))
    assert world.last[0] <= found["session"][-1] < world.last[1]


def test_a_unit_that_changed_in_every_value_changes_no_liquidity(lived: Lived) -> None:
    columns = ["date", "treasury_general_account_usd_bn", "net_liquidity_usd_bn"]
    found, right = (mart(s, "fed_liquidity").select(columns).sort("date") for s in (lived.home, lived.twin))
    assert found.equals(right)


@pytest.mark.parametrize(
    ("series", "said"),
    [
        ("BTC-USD", "is a power of ten away from the value before it, expected "),
        ("^RUT", "is out of proportion to the rest of its bar"),
        ("TLT", "one factor that all values of the answer share"),
        ("ETH-USD", "another unit or currency"),
        ("WTREGEN", "another unit or currency"),
        ("SPY", "adj_close came empty although it was known; the stored value stays"),
        ("^GSPC", "high came empty although it was known; the stored value stays"),
    ],
)
def test_every_fault_is_one_line_that_names_series_day_reason_and_remedy(
    world: World, lived: Lived, series: str, said: str
) -> None:
    (line,) = [text for text in lived.report.look_at if text.startswith(f"{series} ")]
    assert said in line
    assert any(str(day) in line for day in world.last)
    assert "`recouple release" in line or "Nothing to do" in line


def test_the_lines_are_the_same_for_machines_and_the_most_important_come_first(lived: Lived) -> None:
    status = json.loads(json.dumps(Status.of(lived.home.tree).as_dict()))
    assert status["look_at"] == list(lived.report.look_at)
    assert {line.split()[0] for line in status["look_at"][:3]} == {"BTC-USD", "WTREGEN", "^RUT"}  # what is required
    assert "came empty" in status["look_at"][-1]


def test_the_reading_begins_with_what_it_cannot_know(lived: Lived) -> None:
    status = Status.of(lived.home.tree)
    assert status.reading.headline.startswith("Bitcoin of ")
    assert "is in quarantine" in status.reading.headline.split(". ")[0]
    assert status.trust.startswith("With care: ")
    assert Status.of(lived.twin.tree).trust.startswith("Yes: ")


def test_once_the_answer_is_right_everything_is_as_if_nothing_had_been(world: World, lived: Lived) -> None:
    for settings in (lived.home, lived.twin):
        assert settings.files is not None
        world.write(settings.files, world.last[2])
        succeed(run_job(settings, "nightly"))
    manifests = [json.loads((s.tree / "manifest.json").read_text()) for s in (lived.home, lived.twin)]
    healed, right = (
        {n: m["content_hash"] for n, m in d["marts"].items() if n not in ABOUT_THE_DATA} for d in manifests
    )
    assert healed == right
    assert manifests[0]["look_at"] == manifests[1]["look_at"]
    quality = mart(lived.home, "data_quality").filter(state="quarantined")
    assert quality.height > 5
    assert not quality["is_open"].any()
