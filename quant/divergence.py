"""Divergence episodes: one asset sets records while another stands far below its own.

Here: finding the episodes in two drawdown paths. Not here: how drawdowns are measured (marts.market_state), what an
episode means for a forecast (studies).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
FAR_BELOW_RECORD = 0.20
"""How far below its record close a follower lags, and a leader has fallen: a fraction, here and nowhere else."""

Outcome = Literal["follower_recovered", "leader_fell", "open"]


@dataclass(frozen=True)
class Episode:
    """One divergence, as row numbers of the series it was found in."""

    start: int
    end: int | None
    leader_record_closes: int
    follower_drawdown_at_start: float
    follower_max_drawdown: float
    outcome: Outcome
    sessions: int


def divergence_episodes(
    leader_is_record: BoolArray,
    leader_is_far_below: BoolArray,
    follower_is_record: BoolArray,
    follower_is_far_below: BoolArray,
    follower_drawdown: FloatArray,
) -> list[Episode]:
    """Episodes in which the leader sets record closes while the follower stands far below its own.

    leader_is_record, follower_is_record: bool[T], a record close was set on the row or since the row before it;
    leader_is_far_below, follower_is_far_below: bool[T], far below the record close, False where not known;
    follower_drawdown: float64[T], fractions <= 0 from the running record close, NaN where not known. An episode starts
    on the leader's record close, unless the leader itself already stands far below it again, and ends on the first
    later row on which the follower sets a record close of its own or the leader stands far below its own. Causal: an
    ended episode never changes when rows are appended; an open one is reported as of the last row. Raises ValueError
    when lengths differ.
    """
    paths = (leader_is_record, leader_is_far_below, follower_is_record, follower_is_far_below, follower_drawdown)
    if len({len(path) for path in paths}) > 1:
        raise ValueError("divergence_episodes: the five series must have equal length")
    apart = sets_apart(leader_is_record, leader_is_far_below, follower_is_far_below)
    ends = follower_is_record | leader_is_far_below
    return list(_episodes(apart, ends, follower_is_record, follower_drawdown))


def sets_apart(
    leader_is_record: BoolArray, leader_is_far_below: BoolArray, follower_is_far_below: BoolArray
) -> BoolArray:
    """Rows on which the leader sets a record close and has not fallen since, and the follower stands far below."""
    return leader_is_record & ~leader_is_far_below & follower_is_far_below


def _episodes(
    apart: BoolArray,
    ends: BoolArray,
    recovered: BoolArray,
    follower: FloatArray,
) -> Iterator[Episode]:
    position, last = 0, len(apart)
    while position < last:
        starts = np.flatnonzero(apart[position:])
        if not len(starts):
            return
        start = position + int(starts[0])
        later = np.flatnonzero(ends[start + 1 :])
        end = start + 1 + int(later[0]) if len(later) else None
        yield _episode(apart, recovered, follower, start, end)
        if end is None:
            return
        position = end


def _episode(
    apart: BoolArray,
    recovered: BoolArray,
    follower: FloatArray,
    start: int,
    end: int | None,
) -> Episode:
    stop = len(apart) if end is None else end + 1
    outcome: Outcome = "open"
    if end is not None:
        outcome = "follower_recovered" if recovered[end] else "leader_fell"
    return Episode(
        start=start,
        end=end,
        leader_record_closes=int(apart[start:stop].sum()),
        follower_drawdown_at_start=float(follower[start]),
        follower_max_drawdown=float(np.nanmin(follower[start:stop])),
        outcome=outcome,
        sessions=stop - start,
    )
