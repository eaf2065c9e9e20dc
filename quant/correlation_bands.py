"""How far a rolling correlation can be trusted: a confidence band around every value.

Here: the band for correlations of returns, which are autocorrelated, fat-tailed and clustered in volatility.
Not here: the correlation itself (quant.correlation).
"""

import numpy as np
from numba import njit
from scipy import stats

from quant.correlation import FloatArray, IntArray, _as_pair, gather_joint, required_observations

POOLED_WINDOWS = 8
SMALLEST_RATIO = 0.5


def confidence_band(
    correlation: FloatArray,
    observations: IntArray,
    x: FloatArray,
    y: FloatArray,
    window: int,
    level: float = 0.95,
) -> tuple[FloatArray, FloatArray]:
    """Confidence band of a rolling correlation, from what was known on each row.

    Parameters
    ----------
    correlation, observations : float64[T], int64[T]
        As returned by ``rolling_correlation(x, y, window)``.
    x, y : float64[T]
        The returns they were computed from.
    window : int
        The window they were computed with, in rows.
    level : float
        Nominal coverage, between 0 and 1.

    Returns
    -------
    low, high : float64[T]
        In [-1, 1], NaN where the correlation is NaN.

    Raises
    ------
    ValueError
        When shapes differ, `window` is below 3 or `level` is not strictly between 0 and 1.
    """
    x, y = _as_pair(x, y)
    required_observations(window)
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level}")
    correlation = np.asarray(correlation, dtype=np.float64)
    observations = np.asarray(observations, dtype=np.int64)
    if correlation.shape != x.shape or observations.shape != x.shape:
        raise ValueError(
            "correlation and observations must have one value per row of x and y, "
            f"got shapes {correlation.shape} and {observations.shape} for {x.shape}"
        )
    ratio = _pooled(_variance_ratio(x, y, correlation, window, _lags(window)), POOLED_WINDOWS * window)
    degrees = np.maximum(observations - 3, 1)
    half_width = stats.t.ppf(0.5 + level / 2, degrees) * np.sqrt(np.maximum(ratio, SMALLEST_RATIO) / degrees)
    clipped = np.clip(correlation, -1 + 1e-15, 1 - 1e-15)
    z = np.arctanh(clipped)
    return np.tanh(z - half_width), np.tanh(z + half_width)


def _lags(window: int) -> int:
    return int(4 * (window / 100) ** (2 / 9))


def _pooled(ratio: FloatArray, memory: int) -> FloatArray:
    """Mean of the last `memory` known ratios, row by row; 1 (normal, independent) while none is known."""
    known = np.isfinite(ratio)
    total = np.concatenate(([0.0], np.cumsum(np.where(known, ratio, 0.0))))
    count = np.concatenate(([0], np.cumsum(known)))
    end = np.arange(1, ratio.size + 1)
    start = np.maximum(end - memory, 0)
    seen = count[end] - count[start]
    return np.where(seen > 0, (total[end] - total[start]) / np.maximum(seen, 1), 1.0)


@njit(cache=True)
def _variance_ratio(x, y, correlation, window, lags):  # type: ignore[no-untyped-def]
    ratio = np.full(x.size, np.nan)
    a = np.empty(window)
    b = np.empty(window)
    for t in range(x.size):
        r = correlation[t]
        if np.isnan(r) or 1.0 - r * r < 1e-9:
            continue
        n = gather_joint(x, y, max(0, t - window + 1), t + 1, a, b)
        p = (a[:n] - a[:n].mean()) / a[:n].std()
        q = (b[:n] - b[:n].mean()) / b[:n].std()
        influence = p * q - 0.5 * r * (p * p + q * q)
        total = (influence * influence).sum()
        for k in range(1, lags + 1):
            total += 2.0 * (1.0 - k / (lags + 1.0)) * (influence[k:] * influence[:-k]).sum()
        ratio[t] = total / n / (1.0 - r * r) ** 2
    return ratio
