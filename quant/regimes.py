"""Correlation regimes: are two series coupled, decoupled or inverse today, and how sure can one be?

Here: state and result of the filter, the labels read from its posterior, and spells of equal labels. Not here: what it
believes beforehand (quant.regime_parameters), volatility and tails (quant.margins), the likelihood of one day
(quant.copula), how correlation moves (quant.dynamics), which pairs matter and where results are stored.

The filter sees only the past. Correlation drifts, and now and then a new regime starts elsewhere; how often
and how fast differs between markets and decades, so a small bank of beliefs runs side by side and the past
decides their weights.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quant.copula import COPULA_DOF, CORRELATION_GRID, log_density
from quant.dynamics import (
    destinations,
    drift_transitions,
    filter_density,
    membership,
    settling_levels,
)
from quant.margins import MarginState, signed_tails
from quant.regime_parameters import RegimeParameters
from quant.stored_state import state_bytes, state_of

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

INVERSE, DECOUPLED, COUPLED = -1, 0, 1


@dataclass(frozen=True)
class FilterState:
    """Everything needed to continue tomorrow in constant time; plain arrays, so it can be stored anywhere.

    density: float64[beliefs, phases + 1, 38], filtered mass per belief, dwell phase and correlation cell;
    bank_scores: float64[beliefs] and copula_scores: float64[4], discounted log scores, best = 0; label:
    int64[1], index of the current regime (0 inverse, 1 decoupled, 2 coupled), -1 before the first day.
    """

    fingerprint: str
    margins: MarginState
    density: FloatArray
    bank_scores: FloatArray
    copula_scores: FloatArray
    label: IntArray

    def to_bytes(self) -> bytes:
        """As `quant.stored_state` keeps states."""
        own = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("fingerprint", "margins")}
        margins = {f"margins_{f.name}": getattr(self.margins, f.name) for f in fields(self.margins)}
        return state_bytes(self.fingerprint, own | margins)

    @staticmethod
    def from_bytes(raw: bytes) -> FilterState:
        """Inverse of `to_bytes`. Raises ValueError when the bytes are no filter state."""

        def build(fingerprint: str, arrays: dict[str, NDArray[Any]]) -> FilterState:
            margins = MarginState(**{f.name: arrays.pop(f"margins_{f.name}") for f in fields(MarginState)})
            return FilterState(fingerprint=fingerprint, margins=margins, **arrays)

        return state_of(raw, "a filter state", build)


@dataclass(frozen=True)
class RegimeFilter:
    """Filtered regimes of T days; row t knows returns up to and including day t, nothing later.

    labels: int64[T] in {1 coupled, 0 decoupled, -1 inverse}. probabilities: float64[T, 3] as P(inverse),
    P(decoupled), P(coupled), rows sum to 1. correlation_mean, correlation_sd: float64[T], posterior of the
    copula's correlation. log_score: float64[T], nats, log copula density of day t as predicted the day
    before; NaN where the day is missing or in warm-up. state: to be handed to the next call.
    """

    labels: IntArray
    probabilities: FloatArray
    correlation_mean: FloatArray
    correlation_sd: FloatArray
    log_score: FloatArray
    state: FilterState


class Spell(NamedTuple):
    """A run of equal labels: rows start (inclusive) to stop (exclusive)."""

    label: int
    start: int
    stop: int


def classify(returns: FloatArray, parameters: RegimeParameters | None = None) -> tuple[IntArray, FloatArray]:
    """Label every day of a pair of return series as coupled, decoupled or inverse.

    Parameters
    ----------
    returns : float64[T, 2]
        Log returns of the pair, any unit, oldest first. A row with a NaN is a missing day: it predicts,
        learns nothing.
    parameters : RegimeParameters, optional
        Defaults to `RegimeParameters()`.

    Returns
    -------
    labels : int64[T]
        1 coupled, 0 decoupled, -1 inverse.
    probabilities : float64[T, 3]
        P(inverse), P(decoupled), P(coupled).

    Raises
    ------
    ValueError
        When `returns` is not a float64 array of shape [T, 2], or holds an infinity.

    See Also
    --------
    filter_regimes : the same with correlation estimates, log scores and a state to resume from.
    """
    result = filter_regimes(returns, parameters)
    return result.labels, result.probabilities


def filter_regimes(
    returns: FloatArray, parameters: RegimeParameters | None = None, state: FilterState | None = None
) -> RegimeFilter:
    """Bayes filter over the correlation of two return series.

    Parameters
    ----------
    returns : float64[T, 2]
        Log returns, any unit, oldest first; with a `state`, only the days after it. NaN rows are missing
        days.
    parameters : RegimeParameters, optional
        Defaults to `RegimeParameters()`.
    state : FilterState, optional
        `RegimeFilter.state` of an earlier call. Resuming gives bit for bit what recomputing from the start
        gives, and a day costs the same however long the history. Not modified.

    Returns
    -------
    RegimeFilter

    Raises
    ------
    ValueError
        When `returns` is not a float64 array of shape [T, 2], holds an infinity, or `state` was made with
        other parameters.

    Notes
    -----
    Margins: mixture of volatility models, see `quant.margins`. Likelihood: t copula with learnt tails, see
    `quant.copula`. Dynamics: a random walk in Fisher-z within a regime, and jumps to a level in another
    regime, possible only after a phase-type dwell time (Erlang phases make a hidden semi-Markov model Markov:
    Russell & Moore 1985). The bank of dynamics is weighted by discounted predictive likelihood (dynamic model
    averaging: Raftery, Karny & Ettler 2010). The label has hysteresis (`leave_below`), because a posterior
    that hovers at one half is no news.
    """
    parameters = parameters or RegimeParameters()
    _require_returns(returns)
    state = state or initial_state(parameters)
    if state.fingerprint != parameters.fingerprint():
        raise ValueError("state was made with other parameters; recompute from the first day")
    tails, margins = signed_tails(
        np.ascontiguousarray(returns),
        state.margins,
        discount=parameters.margin_discount,
        warmup=parameters.warmup,
    )
    after = FilterState(
        fingerprint=state.fingerprint,
        margins=margins,
        density=state.density.copy(),
        bank_scores=state.bank_scores.copy(),
        copula_scores=state.copula_scores.copy(),
        label=state.label.copy(),
    )
    posterior, log_score = filter_density(
        log_density(tails),
        after.density,
        after.bank_scores,
        after.copula_scores,
        *filter_arguments(parameters),
    )
    return _read(posterior, log_score, shares_of(parameters), parameters.leave_below, after)


def label_with_hysteresis(probabilities: FloatArray, leave_below: float = 0.33) -> IntArray:
    """Labels from filtered probabilities: stay until the own one falls below a threshold, then take the best.

    probabilities: float64[T, 3] as P(inverse), P(decoupled), P(coupled). leave_below: probability in (0, 1).
    Returns int64[T] in {-1, 0, 1}. Raises ValueError when `probabilities` has another shape. A plain argmax
    would switch back and forth whenever two regimes are about equally likely.
    """
    if probabilities.ndim != 2 or probabilities.shape[1] != 3:
        raise ValueError(f"probabilities must have shape [T, 3], not {list(probabilities.shape)}")
    labels: IntArray = _hysteresis(probabilities, np.full(1, -1, dtype=np.int64), leave_below)
    return labels


def spells(labels: IntArray) -> list[Spell]:
    """Maximal runs of equal labels.

    labels: int[T]. Returns one `Spell` per run, oldest first, together covering all rows; empty for no
    labels. Raises ValueError when `labels` is not one-dimensional.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise ValueError(f"labels must have one dimension, not {labels.ndim}")
    if len(labels) == 0:
        return []
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    return [Spell(int(labels[a]), a, b) for a, b in itertools.pairwise(edges)]


def _require_returns(returns: FloatArray) -> None:
    if not isinstance(returns, np.ndarray) or returns.dtype != np.float64:
        raise ValueError("returns must be a float64 array")
    if returns.ndim != 2 or returns.shape[1] != 2:
        raise ValueError(f"returns must have shape [T, 2], not {list(returns.shape)}")
    if np.isinf(returns).any():
        raise ValueError("returns hold an infinity; a missing day is NaN")


def shares_of(parameters: RegimeParameters) -> FloatArray:
    """float64[3, 38]: how much of each correlation cell belongs to each regime."""
    return membership(parameters.lower_border, parameters.upper_border)


def filter_arguments(
    parameters: RegimeParameters,
) -> tuple[FloatArray, FloatArray, FloatArray, float, FloatArray, FloatArray, float, float]:
    """What `quant.dynamics.filter_density` is given from its transitions on, as the parameters have it."""
    shares = shares_of(parameters)
    return (
        drift_transitions(parameters.bank),
        np.array([1.0 / b.mean_spell for b in parameters.bank]),
        np.array([b.weight for b in parameters.bank], dtype=np.float64),
        parameters.dwell_phases / parameters.protected_days,
        shares,
        destinations(settling_levels_of(parameters), shares),
        parameters.bank_discount,
        parameters.copula_discount,
    )


def settling_levels_of(parameters: RegimeParameters) -> FloatArray:
    """float64[38]: where a new regime settles, see `settling_levels`."""
    return settling_levels(
        parameters.lower_border, parameters.upper_border, parameters.level_spread, parameters.border_blur
    )


def initial_state(parameters: RegimeParameters) -> FilterState:
    """The state of a pair before its first day."""
    density = np.zeros((len(parameters.bank), parameters.dwell_phases + 1, len(CORRELATION_GRID)))
    density[:, -1] = settling_levels_of(parameters)
    return FilterState(
        fingerprint=parameters.fingerprint(),
        margins=MarginState.initial(),
        density=density,
        bank_scores=np.zeros(len(parameters.bank)),
        copula_scores=np.zeros(len(COPULA_DOF)),
        label=np.full(1, -1, dtype=np.int64),
    )


def _read(
    posterior: FloatArray,
    log_score: FloatArray,
    shares: FloatArray,
    leave_below: float,
    state: FilterState,
) -> RegimeFilter:
    # Row by row on purpose: a matrix product may round differently for other lengths, and resuming must not.
    probabilities = np.stack([(posterior * share).sum(axis=1) for share in shares], axis=1)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    mean = (posterior * CORRELATION_GRID).sum(axis=1)
    spread = np.sqrt((posterior * (CORRELATION_GRID - mean[:, None]) ** 2).sum(axis=1))
    labels = _hysteresis(probabilities, state.label, leave_below)
    return RegimeFilter(labels, probabilities, mean, spread, log_score, state)


@njit(cache=True)
def _hysteresis(probabilities: FloatArray, current: IntArray, leave_below: float) -> IntArray:
    labels = np.empty(len(probabilities), dtype=np.int64)
    for t in range(len(probabilities)):
        if current[0] < 0 or probabilities[t, current[0]] < leave_below:
            current[0] = np.argmax(probabilities[t])
        labels[t] = current[0] - 1
    return labels
