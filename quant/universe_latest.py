"""Today's rolling correlations of many pairs, each with its band, its past and how far it moved.

Here: what one night needs: the window that ends on the last session, the same window some sessions ago, the window
before it. Not here: every session of a pair's history (quant.correlation, quant.correlation_bands), regimes
(quant.universe_regimes), which of many moves are one (quant.false_discoveries).

Nothing is remembered between nights: the last `sessions_needed` rows are enough, however long the history.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit

from quant.correlation import gather_joint, required_observations, two_pass_correlation
from quant.correlation_bands import (
    LARGEST_INFLATION,
    LARGEST_LAG,
    PERFECT,
    POOLED_SESSIONS,
    SMALLEST_INFLATION,
    SMALLEST_SAMPLE,
    jackknife_of_window,
)

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CHANGES_OVER = (5, 21, 63)


@dataclass(frozen=True)
class LatestWindow:
    """One window of P pairs on the last session; NaN where too little is known.

    correlation, low, high: float64[P], low and high its 95% band. observations: int64[P]. changes: float64[P, 3],
    correlation minus that of 5, 21 and 63 sessions ago. move: float64[P], correlation minus that of the window just
    before this one; move_pvalue: float64[P], two-sided, of no move.
    """

    correlation: FloatArray
    low: FloatArray
    high: FloatArray
    observations: IntArray
    changes: FloatArray
    move: FloatArray
    move_pvalue: FloatArray


def sessions_needed(window: int) -> int:
    """Rows that `latest_window` looks at."""
    return window * max(-(-POOLED_SESSIONS // window), 2) + max(CHANGES_OVER)


def latest_window(
    returns: FloatArray, left: IntArray, right: IntArray, window: int, level: float = 0.95
) -> LatestWindow:
    """The window that ends with the last row, for every pair of columns.

    Parameters
    ----------
    returns : float64[T, N]
        Returns, NaN where unknown. Rows before the last `sessions_needed` are not looked at.
    left, right : int64[P]
        Columns of the two sides.
    window : int
        Rows per window, as in `quant.correlation.rolling_correlation`.
    level : float
        Nominal coverage of the band.

    Raises
    ------
    ValueError
        When the window is below 3.

    Notes
    -----
    The correlation is the last one of `rolling_correlation`. The band is that of `confidence_band`, with one
    difference: the variance's past is averaged over windows that follow on each other back to `POOLED_SESSIONS`
    instead of over every row, which costs a hundredth and needs no memory of earlier nights. The move compares two
    windows without a common row: under no move, the difference of atanh(r) has the variance of both bands.
    """
    needed = required_observations(window)
    rows = np.ascontiguousarray(returns[-sessions_needed(window) :].T, dtype=np.float64)
    blocks = max(-(-POOLED_SESSIONS // window), 2)
    lags = max(1, min(LARGEST_LAG, window // 4))
    now, observations, moments = _windows(rows, left, right, window, needed, blocks, lags)
    back = _earlier(rows, left, right, window, needed, np.array(CHANGES_OVER))
    inflation, behind = _inflation(moments, window)
    quantile = stdtrit(np.maximum(behind - 3, 1), 0.5 + level / 2)
    z = np.arctanh(np.clip(now[:, :2], -PERFECT, PERFECT))
    variance = inflation / np.maximum(observations - 3, 1)[:, 0]
    half_width = quantile * np.sqrt(variance)
    earlier_variance = inflation / np.maximum(observations - 3, 1)[:, 1]
    distance = np.abs(z[:, 0] - z[:, 1]) / np.sqrt(variance + earlier_variance)
    return LatestWindow(
        correlation=now[:, 0],
        low=np.minimum(now[:, 0], np.tanh(z[:, 0] - half_width)),
        high=np.maximum(now[:, 0], np.tanh(z[:, 0] + half_width)),
        observations=observations[:, 0],
        changes=now[:, :1] - back,
        move=now[:, 0] - now[:, 1],
        move_pvalue=2.0 * stdtr(np.maximum(behind - 3, 1), -distance),
    )


def _inflation(moments: FloatArray, window: int) -> tuple[FloatArray, IntArray]:
    """As in `confidence_band`: moments float64[P, blocks, lags + 1], newest window first."""
    own = moments[:, 0, 0] = np.maximum(moments[:, 0, 0], SMALLEST_INFLATION)
    moments[:, 1:, 0] = np.maximum(moments[:, 1:, 0], SMALLEST_INFLATION)
    known = np.isfinite(moments[:, :, 0])
    capped = moments * np.minimum(1.0, LARGEST_INFLATION / moments[:, :, :1])
    windows = known.sum(axis=1)
    pooled = np.where(known[:, :, None], capped, 0.0).sum(axis=1) / np.where(windows > 0, windows, np.nan)[:, None]
    lags = moments.shape[2] - 1
    bartlett = 1.0 - np.arange(1, lags + 1) / (lags + 1.0)
    clustering = 1.0 + 2.0 * (pooled[:, 1:] / pooled[:, :1] * bartlett).sum(axis=1)
    steadied = np.maximum(np.sqrt(own * pooled[:, 0]), own * own / LARGEST_INFLATION)
    return steadied * np.maximum(clustering, 1.0), windows * window


@njit(cache=True)
def _windows(rows, left, right, window, needed, blocks, lags):  # type: ignore[no-untyped-def]
    """The last window and the one before: correlation and rows; of all windows back: the jackknife's moments."""
    correlation = np.full((left.size, 2), np.nan)
    observations = np.zeros((left.size, 2), np.int64)
    moments = np.full((left.size, blocks, lags + 1), np.nan)
    a, b, pseudo = np.empty(window), np.empty(window), np.empty(window)
    sessions = rows.shape[1]
    for p in range(left.size):
        x, y = rows[left[p]], rows[right[p]]
        for k in range(blocks):
            stop = sessions - k * window
            if stop < window:
                break
            n = gather_joint(x, y, stop - window, stop, a, b)
            r = two_pass_correlation(a, b, n) if n >= needed else np.nan
            if k < 2:
                correlation[p, k] = r
                observations[p, k] = n
            if not np.isnan(r) and n >= SMALLEST_SAMPLE:
                jackknife_of_window(a, b, pseudo, n, moments[p, k])
    return correlation, observations, moments


@njit(cache=True)
def _earlier(rows, left, right, window, needed, ago):  # type: ignore[no-untyped-def]
    """Correlation of the window that ended so many sessions ago."""
    correlation = np.full((left.size, ago.size), np.nan)
    a, b = np.empty(window), np.empty(window)
    sessions = rows.shape[1]
    for p in range(left.size):
        for k in range(ago.size):
            stop = sessions - ago[k]
            if stop < window:
                continue
            n = gather_joint(rows[left[p]], rows[right[p]], stop - window, stop, a, b)
            if n >= needed:
                correlation[p, k] = two_pass_correlation(a, b, n)
    return correlation
