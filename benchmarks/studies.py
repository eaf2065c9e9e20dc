"""How often the studies find what is not there: every published p-value and claim on markets without any effect.

Here: rejections at a nominal 5%, coverage of intervals, the cost of the studies on ten years. Not here: the tests
themselves (quant.events, quant.lead_lag, quant.scoring), the markets (quant.null_markets).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from benchmarks.figures import Figure, compared
from quant.bootstrap import resampled_days
from quant.events import (
    BoolArray,
    FloatArray,
    circular_shift_test,
    event_mean_interval,
    forward_returns,
    hit_rate_interval,
    quiet_sessions,
)
from quant.forecasts import catch_up, random_walk_probability, walk_forward
from quant.lead_lag import lead_lag
from quant.null_markets import null_pair
from quant.scoring import brier_losses, skill_interval
from quant.trailing import trailing_deviation

HORIZONS = (5, 21, 63, 126)
SIGNAL_HORIZONS = (21, 63, 126)
SESSIONS, BEFORE = 3000, 2000
NOMINAL = 0.05


def run(breakout_markets: int = 1000, lag_markets: int = 400, signal_markets: int = 40) -> list[Figure]:
    """All figures; each market is drawn anew from a fixed seed."""
    return [
        *_breakouts(breakout_markets, quiet=20),
        *_breakouts(breakout_markets, quiet=63),
        *_lead_lag(lag_markets, sessions=252),
        *_lead_lag(lag_markets, sessions=1260),
        *_signal(signal_markets),
        *_cost(),
    ]


def _breakouts(markets: int, quiet: int) -> Iterator[Figure]:
    rng = np.random.default_rng(1)
    drawn = [_returns_and_events(rng, quiet) for _ in range(markets)]
    tests = [
        (circular_shift_test(f, e, HORIZONS), circular_shift_test(np.where(np.isnan(f), f, f > 0), e, HORIZONS))
        for f, e in drawn
    ]
    for k, horizon in enumerate(HORIZONS):
        for name, which in (("mean return", 0), ("hit rate", 1)):
            yield _rejections(f"breakout study, quiet {quiet}, {name}, {horizon}", [t[which].p_value[k] for t in tests])
    yield _rejections(f"breakout study, quiet {quiet}, family", [t[0].p_value_family for t in tests])
    yield from _coverage(drawn, quiet)


def _coverage(drawn: list[tuple[FloatArray, BoolArray]], quiet: int) -> Iterator[Figure]:
    """Intervals against the rate or mean of all markets together, and how wide those of the hit rate are."""
    for k, horizon in enumerate(HORIZONS):
        days = resampled_days(SESSIONS, horizon, 399, seed=horizon)
        returns = [f[:, k] for f, _ in drawn]
        rises = [np.where(np.isnan(f), np.nan, f > 0) for f in returns]
        marks = [e for _, e in drawn]
        hits = [hit_rate_interval(r, e, horizon) for r, e in zip(rises, marks, strict=True)]
        means = [event_mean_interval(r, e, days, horizon) for r, e in zip(returns, marks, strict=True)]
        study = f"breakout study, quiet {quiet}, {horizon}"
        yield compared(f"{study}: hit rate interval holds the truth", _held(hits, rises), "share", "nominal", 0.95)
        yield compared(f"{study}: mean interval holds the truth", _held(means, returns), "share", "nominal", 0.95)
        width = float(np.nanmean([high - low for low, high in hits]))
        yield Figure(
            name=f"{study}: width of the hit rate interval",
            value=width,
            unit="fraction",
            baseline=None,
            baseline_value=None,
            ratio=None,
        )


def _held(intervals: list[tuple[float, float]], outcomes: list[FloatArray]) -> float:
    truth = np.mean([np.nanmean(outcome) for outcome in outcomes])
    return float(np.mean([low <= truth <= high for low, high in intervals if np.isfinite(low)]))


def _lead_lag(markets: int, sessions: int) -> Iterator[Figure]:
    rng = np.random.default_rng(2)
    found = [lead_lag(*null_pair(sessions, rng)[::-1], 20, rng) for _ in range(markets)]
    single = [p for f in found for p in np.delete(f.p_value, 20)]
    yield _rejections(f"lead-lag, {sessions} sessions, one lag", single)
    yield _rejections(
        f"lead-lag, {sessions} sessions, any of 40 lags, adjusted",
        [np.delete(f.p_value_adjusted, 20).min() for f in found],
    )
    yield _rejections(
        f"lead-lag, {sessions} sessions, any of 40 lags, not adjusted", [np.delete(f.p_value, 20).min() for f in found]
    )


def _signal(markets: int) -> Iterator[Figure]:
    """Claims of skill, at an interval of 95%, by forecasts fed with noise beside the size of the gap."""
    rng = np.random.default_rng(3)
    claims = np.array([[_claims(rng, h) for h in SIGNAL_HORIZONS] for _ in range(markets)])
    for k, horizon in enumerate(SIGNAL_HORIZONS):
        for j, name in enumerate(("foresight beyond the size of the gap", "skill against the base rate, from noise")):
            yield compared(
                f"signal, {horizon} sessions, claims {name}",
                float(claims[:, k, j].mean()),
                "share of markets",
                "nominal",
                NOMINAL / 2,
            )


@dataclass(frozen=True)
class ForecastMarket:
    """A pair in which only the size of the gap says anything about catching up, and what a forecast is fed.

    log_ratio, gap, volatility, caught_up, by_chance: float64[T] as in the signal; noise: float64[T, 5], slow and
    unrelated; features: float64[T, 6], the size of the gap before it.
    """

    log_ratio: FloatArray
    gap: FloatArray
    volatility: FloatArray
    caught_up: FloatArray
    by_chance: FloatArray
    noise: FloatArray
    features: FloatArray


PRIOR = np.full(6, 0.25)  # as in assets/studies.toml


def forecast_market(rng: Generator, horizon: int, asset_drift: float = 0.0004) -> ForecastMarket:
    """One such pair; with the default drift neither gains on the other in the long run."""
    asset, benchmark = null_pair(SESSIONS, rng, asset_drift=asset_drift)
    log_ratio = (asset - benchmark).cumsum()
    gap = np.concatenate([np.full(63, np.nan), log_ratio[63:] - log_ratio[:-63]])
    volatility = trailing_deviation(np.diff(log_ratio, prepend=np.nan), 126)
    noise = np.zeros((SESSIONS, 5))
    shocks = rng.standard_normal((SESSIONS, 5))
    for t in range(1, SESSIONS):
        noise[t] = 0.99 * noise[t - 1] + shocks[t]
    return ForecastMarket(
        log_ratio,
        gap,
        volatility,
        catch_up(log_ratio, gap, horizon)[1],
        random_walk_probability(gap, volatility, horizon),
        noise,
        np.column_stack([-np.abs(gap) / (volatility * np.sqrt(horizon)), noise]),
    )


def _claims(rng: Generator, horizon: int) -> tuple[bool, bool]:
    market = forecast_market(rng, horizon)
    log_ratio = market.log_ratio
    ahead = np.concatenate([log_ratio[horizon:] - log_ratio[:-horizon], np.full(horizon, np.nan)])
    rises = np.where(np.isfinite(ahead), ahead > 0, np.nan)
    return (
        _claimed(market.features, market.caught_up, horizon, PRIOR, market.by_chance),
        _claimed(market.noise, rises, horizon, PRIOR[1:], None),
    )


def _claimed(
    features: FloatArray, outcome: FloatArray, horizon: int, prior_sd: FloatArray, yardstick: FloatArray | None
) -> bool:
    found = walk_forward(features, outcome, horizon, prior_sd=prior_sd, expected=yardstick)
    reference = found.base_rate if yardstick is None else yardstick
    scored = np.isfinite(outcome) & np.isfinite(found.probability) & np.isfinite(reference)
    days = resampled_days(int(scored.sum()), horizon, 199, seed=1)
    losses, others = (brier_losses(p[scored], outcome[scored]) for p in (found.probability, reference))
    return skill_interval(losses, others, days)[0] > 0


def _cost() -> Iterator[Figure]:
    rng = np.random.default_rng(4)
    returns, events = _returns_and_events(rng, 20)
    leader, follower = null_pair(1260, rng)
    yield _milliseconds(
        "all rotations of one benchmark's events", lambda: circular_shift_test(returns, events, HORIZONS)
    )
    yield _milliseconds("lead-lag of one pair, 1260 sessions", lambda: lead_lag(leader, follower, 20, rng))


def _returns_and_events(rng: Generator, quiet: int) -> tuple[FloatArray, BoolArray]:
    """Forward returns of the asset, and breakouts of the benchmark after a past that is not studied."""
    asset, benchmark = null_pair(SESSIONS + BEFORE, rng)
    level = benchmark.cumsum()
    records = np.flatnonzero(np.append(True, level[1:] > np.maximum.accumulate(level)[:-1]))
    breakouts = records[quiet_sessions(records) >= quiet]
    events = np.isin(np.arange(SESSIONS + BEFORE), breakouts)[BEFORE:]
    price = np.exp(asset[BEFORE:].cumsum())
    return np.column_stack([forward_returns(price, h) for h in HORIZONS]), events


def _rejections(name: str, p_values: list[float]) -> Figure:
    known = np.array(p_values)
    known = known[np.isfinite(known)]
    return compared(f"{name}: rejected", float(np.mean(known <= NOMINAL)), "share of markets", "nominal", NOMINAL)


def _milliseconds(name: str, work: Callable[[], object]) -> Figure:
    work()
    times = []
    for _ in range(5):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return Figure(name=name, value=1000 * min(times), unit="ms", baseline=None, baseline_value=None, ratio=None)
