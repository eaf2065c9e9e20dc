from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant.lead_lag import LagCorrelations, lead_lag
from quant.null_markets import null_pair

compiled = settings(deadline=None, max_examples=40)  # the first call compiles
seeds = st.integers(0, 2**32 - 1)


def pair(seed: int, days: int = 150) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.random.default_rng(seed).standard_t(4, (2, days))
    return x, 0.4 * x + y


def correlations(x: np.ndarray, y: np.ndarray) -> LagCorrelations:
    return lead_lag(x, y, 4, np.random.default_rng(0), draws=19)


@compiled
@given(seeds)
def test_swapping_the_sides_mirrors_the_lags(seed: int) -> None:
    x, y = pair(seed)
    one, other = correlations(x, y), correlations(y, x)
    np.testing.assert_allclose(one.correlation, other.correlation[::-1], atol=1e-12)
    np.testing.assert_allclose(one.p_value, other.p_value[::-1], atol=1e-12)


@compiled
@given(seeds, st.floats(1e-3, 1e3), st.floats(-5, 5))
def test_scale_and_level_do_not_matter_and_a_flipped_sign_flips_the_correlation(
    seed: int, scale: float, level: float
) -> None:
    x, y = pair(seed)
    one, other = correlations(x, y), correlations(x, -scale * y + level)
    np.testing.assert_allclose(one.correlation, -other.correlation, atol=1e-9)
    np.testing.assert_allclose(one.ci_low, -other.ci_high, atol=1e-9)
    np.testing.assert_allclose(one.p_value, other.p_value, atol=1e-9)


@compiled
@given(seeds, st.integers(-4, 4))
def test_each_lag_is_the_plain_correlation_of_the_days_both_have(seed: int, lag: int) -> None:
    x, y = pair(seed)
    x[np.random.default_rng(seed).random(150) < 0.1] = np.nan
    later = y[max(0, lag) : 150 + min(0, lag)]
    earlier = x[max(0, -lag) : 150 - max(0, lag)]
    both = np.isfinite(earlier)
    found = correlations(x, y)
    assert found.correlation[lag + 4] == pytest.approx(np.corrcoef(earlier[both], later[both])[0, 1], abs=1e-12)
    assert found.observations[lag + 4] == both.sum()


@compiled
@given(seeds)
def test_estimates_lie_in_their_interval_and_many_looks_only_add_doubt(seed: int) -> None:
    found = correlations(*pair(seed))
    assert (found.ci_low <= found.correlation).all() and (found.correlation <= found.ci_high).all()
    assert (found.p_value_adjusted >= found.p_value).all()


def test_a_leader_is_found_at_a_positive_lag() -> None:
    x, noise = np.random.default_rng(5).standard_normal((2, 400))
    y = np.roll(x, 2) + noise
    found = correlations(x, y)
    assert found.lag[np.nanargmax(found.correlation)] == 2
    assert found.p_value_adjusted[found.lag == 2] <= 0.05


def test_too_few_days_or_a_constant_side_give_nothing() -> None:
    x, y = pair(1)
    assert np.isnan(correlations(x[:50], y[:50]).correlation).all()
    assert np.isnan(correlations(x, np.ones(150)).correlation).all()


def test_a_later_close_alone_makes_the_asset_seem_to_lead_by_a_day() -> None:
    """The crypto day ends at 00:00 UTC, the New York day at 21:00 UTC; hours are random walks without any lead."""
    common, asset, benchmark = np.random.default_rng(0).standard_normal((3, 20_000, 24)) / np.sqrt(24)
    asset_level = (0.67 * common + 0.74 * asset).ravel().cumsum()
    benchmark_level = (0.67 * common + 0.74 * benchmark).ravel().cumsum()
    asset_return = np.diff(asset_level[23::24], prepend=0)
    benchmark_return = np.diff(benchmark_level[20::24], prepend=0)
    found = lead_lag(benchmark_return, asset_return, 1, np.random.default_rng(0), draws=19)
    asset_leads, same_day, benchmark_leads = found.correlation
    assert asset_leads == pytest.approx(0.05, abs=0.02)
    assert same_day == pytest.approx(0.45 * 21 / 24, abs=0.02)
    assert benchmark_leads == pytest.approx(0.0, abs=0.02)


def test_unrelated_days_are_rejected_about_as_often_as_promised() -> None:
    rng = np.random.default_rng(3)
    found = [lead_lag(*null_pair(252, rng), 20, rng, draws=99) for _ in range(300)]
    single = np.mean([np.delete(f.p_value, 20) <= 0.05 for f in found])
    any_lag = np.mean([np.delete(f.p_value_adjusted, 20).min() <= 0.05 for f in found])
    assert 0.03 < single < 0.07
    assert 0.02 < any_lag < 0.08
