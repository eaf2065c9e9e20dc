"""Everything the page gives an interval or a chance, on markets whose truth is known: does it hold, does it come true?

Here: how often intervals of a nominal 95% hold the truth; the calibration of chances, which is the slope of the
outcome's log-odds on the forecast's (1 is calibrated), and the mean chance beside the share that came true. Not here:
how they are computed (quant), the intervals and p-values of breakouts and of leads (benchmarks.studies).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks import known_markets
from benchmarks.figures import Figure, compared
from benchmarks.studies import PRIOR, SIGNAL_HORIZONS, forecast_market
from quant.correlation import FloatArray, rolling_correlation
from quant.correlation_bands import confidence_band
from quant.events import BoolArray
from quant.forecasts import (
    CATCH_UP_SHARE,
    furthest_made_up,
    random_walk_touch_probability,
    reference_class,
    walk_forward,
)
from quant.regimes import classify
from quant.scoring import brier_losses, calibration_slope, skill, skill_so_far

WINDOWS = (20, 60, 90, 120, 252)
SCENARIOS = ("null", "switch", "jitter", "drift", "stress")
REGIMES = ("inverse", "decoupled", "coupled")
SURENESS = ((0.95, 1.0, "almost certainly"), (2 / 3, 0.95, "probably"), (0.5, 2 / 3, "more likely than not"))
SALT = "coverage"
NOMINAL = 0.95
_SHOCKED = (1 + 0.01 * 4.0**2) ** -0.5  # shocks of the asset alone, a hundredth of stress's days, lower its correlation


class Issued(NamedTuple):
    """A forecast's chances beside what came: float64[N] each, of one market."""

    chance: FloatArray
    came: FloatArray


def run(paths: int = 200, markets: int = 200) -> list[Figure]:
    """All figures, from fixed seeds."""
    return [*bands(paths), *regimes(paths), *signals(markets)]


def bands(paths: int) -> Iterator[Figure]:
    """Correlation bands against the true correlation of the window's returns, where it moves and where it does not."""
    for scenario in SCENARIOS:
        drawn = known_markets.simulate(scenario, paths, salt=SALT)
        for window in WINDOWS:
            held = [
                _held(*path, window, _SHOCKED if scenario == "stress" else 1.0)
                for path in zip(drawn["returns"], drawn["rho"], drawn["sigma"], strict=True)
            ]
            name = f"correlation band, {window} sessions, {scenario}: holds the true correlation"
            yield compared(name, float(np.mean(np.concatenate(held))), "share", "nominal", NOMINAL)


def _held(returns: FloatArray, rho: FloatArray, sigma: FloatArray, window: int, shocked: float) -> BoolArray:
    """On the last row of windows that follow on each other; a day counts with its volatility, as in the returns."""
    x, y = (np.ascontiguousarray(returns[:, k]) for k in (0, 1))
    low, high = confidence_band(*rolling_correlation(x, y, window), x, y, window)
    ends = np.arange(known_markets.WARMUP, len(rho), window)
    sums = [np.convolve(v, np.ones(window), "valid") for v in (rho * sigma.prod(axis=1), *np.square(sigma).T)]
    covariance, *variances = (values[ends - window + 1] for values in sums)
    truth = shocked * covariance / np.sqrt(np.prod(variances, axis=0))
    held: BoolArray = (low[ends] <= truth) & (truth <= high[ends])
    return held


def regimes(paths: int) -> Iterator[Figure]:
    """Probabilities of the regime, and the words that they earn."""
    for scenario in SCENARIOS:
        drawn = known_markets.simulate(scenario, paths, salt=SALT)
        found = np.stack([classify(np.ascontiguousarray(r))[1] for r in drawn["returns"]])[:, known_markets.WARMUP :]
        truth = drawn["labels"][:, known_markets.WARMUP :] + 1
        for k, regime in enumerate(REGIMES):
            issued = [Issued(p[:, k], (t == k).astype(float)) for p, t in zip(found, truth, strict=True)]
            yield from calibration(f"chance of {regime}, {scenario}", issued)
        likeliest, right = found.max(axis=2), found.argmax(axis=2) == truth
        for low, high, word in SURENESS:
            said = (likeliest >= low) & (likeliest < high)
            name = f"regimes called {word}, {scenario}: are so"
            yield compared(name, float(right[said].mean()), "share", "mean chance", float(likeliest[said].mean()))


def signals(markets: int) -> Iterator[Figure]:
    """The chances of catching up, and the interval of their skill so far."""
    for horizon in SIGNAL_HORIZONS:
        yield from signal(markets, horizon)


def signal(markets: int, horizon: int) -> Iterator[Figure]:
    """Those of one horizon."""
    rng = np.random.default_rng(horizon)
    issued: dict[str, list[Issued]] = {}
    scored = []
    for _ in range(markets):
        market = forecast_market(rng, horizon)
        furthest = furthest_made_up(market.log_ratio, market.gap, horizon)
        within = np.where(np.isfinite(furthest), furthest >= CATCH_UP_SHARE * np.abs(market.gap), np.nan)
        model = walk_forward(
            market.features, market.caught_up, horizon, prior_sd=PRIOR, expected=market.by_chance
        ).probability
        touch = random_walk_touch_probability(market.gap, market.volatility, horizon)
        alike = reference_class(market.gap, np.column_stack([market.caught_up, within]), horizon).rates
        for name, chance, came in (
            ("at the end, by the model", model, market.caught_up),
            ("at the end, by the size of the gap", market.by_chance, market.caught_up),
            ("at any close within, by the size of the gap", touch, within),
            ("at the end, share of earlier days read as a chance", alike[:, 0], market.caught_up),
            ("at any close within, share of earlier days read as a chance", alike[:, 1], within),
        ):
            known = np.isfinite(chance) & np.isfinite(came) & np.isfinite(model)
            issued.setdefault(name, []).append(Issued(chance[known], came[known]))
        scored.append((brier_losses(model, market.caught_up), brier_losses(market.by_chance, market.caught_up)))
    for name, each in issued.items():
        yield from calibration(f"chance of catching up over {horizon}, {name}", each)
    yield _skill_interval(scored, horizon)


def _skill_interval(scored: list[tuple[FloatArray, FloatArray]], horizon: int) -> Figure:
    """Against the skill of all markets together."""
    mine, theirs = (np.nan_to_num(np.stack(losses)) for losses in zip(*scored, strict=True))
    made = np.stack([np.isfinite(a) & np.isfinite(b) for a, b in scored])
    truth = skill(mine[made], theirs[made])
    last = [skill_so_far(a, b, horizon) for a, b in scored]
    held = [s.low[-1] <= truth <= s.high[-1] for s in last if np.isfinite(s.low[-1])]
    name = f"skill over {horizon}, so far: interval holds the truth"
    return compared(name, float(np.mean(held)), "share", "nominal", NOMINAL)


def calibration(name: str, issued: list[Issued]) -> Iterator[Figure]:
    """Slope over all markets, and whether chances are too high or too low on the whole."""
    chance, came = (np.concatenate(column) for column in zip(*issued, strict=True))
    slope = calibration_slope(np.clip(chance, 1e-4, 1 - 1e-4), came)
    yield compared(f"{name}: slope", slope, "slope", "calibrated", 1.0)
    yield compared(f"{name}: mean", float(chance.mean()), "chance", "came true", float(came.mean()))
