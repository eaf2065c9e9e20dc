"""Correlation regimes of many pairs at once: the filter of quant.regimes over a block of pairs.

Here: the state of a block, one pass over its days, and what is read from it: labels, confirmed changes, how many pairs
are coupled. Not here: the filter's parameters and its one-pair form (quant.regimes), rolling correlations
(quant.universe_latest), which pairs a universe has (assets.universe), where states are kept (pipelines).

A symbol's volatility is the same whichever pair asks, so margins and quantiles are computed once per symbol of the
block; what is left per pair and day is the copula and the grid. One more day costs the same however long the history.

With a hundred thousand pairs, what is rare for one pair happens every day. A label changes when its own probability
falls low; a *confirmed* regime changes only when another one's probability exceeds `CONFIRM_ABOVE`, and only that is
called a change.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quant.copula import CORRELATION_GRID, density_constants, pair_densities, ranks
from quant.dynamics import learn_day, predict_day
from quant.margins import SymbolMargins, symbol_tails
from quant.regime_parameters import RegimeParameters
from quant.regimes import FilterState, filter_arguments, initial_state
from quant.stored_state import state_bytes, state_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CONFIRM_ABOVE = 0.97
NEVER = -1


@dataclass(frozen=True)
class BlockState:
    """Everything that is needed to continue a block tomorrow; plain arrays.

    fingerprint: of the parameters and the symbols. last_day: int64[1], the last day seen. margins_*: as in
    `SymbolMargins`, S symbols. density: float64[P, beliefs, phases + 1, 38], bank_scores: float64[P, beliefs],
    copula_scores: float64[P, 4]: as in `FilterState`. label: int64[P], index of the regime (0 inverse, 1 decoupled, 2
    coupled), -1 before the pair's first joint day; since: int64[P], the day it began; seen: int64[P], joint days
    after the margins had settled. confirmed: int64[P], index of the confirmed regime, -1 before there is one;
    confirmed_since: int64[P].
    """

    fingerprint: str
    last_day: IntArray
    margins_observed: IntArray
    margins_mean_square: FloatArray
    margins_variances: FloatArray
    margins_log_weights: FloatArray
    density: FloatArray
    bank_scores: FloatArray
    copula_scores: FloatArray
    label: IntArray
    since: IntArray
    seen: IntArray
    confirmed: IntArray
    confirmed_since: IntArray

    @staticmethod
    def initial(symbols: int, pairs: int, parameters: RegimeParameters, fingerprint: str = "") -> BlockState:
        """State before the first day."""
        one: FilterState = initial_state(parameters)
        margins = SymbolMargins.initial(symbols)
        return BlockState(
            fingerprint,
            np.full(1, NEVER, dtype=np.int64),
            margins.observed,
            margins.mean_square,
            margins.variances,
            margins.log_weights,
            np.repeat(one.density[None], pairs, axis=0),
            np.repeat(one.bank_scores[None], pairs, axis=0),
            np.repeat(one.copula_scores[None], pairs, axis=0),
            *(np.full(pairs, start, dtype=np.int64) for start in (-1, NEVER, 0, -1, NEVER)),
        )

    def to_bytes(self) -> bytes:
        """As `quant.stored_state` keeps states."""
        return state_bytes(
            self.fingerprint, {f.name: getattr(self, f.name) for f in fields(self) if f.name != "fingerprint"}
        )

    @staticmethod
    def from_bytes(raw: bytes) -> BlockState:
        """Inverse of `to_bytes`. Raises ValueError when the bytes are no state of a block."""
        return state_of(raw, "a state of a block", lambda fingerprint, arrays: BlockState(fingerprint, **arrays))


class Changes(NamedTuple):
    """Confirmed changes: pair int64[K], day int64[K], before and after int64[K] (index of the regime; before -1 where
    it is the pair's first), probability float64[K]."""

    pair: IntArray
    day: IntArray
    before: IntArray
    after: IntArray
    probability: FloatArray


@dataclass(frozen=True)
class BlockDays:
    """What a block's new days brought.

    counted: int64[T, 3], pairs that are inverse, decoupled, coupled. probabilities: float64[P, 3] and
    correlation_mean, correlation_sd: float64[P], on the last day. changes: confirmed ones, by pair and day. state: to
    be handed to the next call.
    """

    counted: IntArray
    probabilities: FloatArray
    correlation_mean: FloatArray
    correlation_sd: FloatArray
    changes: Changes
    state: BlockState


def filter_block(
    returns: FloatArray,
    days: IntArray,
    left: IntArray,
    right: IntArray,
    parameters: RegimeParameters,
    state: BlockState,
    members: NDArray[np.bool_] | None = None,
    confirm_above: float = CONFIRM_ABOVE,
) -> BlockDays:
    """Filter all pairs of a block through its new days.

    Parameters
    ----------
    returns : float64[T, S]
        Log returns of the block's symbols, the days after the state's only; NaN where there is none.
    days : int64[T]
        The days' own numbers, increasing; they come back as dates of changes.
    left, right : int64[P]
        Columns of the two sides of every pair.
    parameters, state
        As in `quant.regimes.filter_regimes`; the state is not modified.
    members : bool[T, S], optional
        Where a symbol belongs to the universe; a pair is counted where both sides do.
    confirm_above : float
        Probability another regime must exceed to be confirmed.

    Raises
    ------
    ValueError
        When `returns` and `days` differ in length, or days are not after the state's last one.

    Notes
    -----
    Each pair equals `filter_regimes` on its joint days, from its first one on, to rounding, and resuming equals
    recomputing bit for bit. Only where one side misses days that the other has are the margins others: they have learnt
    from all days of their own symbol.
    """
    returns = np.ascontiguousarray(returns, dtype=np.float64)
    if len(returns) != len(days):
        raise ValueError(f"returns have {len(returns)} days, days {len(days)}")
    if len(days) and days[0] <= state.last_day[0]:
        raise ValueError(f"day {days[0]} is not after the state's last day {state.last_day[0]}")
    belongs = np.ones(returns.shape, dtype=np.bool_) if members is None else np.ascontiguousarray(members)
    tails, margins = symbol_tails(
        returns,
        SymbolMargins(
            state.margins_observed, state.margins_mean_square, state.margins_variances, state.margins_log_weights
        ),
        discount=parameters.margin_discount,
        warmup=parameters.warmup,
    )
    own = {name: getattr(state, name).copy() for name in _PAIR_ARRAYS}
    counted = np.zeros((len(days), 3), dtype=np.int64)
    read = np.full((len(left), 5), np.nan)
    found = _filter_pairs(
        # Quantiles with one symbol's days side by side, as a pair runs through them.
        np.ascontiguousarray(ranks(tails).transpose(1, 0, 2, 3)),
        np.ascontiguousarray(np.isfinite(returns).T),
        np.ascontiguousarray(belongs.T),
        days,
        left,
        right,
        own["density"],
        own["bank_scores"],
        own["copula_scores"],
        own["label"],
        own["since"],
        own["seen"],
        own["confirmed"],
        own["confirmed_since"],
        *filter_arguments(parameters),
        parameters.leave_below,
        confirm_above,
        CORRELATION_GRID,
        density_constants(),
        counted,
        read,
    )
    table = np.array(found, dtype=np.float64).reshape(-1, 5)
    whole = [table[:, k].astype(np.int64) for k in range(4)]
    after = BlockState(
        state.fingerprint,
        days[-1:].astype(np.int64) if len(days) else state.last_day,
        margins.observed,
        margins.mean_square,
        margins.variances,
        margins.log_weights,
        **own,
    )
    changes = Changes(whole[0], whole[1], whole[2], whole[3], table[:, 4])
    return BlockDays(counted, read[:, :3], read[:, 3], read[:, 4], changes, after)


_PAIR_ARRAYS = (
    "density",
    "bank_scores",
    "copula_scores",
    "label",
    "since",
    "seen",
    "confirmed",
    "confirmed_since",
)


@njit(cache=True)
def _filter_pairs(  # type: ignore[no-untyped-def]
    quantiles,
    present,
    belongs,
    days,
    left,
    right,
    density,
    bank_scores,
    copula_scores,
    label,
    since,
    seen,
    confirmed,
    confirmed_since,
    transitions,
    hazards,
    bank_prior,
    advance,
    shares,
    elsewhere,
    bank_discount,
    copula_discount,
    leave_below,
    confirm_above,
    grid,
    constants,
    counted,
    read,
):
    """Pair by pair, so that one pair's density stays in the cache through all its days."""
    cells = grid.size
    posterior, marginal = np.empty(cells), np.empty((bank_scores.shape[1], cells))
    densities, probability = np.empty((constants.shape[0] - 1, cells)), np.empty(3)
    found = [(0.0, 0.0, 0.0, 0.0, 0.0)][:0]
    for p in range(left.size):
        i, j = left[p], right[p]
        ended = -1
        for t in range(days.size):
            if label[p] < 0 and not (present[i, t] and present[j, t]):
                continue
            predict_day(
                density[p],
                bank_scores[p],
                transitions,
                hazards,
                bank_prior,
                advance,
                shares,
                elsewhere,
                marginal,
                posterior,
            )
            learns = not (np.isnan(quantiles[i, t, 0, 0]) or np.isnan(quantiles[j, t, 0, 0]))
            if learns:
                pair_densities(quantiles[i, t], quantiles[j, t], grid, constants, densities)
                learn_day(
                    densities,
                    density[p],
                    bank_scores[p],
                    copula_scores[p],
                    bank_prior,
                    bank_discount,
                    copula_discount,
                    marginal,
                    posterior,
                )
                seen[p] += 1
            ended = t
            _probabilities(posterior, shares, probability)
            if label[p] < 0 or probability[label[p]] < leave_below:
                best = np.argmax(probability)
                if best != label[p]:
                    label[p] = best
                    since[p] = days[t]
            if seen[p] == 0:
                continue
            if seen[p] == 1 and learns:
                since[p] = days[t]  # before, the label was the prior's
            if belongs[i, t] and belongs[j, t]:
                counted[t, label[p]] += 1
            likeliest = np.argmax(probability)
            if likeliest != confirmed[p] and probability[likeliest] > confirm_above:
                found.append((float(p), float(days[t]), float(confirmed[p]), float(likeliest), probability[likeliest]))
                confirmed[p] = likeliest
                confirmed_since[p] = days[t]
        if ended >= 0 and seen[p] > 0:
            mean = 0.0
            for g in range(cells):
                mean += posterior[g] * grid[g]
            variance = 0.0
            for g in range(cells):
                variance += posterior[g] * (grid[g] - mean) ** 2
            read[p, :3] = probability
            read[p, 3] = mean
            read[p, 4] = np.sqrt(variance)
    return found


@njit(cache=True)
def _probabilities(posterior, shares, out):  # type: ignore[no-untyped-def]
    total = 0.0
    for k in range(3):
        out[k] = 0.0
        for g in range(posterior.size):
            out[k] += posterior[g] * shares[k, g]
        total += out[k]
    for k in range(3):
        out[k] /= total
