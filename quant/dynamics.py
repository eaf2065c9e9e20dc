"""How correlation moves: it drifts within a regime, and now and then a regime ends and another begins.

Here: the grid's geometry, where regimes settle, and the Bayes filter that runs a bank of such beliefs side by
side. Not here: the likelihood of a day (quant.copula) and what a posterior is called (quant.regimes).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quant.copula import CORRELATION_GRID
from quant.regime_parameters import Dynamics

FloatArray = NDArray[np.float64]

_HALF_CELL = 0.025


def _cell_edges() -> FloatArray:
    return np.append(CORRELATION_GRID - _HALF_CELL, CORRELATION_GRID[-1] + _HALF_CELL)


def membership(lower_border: float, upper_border: float) -> FloatArray:
    """float64[3, 38]: share of every correlation cell that belongs to inverse, decoupled, coupled."""
    edges = _cell_edges()
    below = np.clip((lower_border - edges[:-1]) / np.diff(edges), 0.0, 1.0)
    above = np.clip((edges[1:] - upper_border) / np.diff(edges), 0.0, 1.0)
    shares: FloatArray = np.round(np.array([below, 1.0 - below - above, above]), 9)
    return shares


def settling_levels(lower_border: float, upper_border: float, level_spread: float, border_blur: float) -> FloatArray:
    """float64[38]: where a new regime settles; normal in Fisher-z around zero, seldom on a border.

    Levels near a border are rare because what hovers there is one regime seen twice, not a change of regime.
    """
    z = np.arctanh(CORRELATION_GRID)
    levels = np.exp(-0.5 * (z / level_spread) ** 2) * np.diff(np.arctanh(_cell_edges()))
    for border in (lower_border, upper_border):
        distance = (z - math.atanh(border)) / border_blur
        levels *= 0.05 + 0.95 * (1.0 - np.exp(-0.5 * distance**2))
    return _normalised(levels)


def destinations(levels: FloatArray, shares: FloatArray) -> FloatArray:
    """float64[3, 38]: level of the next regime, given the regime that ends; a change goes elsewhere.

    levels: as from `settling_levels`; shares: as from `membership`.
    """
    return np.stack([_normalised(levels * (1.0 - share)) for share in shares])


def drift_transitions(bank: tuple[Dynamics, ...]) -> FloatArray:
    """float64[beliefs, 3, 38]: daily probability to drift into a cell from above, itself and below.

    Finite volumes of a diffusion in Fisher-z with reflecting ends: mass is kept, and so is a density flat in
    z.
    """
    width = np.diff(np.arctanh(_cell_edges()))
    step = np.diff(np.arctanh(CORRELATION_GRID))
    out = np.zeros((len(bank), 3, len(CORRELATION_GRID)))
    for (from_above, stay, from_below), belief in zip(out, bank, strict=True):
        variance = 0.5 * belief.drift**2
        from_above[:-1] = variance / (width[1:] * step)
        from_below[1:] = variance / (width[:-1] * step)
        stay[:] = 1.0
        stay[1:] -= from_above[:-1]
        stay[:-1] -= from_below[1:]
    return out


def _normalised(weights: FloatArray) -> FloatArray:
    shares: FloatArray = weights / weights.sum()
    return shares


@njit(cache=True)
def _softmax(scores: FloatArray, prior: FloatArray, weights: FloatArray) -> None:
    for i in range(len(scores)):
        weights[i] = prior[i] * math.exp(scores[i])
    weights /= weights.sum()


@njit(cache=True)
def _drift(mass: FloatArray, transition: FloatArray, scratch: FloatArray) -> None:
    """Every dwell phase drifts alike. Inner cells apart from the two ends, so that the loop vectorises."""
    last = mass.shape[1] - 1
    for phase in range(len(mass)):
        for g in range(last + 1):
            scratch[g] = mass[phase, g]
        for g in range(1, last):
            mass[phase, g] = (
                transition[0, g] * scratch[g + 1] + transition[1, g] * scratch[g] + transition[2, g] * scratch[g - 1]
            )
        mass[phase, 0] = transition[0, 0] * scratch[1] + transition[1, 0] * scratch[0]
        mass[phase, last] = transition[1, last] * scratch[last] + transition[2, last] * scratch[last - 1]


@njit(cache=True)
def _age(mass: FloatArray, advance: float) -> None:
    """One day older: a share of every protected phase moves on to the next."""
    for phase in range(len(mass) - 2, -1, -1):
        for g in range(mass.shape[1]):
            moved = advance * mass[phase, g]
            mass[phase, g] -= moved
            mass[phase + 1, g] += moved


@njit(cache=True)
def _end(mass: FloatArray, hazard: float, shares: FloatArray, elsewhere: FloatArray, scratch: FloatArray) -> None:
    """Mature regimes end at the hazard rate; what ended starts young in another regime, from tomorrow on."""
    mature = len(mass) - 1
    for g in range(mass.shape[1]):
        scratch[g] = hazard * mass[mature, g]
        mass[mature, g] -= scratch[g]
    for regime in range(3):
        leaving = 0.0
        for g in range(mass.shape[1]):
            leaving += scratch[g] * shares[regime, g]
        for g in range(mass.shape[1]):
            mass[0, g] += leaving * elsewhere[regime, g]


@njit(cache=True)
def _predict(
    density: FloatArray,
    transitions: FloatArray,
    hazards: FloatArray,
    advance: float,
    shares: FloatArray,
    elsewhere: FloatArray,
    marginal: FloatArray,
) -> None:
    """All beliefs' mass tomorrow, before tomorrow is seen; `marginal` becomes its sum over dwell phases."""
    scratch = np.empty(density.shape[2])
    for b in range(len(density)):
        _drift(density[b], transitions[b], scratch)
        _age(density[b], advance)
        _end(density[b], hazards[b], shares, elsewhere, scratch)
        marginal[b] = 0.0
        for phase in range(density.shape[1]):
            for g in range(density.shape[2]):
                marginal[b, g] += density[b, phase, g]


@njit(cache=True)
def _average(marginal: FloatArray, weights: FloatArray, out: FloatArray) -> None:
    out[:] = 0.0
    for b in range(len(marginal)):
        for g in range(len(out)):
            out[g] += weights[b] * marginal[b, g]


@njit(cache=True)
def _likelihood(
    densities: FloatArray, predicted: FloatArray, scores: FloatArray, discount: float, out: FloatArray
) -> None:
    """Likelihood of every correlation under the learnt mixture of tails; the scores learn from the day."""
    weights = np.empty(len(scores))
    _softmax(scores, np.ones(len(scores)), weights)
    out[:] = 0.0
    for k in range(len(scores)):
        evidence = 0.0
        for g in range(len(predicted)):
            density = densities[k, g]
            out[g] += weights[k] * density
            evidence += predicted[g] * density
        scores[k] = discount * scores[k] + math.log(evidence)
    scores -= scores.max()


@njit(cache=True)
def _update(
    density: FloatArray, marginal: FloatArray, likelihood: FloatArray, scores: FloatArray, discount: float
) -> None:
    """Bayes' rule for every belief; its score learns how well it had predicted the day."""
    gain = np.empty(len(likelihood))
    for b in range(len(density)):
        evidence = 0.0
        for g in range(len(gain)):
            evidence += marginal[b, g] * likelihood[g]
        for g in range(len(gain)):
            gain[g] = likelihood[g] / evidence
            marginal[b, g] *= gain[g]
        for phase in range(density.shape[1]):
            for g in range(len(gain)):
                density[b, phase, g] *= gain[g]
        scores[b] = discount * scores[b] + math.log(evidence)
    scores -= scores.max()


@njit(cache=True)
def predict_day(
    density: FloatArray,
    bank_scores: FloatArray,
    transitions: FloatArray,
    hazards: FloatArray,
    bank_prior: FloatArray,
    advance: float,
    shares: FloatArray,
    elsewhere: FloatArray,
    marginal: FloatArray,
    posterior: FloatArray,
) -> None:
    """The day before it is seen: density float64[B, phases + 1, 38] moves on, posterior float64[38] is its mean.

    marginal: float64[B, 38], scratch that `learn_day` needs; the others as in `filter_density`.
    """
    weights = np.empty(len(density))
    _predict(density, transitions, hazards, advance, shares, elsewhere, marginal)
    _softmax(bank_scores, bank_prior, weights)
    _average(marginal, weights, posterior)


@njit(cache=True)
def learn_day(
    densities: FloatArray,
    density: FloatArray,
    bank_scores: FloatArray,
    copula_scores: FloatArray,
    bank_prior: FloatArray,
    bank_discount: float,
    copula_discount: float,
    marginal: FloatArray,
    posterior: FloatArray,
) -> float:
    """The day once it is seen: densities float64[4, 38] of it; returns its log score as predicted."""
    likelihood, weights = np.empty(len(posterior)), np.empty(len(density))
    _likelihood(densities, posterior, copula_scores, copula_discount, likelihood)
    log_score = math.log(np.sum(posterior * likelihood))
    _update(density, marginal, likelihood, bank_scores, bank_discount)
    _softmax(bank_scores, bank_prior, weights)
    _average(marginal, weights, posterior)
    return log_score


@njit(cache=True)
def filter_density(
    log_densities: FloatArray,
    density: FloatArray,
    bank_scores: FloatArray,
    copula_scores: FloatArray,
    transitions: FloatArray,
    hazards: FloatArray,
    bank_prior: FloatArray,
    advance: float,
    shares: FloatArray,
    elsewhere: FloatArray,
    bank_discount: float,
    copula_discount: float,
) -> tuple[FloatArray, FloatArray]:
    """Bayes filter of all days.

    log_densities: float64[T, 4, 38], NaN on missing days, which only predict; density: float64[B, phases + 1,
    38], bank_scores: float64[B] and copula_scores: float64[4], the state, updated in place; transitions,
    shares and elsewhere: as from `drift_transitions`, `membership`, `destinations`; hazards: float64[B],
    daily probability that a mature regime ends; bank_prior: float64[B]; advance: daily probability to enter
    the next dwell phase.

    Returns the posterior over correlation cells, float64[T, 38], and the log score of every day, float64[T],
    NaN on missing days.
    """
    days, cells = len(log_densities), density.shape[2]
    posterior, log_score = np.empty((days, cells)), np.full(days, np.nan)
    marginal, densities = np.empty((len(density), cells)), np.empty(log_densities.shape[1:])
    for t in range(days):
        predict_day(
            density, bank_scores, transitions, hazards, bank_prior, advance, shares, elsewhere, marginal, posterior[t]
        )
        if math.isnan(log_densities[t, 0, 0]):
            continue
        for k in range(len(densities)):
            for g in range(cells):
                densities[k, g] = math.exp(log_densities[t, k, g])
        log_score[t] = learn_day(
            densities,
            density,
            bank_scores,
            copula_scores,
            bank_prior,
            bank_discount,
            copula_discount,
            marginal,
            posterior[t],
        )
    return posterior, log_score
