"""Rolling correlation of every pair of a universe, day by day.

Here: all pairs of N return series for a trailing window, as a stream of sessions or one session at a time.
Not here: one window by itself (quant.universe_window), a single pair (quant.correlation) and its confidence
band (quant.correlation_bands), where the numbers are written (pipelines).

Ten years of 500 series are 300 million correlations, 2.4 GB: nobody wants them in one array, so they are
streamed. A day changes every pair by one row that enters and one that leaves, which costs a fraction of
computing it anew. Such updates remember every past mistake, so a column is recomputed exactly as soon as
they could cost it precision (a spike that left, a jump in level, a gap, a constant stretch), and all of them
every `ANCHOR_SESSIONS` sessions.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numba import njit

from quant.correlation import (
    ANCHOR_SESSIONS,
    SMALLEST_REMAINDER,
    FloatArray,
    gather_joint,
    required_observations,
)
from quant.universe_window import (
    GAPPY,
    LIVE,
    SPARSE,
    STALE,
    as_window,
    column_state,
    complete_rows,
    gappy_rows,
)

# A mean this many standard deviations from the column's shift would cost the updates two digits.
LARGEST_MEAN = 100.0


def all_pairs(
    returns: FloatArray, window: int, min_observations: int | None = None
) -> Iterator[tuple[int, FloatArray]]:
    """Rolling correlation of all pairs of N series, one session at a time.

    Parameters
    ----------
    returns : float64[T, N]
        Returns, one column per series; NaN (or infinite) where unknown.
    window, min_observations : int
        As in `quant.correlation.rolling_correlation`.

    Yields
    ------
    session : int
        Row of `returns`, from ``window - 1`` (the first full window) to ``T - 1``; none when that is larger.
    correlation : float64[N * (N - 1) / 2]
        Pairs in the order of ``np.triu_indices(N, k=1)`` (that of scipy's ``squareform``), NaN as in
        `quant.universe_window.latest_pairs`. A read-only view that the next session overwrites: copy what is
        to be kept.

    Raises
    ------
    ValueError
        At the call, when `returns` is not two-dimensional or a window parameter is out of range.

    Notes
    -----
    Within 1e-9 of two passes over every window. Memory does not grow with T. A universe in which most
    columns have gaps inside the window is recomputed every session, which is fifty times slower or more.
    """
    returns = np.ascontiguousarray(returns, dtype=np.float64)
    if returns.ndim != 2:
        raise ValueError(f"returns must be two-dimensional [T, N], got {returns.ndim} dimension(s)")
    needed = required_observations(window, min_observations)
    return _sessions(returns, window, needed)


def _sessions(returns: FloatArray, window: int, needed: int) -> Iterator[tuple[int, FloatArray]]:
    if window > len(returns):
        return
    pairs = RollingPairs(returns[:window], needed)
    yield window - 1, pairs.correlation
    for session in range(window, len(returns)):
        yield session, pairs.append(returns[session])


class RollingPairs:
    """All pairs of N series over a trailing window, ready for the next session.

    Parameters
    ----------
    window_returns : float64[window, N]
        The first full window of returns; NaN (or infinite) where unknown. It is copied.
    min_observations : int, optional
        Fewest jointly finite rows for a value; four fifths of the window, rounded up, by default.

    Attributes
    ----------
    correlation : float64[N * (N - 1) / 2]
        The current window's pairs in the order of ``np.triu_indices(N, k=1)``; a read-only view, overwritten
        by `append`.

    Raises
    ------
    ValueError
        As `quant.universe_window.latest_pairs`.

    Notes
    -----
    Sliding rank-one updates of the correlation itself, after Welford (1962), "Note on a method for
    calculating corrected sums of squares and products": with the deviations of the leaving and the entering
    row scaled by the new root sum of squares, r <- r * k_i * k_j + a_i * a_j - b_i * b_j.
    """

    def __init__(self, window_returns: FloatArray, min_observations: int | None = None) -> None:
        rows, self._needed = as_window(window_returns, min_observations)
        columns = rows.shape[1]
        present = np.isfinite(rows)
        self._rows = rows.copy()
        self._oldest = 0
        self._updates = 0
        self._observed = present.sum(axis=0)
        self._observed_rows = int(present.any(axis=1).sum())
        self._state = column_state(present, self._needed)
        self._moments = Moments(*np.zeros((4, columns)))
        self._factors = Factors(*np.empty((3, columns)))
        self._pairs = np.full(columns * (columns - 1) // 2, np.nan)
        self.correlation = self._pairs.view()
        self.correlation.flags.writeable = False
        self._recompute(STALE)

    def append(self, returns: FloatArray) -> FloatArray:
        """Let one session enter and the oldest leave; returns `correlation`.

        returns: float64[N], NaN where unknown. Raises ValueError when it has not one value per column.
        """
        entering = np.array(returns, dtype=np.float64)
        if entering.shape != self._state.shape:
            raise ValueError(f"one session must have shape {self._state.shape}, got {entering.shape}")
        leaving = self._rows[self._oldest].copy()
        self._rows[self._oldest] = entering
        self._oldest = (self._oldest + 1) % len(self._rows)
        self._updates += 1
        self._observed_rows = _slide(
            leaving,
            entering,
            self._observed_rows,
            self._needed,
            self._observed,
            self._state,
            self._moments,
            self._factors,
        )
        _roll(self._pairs, self._factors)
        self._recompute(LIVE if self._updates % ANCHOR_SESSIONS == 0 else STALE)
        return self.correlation

    def _recompute(self, best: int) -> None:
        """Put exact values where updating is impossible, and in complete columns up to the state `best`."""
        restarting = np.flatnonzero((self._state >= STALE) & (self._state <= best))
        if restarting.size:
            _anchor(self._rows, restarting, self._state, self._moments)
            live = np.flatnonzero(self._state == LIVE)
            restarted = restarting[self._state[restarting] == LIVE]
            _put(self._pairs, restarted, live, complete_rows(self._rows, restarted, live), self._state.size)
        gappy = np.flatnonzero(self._state == GAPPY)
        if gappy.size:
            everyone = np.arange(self._state.size)
            partial = gappy_rows(self._rows, gappy, self._needed)
            _put(self._pairs, gappy, everyone, partial, self._state.size)


class Moments(NamedTuple):
    """Running moments of every live column, float64[N] each."""

    shift: FloatArray  # subtracted from the returns, so that means far from zero cost no digits
    mean: FloatArray  # of the shifted returns
    square: FloatArray  # sum of squared deviations from the mean
    peak: FloatArray  # largest `square` since the column was last exact


class Factors(NamedTuple):
    """How a session changes a pair: r <- r * keep_i * keep_j + enter_i * enter_j - leave_i * leave_j."""

    keep: FloatArray
    enter: FloatArray
    leave: FloatArray


@njit(cache=True)
def _anchor(rows, columns, state, moments):  # type: ignore[no-untyped-def]
    """Exact moments of the given complete columns, LIVE from here on unless constant."""
    values = np.empty(len(rows))
    for j in columns:
        n = gather_joint(rows[:, j], rows[:, j], 0, len(rows), values, values)
        shift = values[:n].mean()
        deviations = values[:n] - shift
        mean = deviations.mean()
        square = (deviations * deviations).sum() - n * mean * mean
        moments.shift[j] = shift
        moments.mean[j] = mean
        moments.square[j] = square
        moments.peak[j] = square
        constant = (values[:n] == values[0]).all()
        state[j] = LIVE if not constant and 0.0 < square < np.inf else STALE


@njit(cache=True)
def _slide(leaving, entering, rows_before, needed, observed, state, moments, factors):  # type: ignore[no-untyped-def]
    """Bring counts, states and moments to the new window, say how pairs change; returns observed rows."""
    leaves = np.isfinite(leaving).any()
    enters = np.isfinite(entering).any()
    between = rows_before - leaves
    rows_now = between + enters
    for j in range(state.size):
        observed[j] += np.isfinite(entering[j]) - np.isfinite(leaving[j])
        was_live = state[j] == LIVE
        if observed[j] < needed:
            state[j] = SPARSE
        elif observed[j] < rows_now:
            state[j] = GAPPY
        else:
            state[j] = STALE
        factors.keep[j] = factors.enter[j] = factors.leave[j] = np.nan
        if not (was_live and state[j] == STALE):
            continue
        mean = moments.mean[j]
        square = moments.square[j]
        enter = leave = 0.0
        if leaves:
            deviation = leaving[j] - moments.shift[j] - mean
            leave = deviation * np.sqrt(rows_before / between)
            mean -= deviation / between
            square -= leave * leave
        if enters:
            deviation = entering[j] - moments.shift[j] - mean
            enter = deviation * np.sqrt(between / rows_now)
            mean += deviation / rows_now
            square += enter * enter
        peak = max(moments.peak[j], square)
        if square > SMALLEST_REMAINDER * peak and rows_now * mean * mean < LARGEST_MEAN**2 * square:
            state[j] = LIVE
            factors.keep[j] = np.sqrt(moments.square[j] / square)
            factors.enter[j] = enter / np.sqrt(square)
            factors.leave[j] = leave / np.sqrt(square)
            moments.mean[j] = mean
            moments.square[j] = square
            moments.peak[j] = peak
    return rows_now


@njit(cache=True)
def _roll(pairs, factors):  # type: ignore[no-untyped-def]
    """Update all pairs in place; NaN factors make NaN pairs."""
    columns = factors.keep.size
    start = 0
    for i in range(columns - 1):
        keep, enter, leave = factors.keep[i], factors.enter[i], factors.leave[i]
        # Slices let the compiler vectorise; these comparisons keep NaN.
        row = pairs[start : start + columns - 1 - i]
        keeps = factors.keep[i + 1 :]
        enters = factors.enter[i + 1 :]
        leaves = factors.leave[i + 1 :]
        for k in range(row.size):
            r = row[k] * (keep * keeps[k]) + (enter * enters[k] - leave * leaves[k])
            r = 1.0 if r > 1.0 else r
            row[k] = -1.0 if r < -1.0 else r
        start += columns - 1 - i


@njit(cache=True)
def _put(pairs, chosen, others, values, columns):  # type: ignore[no-untyped-def]
    """Write values[k, m], the correlation of columns chosen[k] and others[m], into the condensed vector."""
    for k in range(chosen.size):
        for m in range(others.size):
            i = min(chosen[k], others[m])
            j = max(chosen[k], others[m])
            if i < j:
                pairs[i * columns - i * (i + 1) // 2 + j - i - 1] = values[k, m]
