"""A simulated market: fat-tailed shocks, clustered volatility, paths that pass through known points.

Here: the pieces a price path is built from, on numpy arrays; randomness arrives as a Generator. Not here:
which markets exist, which points they pass through and how a path becomes a table; callers know that.
"""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LARGEST_SHOCK = 5.0
"""Standardised shocks end here, so that clustering cannot turn one fat-tailed day into a crash of its own."""


class Bars(NamedTuple):
    """Open, high and low that belong to a path of closes: float64[T] each."""

    open: FloatArray
    high: FloatArray
    low: FloatArray


def student_t_scale(days: int, degrees_of_freedom: float, rng: Generator) -> FloatArray:
    """Each day's common factor that turns Gaussian shocks into multivariate Student-t ones of unit variance.

    float64[days]. One factor for all markets makes their large moves coincide and changes no correlation.
    Raises ValueError unless degrees_of_freedom > 2, below which the variance does not exist.
    """
    if degrees_of_freedom <= 2:
        raise ValueError(f"degrees_of_freedom must exceed 2, not {degrees_of_freedom}")
    return np.sqrt((degrees_of_freedom - 2) / rng.chisquare(degrees_of_freedom, days))


def correlated(shocks: FloatArray, own: FloatArray, correlation: FloatArray | float) -> FloatArray:
    """Unit-variance shocks with a correlation (scalar or float64[T]) to `shocks`; `own` is the rest."""
    return correlation * shocks + np.sqrt(1.0 - np.square(correlation)) * own


def garch_volatility(shocks: FloatArray, alpha: float = 0.05, beta: float = 0.93) -> FloatArray:
    """Conditional volatility of a GARCH(1,1) with unconditional variance one (Bollerslev 1986).

    shocks: float64[T], unit variance. The volatility of day t knows the shocks before t only; the returns are
    volatility * shocks. Raises ValueError when alpha + beta >= 1: no unconditional variance to scale to.
    """
    if alpha + beta >= 1:
        raise ValueError(f"alpha + beta must be below 1, not {alpha + beta}")
    growth = (alpha * np.square(shocks[:-1]) + beta).tolist()
    variances = accumulate(growth, lambda variance, g: (1.0 - alpha - beta) + g * variance, initial=1.0)
    return np.sqrt(np.fromiter(variances, dtype=np.float64, count=len(shocks)))


def mean_reverting(increments: FloatArray, half_life: float) -> FloatArray:
    """Sum of increments float64[T] that decay with the given half-life in days: an AR(1) path from zero."""
    decay = 0.5 ** (1.0 / half_life)
    path = accumulate(increments.tolist(), lambda level, step: decay * level + step)
    return np.fromiter(path, dtype=np.float64, count=len(increments))


def bridge(path: FloatArray, positions: IntArray, values: FloatArray) -> FloatArray:
    """The path, drifted linearly between the positions so that it passes through the values.

    path: float64[T] (log prices or levels); positions: int64[K], increasing; values: float64[K]. Daily moves
    change by a constant between two positions, hence keep their look and their correlations; beyond the ends
    they stay.
    """
    if len(positions) == 0:
        return path
    return path + np.interp(np.arange(len(path)), positions, values - path[positions])


def reverting_bridge(noise: FloatArray, positions: IntArray, values: FloatArray, half_life: float) -> FloatArray:
    """A mean-reverting path around the line through the given points, passing through each of them.

    noise: float64[T] from `mean_reverting` with the same half-life; positions and values as for `bridge`.
    What the noise is off at the points is taken back as an Ornstein-Uhlenbeck process would on average have
    it: the correction fades with the half-life, where a linear one would reach all the way to the next point.
    """
    if len(positions) == 0:
        return noise
    days = np.arange(len(noise))
    nearness = 0.5 ** (np.abs(np.subtract.outer(days, positions)) / half_life)
    off = nearness @ np.linalg.solve(nearness[positions], noise[positions])
    return np.interp(days, positions, values) + noise - off


def bridge_below(
    path: FloatArray, positions: IntArray, values: FloatArray, ceiling: FloatArray, gap: FloatArray
) -> FloatArray:
    """`bridge`, kept strictly below a ceiling everywhere but at the given positions.

    ceiling: float64[T], inf where there is none; gap: float64[T] > 0, how far below the ceiling the worst day
    of each excursion is brought down. Each such day becomes a further point of the bridge, so the path turns
    before its ceiling by drifting; clipping would leave flat stretches, reflecting would reverse the moves.
    """
    given = np.isin(np.arange(len(path)), positions)
    limit = np.where(given, np.inf, ceiling)
    bridged = bridge(path, positions, values)
    while (excess := bridged - limit).max() >= 0:
        worst = _peaks_of_runs(excess)
        positions = np.concatenate([positions, worst])
        values = np.concatenate([values, limit[worst] - gap[worst]])
        order = np.argsort(positions)
        positions, values = positions[order], values[order]
        bridged = bridge(path, positions, values)
    return bridged


def daily_bars(close: FloatArray, volatility: FloatArray, ceiling: FloatArray, rng: Generator) -> Bars:
    """Open, high and low around closes: the open lies between two closes, high and low beyond open and close.

    close, volatility (daily, fraction), ceiling (of the high; inf where there is none): float64[T]; closes
    are below the ceiling. A high that would pass the ceiling is pressed smoothly under it.
    """
    days = len(close)
    previous = np.concatenate([close[:1], close[:-1]])
    open_ = previous * (close / previous) ** rng.uniform(0.0, 0.6, days)
    top, bottom = np.maximum(open_, close), np.minimum(open_, close)
    reach = 0.4 * volatility * np.abs(rng.standard_normal((2, days)))
    high = top * np.exp(reach[0])
    room = np.where(np.isfinite(ceiling), ceiling - top, 1.0)
    pressed = top + room * -np.expm1(-(high - top) / room)
    return Bars(open_, np.where(np.isfinite(ceiling), pressed, high), bottom * np.exp(-reach[1]))


def _peaks_of_runs(excess: FloatArray) -> IntArray:
    """Position of the largest value in each run of values at or above zero."""
    above = np.flatnonzero(excess >= 0)
    runs = np.split(above, np.flatnonzero(np.diff(above) > 1) + 1)
    return np.array([run[np.argmax(excess[run])] for run in runs], dtype=np.int64)
