"""How far a rolling correlation can be trusted: a confidence band around every value.

Here: the band for correlations of returns, which are fat-tailed, clustered in volatility and a little
autocorrelated. Not here: the correlation itself (quant.correlation), whether a change of it is one
(quant.regimes).

The textbook band (Fisher z, variance 1 / (n - 3)) holds for independent normal rows. Where two returns crash
on the same days, as Student t(4) does, the variance is twice to four times that, and a nominal 95% covers 74
to 85%.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import stdtrit

from quant.correlation import (
    FloatArray,
    IntArray,
    as_pair,
    gather_joint,
    required_observations,
    two_pass_correlation,
)

# Four years of what the variance used to be steady what one window, often of one quarter, says about it.
POOLED_SESSIONS = 1_000
# One bad tick multiplies the variance by thousands. In the pool it counts for this much and no more.
LARGEST_INFLATION = 20.0
# Returns on a coarse grid can make a window's jackknife zero, which is not certainty.
SMALLEST_INFLATION = 0.25
# Daily returns remember for days, not weeks; every further lag costs precision.
LARGEST_LAG = 6
SMALLEST_SAMPLE = 5
SMALLEST_REST = 1e-6
PERFECT = 1.0 - 1e-12


def confidence_band(
    correlation: FloatArray,
    observations: IntArray,
    x: FloatArray,
    y: FloatArray,
    window: int,
    level: float = 0.95,
    moments: FloatArray | None = None,
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
    moments : float64[T, lags + 1], optional
        As returned by ``jackknife_moments(x, y, correlation, window)``, where they are at hand; by default computed.

    Returns
    -------
    low, high : float64[T]
        In [-1, 1], NaN where the correlation is NaN or rests on fewer than 5 observations.

    Raises
    ------
    ValueError
        When shapes differ, `window` is below 3 or `level` is not strictly between 0 and 1.

    Notes
    -----
    tanh(z -+ q * sqrt(inflation / (n - 3))) with z = atanh(r) (Fisher 1921). The inflation is the product of

    - the variance of z in units of 1 / (n - 3), by delete-one jackknife (Hinkley 1977, "Jackknife
      confidence limits using Student t approximations"): geometric mean of the window's own and of the
      average over the trailing `POOLED_SESSIONS` rows. Its asymptotic form, the fourth-moment variance of
      Hawkins (1989) and of Yuan & Bentler (2000), falls a quarter to a third short for t(4) in these windows;
    - Quenouille's correction of n: 1 + 2 * sum of autocorrelations of the jackknife's pseudo-values, averaged
      over the same rows, with Bartlett weights (Newey & West 1987), never below 1.

    q is Student's quantile for the rows behind the inflation. Row t depends on rows <= t only.

    Simulated coverage of the nominal 95%, over the windows of 300 histories of 1,300 rows: 93.5 to 96.0% for
    windows 20, 60, 90, 252, correlations -0.5, 0, 0.55, and normal, joint t(4), linearly mixed t(4), AR(1)
    0.3 and two GARCH(1,1)-t(6) models (one volatility shared; two, judged against the correlation of the
    innovations). AR(1) at window 20 is the lowest. The first window of a history, without a past to learn
    from, is the least certain.
    """
    x, y = as_pair(x, y)
    required_observations(window)
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie strictly between 0 and 1, got {level}")
    r = np.asarray(correlation, dtype=np.float64)
    n = np.asarray(observations, dtype=np.int64)
    if r.shape != x.shape or n.shape != x.shape:
        raise ValueError(
            "correlation and observations must have one value per row of x and y, "
            f"got shapes {r.shape} and {n.shape} for {x.shape}"
        )
    if moments is None:
        moments = jackknife_moments(x, y, r, window)
    inflation, rows_behind = _inflation(moments, window)
    freedom, row = np.unique(np.maximum(rows_behind - 3, 1), return_inverse=True)  # few differ, and each costs a search
    quantile = stdtrit(freedom, 0.5 + level / 2)[row]
    half_width = quantile * np.sqrt(inflation / np.maximum(n - 3, 1))
    z = np.arctanh(np.clip(r, -PERFECT, PERFECT))
    return np.minimum(r, np.tanh(z - half_width)), np.maximum(r, np.tanh(z + half_width))


def jackknife_moments(
    x: FloatArray, y: FloatArray, correlation: FloatArray, window: int, known: FloatArray | None = None
) -> FloatArray:
    """Variance and autocovariances of the jackknife's pseudo-values of atanh(r), which `confidence_band` rests on.

    x, y, correlation: float64[T]; known: float64[N, lags + 1] with N <= T, the result's first rows where they are at
    hand. Returns float64[T, lags + 1], NaN where the correlation is NaN or rests on fewer than 5 observations. Row t
    depends on rows t - window + 1 to t only, so known rows and those after them are what computing all gives, bit for
    bit.
    """
    x, y = as_pair(x, y)
    moments = np.full((x.size, _lags(window) + 1), np.nan)
    first = 0 if known is None else len(known)
    moments[:first] = np.nan if known is None else known
    _jackknife_moments(x, y, np.asarray(correlation, dtype=np.float64), window, first, moments)
    return moments


def _lags(window: int) -> int:
    return max(1, min(LARGEST_LAG, window // 4))


def _inflation(moments: FloatArray, window: int) -> tuple[FloatArray, IntArray]:
    """Variance of atanh(r) in units of 1 / (n - 3), and how many rows it was learnt from."""
    lags = _lags(window)
    moments = moments.copy()
    own = moments[:, 0] = np.maximum(moments[:, 0], SMALLEST_INFLATION)
    known = np.isfinite(own)
    capped = moments * np.minimum(1.0, LARGEST_INFLATION / own)[:, None]
    pooled = _trailing_mean(capped, known)
    bartlett = 1.0 - np.arange(1, lags + 1) / (lags + 1.0)
    # A matrix product would round differently with more rows; earlier rows must not move at all.
    clustering = 1.0 + 2.0 * (pooled[:, 1:] / pooled[:, :1] * bartlett).sum(axis=1)
    rows_behind = np.minimum(np.cumsum(known), POOLED_SESSIONS) + window - 1
    # A window beyond all experience has to speak for itself: no past vouches for it.
    steadied = np.maximum(np.sqrt(own * pooled[:, 0]), own * own / LARGEST_INFLATION)
    return steadied * np.maximum(clustering, 1.0), rows_behind


def _trailing_mean(moments: FloatArray, known: NDArray[np.bool_]) -> FloatArray:
    """Mean over the known among the last POOLED_SESSIONS rows; NaN where there is none."""
    total = np.zeros((len(moments) + 1, moments.shape[1]))
    np.cumsum(np.where(known[:, None], moments, 0.0), axis=0, out=total[1:])
    count = np.concatenate(([0], np.cumsum(known)))
    end = np.arange(1, len(moments) + 1)
    start = np.maximum(end - POOLED_SESSIONS, 0)
    seen = count[end] - count[start]
    return (total[end] - total[start]) / np.where(seen > 0, seen, np.nan)[:, None]


@njit(cache=True)
def _jackknife_moments(x, y, correlation, window, first, moments):  # type: ignore[no-untyped-def]
    """Write variance (column 0) and lag-k autocovariances of the pseudo-values of atanh(r) from row `first` on."""
    a = np.empty(window)
    b = np.empty(window)
    pseudo = np.empty(window)
    for t in range(first, x.size):
        if np.isnan(correlation[t]):
            continue
        n = gather_joint(x, y, max(0, t - window + 1), t + 1, a, b)
        if n < SMALLEST_SAMPLE:
            continue
        jackknife_of_window(a, b, pseudo, n, moments[t])


@njit(cache=True)
def jackknife_of_window(a, b, pseudo, n, moments):  # type: ignore[no-untyped-def]
    """Write one window's moments, as a row of `_jackknife_moments`; a[:n] and b[:n] are centred in place."""
    moments[:] = 0.0
    _pseudo_values(a[:n], b[:n], pseudo[:n])
    lags = moments.size - 1
    unit = (n - 3.0) / (n * (n - 1.0))
    for s in range(n):
        for k in range(min(lags, s) + 1):
            moments[k] += unit * pseudo[s] * pseudo[s - k]
    # Pseudo-values sum to zero, which pulls every autocovariance down by this much.
    for k in range(1, lags + 1):
        moments[k] += moments[0] * (1.0 - k / n) / n


@njit(cache=True, error_model="numpy")
def _pseudo_values(a, b, pseudo):  # type: ignore[no-untyped-def]
    """Write what each row contributes to atanh(r): n - 1 times the change when it is left out, centred."""
    n = a.size
    a -= a.mean()
    b -= b.mean()
    aa = np.dot(a, a)
    bb = np.dot(b, b)
    ab = np.dot(a, b)
    left = n / (n - 1.0)
    for i in range(n):
        pseudo[i] = (ab - left * a[i] * b[i]) / np.sqrt((aa - left * a[i] * a[i]) * (bb - left * b[i] * b[i]))
    for i in range(n):
        r = pseudo[i]
        most = max(a[i] * a[i] / aa, b[i] * b[i] / bb) * left
        if not most < 1.0 - SMALLEST_REST:
            # One row is nearly all there is: the difference would be rounding.
            r = two_pass_correlation(np.delete(a, i), np.delete(b, i), n - 1)
        r = 0.0 if np.isnan(r) else min(PERFECT, max(-PERFECT, r))
        pseudo[i] = 0.5 * np.log((1.0 + r) / (1.0 - r))
    pseudo -= pseudo.mean()
    pseudo *= 1.0 - n
