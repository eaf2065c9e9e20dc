"""Peaks of the assets, and where the benchmarks stood.

Here: the asset that puts each confirmed peak beside the benchmark's record. Not here: what makes a peak (quant.peaks).
"""

from __future__ import annotations

import polars as pl

from assets.catalog import Catalog, Pair
from assets.contracts.market import PeakPairs
from assets.table import table
from quant.peaks import confirmed_peaks

JOINT_WITHIN = 0.03  # both at their records, give or take what a session or two can move


@table(PeakPairs)
def peak_pairs(market_state: pl.DataFrame, sessions: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Every confirmed peak of every pair's asset beside the benchmark's newest record."""
    states = market_state.select("symbol", "session", "close", "record_high", "record_session", "drawdown").sort("session")
    peaks = {asset: _peaks(states.filter(symbol=asset)) for asset in {p.asset for p in catalog.pair}}
    frames = [_beside(peaks[p.asset], states.filter(symbol=p.benchmark), sessions, p) for p in catalog.pair]
    return pl.concat(frames)


def _peaks(state: pl.DataFrame) -> pl.DataFrame:
    found = confirmed_peaks(state["close"].to_numpy())
    peak, confirmed = state[[p.row for p in found]], state[[p.confirmed for p in found]]
    return pl.DataFrame(
        {
            "peak_session": peak["session"],
            "peak_close": peak["close"],
            "peak_high": confirmed["record_high"],
            "confirmed_on": confirmed["session"],
        }
    )


def _beside(peaks: pl.DataFrame, benchmark: pl.DataFrame, sessions: pl.DataFrame, pair: Pair) -> pl.DataFrame:
    numbered = sessions.select("session", "session_number").sort("session")
    at_peak = benchmark.select("session", benchmark_drawdown_at_peak="drawdown")
    at_confirmation = benchmark.select("session", benchmark_record_session="record_session")
    return (
        peaks.sort("peak_session")
        .join_asof(at_peak, left_on="peak_session", right_on="session")
        .sort("confirmed_on")
        .join_asof(at_confirmation, left_on="confirmed_on", right_on="session")
        .drop_nulls(["benchmark_drawdown_at_peak", "benchmark_record_session"])
        .sort("peak_session")
        .join_asof(numbered.rename({"session_number": "peak_number"}), left_on="peak_session", right_on="session")
        .sort("benchmark_record_session")
        .join_asof(
            numbered.rename({"session_number": "record_number"}), left_on="benchmark_record_session", right_on="session"
        )
        .sort("peak_session")
        .select(
            pl.lit(pair.asset).alias("asset"),
            "peak_session",
            "peak_close",
            "peak_high",
            pl.lit(pair.benchmark).alias("benchmark"),
            "benchmark_record_session",
            (pl.col("record_number").cast(pl.Int64) - pl.col("peak_number").cast(pl.Int64)).alias("gap_sessions"),
            "benchmark_drawdown_at_peak",
            (pl.col("benchmark_drawdown_at_peak") >= -JOINT_WITHIN).alias("is_joint"),
            "confirmed_on",
        )
    )
