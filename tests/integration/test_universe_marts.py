"""Universes in a whole run: beside the catalog's pairs they say the same."""

from __future__ import annotations

import polars as pl
import pytest

from pipelines.settings import Settings
from tests.conftest import mart


def beside_the_catalog(home: Settings) -> pl.DataFrame:
    """Universe and catalog of the pairs that are in both, on the last session."""
    latest = mart(home, "universe_latest").filter(window_sessions=60)
    regimes = mart(home, "correlation_regimes").sort("session").group_by("pair").last()
    rolling = mart(home, "rolling_correlations").filter(window_sessions=60).sort("session").group_by("pair").last()
    return latest.join(regimes, on="pair", suffix="_own").join(rolling, on="pair", suffix="_rolling")


@pytest.mark.parametrize("which", ["sample_home", "history_home"])
def test_a_pair_of_catalog_and_universe_reads_the_same(which: str, request: pytest.FixtureRequest) -> None:
    """Margins have learnt from other days where one side has gaps, so probabilities are near, not equal."""
    both = beside_the_catalog(request.getfixturevalue(which))
    assert both.height >= 8
    assert both.filter(pl.col("regime") != pl.col("regime_own")).is_empty()
    assert both.select((pl.col("p_coupled") - pl.col("p_coupled_own")).abs().max()).item() < 0.1
    assert both.select((pl.col("correlation") - pl.col("correlation_rolling")).abs().max()).item() < 1e-9


def test_the_sample_shows_a_simulated_universe_and_says_so(sample_home: Settings) -> None:
    latest = mart(sample_home, "universe_latest").filter(universe="simulated")
    assert latest["asset"].unique().to_list() == ["SIM0001"]
    assert latest["benchmark"].n_unique() == 15
    assert latest["simulated"].all()


def test_real_prices_know_no_simulated_symbol(history_home: Settings) -> None:
    assert mart(history_home, "universe_latest")["universe"].unique().to_list() == ["watchlist"]
