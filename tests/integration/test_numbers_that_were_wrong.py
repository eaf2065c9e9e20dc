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


def test_days_without_an_unadjusted_close_are_counted(history_home: Settings) -> None:
    without = dict(mart(history_home, "series_freshness").select("series", "rows_without_close").iter_rows())
    assert without["TLT"] == 126
    assert without["BTC-USD"] == 0


def test_a_record_knows_what_came_before_the_data(history_home: Settings) -> None:
    state = mart(history_home, "market_state")
    bitcoin = state.filter(pl.col("symbol") == "BTC-USD", pl.col("is_record_close"))
    assert bitcoin["close"].min() > 1100
    large_caps = state.filter(pl.col("symbol") == "^GSPC", pl.col("is_record_close"))
    assert large_caps["session"].min() == date(1972, 3, 6)
    assert set(state.filter("record_is_censored")["symbol"]) == {"DX-Y.NYB", "^NDX", "^VIX"}


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
