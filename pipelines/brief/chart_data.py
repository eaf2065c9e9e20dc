"""The data behind the charts: every pair, every window and horizon, the whole history, packed for the page's script.

Here: marts -> one compressed text that the page carries. Not here: what a chart looks like (brief.charts), how it is
redrawn when a reader chooses another pair (brief.js beside this file).

Figures are rounded to what a chart can show: prices to five digits, fractions to three decimals.
"""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import polars as pl

from assets.catalog import Pair
from pipelines.published.marts import Marts

_EPOCH = date(1970, 1, 1)
_MOST_SESSIONS = 3025  # twelve years
_GAPS = (63, 126, 252)

Packed = dict[str, Any]


def packed(marts: Marts) -> str:
    """The store as base64 of gzipped JSON; the page opens it with nothing but the browser."""
    text = json.dumps(_store(marts), separators=(",", ":"), allow_nan=False).encode()
    return base64.b64encode(gzip.compress(text, 6, mtime=0)).decode()


def _store(marts: Marts) -> Packed:
    known = marts.scan("rolling_correlations").select(pl.col("session").unique().sort()).collect()["session"]
    sessions = known.tail(_MOST_SESSIONS)
    priced = set(marts.scan("market_state").select(pl.col("symbol").unique()).collect()["symbol"])
    pairs = [p for p in marts.pairs if {p.asset, p.benchmark} <= priced]
    return {
        "headline": marts.pair.id,
        "names": marts.names,
        "sessions": _days(sessions),
        "symbols": dict(_symbols(marts, sessions, {s for p in pairs for s in (p.asset, p.benchmark)})),
        "pairs": {p.id: _pair(marts, p, sessions) for p in pairs},
        "forecasts": _forecasts(marts, sessions),
        "policy_changes": _policy_changes(marts),
    }


def _symbols(marts: Marts, sessions: pl.Series, chosen: set[str]) -> Iterator[tuple[str, Packed]]:
    """Closes, drawdowns and record days of every symbol that is in a pair."""
    states = marts.scan("market_state").select("symbol", "session", "close", "drawdown", "is_record_close").collect()
    for (symbol,), own in states.filter(pl.col("symbol").is_in(list(chosen))).group_by("symbol", maintain_order=True):
        on_session = _on(sessions, own)
        records = own.filter(pl.col("is_record_close"), pl.col("session") >= sessions.min())["session"].sort()
        yield (
            str(symbol),
            {
                "close": _digits(on_session["close"]),
                "drawdown": _decimals(on_session["drawdown"]),
                "records": _days(records),
            },
        )


def _pair(marts: Marts, pair: Pair, sessions: pl.Series) -> Packed:
    """Correlations by window, gaps by horizon, regimes and episodes of one pair."""
    correlations = _of(marts, "rolling_correlations", pair)
    windows = correlations["window_sessions"].unique().sort().to_list()
    return {
        "asset": pair.asset,
        "benchmark": pair.benchmark,
        "correlation": {
            str(window): [_decimals(own[c]) for c in ("correlation", "ci95_low", "ci95_high")]
            for window in windows
            for own in (_on(sessions, correlations.filter(window_sessions=window)),)
        },
        "gap": _gaps(marts, pair, sessions),
        "regimes": _regimes(marts, pair),
        "episodes": _episodes(marts, pair),
        "breakouts": _breakouts(marts, pair),
    }


def _gaps(marts: Marts, pair: Pair, sessions: pl.Series) -> Packed:
    """What one gained more than the other, as a fraction."""
    own = _on(sessions, _of(marts, "relative_strength", pair))
    return {str(horizon): _decimals(own[f"gap_{horizon}d"].exp() - 1) for horizon in _GAPS}


def _regimes(marts: Marts, pair: Pair) -> list[list[Any]]:
    if not marts.has("correlation_regimes"):
        return []
    first, last = pl.col("session").first().alias("first"), pl.col("session").last().alias("last")
    spells = (
        _of(marts, "correlation_regimes", pair)
        .group_by("spell_id", maintain_order=True)
        .agg(first, last, pl.col("regime").first().cast(pl.String))
    )
    return [list(row) for row in zip(_days(spells["first"]), _days(spells["last"]), spells["regime"], strict=True)]


def _episodes(marts: Marts, pair: Pair) -> list[Packed]:
    both = [pair.asset, pair.benchmark]
    if not marts.has("divergence_episodes"):
        return []
    rows = (
        marts.scan("divergence_episodes")
        .filter(pl.col("leader").is_in(both), pl.col("follower").is_in(both))
        .sort("start_session")
        .select("leader", "start_session", "end_session", pl.col("outcome").cast(pl.String))
        .collect()
    )
    ends = rows["end_session"].fill_null(marts.as_of)
    return [
        {"leader": leader, "start": start, "end": end, "outcome": outcome}
        for leader, start, end, outcome in zip(
            rows["leader"], _days(rows["start_session"]), _days(ends), rows["outcome"], strict=True
        )
    ]


def _breakouts(marts: Marts, pair: Pair) -> list[Packed]:
    if not marts.has("breakout_study"):
        return []
    columns = ("condition", "horizon_sessions", "hit_rate", "hit_rate_ci95_low", "hit_rate_ci95_high")
    rows = (
        marts.breakout_study(pair.asset, pair.benchmark)
        .drop_nulls(columns)
        .select(*columns, "baseline_hit_rate")
        .collect()
    )
    return rows.with_columns(pl.col(pl.Float64).round(4)).to_dicts()


def _forecasts(marts: Marts, sessions: pl.Series) -> Packed:
    """Chance and base rate by horizon; they are made for the headline pair alone."""
    if not marts.has("recoupling_signal"):
        return {}
    rows = marts.scan("recoupling_signal").collect()
    return {
        str(horizon): [_decimals(own[c]) for c in ("probability_catch_up", "base_rate")]
        for horizon in rows["horizon_sessions"].unique().sort().to_list()
        for own in (_on(sessions, rows.filter(horizon_sessions=horizon)),)
    }


def _policy_changes(marts: Marts) -> list[list[Any]]:
    if not marts.has("fed_decisions"):
        return []
    changed = marts.scan("fed_decisions").filter(pl.col("change_bp") != 0).sort("meeting_date").collect()
    return [list(row) for row in zip(_days(changed["meeting_date"]), changed["change_bp"], strict=True)]


def _of(marts: Marts, mart: str, pair: Pair) -> pl.DataFrame:
    return marts.scan(mart).filter(pl.col("pair") == pair.id).sort("session").collect()


def _on(sessions: pl.Series, rows: pl.DataFrame) -> pl.DataFrame:
    """One row per session of the store, null where there is none."""
    return sessions.to_frame("session").join(rows, on="session", how="left", maintain_order="left")


def _days(dates: pl.Series) -> list[int]:
    return (dates - _EPOCH).dt.total_days().to_list()


def _decimals(values: pl.Series) -> list[float | None]:
    return values.fill_nan(None).round(3).to_list()


def _digits(values: pl.Series) -> list[float | None]:
    return values.fill_nan(None).round_sig_figs(5).to_list()
