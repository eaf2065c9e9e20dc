"""What others have published about bitcoin and stocks, found again in the marts of the real history."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from pipelines.settings import Settings
from tests.conftest import mart

BITCOIN, SMALL_CAPS, LARGE_CAPS = "BTC-USD", "^RUT", "^GSPC"


def daily_correlation(home: Settings, benchmark: str, first: date, last: date) -> float:
    """Correlation of daily log returns over all sessions from first to last."""
    closes = (
        mart(home, "market_state")
        .filter(pl.col("symbol").is_in([BITCOIN, benchmark]))
        .pivot("symbol", index="session", values="close")
        .drop_nulls()
        .sort("session")
        .with_columns(pl.col(BITCOIN, benchmark).log().diff())
        .filter(pl.col("session").is_between(first, last))
    )
    return float(closes.select(pl.corr(BITCOIN, benchmark)).item())


@pytest.mark.parametrize(
    ("benchmark", "first", "last", "published", "tolerance"),
    [
        (LARGE_CAPS, date(2017, 1, 1), date(2019, 12, 31), 0.02, 0.03),
        (LARGE_CAPS, date(2020, 1, 1), date(2021, 11, 30), 0.36, 0.03),
        (LARGE_CAPS, date(2014, 11, 1), date.max, 0.227, 0.02),
        (SMALL_CAPS, date(2017, 1, 1), date(2019, 12, 31), 0.03, 0.03),
        (SMALL_CAPS, date(2022, 1, 1), date(2022, 12, 31), 0.58, 0.03),
        (SMALL_CAPS, date(2023, 1, 1), date(2023, 12, 31), 0.14, 0.03),
        (SMALL_CAPS, date(2024, 1, 1), date(2024, 12, 31), 0.44, 0.03),
    ],
)
def test_daily_correlation_over_the_years_is_as_published(
    history_home: Settings, benchmark: str, first: date, last: date, published: float, tolerance: float
) -> None:
    assert daily_correlation(history_home, benchmark, first, last) == pytest.approx(published, abs=tolerance)


def test_thirty_day_correlation_with_large_caps_in_may_2022(history_home: Settings) -> None:
    end = date(2022, 5, 6)
    sessions = mart(history_home, "relative_strength").filter(pl.col("session") <= end)["session"].unique().sort()
    measured = daily_correlation(history_home, LARGE_CAPS, sessions[-30], end)
    assert measured == pytest.approx(0.786, abs=0.02)


def test_ninety_day_correlation_with_large_caps_at_its_height_in_march_2022(history_home: Settings) -> None:
    march = mart(history_home, "rolling_correlations").filter(
        pl.col("session").is_between(date(2022, 3, 1), date(2022, 3, 31)),
        pair=f"{BITCOIN}/{LARGE_CAPS}",
        window_sessions=90,
    )
    assert march["correlation"].max() == pytest.approx(0.485, abs=0.02)


def test_small_caps_had_two_long_droughts_of_records(history_home: Settings) -> None:
    records = (
        mart(history_home, "market_state")
        .filter(pl.col("symbol") == SMALL_CAPS, "is_record_close")
        .sort("session")
        .select("session", previous=pl.col("session").shift(1))
    )
    longest = records.with_columns(days=pl.col("session") - pl.col("previous")).top_k(2, by="days").sort("session")
    assert longest.select("previous", "session").rows() == [
        (date(2000, 3, 9), date(2004, 4, 5)),
        (date(2021, 11, 8), date(2025, 9, 18)),
    ]


def test_both_set_their_cycle_highs_on_one_day_in_november_2021(history_home: Settings) -> None:
    closes = mart(history_home, "market_state").filter(pl.col("is_record_close"), session=date(2021, 11, 8))
    by_symbol = dict(closes.select("symbol", pl.col("close").round(2)).iter_rows())
    assert (by_symbol[BITCOIN], by_symbol[SMALL_CAPS]) == (67566.83, 2442.74)


def test_three_joint_peaks_since_2021_come_out_with_their_distance(history_home: Settings) -> None:
    peaks = mart(history_home, "peak_pairs").filter(
        pl.col("is_joint"), pl.col("peak_session") >= date(2021, 11, 1), asset=BITCOIN, benchmark=SMALL_CAPS
    )
    found = peaks.sort("peak_session").select(
        "peak_session",
        pl.col("peak_close").round(0),
        pl.col("peak_high").round(0),
        "benchmark_record_session",
        "gap_sessions",
        pl.col("benchmark_drawdown_at_peak").round(3),
    )
    assert found.rows() == [
        (date(2021, 11, 8), 67567, 68790, date(2021, 11, 8), 0, 0.0),
        (date(2024, 11, 22), 98998, 99656, date(2021, 11, 8), -765, -0.015),
        (date(2025, 10, 6), 124753, 126198, date(2025, 10, 6), 0, 0.0),
    ]


def test_small_caps_left_bitcoin_behind_for_the_first_time_in_half_a_decade(history_home: Settings) -> None:
    episodes = mart(history_home, "divergence_episodes").filter(leader=SMALL_CAPS, follower=BITCOIN)
    of_the_article = episodes.filter(start_session=date(2025, 12, 4))
    assert of_the_article["follower_drawdown_at_start"].item() == pytest.approx(-0.261, abs=0.001)
    before = episodes.filter(pl.col("start_session") < date(2025, 12, 4))
    assert before["end_session"].max() == date(2018, 12, 17)
    assert date(2025, 12, 4) - before["end_session"].max() > timedelta(days=5 * 365)


def test_breakouts_of_small_caps_are_few_and_their_study_says_how_little_that_shows(history_home: Settings) -> None:
    study = mart(history_home, "breakout_study").filter(
        benchmark=SMALL_CAPS, asset=BITCOIN, horizon_sessions=21, condition="quiet_20"
    )
    assert study["events"].item() >= 16
    assert 0.45 < study["power_10pct"].item() < 0.65


def test_the_forecast_of_the_article_is_there_with_what_happened(history_home: Settings) -> None:
    forecasts = mart(history_home, "recoupling_signal").filter(session=date(2025, 12, 12)).sort("horizon_sessions")
    assert set(forecasts["follower"]) == {BITCOIN}
    assert forecasts.select("horizon_sessions", "resolved_on", "caught_up").rows() == [
        (21, date(2026, 1, 14), False),
        (63, date(2026, 3, 17), False),
        (126, date(2026, 6, 16), False),
    ]
    assert (forecasts["probability_catch_up"] < forecasts["base_rate"]).all()
