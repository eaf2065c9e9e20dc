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


def trailing_moments(values: FloatArray, *, window: int, min_observations: int) -> tuple[FloatArray, FloatArray]:
    """Mean and sample standard deviation of the values before each row, and before the row that comes next.

    values: float64[T], NaN where unknown. Returns float64[T + 1] twice: entry t covers the `window` rows before row t,
    t itself left out; NaN where fewer than `min_observations` of those rows are known, or where they are all equal. Two
    passes over every window, so that an entry depends on nothing outside its window, to the last bit. Raises ValueError
    for min_observations below 2 or above the window.
    """
    if not 2 <= min_observations <= window:
        raise ValueError(f"trailing_moments: min_observations must lie in 2..{window}, got {min_observations}")
    moments: FloatArray = _trailing_moments(np.ascontiguousarray(values, np.float64), window, min_observations)
    return moments[0], moments[1]


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
def _trailing_moments(values, window, needed):  # type: ignore[no-untyped-def]
    moments = np.full((2, len(values) + 1), np.nan)
    for t in range(len(values) + 1):
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
            moments[0, t] = mean
            moments[1, t] = deviation
    return moments
