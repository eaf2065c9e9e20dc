"""Rolling Pearson correlation of two return series, exact to rounding.

Here: the estimator itself, for one pair and for one asset against many. Not here: its uncertainty
(quant.correlation_bands), every pair of a large universe (quant.universe), what a regime is (quant.regimes).

Every window is computed afresh in two passes instead of being updated from the one before. Running sums are
quicker, but one bad tick of 1e9 leaves them wrong for as long as they run, and nobody notices: a correlation
of 0.3 looks as plausible as the true 0.6. Neighbouring windows are computed side by side, which makes this
no slower.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

SMALLEST_WINDOW = 3
# Windows computed side by side: independent sums fill the vector units, and this many stay in the
# first-level cache.
BLOCK = 512


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
    Corrected two-pass algorithm (Chan, Golub & LeVeque 1983, "Algorithms for computing the sample variance")
    in every window. "Constant" is tested on the values, not on the variance, which rounding keeps above
    zero. Row t depends on rows t - window + 1 .. t only.
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
            f"min_observations must lie between {SMALLEST_WINDOW} and the window ({window}), "
            f"got {min_observations}"
        )
    return min_observations


def as_pair(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both sides as contiguous float64[T]; raises ValueError when they differ in shape or are no vectors."""
    x = np.ascontiguousarray(x, dtype=np.float64)
    y = np.ascontiguousarray(y, dtype=np.float64)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(
            f"x and y must be one-dimensional and of equal length, got shapes {x.shape} and {y.shape}"
        )
    return x, y


@njit(cache=True)
def _rolling_correlation(x, y, window, needed):  # type: ignore[no-untyped-def]
    joint = np.isfinite(x) & np.isfinite(y)
    present = joint.astype(np.float64)
    a = np.where(joint, x, 0.0)
    b = np.where(joint, y, 0.0)
    seen = np.zeros(x.size + 1, np.int64)
    seen[1:] = np.cumsum(joint)
    observations = np.empty(x.size, np.int64)
    for t in range(x.size):
        observations[t] = seen[t + 1] - seen[max(0, t + 1 - window)]
    correlation = np.full(x.size, np.nan)
    for start in range(window - 1, x.size, BLOCK):
        width = min(BLOCK, x.size - start)
        n = observations[start : start + width]
        mean_a = _means(a, present, n, window, start)
        mean_b = _means(b, present, n, window, start)
        aa = _products(a, mean_a, a, mean_a, present, window, start)
        bb = _products(b, mean_b, b, mean_b, present, window, start)
        ab = _products(a, mean_a, b, mean_b, present, window, start)
        for k in range(width):
            if n[k] < needed or not (0.0 < aa[k] < np.inf and 0.0 < bb[k] < np.inf):
                continue
            first = start + k + 1 - window
            rows = slice(first, first + window)
            if _is_constant(a[rows], joint[rows], mean_a[k], aa[k]):
                continue
            if _is_constant(b[rows], joint[rows], mean_b[k], bb[k]):
                continue
            correlation[start + k] = min(1.0, max(-1.0, ab[k] / (np.sqrt(aa[k]) * np.sqrt(bb[k]))))
    return correlation, observations


@njit(cache=True)
def _means(values, present, n, window, start):  # type: ignore[no-untyped-def]
    """Mean of each window that ends at row start, start + 1, ...; a second pass takes up the rounding."""
    mean = np.zeros(n.size)
    for _ in range(2):
        total = np.zeros(n.size)
        for lag in range(window):
            v = values[start - lag : start - lag + n.size]
            p = present[start - lag : start - lag + n.size]
            for k in range(n.size):
                total[k] += (v[k] - mean[k]) * p[k]
        mean += total / np.maximum(n, 1)
    return mean


@njit(cache=True)
def _products(left, mean_left, right, mean_right, present, window, start):  # type: ignore[no-untyped-def]
    """Sum of the products of deviations in each window that ends at row start, start + 1, ..."""
    width = mean_left.size
    total = np.zeros(width)
    for lag in range(window):
        u = left[start - lag : start - lag + width]
        v = right[start - lag : start - lag + width]
        p = present[start - lag : start - lag + width]
        for k in range(width):
            total[k] += (u[k] - mean_left[k]) * (v[k] - mean_right[k]) * p[k]
    return total


@njit(cache=True)
def _is_constant(values, joint, mean, square):  # type: ignore[no-untyped-def]
    """Whether the joint values are all equal; looks only where rounding could explain their spread."""
    if square > values.size * (1e-10 * mean) ** 2:
        return False
    first = np.nan
    for s in range(values.size):
        if joint[s]:
            if np.isnan(first):
                first = values[s]
            if values[s] != first:
                return False
    return True


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
