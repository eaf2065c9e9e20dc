"""A folder is held against the catalog by what it says of itself, and a wrong column ends in one sentence."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from assets.catalog import Catalog, load_catalog
from assets.contracts.raw import MacroObservations, PriceBars
from assets.framework.rows import hold_to_contract
from assets.upstream import Fetched, UpstreamError
from pipelines.sources.files import FilesUpstream

CATALOG: Catalog = load_catalog()
SYMBOLS = [s for s in CATALOG.symbol if s.id in ("BTC-USD", "^RUT")]
SERIES = [s for s in CATALOG.series if s.id in ("WTREGEN", "DFF")]
FIRST = date(2026, 8, 3)


def bars(days: int = 14, every: int = 1) -> pl.DataFrame:
    rows = [
        {
            "symbol": s.id,
            "date": day,
            "open": 1.0,
            "high": 2.0,
            "low": 1.0,
            "close": 1.5,
            "adj_close": 1.5,
            "volume": 9.0,
        }
        for s in SYMBOLS
        for day in (FIRST + timedelta(days=n) for n in range(0, days, every))
        if s.frequency == "calendar_day" or day.weekday() < 5
    ]
    return pl.DataFrame(rows)


def observations() -> pl.DataFrame:
    return pl.DataFrame([{"series_id": s.id, "date": FIRST, "value": 953.6} for s in SERIES])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    bars().write_parquet(tmp_path / "prices.parquet")
    observations().write_parquet(tmp_path / "fred.parquet")
    return tmp_path


def prices_of(folder: Path, frame: pl.DataFrame) -> Fetched:
    frame.write_parquet(folder / "prices.parquet")
    return FilesUpstream(folder, CATALOG).price_bars(SYMBOLS, {})


def series_of(folder: Path, frame: pl.DataFrame) -> Fetched:
    frame.write_parquet(folder / "fred.parquet")
    return FilesUpstream(folder, CATALOG).macro_observations(SERIES, {})


def test_categories_and_moments_are_read_as_words_and_days(folder: Path) -> None:
    kinds = bars().with_columns(pl.col("symbol").cast(pl.Categorical), pl.col("date").cast(pl.Datetime))
    fetched = prices_of(folder, kinds)
    assert (fetched.missing, fetched.rows.height) == ((), bars().height)
    assert fetched.rows.schema["symbol"] == pl.String
    assert hold_to_contract(PriceBars, fetched.rows).broken.is_empty()
    series = series_of(folder, observations().with_columns(pl.col("series_id").cast(pl.Categorical)))
    assert hold_to_contract(MacroObservations, series.rows).good.height == 2


@pytest.mark.parametrize(
    ("column", "values", "told"),
    [
        ("date", pl.lit("03/08/2026"), "the column date is of type String and cannot be read as Date"),
        ("close", pl.lit("many"), "the column close is of type String and cannot be read as Float64"),
    ],
)
def test_a_column_of_another_type_ends_in_one_sentence(folder: Path, column: str, values: pl.Expr, told: str) -> None:
    with pytest.raises(UpstreamError, match=told) as caught:
        prices_of(folder, bars().with_columns(values.alias(column)))
    assert "prices.parquet" in str(caught.value)
    assert "write it as" in str(caught.value)
    assert not caught.value.transient


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("currency", "EUR", "prices in EUR where USD belongs"),
        ("interval", "1wk", "bars of granularity 1wk where 1d belongs"),
        ("exchange_timezone", "Europe/London", "days of Europe/London where"),
        ("instrument_type", "EQUITY", "an instrument of type EQUITY where"),
    ],
)
def test_prices_that_say_they_are_something_else_are_refused_by_name(
    folder: Path, column: str, value: str, told: str
) -> None:
    said = bars().with_columns(pl.when(pl.col("symbol") == "^RUT").then(pl.lit(value)).alias(column))
    fetched = prices_of(folder, said)
    assert [m.id for m in fetched.missing] == ["^RUT"]
    assert told in fetched.missing[0].reason
    assert set(fetched.rows["symbol"]) == {"BTC-USD"}


@pytest.mark.parametrize(
    ("column", "value"), [("units", "Billions of Dollars"), ("unit", "usd_bn"), ("frequency", "M")]
)
def test_series_that_say_they_are_something_else_are_refused_by_name(folder: Path, column: str, value: str) -> None:
    said = observations().with_columns(pl.when(pl.col("series_id") == "WTREGEN").then(pl.lit(value)).alias(column))
    fetched = series_of(folder, said)
    assert [m.id for m in fetched.missing] == ["WTREGEN"]
    assert set(fetched.rows["series_id"]) == {"DFF"}


def test_series_that_say_what_the_catalog_expects_are_taken(folder: Path) -> None:
    units = pl.col("series_id").replace_strict({"WTREGEN": "Millions of U.S. Dollars", "DFF": "Percent"})
    fetched = series_of(folder, observations().with_columns(units=units))
    assert (fetched.missing, fetched.rows.height) == ((), 2)


def test_weekly_prices_are_refused(folder: Path) -> None:
    fetched = prices_of(folder, bars(days=90, every=7))
    assert {m.id for m in fetched.missing} == {"BTC-USD", "^RUT"}
    assert all("days apart where daily ones belong" in m.reason for m in fetched.missing)


def test_the_same_row_twice_is_one_and_two_rows_of_a_day_are_refused(folder: Path) -> None:
    twice = pl.concat([bars(), bars().head(1)])
    assert prices_of(folder, twice).rows.height == bars().height
    contradicting = pl.concat([bars(), bars().head(1).with_columns(close=pl.lit(1.6))])
    judged = hold_to_contract(PriceBars, prices_of(folder, contradicting).rows)
    assert (judged.broken.height, judged.good.height) == (2, bars().height - 1)


def test_a_symbol_in_another_spelling_is_pointed_at(folder: Path) -> None:
    renamed = bars().with_columns(pl.col("symbol").replace({"BTC-USD": "btcusd"}))
    (missing,) = prices_of(folder, renamed).missing
    assert missing.reason == "not in prices.parquet, which has 'btcusd' instead"
