"""Scores of probability forecasts, once it is known what happened.

Here: Brier score and skill with its interval, calibration slope. Not here: how forecasts are made (quant.forecasts),
how days are drawn (quant.events).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

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

    losses, reference: float64[T]; days: float64[B, T], how often each day is drawn, from `quant.bootstrap`
    with blocks at least as long as the forecasts' horizon, since neighbouring forecasts share most of their outcome.
    """
    below = days @ reference
    skills = 1 - (days @ losses)[below > 0] / below[below > 0]
    if not len(skills):
        return float("nan"), float("nan")
    low, high = np.quantile(skills, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class SkillSoFar:
    """Skill of all forecasts scored by each row, their number and its 95% interval; NaN before it is known."""

    scored: IntArray
    skill: FloatArray
    low: FloatArray
    high: FloatArray


def skill_so_far(
    losses: FloatArray, reference: FloatArray, horizon: int, *, fewest_blocks: int = 10, level: float = 0.95
) -> SkillSoFar:
    """`skill` as it stood on every row, with an interval that needs no draws and so costs nothing on every day.

    losses, reference: float64[T], NaN where there is no forecast; those of row t are known on row t + horizon. The
    interval is that of a ratio of means over blocks of `horizon` rows, which share almost no outcome (Cochran 1977,
    6.4), with Student's t on the number of blocks; a block counts once it is complete.
    """
    from scipy import special

    made = np.isfinite(losses) & np.isfinite(reference)
    mine, theirs = (np.where(made, x, 0.0) for x in (losses, reference))
    first = int(np.argmax(made)) if made.any() else len(made)
    scored, total, yardstick = (_known_later(np.cumsum(x), horizon) for x in (made.astype(float), mine, theirs))
    whole = (len(made) - first) // horizon
    per_block = [x[first : first + whole * horizon].reshape(whole, horizon).sum(axis=1) for x in (mine, theirs)]
    squares = np.stack([per_block[0] ** 2, per_block[0] * per_block[1], per_block[1] ** 2, *per_block])
    cumulated = np.concatenate([np.zeros((5, 1)), np.cumsum(squares, axis=1)], axis=1)
    blocks = np.clip((np.arange(len(made)) - horizon + 1 - first) // horizon, 0, whole)
    own2, cross, their2, own, their = cumulated[:, blocks]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = total / yardstick
        block_ratio = own / their
        variance = (own2 - 2 * block_ratio * cross + block_ratio**2 * their2) * blocks / (blocks - 1) / their**2
        half = special.stdtrit(np.maximum(blocks - 1, 1), (1 + level) / 2) * np.sqrt(np.maximum(variance, 0))
    enough = (blocks >= fewest_blocks) & (their > 0)
    value = np.where(yardstick > 0, 1 - ratio, np.nan)
    return SkillSoFar(
        scored.astype(np.int64), value, np.where(enough, value - half, np.nan), np.where(enough, value + half, np.nan)
    )


def _known_later(values: FloatArray, rows: int) -> FloatArray:
    return np.concatenate([np.zeros(min(rows, len(values))), values[: max(len(values) - rows, 0)]])


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
