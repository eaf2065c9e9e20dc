"""Forecasts of a yes or no some sessions ahead, made day by day from what was known that day.

Here: the outcome "the laggard catches up", a walk-forward logistic model that stays close to what is expected without
it, its recalibration. Not here: what it is fed (sql/derived), how good it was (quant.scoring).

Outcomes over the next h sessions overlap: h neighbouring days are about one observation, and every sum over days
below counts them so. A model that does not has a hundred times the data it thinks it has.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

CATCH_UP_SHARE = 0.5
_FLOOR = 1e-6  # probabilities stay this far from 0 and 1


def catch_up(log_ratio: FloatArray, gap: FloatArray, horizon: int) -> tuple[FloatArray, FloatArray]:
    """What the laggard made up over the next `horizon` rows, and whether that was half of the gap or more.

    log_ratio: float64[T], log of asset / benchmark; gap: float64[T], asset minus benchmark log return so far, whose
    sign says who lags. Returns the follower's log return minus the leader's, and 1.0 or 0.0 for its being at least
    half of |gap|: float64[T] each, NaN while unknown, and where there is no gap.
    """
    ahead = np.full(len(log_ratio), np.nan)
    ahead[:-horizon] = log_ratio[horizon:] - log_ratio[:-horizon]
    made_up = np.where(gap == 0, np.nan, -np.sign(gap) * ahead)
    known = np.isfinite(made_up) & np.isfinite(gap)
    return made_up, np.where(known, made_up >= CATCH_UP_SHARE * np.abs(gap), np.nan)


def random_walk_probability(gap: FloatArray, daily_volatility: FloatArray, horizon: int) -> FloatArray:
    """Probability of catching up if the ratio were a random walk without drift: float64[T], NaN where unknown.

    A small gap in a lively ratio closes by chance alone, which is arithmetic and no foresight; a forecast has to beat
    this too.
    """
    from scipy import special

    spread = daily_volatility * np.sqrt(horizon)
    probability: FloatArray = special.ndtr(-CATCH_UP_SHARE * np.abs(gap) / np.where(spread > 0, spread, np.nan))
    return probability


def furthest_made_up(log_ratio: FloatArray, gap: FloatArray, horizon: int) -> FloatArray:
    """The most the laggard had made up at any close of the next `horizon` rows: float64[T], NaN while unknown.

    What it made up at the end can be far less: to touch half of the gap once is easier than to stand there at last.
    """
    furthest = np.full(len(log_ratio), np.nan)
    if len(log_ratio) > horizon:
        ahead = np.lib.stride_tricks.sliding_window_view(log_ratio[1:], horizon)
        signed = -np.sign(gap[: len(ahead)])
        furthest[: len(ahead)] = np.max(signed[:, None] * (ahead - log_ratio[: len(ahead), None]), axis=1)
    return np.where(np.isfinite(gap) & (gap != 0), furthest, np.nan)


def random_walk_touch_probability(gap: FloatArray, daily_volatility: FloatArray, horizon: int) -> FloatArray:
    """Probability that a driftless random walk stands at half of the gap at any close within the horizon.

    The reflection principle, with the barrier moved outward by 0.5826 daily deviations because only closes count
    (Broadie, Glasserman & Kou 1997): float64[T], NaN where unknown.
    """
    from scipy import special

    deviation = np.where(daily_volatility > 0, daily_volatility, np.nan)
    barrier = CATCH_UP_SHARE * np.abs(gap) + 0.5826 * deviation
    probability: FloatArray = 2 * special.ndtr(-barrier / (deviation * np.sqrt(horizon)))
    return probability


@dataclass(frozen=True)
class ReferenceClass:
    """What followed on days like each row, among the outcomes known on it: the same laggard, a gap of like size.

    days, independent: int64[T], how many such days, and how many of them further apart than the horizon; rates:
    float64[T, C], share of yes per outcome, NaN below the fewest days.
    """

    days: IntArray
    independent: IntArray
    rates: FloatArray


def reference_class(
    gap: FloatArray,
    outcomes: FloatArray,
    horizon: int,
    *,
    like: float = 2.0,
    fewest: int = 63,
    known: ReferenceClass | None = None,
) -> ReferenceClass:
    """Days before each row with a gap of the same sign, and between 1/like and like times its size.

    gap: float64[T]; outcomes: float64[T, C] of 1.0, 0.0 and NaN, those of row t being known on row t + horizon; known:
    the result's first rows where they are at hand. A row depends on nothing that was not known on it.
    """
    days, independent = np.zeros((2, len(gap)), dtype=np.int64)
    rates = np.full(outcomes.shape, np.nan)
    first = 0
    if known is not None:
        first = len(known.days)
        days[:first], independent[:first], rates[:first] = known.days, known.independent, known.rates
    for row in range(max(horizon, first), len(gap)):
        past = gap[: row - horizon + 1] / gap[row] if gap[row] else np.full(1, np.nan)
        alike = np.flatnonzero((past >= 1 / like) & (past <= like) & np.isfinite(outcomes[: len(past), 0]))
        days[row] = len(alike)
        independent[row] = _further_apart(alike, horizon)
        if len(alike) >= fewest:
            rates[row] = outcomes[alike].mean(axis=0)
    return ReferenceClass(days, independent, rates)


def _further_apart(rows: IntArray, horizon: int) -> int:
    """How many of the increasing rows lie further than the horizon after the one counted before."""
    each = rows.tolist()
    counted, position = 0, 0
    while position < len(each):
        counted += 1
        position = bisect_right(each, each[position] + horizon, position)
    return counted


@dataclass(frozen=True)
class Forecasts:
    """One forecast a row, NaN before the first.

    probability: float64[T], issued; base_rate: float64[T], share of yes among the outcomes known that day;
    components: float64[T, K], what each feature adds to the log-odds of the chance that the forecast started from:
    logit(probability) = logit(expected, else base_rate) + components.sum(axis=1); uncalibrated: float64[T], before
    recalibration, from weighted: float64[T, K], the components before it.
    """

    probability: FloatArray
    base_rate: FloatArray
    components: FloatArray
    uncalibrated: FloatArray
    weighted: FloatArray


def walk_forward(
    features: FloatArray,
    outcome: FloatArray,
    horizon: int,
    *,
    prior_sd: FloatArray,
    expected: FloatArray | None = None,
    refit_every: int = 21,
    fewest_outcomes: int = 252,
    known: tuple[FloatArray, FloatArray] | None = None,
) -> Forecasts:
    """Logistic forecasts, each estimated only from outcomes whose horizon had ended on its row.

    features: float64[T, K], NaN where unknown, which then says nothing; outcome: float64[T] of 1.0, 0.0 and NaN, the
    outcome of row t being known on row t + horizon; expected: float64[T], the chance without the features, NaN where
    unknown. It is the base rate by default, which few independent outcomes leave unsure: where arithmetic knows a
    chance, forecasts that start from it come true as often as they say. To its log-odds a weighted sum of the
    features is added, each standardised by its past; weights have normal priors around zero of the given sd per
    standard deviation, float64[K] (ridge regression as Bayes: Hoerl & Kennard 1970), so few outcomes add nothing.
    Recalibration scales that sum by one slope (Platt 1999) learnt from the forecasts that have been scored so far,
    prior 1 +- 0.5, within 0 and 1.5. Both are estimated anew every `refit_every` rows, counted from the first, so
    appending rows changes no forecast. known: `weighted` and `components` of the first rows where they are at hand.
    Raises ValueError when lengths differ.
    """
    from scipy import special

    rows, width = features.shape
    if outcome.shape != (rows,) or prior_sd.shape != (width,):
        raise ValueError(
            f"walk_forward: features [T, K], outcome [T], prior_sd [K], "
            f"got {features.shape}, {outcome.shape}, {prior_sd.shape}"
        )
    base_rate = known_base_rate(outcome, horizon, fewest_outcomes)
    chance = base_rate if expected is None else np.where(np.isfinite(base_rate), expected, np.nan)
    log_odds = _log_odds(chance)
    raw, components = np.full((2, rows, width), np.nan)
    first = 0
    if known is not None:
        first = len(known[0])
        raw[:first], components[:first] = known
    for start in range(first // refit_every * refit_every, rows, refit_every):
        now = slice(start, min(start + refit_every, rows))
        past = slice(0, max(start - horizon + 1, 0))
        offset = None if expected is None else _log_odds(expected[past])
        seen = np.isfinite(outcome[past]) if offset is None else np.isfinite(outcome[past] + offset)
        if seen.sum() < fewest_outcomes:
            continue
        centre, scale = _past_scale(features[past][seen])
        x, y = np.nan_to_num((features[past][seen] - centre) / scale), outcome[past][seen]
        start_at = np.full(len(y), _log_odds(y.mean())) if offset is None else offset[seen]
        weights = _ridge_logistic(x, y, start_at, 1 / horizon, np.zeros(width), prior_sd)
        raw[now] = np.nan_to_num((features[now] - centre) / scale) * weights
        scored = seen & np.isfinite(raw[past]).all(axis=1) & np.isfinite(log_odds[past])
        slope = _recalibration(raw[past][scored].sum(axis=1), outcome[past][scored], log_odds[past][scored], horizon)
        components[now] = slope * raw[now]
    raw[~np.isfinite(log_odds)] = components[~np.isfinite(log_odds)] = np.nan
    return Forecasts(
        probability=special.expit(log_odds + components.sum(axis=1)),
        base_rate=np.where(np.isfinite(components).all(axis=1), base_rate, np.nan),
        components=components,
        uncalibrated=special.expit(log_odds + raw.sum(axis=1)),
        weighted=raw,
    )


def known_base_rate(outcome: FloatArray, horizon: int, fewest_outcomes: int) -> FloatArray:
    """Share of yes among the outcomes known on each row, NaN before the fewest that make a rate: float64[T]."""
    known = np.isfinite(outcome)
    number = _delayed(np.cumsum(known).astype(np.float64), horizon)
    total = _delayed(np.cumsum(np.where(known, outcome, 0.0)), horizon)
    return np.where(number >= fewest_outcomes, total / np.maximum(number, 1.0), np.nan)


def _log_odds(chance: FloatArray) -> FloatArray:
    from scipy import special

    log_odds: FloatArray = special.logit(np.clip(chance, _FLOOR, 1 - _FLOOR))
    return log_odds


def _delayed(values: FloatArray, rows: int) -> FloatArray:
    return np.concatenate([np.zeros(min(rows, len(values))), values[: max(len(values) - rows, 0)]])


def _past_scale(x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and sd per column of what is known; a column that is unknown or constant gets an infinite sd, thus 0."""
    known = np.isfinite(x)
    number = np.maximum(known.sum(axis=0), 1)
    centre = np.where(known, x, 0.0).sum(axis=0) / number
    spread = np.sqrt(np.where(known, (x - centre) ** 2, 0.0).sum(axis=0) / number)
    return centre, np.where(spread > 1e-12, spread, np.inf)


def _recalibration(sums: FloatArray, outcome: FloatArray, log_odds: FloatArray, horizon: int) -> float:
    slope = _ridge_logistic(sums[:, None], outcome, log_odds, 1 / horizon, np.ones(1), np.full(1, 0.5))
    return float(np.clip(slope[0], 0.0, 1.5))


def _ridge_logistic(
    x: FloatArray, y: FloatArray, offset: FloatArray, weight: float, prior_mean: FloatArray, prior_sd: FloatArray
) -> FloatArray:
    """Most likely weights under their prior, by Newton's method: float64[K]."""
    from scipy import special

    precision = 1 / np.square(prior_sd)
    beta = prior_mean.copy()
    for _ in range(50):
        p = special.expit(offset + x @ beta)
        gradient = weight * (x.T @ (y - p)) - precision * (beta - prior_mean)
        curvature = weight * ((x * (p * (1 - p))[:, None]).T @ x) + np.diag(precision)
        step = np.linalg.solve(curvature, gradient)
        beta = beta + step
        if np.abs(step).max() < 1e-10:
            break
    return beta
