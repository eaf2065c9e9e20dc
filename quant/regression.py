"""Regression of one return on one change, with standard errors that allow for clustering.

Here: a slope and how sure of it one may be. Not here: what is regressed on what (assets).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FEWEST_OBSERVATIONS = 30


@dataclass(frozen=True)
class Slope:
    """A least-squares slope with its heteroskedasticity and autocorrelation consistent (HAC) uncertainty."""

    beta: float
    standard_error: float
    t_statistic: float
    p_value: float
    ci95_low: float
    ci95_high: float
    observations: int
    lags: int


def hac_slope(y: NDArray[np.float64], x: NDArray[np.float64]) -> Slope | None:
    """Slope of y on x and a constant, with Newey-West standard errors; None under 30 observations.

    y, x: float64[T], rows with a NaN in either are left out. Bartlett weights up to floor(4 (T/100)^(2/9)) lags (Newey
    & West 1994), small-sample correction T / (T - 2), t distribution. p_value is two-sided. Raises ValueError when
    lengths differ.

    With x centred, the slope's corner of the sandwich stands alone: the long-run variance of x times residual, over the
    squared sum of squares of x.
    """
    from scipy.special import stdtr, stdtrit

    if len(y) != len(x):
        raise ValueError(f"hac_slope: y has {len(y)} rows and x has {len(x)}; give one x per y")
    known = np.isfinite(y) & np.isfinite(x)
    observations = int(known.sum())
    if observations < FEWEST_OBSERVATIONS:
        return None
    centred = x[known] - x[known].mean()
    squares = float(centred @ centred)
    beta = float(centred @ y[known]) / squares
    residual = y[known] - y[known].mean() - beta * centred
    lags = int(4 * (observations / 100) ** (2 / 9))
    freedom = observations - 2
    variance = _long_run_sum(centred * residual, lags) / squares**2
    standard_error = math.sqrt(variance * observations / freedom)
    t_statistic = beta / standard_error
    half_width = float(stdtrit(freedom, 0.975)) * standard_error
    return Slope(
        beta=beta,
        standard_error=standard_error,
        t_statistic=t_statistic,
        p_value=2 * float(stdtr(freedom, -abs(t_statistic))),
        ci95_low=beta - half_width,
        ci95_high=beta + half_width,
        observations=observations,
        lags=lags,
    )


def trailing_beta(
    y: NDArray[np.float64], x: NDArray[np.float64], *, window: int, min_observations: int
) -> NDArray[np.float64]:
    """Slope of y on x over the `window` rows before each row, which is itself left out.

    y, x: float64[T], rows with a NaN in either count as absent. Returns float64[T], NaN below `min_observations` or
    where x does not vary. Appending rows changes none. Raises ValueError when lengths differ.
    """
    if len(y) != len(x):
        raise ValueError(f"trailing_beta: y has {len(y)} rows and x has {len(x)}; give one x per y")
    known = np.isfinite(y) & np.isfinite(x)
    v, u = np.where(known, y, 0.0), np.where(known, x, 0.0)
    sums = np.cumsum(np.stack([known.astype(np.float64), u, v, u * u, u * v]), axis=1)
    past = np.concatenate([np.zeros((5, 1)), sums], axis=1)[:, :-1]
    n, sx, sy, sxx, sxy = past - np.concatenate([np.zeros((5, min(window, len(y)))), past[:, :-window]], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = sxx - sx * sx / n
        slope = (sxy - sx * sy / n) / spread
    return np.where((n >= min_observations) & (spread > 1e-12), slope, np.nan)


def _long_run_sum(scores: NDArray[np.float64], lags: int) -> float:
    """Sum of squares plus the Bartlett-weighted cross products of neighbours."""
    crossed = (2 * (1 - lag / (lags + 1)) * float(scores[lag:] @ scores[:-lag]) for lag in range(1, lags + 1))
    return float(scores @ scores) + sum(crossed)
