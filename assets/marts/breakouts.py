"""Breakouts of the benchmarks, and whether the assets follow.

Here: the assets that lay events and outcomes on one grid of sessions. Not here: the statistics (quant.events), which
symbols and spans (assets/studies.toml), what a record is (sql/marts/market_state.sql).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.contracts.studies import BreakoutEvents, BreakoutStudy
from assets.framework.table import table
from assets.studies import Breakouts, Studies
from quant.bootstrap import resampled_days
from quant.events import (
    BoolArray,
    FloatArray,
    IntArray,
    circular_shift_test,
    effective_hits,
    event_mean_interval,
    forward_returns,
    hit_rate_interval,
    independent_events,
    quiet_sessions,
    sessions_to_next,
    within,
)

_SEED = 20_251_211  # any fixed number: the same data give the same intervals


@dataclass(frozen=True)
class _Path:
    """One asset on the grid of sessions: its price, NaN where there is none, and the rows of its record closes."""

    price: FloatArray
    records: IntArray

    @property
    def first(self) -> int:
        return int(np.argmax(np.isfinite(self.price)))


@table(BreakoutEvents)
def breakout_events(
    session_prices: pl.DataFrame, market_state: pl.DataFrame, sessions: pl.DataFrame, studies: Studies
) -> pl.DataFrame:
    """Every breakout of every benchmark, beside every asset that had a price by then."""
    entry = studies.breakouts
    grid = sessions.select("session").sort("session")
    breakouts = pl.concat([_breakouts(market_state, grid, b, min(entry.quiet_sessions)) for b in entry.benchmarks])
    return pl.concat(
        [
            _beside(breakouts, market_state, asset, _path(session_prices, market_state, grid, asset), grid, entry)
            for asset in entry.assets
        ]
    )


@table(BreakoutStudy)
def breakout_study(
    breakout_events: pl.DataFrame,
    session_prices: pl.DataFrame,
    market_state: pl.DataFrame,
    sessions: pl.DataFrame,
    studies: Studies,
) -> pl.DataFrame:
    """What followed the breakouts against what followed any session, by horizon and length of the quiet before."""
    entry = studies.breakouts
    first = session_prices.filter(pl.col("symbol").is_in(entry.assets))["session"].min()
    grid = sessions.select("session").filter(pl.col("session") >= first).sort("session")
    outcomes = _Outcomes.of([_path(session_prices, market_state, grid, asset) for asset in entry.assets], entry)
    days = [
        resampled_days(len(grid), horizon, entry.bootstrap_replications, _SEED + horizon)
        for horizon in entry.horizons_sessions
    ]
    return pl.concat(
        [
            pl.DataFrame(
                list(_study(_events(breakout_events, grid, benchmark, quiet), outcomes, days, entry))
            ).with_columns(benchmark=pl.lit(benchmark), condition=pl.lit(f"quiet_{quiet}"))
            for benchmark in entry.benchmarks
            for quiet in entry.quiet_sessions
        ]
    )


@dataclass(frozen=True)
class _Outcomes:
    """What came after every session of the grid, float64[sessions, assets x horizons], NaN where unknown."""

    returns: FloatArray
    rises: FloatArray
    follows: FloatArray

    @classmethod
    def of(cls, paths: Sequence[_Path], entry: Breakouts) -> _Outcomes:
        cells = [(path, horizon) for path in paths for horizon in entry.horizons_sessions]
        returns = np.column_stack([forward_returns(path.price, horizon) for path, horizon in cells])
        return cls(
            returns=returns,
            rises=np.where(np.isfinite(returns), returns > 0, np.nan),
            follows=np.column_stack([_follows(path, horizon) for path, horizon in cells]),
        )


def _study(
    events: BoolArray, outcomes: _Outcomes, days: Sequence[FloatArray], entry: Breakouts
) -> Iterator[dict[str, object]]:
    """One row per asset and horizon, all from the same rotations of the same events."""
    lasting = [horizon for _ in entry.assets for horizon in entry.horizons_sessions]
    of_returns = circular_shift_test(outcomes.returns, events, lasting, excess=entry.detectable_return)
    of_rises = circular_shift_test(outcomes.rises, events, lasting)
    horizons = len(entry.horizons_sessions)
    for cell in range(outcomes.returns.shape[1]):
        horizon, drawn = entry.horizons_sessions[cell % horizons], days[cell % horizons]
        returns, rises, follows = outcomes.returns[:, cell], outcomes.rises[:, cell], outcomes.follows[:, cell]
        rows = np.flatnonzero(events & np.isfinite(returns))
        hit_low, hit_high = hit_rate_interval(rises, events, horizon)
        mean_low, mean_high = event_mean_interval(returns, events, drawn, horizon)
        yield {
            "asset": entry.assets[cell // horizons],
            "horizon_sessions": horizon,
            "events": len(rows),
            "independent_events": independent_events(rows, horizon),
            "hit_rate": _mean(rises[events]),
            "baseline_hit_rate": _mean(rises),
            "hit_rate_ci95_low": hit_low,
            "hit_rate_ci95_high": hit_high,
            "mean_return": _mean(returns[events]),
            "baseline_mean_return": _mean(returns),
            "median_return": _median(returns[events]),
            "baseline_median_return": _median(returns),
            "mean_return_ci95_low": mean_low,
            "mean_return_ci95_high": mean_high,
            "p_value": of_returns.p_value[cell],
            "p_value_hit_rate": of_rises.p_value[cell],
            "p_value_family": of_returns.p_value_family,
            "power_10pct": of_returns.power[cell],
            "follow_rate": _mean(follows[events]),
            "baseline_follow_rate": _mean(follows),
            "method": (
                f"p-values one-sided, all rotations of the events around the sample but those by less than a quarter "
                f"of the horizon, family of {outcomes.returns.shape[1]} by the largest; interval of the hit rate by "
                f"Wilson on {effective_hits(rows, horizon):.1f} effective events, of the mean by stationary bootstrap, "
                f"{len(drawn)} draws of blocks of mean length {horizon} sessions, no tighter than so few events allow"
            ),
        }


def _breakouts(market_state: pl.DataFrame, grid: pl.DataFrame, benchmark: str, quiet: int) -> pl.DataFrame:
    """The benchmark's record closes after at least `quiet` sessions without one."""
    records = (
        market_state.filter(pl.col("symbol") == benchmark, "is_record_close")
        .join(grid.with_row_index("row"), on="session")
        .sort("session")
    )
    spell = quiet_sessions(records["row"].to_numpy().astype(np.int64))
    return records.select(
        "session", benchmark=pl.lit(benchmark), sessions_since_previous_record=pl.Series(spell + 1)
    ).filter(pl.Series(spell >= quiet))


def _beside(
    breakouts: pl.DataFrame, market_state: pl.DataFrame, asset: str, path: _Path, grid: pl.DataFrame, entry: Breakouts
) -> pl.DataFrame:
    """The breakouts since the asset has a price, with its state then and what it did next."""
    state = market_state.filter(symbol=asset).select("session", asset_drawdown="drawdown").drop_nulls().sort("session")
    known = breakouts.sort("session").join_asof(state, on="session").drop_nulls("asset_drawdown")
    rows = grid["session"].search_sorted(known["session"]).to_numpy().astype(np.int64)
    followed = within(rows, path.records, entry.follow_within_sessions, len(path.price))
    came = pl.Series(followed == 1)
    return known.with_columns(
        pl.lit(asset).alias("asset"),
        *(
            pl.Series(f"forward_return_{horizon}d", forward_returns(path.price, horizon)[rows])
            for horizon in entry.horizons_sessions
        ),
        followed=pl.Series(followed).fill_nan(None).cast(pl.Boolean),
        any_day_follow_rate=pl.Series(_known_follow_rate(path, entry.follow_within_sessions)[rows]).fill_nan(None),
        sessions_to_follow=pl.Series(sessions_to_next(rows, path.records)).set(~came, None),
    )


def _path(session_prices: pl.DataFrame, market_state: pl.DataFrame, grid: pl.DataFrame, asset: str) -> _Path:
    """The asset on the grid; a record set between two sessions counts on the later one."""
    price = grid.join(session_prices.filter(symbol=asset), on="session", how="left", maintain_order="left")
    records = market_state.filter(pl.col("symbol") == asset, "is_record_close")["session"].sort()
    rows = grid["session"].search_sorted(records.filter(records >= grid["session"][0]))
    return _Path(price["return_price"].fill_null(np.nan).to_numpy(), np.unique(rows.to_numpy().astype(np.int64)))


def _follows(path: _Path, horizon: int) -> FloatArray:
    """Whether a record follows each session within the horizon, from the asset's first price on."""
    rows = np.arange(len(path.price))
    answer = within(rows, path.records, horizon, len(rows))
    answer[: path.first] = np.nan
    answer[len(rows) - horizon :] = np.nan  # a record that already came must not count before its failures can
    return answer


def _known_follow_rate(path: _Path, horizon: int) -> FloatArray:
    """Share of followed sessions among those whose horizon was over by each session: float64[T], NaN before one was."""
    answer = _follows(path, horizon)
    known = np.isfinite(answer)
    number, followed = np.cumsum(known), np.cumsum(np.where(known, answer, 0.0))
    rate = np.full(len(answer), np.nan)
    rate[horizon:] = np.divide(
        followed[:-horizon], number[:-horizon], out=rate[horizon:].copy(), where=number[:-horizon] > 0
    )
    return rate


def _events(breakout_events: pl.DataFrame, grid: pl.DataFrame, benchmark: str, quiet: int) -> BoolArray:
    sessions = breakout_events.filter(
        pl.col("benchmark") == benchmark, pl.col("sessions_since_previous_record") > quiet
    )["session"]
    return grid["session"].is_in(sessions.implode()).to_numpy()


def _median(values: FloatArray) -> float | None:
    """Median of what is known; None where nothing is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


def _mean(values: FloatArray) -> float | None:
    """Mean of what is known; None where nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
