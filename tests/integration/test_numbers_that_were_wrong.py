"""Figures that were wrong once, each with the value that is right, on the real history."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from pipelines.settings import Settings
from tests.conftest import mart


@pytest.mark.parametrize("pair", ["BTC-USD/GC=F", "BTC-USD/DX-Y.NYB", "BTC-USD/^RUT"])
def test_gaps_count_sessions_even_where_the_benchmark_lacks_one(history_home: Settings, pair: str) -> None:
    found = mart(history_home, "relative_strength").filter(pair=pair)
    prices = mart(history_home, "market_state").filter(symbol="^GSPC")["session"].sort()
    grid = prices.filter(prices >= found["session"].min()).to_frame("session")
    log_ratio = grid.join(found.select("session", "ratio"), on="session", how="left").sort("session")
    recomputed = log_ratio.with_columns(gap=(pl.col("ratio") / pl.col("ratio").shift(63)).log()).drop_nulls("ratio")
    both = found.join(recomputed, on="session").select("gap_63d", "gap")
    assert both["gap_63d"].null_count() == both["gap"].null_count()
    assert both.drop_nulls().select((pl.col("gap_63d") - pl.col("gap")).abs().max()).item() < 1e-12


def test_a_session_without_a_close_of_the_follower_ends_an_episode_all_the_same(history_home: Settings) -> None:
    episodes = mart(history_home, "divergence_episodes").filter(leader="BTC-USD", follower="TLT")
    assert episodes.filter(start_session=date(2025, 5, 19))["end_session"].item() == date(2025, 11, 13)


def test_the_trend_is_held_against_756_sessions_of_the_calendar(history_home: Settings) -> None:
    found = mart(history_home, "relative_strength").filter(pair="BTC-USD/GC=F")
    sessions = mart(history_home, "market_state").filter(symbol="^GSPC").select("session")
    grid = sessions.filter(pl.col("session") >= found["session"].min()).join(found, on="session", how="left")
    for day in (date(2020, 3, 16), date(2025, 12, 11), date(2026, 8, 21)):
        row = grid.sort("session").with_row_index("row").filter(session=day).row(0, named=True)
        past = grid.sort("session")["gap_63d"][max(0, row["row"] - 756) : row["row"]].drop_nulls()
        assert row["gap_63d_zscore"] == pytest.approx((row["gap_63d"] - past.mean()) / past.std())


def test_the_levels_of_today_say_what_the_trend_is_tomorrow(history_home: Settings) -> None:
    levels = pl.col("lagging_at_or_below", "leading_at_or_above").shift(1).over("pair", order_by="session")
    known = mart(history_home, "relative_strength").with_columns(levels).drop_nulls("trend_state")
    lagging, leading = (
        (pl.col("gap_63d") <= pl.col("lagging_at_or_below")),
        pl.col("gap_63d") >= pl.col("leading_at_or_above"),
    )
    state = pl.when(lagging).then(pl.lit("lagging")).when(leading).then(pl.lit("leading")).otherwise(pl.lit("tracking"))
    compared = known.drop_nulls("lagging_at_or_below").filter(state != pl.col("trend_state").cast(pl.String))
    assert known.height > 20_000
    assert compared.is_empty()


def test_momentum_counts_sessions_where_days_are_missing(history_home: Settings) -> None:
    state = mart(history_home, "market_state")
    sessions = state.filter(symbol="^GSPC").select("session").sort("session")
    gold = sessions.join(state.filter(symbol="GC=F"), on="session", how="left").sort("session")
    again = gold.with_columns(again=pl.col("close") / pl.col("close").shift(252) - 1).drop_nulls("close")
    assert again["momentum_252d"].is_null().equals(again["again"].is_null(), check_names=False)
    assert again.select((pl.col("momentum_252d") - pl.col("again")).abs().max()).item() < 1e-12


def test_a_day_without_an_unadjusted_close_says_so(history_home: Settings) -> None:
    state = mart(history_home, "market_state").filter(pl.col("close").is_null())
    counted = dict(state.group_by("symbol").len().iter_rows())
    assert counted == {"TLT": 126, "HYG": 226}
    assert state["missing"].str.contains("close").all()
    assert state["drawdown"].null_count() == state.height
    assert state["momentum_21d"].null_count() == 0
    freshness = {row["series"]: row for row in mart(history_home, "series_freshness").iter_rows(named=True)}
    assert "close on 126 days, 2025-09-29 to 2026-03-30" in freshness["TLT"]["missing"]
    assert freshness["HYG"]["last_close"] == date(2025, 9, 26)
    assert freshness["^GSPC"]["missing"] is None
    assert "bar on" in freshness["GC=F"]["missing"]
    peaks = mart(history_home, "peak_pairs").filter(peak_session=date(2025, 10, 6), asset="BTC-USD", benchmark="TLT")
    assert peaks.select("benchmark_drawdown_at_peak", "is_joint", "missing").row(0) == (None, None, "close, high")


def test_a_record_knows_what_came_before_the_data(history_home: Settings) -> None:
    state = mart(history_home, "market_state")
    bitcoin = state.filter(pl.col("symbol") == "BTC-USD", pl.col("is_record_close"))
    assert bitcoin["close"].min() > 1100
    large_caps = state.filter(pl.col("symbol") == "^GSPC", pl.col("is_record_close"))
    assert large_caps["session"].min() == date(1972, 3, 6)
    censored = state.filter("record_is_censored").group_by("symbol").agg(pl.col("session").max())
    assert dict(censored.iter_rows()) == {
        "DX-Y.NYB": date(1982, 11, 3),  # below what it may have stood at in 1971
        "^NDX": date(1986, 4, 9),
        "HYG": date(2026, 8, 21),  # its closes are missing since it may have passed its record
    }


def test_a_false_record_neither_starts_nor_ends_an_episode(history_home: Settings) -> None:
    episodes = mart(history_home, "divergence_episodes").filter(leader="^RUT", follower="BTC-USD")
    assert episodes.select("start_session", "outcome").rows() == [
        (date(2014, 12, 26), "leader_fell"),
        (date(2016, 11, 14), "follower_recovered"),
        (date(2017, 7, 14), "follower_recovered"),
        (date(2017, 9, 22), "follower_recovered"),
        (date(2017, 12, 28), "leader_fell"),
        (date(2025, 12, 4), "open"),
    ]


def test_a_leader_that_stands_far_below_its_own_record_starts_no_episode(history_home: Settings) -> None:
    episodes = mart(history_home, "divergence_episodes").filter(leader="ETH-USD", follower="BTC-USD")
    assert date(2018, 1, 16) not in episodes["start_session"].to_list()


def test_a_programme_whose_first_operations_are_not_known_says_from_when_it_is(history_home: Settings) -> None:
    programs = mart(history_home, "fed_programs").select("program", "complete_from", "is_complete")
    said = {row[0]: row[1:] for row in programs.iter_rows()}
    assert said["covid"] == (date(2021, 3, 25), False)
    assert said["reserve_management_2025"] == (date(2025, 12, 12), True)


def test_every_first_cut_follows_a_hike_or_a_year_without_a_cut(history_home: Settings) -> None:
    starts = mart(history_home, "easing_cycle_study")["cycle_start"].unique()
    assert date(1990, 7, 13) not in starts.to_list()
