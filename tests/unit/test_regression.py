from __future__ import annotations

import numpy as np
import pytest

from quant.regression import hac_slope


def newey_west(y: np.ndarray, x: np.ndarray, lags: int) -> float:
    """The standard error of the slope, from the textbook."""
    design = np.column_stack([np.ones_like(x), x])
    inverse = np.linalg.inv(design.T @ design)
    scores = design * (y - design @ (inverse @ design.T @ y))[:, None]
    meat = scores.T @ scores
    for lag in range(1, lags + 1):
        cross = scores[lag:].T @ scores[:-lag]
        meat += (1 - lag / (lags + 1)) * (cross + cross.T)
    return float(np.sqrt((inverse @ meat @ inverse)[1, 1] * len(y) / (len(y) - 2)))


def test_slope_and_standard_error_agree_with_the_textbook() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal(500)
    y = 0.5 - 2 * x + np.convolve(rng.standard_normal(503), np.ones(4), "valid")
    found = hac_slope(y, x)
    assert found is not None
    assert found.beta == pytest.approx(np.polyfit(x, y, 1)[0])
    assert found.standard_error == pytest.approx(newey_west(y, x, found.lags))
    assert found.ci95_low < found.beta < found.ci95_high
    assert found.lags == 5


def test_rows_without_a_value_are_left_out() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal(100), rng.standard_normal(100)
    holes = np.where(np.arange(100) % 7 == 0, np.nan, y)
    assert hac_slope(holes, x) == hac_slope(y[np.isfinite(holes)], x[np.isfinite(holes)])


def test_too_few_observations_give_no_estimate() -> None:
    assert hac_slope(np.ones(29), np.arange(29.0)) is None
