"""Peaks of the assets, and where the benchmarks stood.

Here: the asset that puts each confirmed peak beside the benchmark's record. Not here: what makes a peak
(quant.peaks).
"""

from __future__ import annotations

import polars as pl

from assets.catalog import Catalog, Pair
from assets.contracts.market import PeakPairs
from assets.framework.table import table
from quant.peaks import confirmed_peaks

JOINT_WITHIN = 0.03  # both at their records, give or take what a session or two can move


@table(PeakPairs)
def peak_pairs(market_state: pl.DataFrame, sessions: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Every confirmed peak of every pair's asset beside the benchmark's newest record."""
    states = market_state.sort("session")
    peaks = {
        asset: _peaks(states.filter(symbol=asset).drop_nulls("close")) for asset in {p.asset for p in catalog.pair}
    }
    frames = [_beside(peaks[p.asset], states.filter(symbol=p.benchmark), sessions, p) for p in catalog.pair]
    return pl.concat(frames)


def _peaks(state: pl.DataFrame) -> pl.DataFrame:
    """Of one symbol; before its first record here the record is that of the time before its data."""
    before = 0.0 if state.is_empty() or state["is_record_close"][0] else float(state["record_close"][0])
    found = confirmed_peaks(state["close"].to_numpy(), record_before=before)
    peak, confirmed = state[[p.row for p in found]], state[[p.confirmed for p in found]]
    return pl.DataFrame(
        {
            "peak_session": peak["session"],
            "peak_close": peak["close"],
            "peak_high": confirmed["record_high"],
            "confirmed_on": confirmed["session"],
            "is_censored": peak["record_is_censored"],
        }
    )


def _beside(peaks: pl.DataFrame, benchmark: pl.DataFrame, sessions: pl.DataFrame, pair: Pair) -> pl.DataFrame:
    drawdown = _as_of(benchmark, "drawdown", peaks["peak_session"])
    record = _as_of(benchmark, "record_session", peaks["confirmed_on"])
    numbered = sessions.sort("session")
    censored = _as_of(benchmark, "record_is_censored", peaks["confirmed_on"])
    gap = _as_of(numbered, "session_number", record) - _as_of(numbered, "session_number", peaks["peak_session"])
    return peaks.with_columns(
        asset=pl.lit(pair.asset),
        benchmark=pl.lit(pair.benchmark),
        benchmark_record_session=record,
        gap_sessions=gap,
        benchmark_drawdown_at_peak=drawdown,
        is_joint=drawdown >= -JOINT_WITHIN,
        is_censored=peaks["is_censored"] | censored,
        missing=pl.when(drawdown.is_null()).then(_as_of(benchmark, "missing", peaks["peak_session"])),
    ).drop_nulls("benchmark_record_session")


def _as_of(frame: pl.DataFrame, column: str, days: pl.Series) -> pl.Series:
    """The column's last value on or before each day; null before the first and for a null day."""
    row = frame.get_column("session").search_sorted(days, side="right").cast(pl.Int64) - 1
    return frame.get_column(column).gather(row.set(~((row >= 0) & days.is_not_null()), None))
