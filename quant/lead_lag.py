"""Lead and lag: does one series of returns know tomorrow's of the other?

Here: cross-correlations at many lags with statistics that survive volatility clustering and many looks. Not here:
which pairs (assets.catalog), the correlation of the same day over time (quant.correlation).

A Granger F test on daily returns, or the best of many lags taken at face value, finds leads in most pairs of series
that have none: volatility comes in clusters, so large moves of one stand beside large moves of the other at every
lag.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import special

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FEWEST_OBSERVATIONS = 60


@dataclass(frozen=True)
class LagCorrelations:
    """Cross-correlations by lag, float64[2 * max_lag + 1] each, lags from -max_lag to +max_lag.

    correlation: of the leader's return on a day with the follower's `lag` days later; ci_low, ci_high: its interval;
    p_value: two-sided, of no correlation at this lag alone; p_value_adjusted: of so large a statistic at any lag but
    zero, where the same day is no question of lead and keeps its own p-value; observations: int64, days with both.
    NaN where these are fewer than 60 or one of the two never moves.
    """

    lag: IntArray
    correlation: FloatArray
    ci_low: FloatArray
    ci_high: FloatArray
    p_value: FloatArray
    p_value_adjusted: FloatArray
    observations: IntArray


def lead_lag(
    leader: FloatArray,
    follower: FloatArray,
    max_lag: int,
    rng: Generator,
    *,
    draws: int = 399,
    level: float = 0.95,
) -> LagCorrelations:
    """Correlation of leader[t] with follower[t + lag] for every lag, with robust statistics.

    leader, follower: float64[T], returns on the same days, NaN where missing. The p-value's statistic is
    sum(x y) / sqrt(sum(x^2 y^2)), White's (1980) variance under no correlation: it weighs a day by the size of both
    moves, where the textbook 1/sqrt(T) pretends that all days are alike. The interval's variance is that of the
    influence x y - r (x^2 + y^2) / 2 on the Fisher z scale, right also where the correlation is not zero.

    Adjusted for the number of lags by the largest statistic (Westfall & Young 1993) when both returns of a day change
    sign together at random, in `draws` draws (the wild bootstrap of Liu 1988 in its symmetric form): that keeps the
    sizes of all moves and the correlation of the same day, and nothing else. Bonferroni and Holm on 252 days find
    half of what they may. Raises ValueError when lengths differ, max_lag < 1 or draws < 19.
    """
    if leader.shape != follower.shape or leader.ndim != 1:
        raise ValueError(f"lead_lag: two series of equal length, got shapes {leader.shape} and {follower.shape}")
    if max_lag < 1 or draws < 19:
        raise ValueError(f"lead_lag: max_lag must be at least 1 and draws at least 19, got {max_lag} and {draws}")
    lags = np.arange(-max_lag, max_lag + 1)
    products = np.zeros((len(lags), len(leader)))
    estimates = np.full((len(lags), 4), np.nan)
    statistic = np.full(len(lags), np.nan)
    observations = np.zeros(len(lags), np.int64)
    for i, lag in enumerate(lags):
        days, p, q = _standardised(leader, follower, int(lag))
        observations[i] = len(days)
        if len(days):
            estimates[i] = _estimate(p, q, level)
            size = np.sqrt(np.square(p * q).sum())
            products[i, days] = p * q / size
            statistic[i] = abs((p * q).sum() / size)
    signs = rng.choice(np.array([-1.0, 1.0], dtype=np.float32), size=(len(leader), draws))
    other = (lags != 0) & np.isfinite(statistic)
    correlation, low, high, p_value = estimates.T
    adjusted = p_value.copy()
    if other.any():
        largest = _largest_statistics(products, signs)
        exceeded = (largest[None, :] >= statistic[other][:, None] * (1 - 1e-6)).sum(axis=1)
        adjusted[other] = np.maximum((exceeded + 1) / (draws + 1), p_value[other])
    return LagCorrelations(lags, correlation, low, high, p_value, adjusted, observations)


def _standardised(leader: FloatArray, follower: FloatArray, lag: int) -> tuple[IntArray, FloatArray, FloatArray]:
    """Days t on which both leader[t] and follower[t + lag] exist, and both sides there with mean 0 and sd 1."""
    days = np.arange(max(0, -lag), len(leader) - max(0, lag))
    days = days[np.isfinite(leader[days]) & np.isfinite(follower[days + lag])]
    x, y = leader[days], follower[days + lag]
    if len(days) < FEWEST_OBSERVATIONS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return days[:0], x[:0], y[:0]
    return days, (x - x.mean()) / x.std(), (y - y.mean()) / y.std()


def _estimate(p: FloatArray, q: FloatArray, level: float) -> tuple[float, float, float, float]:
    """Correlation, its interval and the p-value of none, from standardised sides."""
    product = p * q
    r = float(np.clip(product.mean(), -1.0, 1.0))
    degrees = len(p) - 2
    statistic = product.sum() / np.sqrt(np.square(product).sum())
    influence = product - 0.5 * r * (p * p + q * q)
    spread = np.sqrt(np.square(influence).sum()) / len(p) / max(1 - r * r, 1e-12)
    half = float(special.stdtrit(degrees, 0.5 + level / 2)) * spread
    z = np.arctanh(np.clip(r, -1 + 1e-15, 1 - 1e-15))
    return r, float(np.tanh(z - half)), float(np.tanh(z + half)), 2 * float(special.stdtr(degrees, -abs(statistic)))


@njit(cache=True)
def _largest_statistics(products, signs):  # type: ignore[no-untyped-def]
    days, draws = signs.shape
    middle = len(products) // 2
    largest = np.zeros(draws)
    for k in range(1, middle + 1):
        after, before = np.zeros(draws, dtype=np.float32), np.zeros(draws, dtype=np.float32)
        for t in range(days - k):
            u, v = np.float32(products[middle + k, t]), np.float32(products[middle - k, t + k])
            for b in range(draws):  # the days t and t + k change sign together for both lags
                changed = signs[t, b] * signs[t + k, b]
                after[b] += u * changed
                before[b] += v * changed
        for b in range(draws):
            largest[b] = max(largest[b], abs(after[b]), abs(before[b]))
    return largest
