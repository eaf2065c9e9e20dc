"""Statistics of the trailing past.

Here: how unusual a value is against what came before it, mean and deviation of the last values. Not here:
correlations (quant.correlation).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numba import njit
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def trailing_zscore(values: FloatArray, *, window: int, min_observations: int) -> FloatArray:
    """Distance of each value from the mean of the values before it, in their standard deviations.

    values: float64[T], NaN where unknown. Row t is held against the `window` rows before it, t itself left out; NaN
    where the value is unknown, where fewer than `min_observations` of those rows are known, or where they are all
    equal. Two passes over every window, so a row's result depends on nothing outside its window, to the last bit.
    Raises ValueError for min_observations below 2 or above the window.
    """
    if not 2 <= min_observations <= window:
        raise ValueError(f"trailing_zscore: min_observations must lie in 2..{window}, got {min_observations}")
    scores: FloatArray = _trailing_zscore(np.ascontiguousarray(values, np.float64), window, min_observations)
    return scores


def trailing_mean(values: FloatArray, window: int) -> FloatArray:
    """Mean of the last `window` rows, this one with them: float64[T], NaN before the first and beside a NaN.

    Every window is summed afresh, so a row's result depends on nothing outside it, to the last bit. Raises ValueError
    for a window below 1.
    """
    return _over_windows(values, window, 1, np.mean)


def trailing_deviation(values: FloatArray, window: int) -> FloatArray:
    """Sample standard deviation of the last `window` rows, otherwise as `trailing_mean`; a window of at least 2."""
    return _over_windows(values, window, 2, _sample_deviation)


def _over_windows(values: FloatArray, window: int, fewest: int, statistic: Callable[..., FloatArray]) -> FloatArray:
    if window < fewest:
        raise ValueError(f"a window of at least {fewest} rows, got {window}")
    result = np.full(len(values), np.nan)
    if len(values) >= window:
        result[window - 1 :] = statistic(sliding_window_view(values, window), axis=1)
    return result


def _sample_deviation(windows: FloatArray, axis: int) -> FloatArray:
    deviation: FloatArray = np.std(windows, axis=axis, ddof=1)
    return deviation


@njit(cache=True)
def _trailing_zscore(values, window, needed):  # type: ignore[no-untyped-def]
    scores = np.full(len(values), np.nan)
    for t in range(len(values)):
        start, known, total = max(0, t - window), 0, 0.0
        for i in range(start, t):
            if not np.isnan(values[i]):
                known += 1
                total += values[i]
        if known < needed:
            continue
        mean, squares = total / known, 0.0
        for i in range(start, t):
            if not np.isnan(values[i]):
                squares += (values[i] - mean) ** 2
        deviation = np.sqrt(squares / (known - 1))
        if deviation > 0:
            scores[t] = (values[t] - mean) / deviation
    return scores
