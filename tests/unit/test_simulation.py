from __future__ import annotations

import numpy as np
import pytest

from quant import simulation

DAYS = 5_000


def walk(seed: int, days: int = DAYS) -> np.ndarray:
    return np.cumsum(0.01 * np.random.default_rng(seed).standard_normal(days))


def test_fat_tails_keep_unit_variance() -> None:
    rng = np.random.default_rng(1)
    shocks = rng.standard_normal(200_000) * simulation.student_t_scale(200_000, 6.0, rng)
    assert shocks.std() == pytest.approx(1.0, abs=0.02)
    assert (shocks**4).mean() > 4.5


@pytest.mark.parametrize("correlation", [-0.35, 0.05, 0.9])
def test_correlated_shocks_have_the_correlation_asked_for(correlation: float) -> None:
    first, own = np.random.default_rng(2).standard_normal((2, 100_000))
    shocks = simulation.correlated(first, own, correlation)
    assert np.corrcoef(first, shocks)[0, 1] == pytest.approx(correlation, abs=0.01)
    assert shocks.std() == pytest.approx(1.0, abs=0.01)


def test_garch_volatility_knows_only_earlier_shocks() -> None:
    shocks = np.random.default_rng(3).standard_normal(DAYS)
    changed = shocks.copy()
    changed[100] = 6.0
    before, after = simulation.garch_volatility(shocks), simulation.garch_volatility(changed)
    assert np.array_equal(before[:101], after[:101])
    assert after[101] > before[101]
    assert np.mean((before * shocks) ** 2) == pytest.approx(1.0, abs=0.15)


def test_a_bridge_changes_daily_moves_by_a_constant_between_its_points() -> None:
    path = walk(4)
    positions, values = np.array([10, 2_000, 4_900]), np.array([0.0, 1.0, 0.5])
    bridged = simulation.bridge(path, positions, values)
    np.testing.assert_allclose(bridged[positions], values, atol=1e-12)
    drift = np.diff(bridged - path)
    assert np.ptp(drift[10:2_000]) < 1e-12
    np.testing.assert_allclose(drift[4_900:], 0.0, atol=1e-12)


def test_a_reverting_bridge_passes_its_points_and_forgets_them_after_some_half_lives() -> None:
    noise = simulation.mean_reverting(np.random.default_rng(5).standard_normal(DAYS), half_life=10)
    positions, values = np.array([0, 1_000, 1_001, 4_000]), np.array([3.0, 5.0, 2.0, 2.0])
    path = simulation.reverting_bridge(noise, positions, values, half_life=10)
    np.testing.assert_allclose(path[positions], values, atol=1e-9)
    np.testing.assert_allclose(path[2_000:3_000], 2.0 + noise[2_000:3_000], atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_a_capped_bridge_stays_below_its_ceiling_and_keeps_the_look_of_its_moves(seed: int) -> None:
    path = walk(seed)
    positions, values = np.array([0, 2_500, 4_999]), np.array([0.0, 0.10, 0.099])
    ceiling = np.full(DAYS, 0.10)
    capped = simulation.bridge_below(path, positions, values, ceiling, np.full(DAYS, 0.005))
    assert np.delete(capped, positions).max() < 0.10
    np.testing.assert_allclose(capped[positions], values, atol=1e-9)
    assert np.corrcoef(np.diff(path), np.diff(capped))[0, 1] > 0.8


def test_bars_enclose_closes_and_press_highs_under_their_ceiling() -> None:
    close = 100 * np.exp(np.minimum(walk(6), 0.0))
    ceiling = np.where(np.arange(DAYS) < 3_000, 100.5, np.inf)
    bars = simulation.daily_bars(close, np.full(DAYS, 0.02), ceiling, np.random.default_rng(7))
    assert (bars.high >= np.maximum(bars.open, close)).all()
    assert (bars.low <= np.minimum(bars.open, close)).all()
    assert bars.high[:3_000].max() < 100.5


@pytest.mark.parametrize(
    "call",
    [
        lambda: simulation.student_t_scale(3, 2.0, np.random.default_rng(0)),
        lambda: simulation.garch_volatility(np.zeros(3), alpha=0.2, beta=0.8),
    ],
)
def test_parameters_without_a_variance_are_refused(call: object) -> None:
    with pytest.raises(ValueError, match="must"):
        call()  # type: ignore[operator]
