"""Scores of probability forecasts, once it is known what happened.

Here: Brier score and skill with its interval, calibration slope. Not here: how forecasts are made (quant.forecasts),
how days are drawn (quant.events).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_LEAST_VARIATION = 0.05  # sd of the log-odds below which a slope says nothing


def brier_losses(probability: FloatArray, outcome: FloatArray) -> FloatArray:
    """Squared error of each forecast (Brier 1950): float64[T] in, probabilities and outcomes 0 or 1; float64[T] out."""
    losses: FloatArray = np.square(probability - outcome)
    return losses


def skill(losses: FloatArray, reference: FloatArray) -> float:
    """1 - mean loss / mean loss of the reference; NaN where the reference makes no error at all."""
    total = float(reference.sum())
    return 1 - float(losses.sum()) / total if total > 0 else float("nan")


def skill_interval(
    losses: FloatArray, reference: FloatArray, days: FloatArray, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of `skill` over resampled days.

    losses, reference: float64[T]; days: float64[B, T], how often each day is drawn, from `quant.events.resampled_days`
    with blocks at least as long as the forecasts' horizon, since neighbouring forecasts share most of their outcome.
    """
    below = days @ reference
    skills = 1 - (days @ losses)[below > 0] / below[below > 0]
    if not len(skills):
        return float("nan"), float("nan")
    low, high = np.quantile(skills, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def calibration_slope(probability: FloatArray, outcome: FloatArray) -> float:
    """Slope of the outcome's log-odds on the forecast's (Cox 1958): 1 is calibrated, below 1 is too bold.

    probability: float64[T] in (0, 1); outcome: float64[T] of 0 and 1. NaN where the forecasts hardly vary, where all
    outcomes are alike or where the forecasts tell them apart completely.
    """
    from scipy import special

    log_odds = special.logit(probability)
    if not len(outcome) or outcome.min() == outcome.max() or log_odds.std() < _LEAST_VARIATION:
        return float("nan")
    x = np.column_stack([np.ones(len(log_odds)), log_odds])
    beta = np.zeros(2)
    for _ in range(50):
        p = special.expit(x @ beta)
        weight = p * (1 - p)
        if weight.sum() < 1e-6 * len(weight) or np.abs(beta).max() > 50:
            return float("nan")
        step = np.linalg.lstsq((x * weight[:, None]).T @ x, x.T @ (outcome - p), rcond=None)[0]
        beta = beta + step
        if np.abs(step).max() < 1e-10:
            break
    return float(beta[1])
