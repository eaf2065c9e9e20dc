"""What charts are drawn from: the wide mart says what the marts behind it say, and bands of regimes leave no hole."""

from __future__ import annotations

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.contracts.pair_days import WINDOWS
from pipelines.settings import Settings
from tests.conftest import mart

DAY = ["pair", "session"]


def said_by(settings: Settings, source: pl.DataFrame, columns: list[str]) -> None:
    """Every row of `source` is found in pair_day with the same values, and pair_day has no others."""
    wide = mart(settings, "pair_day").drop_nulls(columns[0]).select(*DAY, *columns).sort(DAY)
    named = source.drop_nulls(columns[0]).select(*DAY, *columns).sort(DAY)
    assert not named.is_empty()
    assert_frame_equal(wide, named, check_exact=True)


@pytest.mark.parametrize(
    ("source", "columns"),
    [
        ("relative_strength", ["ratio", "gap_63d", "gap_126d", "gap_252d", "gap_63d_zscore", "trend_state"]),
        ("correlation_regimes", ["regime", "p_coupled", "p_decoupled", "p_inverse", "spell_id"]),
    ],
)
def test_a_row_says_what_the_marts_of_pairs_say(sample_home: Settings, source: str, columns: list[str]) -> None:
    said_by(sample_home, mart(sample_home, source), columns)


@pytest.mark.parametrize("window", WINDOWS)
def test_every_window_stands_under_its_own_name(sample_home: Settings, window: int) -> None:
    names = {c: f"{c}_{window}d" for c in ("correlation", "ci95_low", "ci95_high")}
    own = mart(sample_home, "rolling_correlations").filter(window_sessions=window).rename(names)
    said_by(sample_home, own, list(names.values()))


@pytest.mark.parametrize("side", ["asset", "benchmark"])
def test_prices_are_those_of_the_symbol_on_the_session(sample_home: Settings, side: str) -> None:
    states = mart(sample_home, "market_state").select(side_symbol="symbol", session="session", c="close", d="drawdown")
    joined = mart(sample_home, "pair_day").join(states, left_on=[side, "session"], right_on=["side_symbol", "session"])
    assert joined.height == mart(sample_home, "pair_day")[f"{side}_close"].drop_nulls().len() > 0
    assert joined[f"{side}_close"].equals(joined["c"], check_names=False)
    assert joined[f"{side}_drawdown"].equals(joined["d"], check_names=False)


def test_the_sessions_in_a_lag_are_those_of_its_history(sample_home: Settings) -> None:
    open_lags = mart(sample_home, "lag_history").filter(outcome="open")
    either = pl.concat(
        open_lags.select(pl.concat_str(asset, benchmark, separator="/").alias("pair"), "session", "sessions", "leader")
        for asset, benchmark in (("leader", "follower"), ("follower", "leader"))
    )
    wide = mart(sample_home, "pair_day").filter("in_lag")
    joined = wide.join(either, on=DAY)
    assert joined.height == wide.height > 0
    assert joined["lag_sessions"].equals(joined["sessions"], check_names=False)
    assert joined["lag_leader"].equals(joined["leader"], check_names=False)


def test_painted_bands_touch_and_reach_the_newest_session(sample_home: Settings) -> None:
    newest = mart(sample_home, "correlation_regimes")["session"].max()
    for _, spells in mart(sample_home, "regime_spells").sort("pair", "spell_id").group_by("pair"):
        assert spells["band_end_session"][:-1].equals(spells["start_session"][1:], check_names=False)
        assert spells["band_end_session"][-1] == newest
