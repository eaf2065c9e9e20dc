"""Correlation matrix of one window of a universe, exact.

Here: all pairs of N return series over the rows of one window, whatever is missing in them. Not here:
windows that roll (quant.universe), a single pair (quant.correlation).
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quant.correlation import (
    SMALLEST_REMAINDER,
    FloatArray,
    gather_joint,
    required_observations,
    two_pass_correlation,
)

IndexArray = NDArray[np.intp]

# What a column is in a window: too few rows; gaps of its own; complete but not (yet) fit to be rolled on;
# complete and rolled from session to session.
SPARSE, GAPPY, STALE, LIVE = 0, 1, 2, 3

# For fewer columns, waking the threads of a matrix product costs more than the product.
FEW_COLUMNS = 32


def latest_pairs(window_returns: FloatArray, min_observations: int | None = None) -> FloatArray:
    """Correlation matrix of one window, exact: what is needed when one more session has come.

    Parameters
    ----------
    window_returns : float64[window, N]
        The last `window` sessions of N return series; NaN (or infinite) where unknown.
    min_observations : int, optional
        Fewest jointly finite rows for a value; four fifths of the window, rounded up, by default.

    Returns
    -------
    float64[N, N]
        Symmetric, in [-1, 1], diagonal 1. NaN where a pair has too few joint rows or either side is constant
        on them.

    Raises
    ------
    ValueError
        When `window_returns` is not two-dimensional or has fewer than 3 rows, or `min_observations` is out
        of range.

    Notes
    -----
    One matrix product of standardised columns. Pairs that miss different rows get the moments of their own
    joint rows, and two passes over those rows where cancellation would cost precision.
    """
    rows, needed = as_window(window_returns, min_observations)
    state = column_state(np.isfinite(rows), needed)
    complete, gappy = np.flatnonzero(state == STALE), np.flatnonzero(state == GAPPY)
    square = complete_rows(rows, complete, complete)
    if complete.size < len(state):
        square = _spread(square, complete, len(state))
    if not gappy.size:
        return square
    partial = gappy_rows(rows, gappy, needed)
    square[gappy, :] = partial
    square[:, gappy] = partial.T
    # Both sides of a gappy pair were computed and may differ in the last bit.
    return np.triu(square) + np.triu(square, 1).T


def as_window(window_returns: FloatArray, min_observations: int | None) -> tuple[FloatArray, int]:
    """Contiguous float64[window, N] and the rows it needs; raises ValueError as `latest_pairs`."""
    rows = np.ascontiguousarray(window_returns, dtype=np.float64)
    if rows.ndim != 2:
        raise ValueError(f"window_returns must be two-dimensional [window, N], got {rows.ndim} dimension(s)")
    return rows, required_observations(len(rows), min_observations)


def column_state(present: NDArray[np.bool_], needed: int) -> NDArray[np.int64]:
    """State of each column; complete ones, STALE here, miss only rows that every column misses."""
    observed = present.sum(axis=0)
    complete = observed == present.any(axis=1).sum()
    return np.where(observed < needed, SPARSE, np.where(complete, STALE, GAPPY))


def complete_rows(rows: FloatArray, chosen: IndexArray, complete: IndexArray) -> FloatArray:
    """Correlations of the `chosen` among the `complete` columns with all of these: one matrix product."""
    if not chosen.size:
        return np.empty((0, complete.size))
    z = rows[np.isfinite(rows[:, complete[0]])]
    z = z[:, complete] if complete.size < z.shape[1] else z
    constant = (z == z[0]).all(axis=0)
    z = z - z.mean(axis=0)
    z -= z.mean(axis=0)  # what rounding left of the mean
    norm = np.sqrt(np.einsum("ij,ij->j", z, z))
    z /= np.where(~constant & (norm > 0.0) & (norm < np.inf), norm, np.nan)
    positions = np.searchsorted(complete, chosen)
    return _tidy(_products(z, positions), positions)


def gappy_rows(rows: FloatArray, gappy: IndexArray, needed: int) -> FloatArray:
    """Correlations of the `gappy` columns with all columns, each pair on its own joint rows."""
    present = np.isfinite(rows)
    observed = present.sum(axis=0)
    u = np.where(present, rows, 0.0)
    u -= u.sum(axis=0) / np.maximum(observed, 1)
    u[~present] = 0.0
    norm = np.sqrt(np.einsum("ij,ij->j", u, u))
    u /= np.where(norm > 0.0, norm, 1.0)
    correlation = _products(u, gappy)
    gap_rows, gap_columns = np.nonzero(~present & (observed >= needed))
    doubtful, partner = np.nonzero(
        _without_gaps(u, present, observed, gap_rows, gap_columns, gappy, needed, correlation)
    )
    correlation[doubtful, partner] = _pair_by_pair(rows, gappy[doubtful], partner)
    return _tidy(correlation, gappy)


def _products(z: FloatArray, chosen: IndexArray) -> FloatArray:
    """z[:, chosen].T @ z, in the way that is quickest for how many are chosen."""
    if chosen.size <= FEW_COLUMNS:
        return _few_products(z, chosen)  # type: ignore[no-any-return]
    # The whole of z.T @ z is recognised as symmetric, which halves the work.
    return (z if chosen.size == z.shape[1] else z[:, chosen]).T @ z


def _tidy(correlation: FloatArray, diagonal: IndexArray) -> FloatArray:
    """Clip to [-1, 1]; make what row k has with itself, in column diagonal[k], exactly 1 unless NaN."""
    np.clip(correlation, -1.0, 1.0, out=correlation)
    itself = np.arange(diagonal.size), diagonal
    correlation[itself] = np.where(np.isnan(correlation[itself]), np.nan, 1.0)
    return correlation


def _spread(square: FloatArray, complete: IndexArray, columns: int) -> FloatArray:
    spread = np.full((columns, columns), np.nan)
    spread[np.ix_(complete, complete)] = square
    return spread


# Without numpy's error model every division is checked for zero, and the last loop could not be vectorised.
@njit(cache=True, error_model="numpy")
def _without_gaps(u, present, observed, gap_rows, gap_columns, gappy, needed, products):  # type: ignore[no-untyped-def]
    """Turn products u_i'u_j, u zero in gaps, into correlations on joint rows; True where that loses
    precision.

    A column's moments on the joint rows are those on all its rows less those where the other side is missing.
    """
    columns = u.shape[1]
    doubtful = np.zeros(products.shape, np.bool_)
    sums = u.sum(axis=0)
    squares = (u * u).sum(axis=0)
    joint, own_sum, own_square, other_sum, other_square = np.empty((5, columns))
    series = u.T.copy()
    for k in range(gappy.size):
        i = gappy[k]
        joint[:] = observed
        other_sum[:] = sums
        other_square[:] = squares
        for s in range(len(u)):
            if not present[s, i]:
                for j in range(columns):
                    joint[j] -= present[s, j]
                    other_sum[j] -= u[s, j]
                    other_square[j] -= u[s, j] * u[s, j]
        own_sum[:] = sums[i]
        own_square[:] = squares[i]
        for g in range(gap_rows.size):
            missed = series[i, gap_rows[g]]
            own_sum[gap_columns[g]] -= missed
            own_square[gap_columns[g]] -= missed * missed
        row, doubts = products[k], doubtful[k]
        for j in range(columns):
            own = own_square[j] - own_sum[j] * own_sum[j] / joint[j]
            other = other_square[j] - other_sum[j] * other_sum[j] / joint[j]
            precise = (own > SMALLEST_REMAINDER * squares[i]) & (other > SMALLEST_REMAINDER * squares[j])
            known = joint[j] >= needed
            value = (row[j] - own_sum[j] * other_sum[j] / joint[j]) / np.sqrt(own * other)
            row[j] = value if known else np.nan
            doubts[j] = known & (not precise)
    return doubtful


@njit(cache=True)
def _few_products(z, chosen):  # type: ignore[no-untyped-def]
    products = np.zeros((chosen.size, z.shape[1]))
    for k in range(chosen.size):
        total = products[k]
        for s in range(len(z)):
            weight = z[s, chosen[k]]
            row = z[s]
            for j in range(row.size):
                total[j] += weight * row[j]
    return products


@njit(cache=True)
def _pair_by_pair(rows, left, right):  # type: ignore[no-untyped-def]
    """Two passes over the joint rows of every pair of columns left[k], right[k]."""
    correlation = np.empty(left.size)
    a = np.empty(len(rows))
    b = np.empty(len(rows))
    for k in range(left.size):
        n = gather_joint(rows[:, left[k]], rows[:, right[k]], 0, len(rows), a, b)
        correlation[k] = two_pass_correlation(a, b, n)
    return correlation
