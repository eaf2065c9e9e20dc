"""The nightly on the real history, against figures published elsewhere and against independent arithmetic."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.contracts import MARTS
from pipelines.cli.runs import run_job
from pipelines.settings import Settings
from tests.conftest import ARTICLE_DAY, AsOfRun, mart, succeed
from tests.integration.test_nightly import CAUSAL, newest_dates

EVE = date(2025, 12, 11)


@pytest.fixture
def served(article: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The serving database of that run, as a BI tool opens it."""
    with duckdb.connect(str(article.tree / "serving.duckdb"), read_only=True) as connection:
        yield connection


@pytest.mark.parametrize(
    ("symbol", "column", "expected"),
    [
        ("^RUT", "record_close", 2590.61),
        ("^GSPC", "record_close", 6901.00),
        ("^DJI", "record_close", 48704.01),
        ("SI=F", "record_close", 63.93),
        ("BTC-USD", "close", 92511),
        ("BTC-USD", "record_close", 124753),
        ("BTC-USD", "record_high", 126198),
        ("BTC-USD", "drawdown_from_high", -0.267),
    ],
)
def test_the_eve_of_the_article_reads_as_published(
    served: duckdb.DuckDBPyConnection, symbol: str, column: str, expected: float
) -> None:
    found = served.execute(
        f"select {column} from market_state where symbol = ? and session = ?", [symbol, EVE]
    ).fetchone()
    digits = 3 if column.startswith("drawdown") else 2 if expected < 50_000 else 0
    assert found is not None
    assert round(found[0], digits) == expected


@pytest.mark.parametrize("symbol", ["^RUT", "^GSPC", "^DJI", "SI=F"])
def test_records_fell_on_the_eve_of_the_article(served: duckdb.DuckDBPyConnection, symbol: str) -> None:
    query = "select is_record_close, record_session from market_state where symbol = ? and session = ?"
    assert served.execute(query, [symbol, EVE]).fetchone() == (True, EVE)


def test_bitcoin_peaked_on_one_day_by_close_and_by_high(served: duckdb.DuckDBPyConnection) -> None:
    query = (
        "select record_session, min(session) from market_state "
        "where symbol = 'BTC-USD' and record_high > 126198 group by 1"
    )
    assert served.execute(query).fetchall() == [(date(2025, 10, 6), date(2025, 10, 6))]


def test_the_nasdaq_100_stood_just_below_its_record(served: duckdb.DuckDBPyConnection) -> None:
    query = "select drawdown from market_state where symbol = '^NDX' and session = ?"
    found = served.execute(query, [EVE]).fetchone()
    assert found is not None
    assert round(100 * found[0], 2) == -1.66


def test_the_fed_cut_three_times_in_2025(served: duckdb.DuckDBPyConnection) -> None:
    cuts = served.sql(
        "select meeting_date, cuts_this_year, target_lower_pct, target_upper_pct from fed_decisions "
        "where action = 'cut' and year(meeting_date) = 2025 order by meeting_date"
    ).fetchall()
    assert [day for day, *_ in cuts] == [date(2025, 9, 17), date(2025, 10, 29), date(2025, 12, 10)]
    assert cuts[-1][1:] == (3, 3.5, 3.75)


def test_every_decision_since_2009_is_reproduced(history_home: Settings, history: Path) -> None:
    published = pl.read_csv(history / "fomc_meetings.csv", try_parse_dates=True).select(
        meeting_date="meeting_end_date",
        target_lower_pct="target_lower",
        target_upper_pct="target_upper",
        change_bp=pl.col("change_bp").cast(pl.Float64),
        action="decision",
    )
    assert_frame_equal(mart(history_home, "fed_decisions").select(published.columns), published, check_dtypes=False)


def test_the_balance_sheet_of_a_wednesday_is_visible_from_thursday_only(
    article: Settings, history_home: Settings, as_of_run: AsOfRun
) -> None:
    rows = mart(article, "fed_liquidity").filter(date=EVE - timedelta(days=1))
    assert rows["total_assets_usd_bn"].item() == pytest.approx(6539.3, abs=0.05)
    assert rows["available_on"].item() == EVE
    wednesday = date(2022, 6, 15)
    early = mart(as_of_run(history_home, wednesday), "fed_liquidity")
    assert early["date"].max() == wednesday - timedelta(days=7)


def test_net_liquidity_agrees_with_independent_arithmetic(history_home: Settings, history: Path) -> None:
    fred = pl.read_parquet(history / "fred.parquet").filter(pl.col("date") == date(2025, 12, 10))
    value = dict(fred.select("series_id", "value").iter_rows())
    expected = value["WALCL"] / 1000 - value["WTREGEN"] / 1000 - value["RRPONTSYD"]
    found = mart(history_home, "fed_liquidity").filter(date=date(2025, 12, 10))["net_liquidity_usd_bn"].item()
    assert found == pytest.approx(expected, abs=0.1)


def test_nothing_is_dated_after_the_article(article: Settings) -> None:
    for contract in MARTS:
        newest = newest_dates(article, contract)
        assert all(day is None or day <= ARTICLE_DAY for day in newest.row(0)), contract.table_name()


@pytest.mark.parametrize("as_of", [ARTICLE_DAY, date(2020, 3, 16), date(2022, 6, 15)])
def test_marts_as_of_a_day_equal_the_later_marts_rows_up_to_it(
    history_home: Settings, as_of_run: AsOfRun, as_of: date
) -> None:
    settings = as_of_run(history_home, as_of)
    for name, known_on in CAUSAL.items():
        later = mart(history_home, name).filter(pl.col(known_on) <= as_of)
        assert_frame_equal(mart(settings, name).drop("as_of"), later.drop("as_of"), check_exact=True)


def test_a_second_identical_run_adds_no_revision_and_publishes_the_same(history: Path, tmp_path: Path) -> None:
    settings = Settings(source="files", files=history, home=tmp_path)
    published, stored = [], []
    for _ in range(2):
        succeed(run_job(settings, "nightly"))
        published.append(json.loads((tmp_path / "manifest.json").read_text())["marts"])
        with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
            tables = connection.sql("select table_name from duckdb_tables() where schema_name = 'raw'").fetchall()
            stored.append([connection.sql(f"select count(*) from raw.{t}").fetchall() for (t,) in sorted(tables)])
    assert published[0] == published[1]
    assert stored[0] == stored[1]


def test_rolling_correlations_agree_with_numpy(history_home: Settings) -> None:
    state = mart(history_home, "market_state").select("symbol", "session", "close")
    wide = state.filter(pl.col("symbol").is_in(["BTC-USD", "^RUT"])).pivot("symbol", index="session", values="close")
    sessions = wide.drop_nulls().sort("session").tail(200)
    returns = np.diff(np.log(sessions.select("BTC-USD", "^RUT").to_numpy()), axis=0)
    published = mart(history_home, "rolling_correlations").filter(pair="BTC-USD/^RUT")
    for window in (20, 60, 120):
        newest = published.filter(window_sessions=window).sort("session")["correlation"][-1]
        assert newest == pytest.approx(np.corrcoef(returns[-window:].T)[0, 1], abs=1e-12)


def test_returns_were_coupled_while_the_trend_diverged(served: duckdb.DuckDBPyConnection) -> None:
    on_the_eve = "where pair = 'BTC-USD/^RUT' and session = ?"
    correlation = served.execute(
        f"select correlation from rolling_correlations {on_the_eve} and window_sessions = 60", [EVE]
    ).fetchone()
    trend = served.execute(f"select trend_state from relative_strength {on_the_eve}", [EVE]).fetchone()
    assert correlation is not None
    assert correlation[0] == pytest.approx(0.56, abs=0.02)
    assert trend == ("lagging",)
