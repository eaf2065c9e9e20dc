"""Rolling Pearson correlation of two return series, exact to rounding.

Here: the estimator itself, for one pair and for one asset against many. Not here: its uncertainty
(quant.correlation_bands), every pair of a large universe (quant.universe), what a regime is (quant.regimes).

Running sums make rolling statistics quick and wrong: after one bad tick of 1e9 they stay wrong for as long
as they run, and nobody notices, because a correlation of 0.3 looks as plausible as the true 0.6. Here sums
run about a shift near the mean, and a window is computed afresh, in two passes, as soon as running on could
cost precision.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SMALLEST_WINDOW = 3
# Rounding grows with the number of updates since the last fresh start and with how far a sum of squares has
# fallen since. At most 250 sessions, at most to a thousandth, four roundings of 1.1e-16 a session: a
# correlation is never further off than about 1e-10.
ANCHOR_SESSIONS = 250
SMALLEST_REMAINDER = 1e-3


def rolling_correlation(
    x: FloatArray, y: FloatArray, window: int, min_observations: int | None = None
) -> tuple[FloatArray, IntArray]:
    """Pearson correlation of the last `window` rows, on the rows where both sides are finite.

    Parameters
    ----------
    x, y : float64[T]
        Returns of the two sides, row by row on the same sessions; NaN (or infinite) where unknown.
    window : int
        Rows per window, at least 3. Missing rows count as rows: a window is a stretch of time.
    min_observations : int, optional
        Fewest jointly finite rows for a value, from 3 to `window`; by default four fifths of it, rounded up.

    Returns
    -------
    correlation : float64[T]
        In [-1, 1]. NaN before the first full window, with too few observations, where either side is
        constant.
    observations : int64[T]
        Jointly finite rows among the last `window` rows, also where the correlation is NaN.

    Raises
    ------
    ValueError
        When shapes differ, an input is not one-dimensional, or a window parameter is out of range.

    Notes
    -----
    Within 1e-9 of two passes over every window, whatever the data. Fresh starts use the corrected two-pass
    algorithm (Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance"). "Constant" is
    tested on the values, not on the variance, which rounding keeps above zero. Row t depends on rows <= t
    only.
    """
    x, y = as_pair(x, y)
    needed = required_observations(window, min_observations)
    return _rolling_correlation(x, y, window, needed)  # type: ignore[no-any-return]


def one_against_all(
    asset: FloatArray, others: FloatArray, window: int, min_observations: int | None = None
) -> FloatArray:
    """Rolling correlation of one asset with each of N others.

    Parameters
    ----------
    asset : float64[T]
        Returns of the one asset.
    others : float64[T, N]
        Returns of the others, one column each, on the same sessions.
    window, min_observations : int
        As in `rolling_correlation`.

    Returns
    -------
    float64[T, N]
        Column j is ``rolling_correlation(asset, others[:, j], window, min_observations)[0]``.

    Raises
    ------
    ValueError
        When the lengths differ, `others` is not two-dimensional, or a window parameter is out of range.
    """
    others = np.asarray(others, dtype=np.float64)
    if others.ndim != 2:
        raise ValueError(f"others must be two-dimensional [T, N], got {others.ndim} dimension(s)")
    columns = [rolling_correlation(asset, column, window, min_observations)[0] for column in others.T]
    return np.column_stack(columns) if columns else np.empty(others.shape)


def required_observations(window: int, min_observations: int | None = None) -> int:
    """Fewest joint observations a window of `window` rows needs; raises ValueError when out of range."""
    if window < SMALLEST_WINDOW:
        raise ValueError(f"window must be at least {SMALLEST_WINDOW} rows, got {window}")
    if min_observations is None:
        # ceil(0.8 * window) in integers: 0.8 has no exact binary form.
        return max(SMALLEST_WINDOW, -(-4 * window // 5))
    if not SMALLEST_WINDOW <= min_observations <= window:
        raise ValueError(
            f"min_observations must lie between {SMALLEST_WINDOW} and the window ({window}), got {min_observations}"
        )
    return min_observations


def as_pair(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both sides as contiguous float64[T]; raises ValueError when they differ in shape or are no vectors."""
    x = np.ascontiguousarray(x, dtype=np.float64)
    y = np.ascontiguousarray(y, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"x and y must be one-dimensional and of equal length, got shapes {x.shape} and {y.shape}")
    return x, y


@njit(cache=True)
def _rolling_correlation(x, y, window, needed):  # type: ignore[no-untyped-def]
    correlation = np.full(x.size, np.nan)
    observations = np.zeros(x.size, np.int64)
    a = np.empty(window)
    b = np.empty(window)
    n = 0
    anchored = -1  # row of the last fresh start, -1 when one is due
    shift_x = shift_y = sx = sy = xx = yy = xy = peak_x = peak_y = 0.0
    for t in range(x.size):
        if np.isfinite(x[t]) and np.isfinite(y[t]):
            u = x[t] - shift_x
            v = y[t] - shift_y
            n, sx, sy, xx, yy, xy = n + 1, sx + u, sy + v, xx + u * u, yy + v * v, xy + u * v
        old = t - window
        # Highest while both the entering and the leaving row are in: that is where rounding happens.
        peak_x = max(peak_x, xx)
        peak_y = max(peak_y, yy)
        if old >= 0 and np.isfinite(x[old]) and np.isfinite(y[old]):
            u = x[old] - shift_x
            v = y[old] - shift_y
            n, sx, sy, xx, yy, xy = n - 1, sx - u, sy - v, xx - u * u, yy - v * v, xy - u * v
        observations[t] = n
        if t + 1 < window or n < needed:
            anchored = -1
            continue
        left_x = xx - sx * sx / n
        left_y = yy - sy * sy / n
        steady = left_x > SMALLEST_REMAINDER * peak_x and left_y > SMALLEST_REMAINDER * peak_y
        if steady and anchored >= 0 and t - anchored < ANCHOR_SESSIONS:
            r = (xy - sx * sy / n) / (np.sqrt(left_x) * np.sqrt(left_y))
            correlation[t] = min(1.0, max(-1.0, r))
            continue
        gather_joint(x, y, old + 1, t + 1, a, b)
        correlation[t] = two_pass_correlation(a, b, n)
        anchored = -1 if np.isnan(correlation[t]) else t
        shift_x, sx, xx = _about_the_mean(a, n)
        shift_y, sy, yy = _about_the_mean(b, n)
        xy = ((a[:n] - shift_x) * (b[:n] - shift_y)).sum()
        peak_x = xx
        peak_y = yy
    return correlation, observations


@njit(cache=True)
def _about_the_mean(values, n):  # type: ignore[no-untyped-def]
    """Mean of values[:n], and what is left of their sum and sum of squares about it."""
    mean = values[:n].mean()
    deviations = values[:n] - mean
    return mean, deviations.sum(), (deviations * deviations).sum()


@njit(cache=True)
def gather_joint(x, y, start, stop, a, b):  # type: ignore[no-untyped-def]
    """Copy the jointly finite values of rows start .. stop - 1 to the front of a and b; return how many."""
    n = 0
    for s in range(start, stop):
        if np.isfinite(x[s]) and np.isfinite(y[s]):
            a[n] = x[s]
            b[n] = y[s]
            n += 1
    return n


@njit(cache=True)
def two_pass_correlation(a, b, n):  # type: ignore[no-untyped-def]
    """Pearson correlation of a[:n] and b[:n], all finite; NaN when either is constant."""
    mean_a = 0.0
    mean_b = 0.0
    constant_a = True
    constant_b = True
    for i in range(n):
        mean_a += a[i]
        mean_b += b[i]
        constant_a &= a[i] == a[0]
        constant_b &= b[i] == b[0]
    if constant_a or constant_b:
        return np.nan
    mean_a /= n
    mean_b /= n
    aa = 0.0
    bb = 0.0
    ab = 0.0
    rest_a = 0.0
    rest_b = 0.0
    for i in range(n):
        da = a[i] - mean_a
        db = b[i] - mean_b
        aa += da * da
        bb += db * db
        ab += da * db
        rest_a += da
        rest_b += db
    # What rounding left of the means; nil in exact arithmetic.
    aa -= rest_a * rest_a / n
    bb -= rest_b * rest_b / n
    ab -= rest_a * rest_b / n
    if aa <= 0.0 or bb <= 0.0:
        return np.nan
    return min(1.0, max(-1.0, ab / (np.sqrt(aa) * np.sqrt(bb))))
