"""Relative strength: who of a pair runs ahead.

Here: the asset that turns two price paths into a trend gap. Not here: the correlation of daily returns, which is
another thing (assets.marts.correlations).
"""

from __future__ import annotations

import polars as pl

from assets.catalog import Catalog, Pair
from assets.contracts.market import RelativeStrength
from assets.framework.table import table
from quant.trend import EDGE, PAST_NEEDED, PAST_SESSIONS

GAPS = (63, 126, 252)


@table(RelativeStrength)
def relative_strength(session_prices: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Ratio, trend gap and trend state of every catalog pair."""
    prices = session_prices.pivot("symbol", index="session", values="return_price").sort("session")
    known = [p for p in catalog.pair if {p.asset, p.benchmark} <= set(prices.columns)]
    return pl.concat([_of_pair(prices, pair) for pair in known])


def _of_pair(prices: pl.DataFrame, pair: Pair) -> pl.DataFrame:
    """Spans count the sessions of the calendar, so a session that one of the two lacks does not stretch them."""
    from quant.trailing import trailing_moments

    joint = prices.select("session", ratio=pl.col(pair.asset) / pl.col(pair.benchmark))
    ratio = pl.col("ratio")
    gaps = joint.select(
        pl.lit(pair.id).alias("pair"),
        "session",
        "ratio",
        (ratio / ratio.cum_max() - 1).alias("ratio_drawdown"),
        *((ratio / ratio.shift(sessions)).log().alias(f"gap_{sessions}d") for sessions in GAPS),
    )
    gap = gaps["gap_63d"].fill_null(float("nan")).to_numpy()
    mean, deviation = trailing_moments(gap, window=PAST_SESSIONS, min_observations=PAST_NEEDED)
    scored = gaps.with_columns(
        gap_63d_zscore=(gap - mean[:-1]) / deviation[:-1],
        lagging_at_or_below=mean[1:] - EDGE * deviation[1:],
        leading_at_or_above=mean[1:] + EDGE * deviation[1:],
    )
    unknown = pl.col("gap_63d_zscore", "lagging_at_or_below", "leading_at_or_above").fill_nan(None)
    return scored.drop_nulls("ratio").with_columns(unknown).with_columns(trend_state=_state(pl.col("gap_63d_zscore")))


def _state(score: pl.Expr) -> pl.Expr:
    leading = pl.when(score >= EDGE).then(pl.lit("leading"))
    return leading.when(score <= -EDGE).then(pl.lit("lagging")).when(score.is_not_null()).then(pl.lit("tracking"))
