"""Contract of the wide mart for charting.

Here: promised columns. Not here: what a value means in full and how it is computed: each comes from the mart that its
description names.
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from assets.contracts.regimes import REGIMES
from assets.framework.chart import Chart, Headline
from assets.framework.contract import Mart, count, number

WINDOWS = (20, 60, 90, 120, 252)
"""Sessions of the correlations that stand side by side."""


def _correlation(window: int) -> dy.Float64:
    return number("-1 to 1", f"correlation over {window} sessions (rolling_correlations)", nullable=True, min=-1, max=1)


def _end(which: str, window: int) -> dy.Float64:
    said = f"{which} end of the 95% interval of correlation_{window}d"
    return number("-1 to 1", said, nullable=True, min=-1, max=1)


class PairDay(Mart):
    """A pair on one session, everything a chart of it needs in one row.

    Nothing here is computed anew: prices and drawdowns come from market_state, the rest from the marts named below. A
    row exists where any of them has one; what a mart does not know on that session is null. As-of knowledge only: no
    earlier row ever changes.
    """

    subject = "does_bitcoin_follow"
    grows_by = "session"
    chart = Chart(x="session", y=("asset_drawdown", "benchmark_drawdown"), where={"pair": Headline.PAIR})
    pair = dy.String(primary_key=True, description="asset/benchmark")
    session = dy.Date(primary_key=True, description="NYSE session")
    asset = dy.String(description="catalog symbol")
    benchmark = dy.String(description="catalog symbol it is held against")
    asset_close = number("catalog unit", "last price of the asset, unadjusted", nullable=True)
    benchmark_close = number("catalog unit", "last price of the benchmark, unadjusted", nullable=True)
    asset_drawdown = number("fraction", "asset's close over its record close, minus 1", nullable=True, min=-1, max=0)
    benchmark_drawdown = number("fraction", "the same of the benchmark", nullable=True, min=-1, max=0)
    asset_is_record_close = dy.Bool(nullable=True, description="the asset's close is above every earlier one")
    benchmark_is_record_close = dy.Bool(nullable=True, description="the benchmark's close is above every earlier one")
    correlation_20d, correlation_60d, correlation_90d, correlation_120d, correlation_252d = map(_correlation, WINDOWS)
    ci95_low_20d, ci95_low_60d, ci95_low_90d, ci95_low_120d, ci95_low_252d = (_end("lower", w) for w in WINDOWS)
    ci95_high_20d, ci95_high_60d, ci95_high_90d, ci95_high_120d, ci95_high_252d = (_end("upper", w) for w in WINDOWS)
    regime = dy.Enum(REGIMES, nullable=True, description="the regime the pair is in (correlation_regimes)")
    p_coupled = number("probability", "correlation is +0.30 or more", nullable=True, min=0, max=1)
    p_decoupled = number("probability", "correlation lies between", nullable=True, min=0, max=1)
    p_inverse = number("probability", "correlation is -0.15 or less", nullable=True, min=0, max=1)
    spell_id = count("number of the regime's spell within the pair (regime_spells)", min=1, nullable=True)
    ratio = number("asset / benchmark", "price of the asset over price of the benchmark", nullable=True)
    gap_63d = number("log return", "asset minus benchmark over 63 sessions (relative_strength)", nullable=True)
    gap_126d = number("log return", "the same over 126 sessions", nullable=True)
    gap_252d = number("log return", "the same over 252 sessions", nullable=True)
    gap_63d_zscore = number("standard deviations", "gap_63d against its own trailing past", nullable=True)
    trend_state = dy.Enum(
        ["leading", "tracking", "lagging"],
        nullable=True,
        description="what the z-score makes of it (relative_strength)",
    )
    in_lag = dy.Bool(description="one of the two lags behind the other's records on this session (lag_history)")
    lag_leader = dy.String(nullable=True, description="the symbol that leads; null unless in_lag")
    lag_sessions = count("sessions of that lag so far", min=1, nullable=True, metadata={"unit": "sessions"})

    @dy.rule()
    def a_lag_has_a_leader(cls) -> pl.Expr:  # noqa: N805
        """Exactly the sessions in a lag name who leads and since when."""
        return (pl.col("in_lag") == pl.col("lag_leader").is_not_null()) & (
            pl.col("in_lag") == pl.col("lag_sessions").is_not_null()
        )
