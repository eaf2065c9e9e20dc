"""What the marts of one run say of the headline pair and the Fed on one day: the rows every sentence is made from.

Here: the newest row of each mart known by the day. Not here: words (published.reading and its parts).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import polars as pl

from pipelines.published.marts import HeadlinePair, Marts

Row = Mapping[str, Any]
Link = Literal["coupled", "decoupled", "inverse"]

WINDOW = 60  # sessions of the correlation that is quoted
HORIZON = 63  # sessions ahead of the chance that is quoted, the span of the gap it speaks of
NOTHING: Row = {}


@dataclass(frozen=True)
class Edges:
    """The gaps at which the trend state changes at the next session."""

    lagging: float
    leading: float


@dataclass(frozen=True)
class Facts:
    """The newest rows known at the end of one day; a row is empty where its mart holds none."""

    as_of: date
    pair: HeadlinePair
    asset: Row
    benchmark: Row
    correlation: Row
    regime: Row
    regime_since: date | None
    trend: Row
    edges: Edges | None
    lag: Row  # the newest session of the newest lag of the two, ended or not
    signal: Row
    decision: Row
    last_change: Row
    priced: Row
    liquidity: Row
    sessions: pl.Series  # of the benchmark, by the day

    @property
    def open_lag(self) -> Row:
        """The lag, while it lasts."""
        return self.lag if self.lag and self.lag["outcome"] == "open" else NOTHING

    @property
    def link(self) -> Link | None:
        """How daily returns move: the filter's regime, else what the interval leaves open."""
        if self.regime:
            label: Link = self.regime["regime"]
            return label
        low, high = self.correlation.get("ci95_low"), self.correlation.get("ci95_high")
        if low is None or high is None:
            return None
        return "coupled" if low > 0 else "inverse" if high < 0 else "decoupled"

    def name(self, symbol: str) -> str:
        """What a person calls it, inside a sentence."""
        return f"the {self.pair.benchmark_name}" if symbol == self.pair.benchmark else self.pair.names[symbol]

    def gap(self) -> float | None:
        """Asset against benchmark over 63 sessions, log return."""
        value: float | None = self.trend.get("gap_63d")
        return value


def facts(marts: Marts) -> Facts:
    """The facts of a run on its day."""
    pair = marts.pair
    regimes = _of_pair(marts, "correlation_regimes")
    trend = marts.of_pair("relative_strength").drop_nulls("gap_63d")
    decisions = marts.rows("fed_decisions")
    changes = decisions.filter(pl.col("change_bp") != 0)
    priced = marts.rows("rate_path") if marts.has("rate_path") else pl.DataFrame()
    benchmark = marts.states(pair.benchmark)
    return Facts(
        as_of=marts.as_of,
        pair=pair,
        asset=_last(marts.states(pair.asset)),
        benchmark=_last(benchmark),
        correlation=_last(marts.rows("rolling_correlations", pair=pair.id, window_sessions=WINDOW)),
        regime=_last(regimes),
        regime_since=_since(regimes),
        trend=_last(trend),
        edges=_edges(_last(trend)),
        lag=_lag(marts),
        signal=_signal(marts),
        decision=_last(decisions),
        last_change=_last(changes),
        priced=_last(priced),
        liquidity=_last(marts.rows("fed_liquidity").drop_nulls("net_liquidity_usd_bn")),
        sessions=benchmark["session"],
    )


def _of_pair(marts: Marts, mart: str) -> pl.DataFrame:
    return marts.of_pair(mart) if marts.has(mart) else pl.DataFrame()


def _since(regimes: pl.DataFrame) -> date | None:
    if regimes.is_empty():
        return None
    first: date = regimes["session"][int(regimes["spell_id"].search_sorted(regimes["spell_id"][-1]))]
    return first


def _lag(marts: Marts) -> Row:
    if not marts.has("lag_history"):
        return NOTHING
    a, b = marts.pair.asset, marts.pair.benchmark
    newest = [_last(marts.rows("lag_history", leader=x, follower=y)) for x, y in ((a, b), (b, a))]
    return max((row for row in newest if row), key=lambda row: (row["session"], row["start_session"]), default=NOTHING)


def _signal(marts: Marts) -> Row:
    if not marts.has("recoupling_signal"):
        return NOTHING
    return _last(marts.rows("recoupling_signal", horizon_sessions=HORIZON))


def _edges(trend: Row) -> Edges | None:
    if not trend or trend["lagging_at_or_below"] is None:
        return None
    return Edges(trend["lagging_at_or_below"], trend["leading_at_or_above"])


def _last(frame: pl.DataFrame) -> Row:
    return frame.row(-1, named=True) if frame.height else NOTHING
