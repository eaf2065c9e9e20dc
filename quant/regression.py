"""Regression of one return on one change, with standard errors that allow for clustering.

Here: a slope and how sure of it one may be. Not here: what is regressed on what (assets).
"""

from __future__ import annotations

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
    & West 1994), small-sample correction, t distribution. p_value is two-sided. Raises ValueError when lengths differ.
    """
    from statsmodels.api import OLS, add_constant  # slow to import, and few runs need it

    if len(y) != len(x):
        raise ValueError(f"hac_slope: y has {len(y)} rows and x has {len(x)}; give one x per y")
    known = np.isfinite(y) & np.isfinite(x)
    observations = int(known.sum())
    if observations < FEWEST_OBSERVATIONS:
        return None
    lags = int(4 * (observations / 100) ** (2 / 9))
    fitted = OLS(y[known], add_constant(x[known])).fit(
        cov_type="HAC", cov_kwds={"maxlags": lags, "use_correction": True}, use_t=True
    )
    low, high = fitted.conf_int(0.05)[1]
    return Slope(
        beta=float(fitted.params[1]),
        standard_error=float(fitted.bse[1]),
        t_statistic=float(fitted.tvalues[1]),
        p_value=float(fitted.pvalues[1]),
        ci95_low=float(low),
        ci95_high=float(high),
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
