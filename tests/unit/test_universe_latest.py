"""Promises of a universe's night: what is computed for thousands of pairs is what one pair would get."""

from __future__ import annotations

import numpy as np
import pytest

from quant.correlation import rolling_correlation
from quant.correlation_bands import confidence_band
from quant.false_discoveries import q_values
from quant.regime_parameters import RegimeParameters
from quant.regimes import filter_regimes
from quant.universe_breadth import breadth
from quant.universe_latest import latest_window, sessions_needed
from quant.universe_regimes import BlockState, filter_block
from quant.universe_simulation import oracle_probabilities, simulate_universe
from quant.universe_window import latest_pairs

NAMES = [f"SIM{n}" for n in range(12)]
UNIVERSE = simulate_universe(NAMES, 1500, seed=4)
LEFT, RIGHT = np.triu_indices(len(NAMES), 1)


@pytest.mark.parametrize("window", [20, 60, 252])
def test_a_pairs_window_is_the_last_of_its_rolling_ones(window: int) -> None:
    returns = UNIVERSE.returns.copy()
    returns[-30:-20, 3] = np.nan
    latest = latest_window(returns, LEFT, RIGHT, window)
    for p, (i, j) in enumerate(zip(LEFT, RIGHT, strict=True)):
        rolled, observations = rolling_correlation(returns[:, i], returns[:, j], window)
        np.testing.assert_allclose(latest.correlation[p], rolled[-1], atol=1e-9)
        np.testing.assert_allclose(latest.changes[p], rolled[-1] - rolled[[-6, -22, -64]], atol=1e-9)
        np.testing.assert_allclose(latest.move[p], rolled[-1] - rolled[-1 - window], atol=1e-9)
        assert latest.observations[p] == observations[-1]


@pytest.mark.parametrize("window", [60, 252])
def test_the_band_is_as_wide_as_the_one_that_looks_at_every_row(window: int) -> None:
    latest, ratios = latest_window(UNIVERSE.returns, LEFT, RIGHT, window), []
    for p, (i, j) in enumerate(zip(LEFT, RIGHT, strict=True)):
        x, y = UNIVERSE.returns[:, i], UNIVERSE.returns[:, j]
        low, high = confidence_band(*rolling_correlation(x, y, window), x, y, window)
        ratios.append((latest.high[p] - latest.low[p]) / (high[-1] - low[-1]))
    assert np.median(ratios) == pytest.approx(1.0, abs=0.07)
    assert (latest.low <= latest.correlation).all() and (latest.correlation <= latest.high).all()


def test_history_before_what_is_needed_changes_nothing() -> None:
    other = UNIVERSE.returns.copy()
    other[: -sessions_needed(60)] = 1.0
    for one, two in zip(
        vars(latest_window(UNIVERSE.returns, LEFT, RIGHT, 60)).values(),
        vars(latest_window(other, LEFT, RIGHT, 60)).values(),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)


def test_moves_that_are_none_are_rarely_called_one() -> None:
    still = simulate_universe([f"S{n}" for n in range(60)], 1300, seed=7, switching=False)
    left, right = np.triu_indices(60, 1)
    p_values = np.concatenate(
        [latest_window(still.returns[:stop], left, right, 60).move_pvalue for stop in (1100, 1300)]
    )
    assert (p_values < 0.05).mean() < 0.08
    assert (q_values(p_values) < 0.05).mean() < 0.002


def test_q_values_are_those_of_benjamini_and_hochberg() -> None:
    np.testing.assert_allclose(
        q_values(np.array([0.01, np.nan, 0.04, 0.03, 0.5])), [0.04, np.nan, 0.16 / 3, 0.16 / 3, 0.5]
    )


def test_breadth_of_anchors_is_that_of_the_pairs_in_the_whole_matrix() -> None:
    window = UNIVERSE.returns[-60:].copy()
    window[5:9, 4] = np.nan
    square = latest_pairs(window)
    left, right = np.zeros(11, dtype=int), np.arange(1, 12)
    anchored, whole = breadth(window, left, right), breadth(window, LEFT, RIGHT)
    assert anchored.mean == pytest.approx(np.nanmean(square[0, 1:]), abs=1e-12)
    assert whole.median == pytest.approx(np.median(square[LEFT, RIGHT]), abs=1e-12)
    complete = np.delete(np.arange(12), 4)
    largest = np.linalg.eigvalsh(square[np.ix_(complete, complete)])[-1]
    assert whole.first_eigenvalue_share == pytest.approx(largest / 11, abs=1e-12)


def test_a_symbols_path_does_not_depend_on_the_others() -> None:
    np.testing.assert_array_equal(simulate_universe(NAMES[5:6], 1500, seed=4).returns[:, 0], UNIVERSE.returns[:, 5])


def test_the_filter_comes_near_the_reader_who_knows_every_parameter() -> None:
    """A slice of the benchmark `universe`, whose bar is 0.97 on 200 pairs of ten years."""
    parameters, found, best = RegimeParameters(leave_below=0.25), [], []
    for i, j in zip(LEFT[::6], RIGHT[::6], strict=True):
        truth = np.digitize(UNIVERSE.correlation(i, j), [parameters.lower_border, parameters.upper_border])
        labels = filter_regimes(np.ascontiguousarray(UNIVERSE.returns[:, [i, j]]), parameters).labels + 1
        oracle = oracle_probabilities(UNIVERSE, i, j, parameters.lower_border, parameters.upper_border).argmax(axis=1)
        found.append((labels == truth)[504:].mean())
        best.append((oracle == truth)[504:].mean())
    assert np.mean(found) / np.mean(best) > 0.95


def test_where_nothing_ever_changes_no_change_is_confirmed() -> None:
    """A slice of the benchmark, whose promise is at most 0.01 false changes per pair and year."""
    still = simulate_universe([f"S{n}" for n in range(12)], 1500, seed=9, switching=False)
    parameters = RegimeParameters(leave_below=0.25)
    days = np.arange(1500)
    block = filter_block(still.returns, days, LEFT, RIGHT, parameters, BlockState.initial(12, len(LEFT), parameters))
    later = (block.changes.before >= 0) & (block.changes.day >= 504)
    assert later.sum() <= 0.01 * len(LEFT) * (1500 - 504) / 252 + 3
