"""Two sides of one thing, held against each other: parts and totals, two sources of one series.

Here: the asset that compares what the catalog declares. Not here: what is compared and how far it may differ
(assets/catalog.toml).
"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from assets.catalog import Catalog, CrossCheck
from assets.contracts.cross_checks import CrossChecks
from assets.framework.table import Horizon, table

_ROUNDING = 1e-9  # 0.25 - 0.15 is not 0.1 to a computer
_SCHEMA = {
    "cross_check": pl.String,
    "date": pl.Date,
    "left": pl.String,
    "right": pl.String,
    "relation": pl.String,
    "left_value": pl.Float64,
    "right_value": pl.Float64,
    "excess": pl.Float64,
    "tolerance": pl.Float64,
    "is_breached": pl.Boolean,
}


@table(CrossChecks)
def cross_checks(
    daily_prices: pl.DataFrame, macro_series: pl.DataFrame, etf_flows: pl.DataFrame, catalog: Catalog, horizon: Horizon
) -> pl.DataFrame:
    """Every comparison of the catalog on every day of its window."""
    observed = _observed(daily_prices, macro_series, etf_flows)
    compared = [_compared(check, observed, horizon.as_of) for check in catalog.cross_check]
    return pl.concat([pl.DataFrame(schema=_SCHEMA), *compared])


def _observed(daily_prices: pl.DataFrame, macro_series: pl.DataFrame, etf_flows: pl.DataFrame) -> pl.DataFrame:
    """Everything a comparison may name, one value per id and day."""
    flow = pl.when(pl.col("fund") == "TOTAL").then(pl.lit("etf_flows.TOTAL")).otherwise(pl.lit("etf_flows.FUNDS"))
    flows = etf_flows.group_by(flow.alias("id"), "date").agg(value=pl.col("net_flow_usd_mn").sum())
    return pl.concat(
        [
            daily_prices.select("date", id="symbol", value="close"),
            macro_series.select("date", "value", id="series_id"),
            flows.select("date", "id", "value"),
        ],
        how="diagonal",
    ).drop_nulls("value")


def _compared(check: CrossCheck, observed: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One comparison, in the columns of CrossChecks."""
    first = as_of - timedelta(days=check.window_days)
    wanted = observed.filter(pl.col("id").is_in(check.ids()), pl.col("date").is_between(first, as_of))
    by_day = wanted.pivot("id", index="date", values="value").sort("date") if wanted.height else pl.DataFrame()
    if not check.ids() <= set(by_day.columns):
        return pl.DataFrame(schema=_SCHEMA)
    sides = by_day.drop_nulls().select("date", left_value=_sum(check, check.left), right_value=_sum(check, check.right))
    if check.measure == "daily_return":
        sides = sides.with_columns(pl.col("left_value", "right_value").log().diff()).drop_nulls()
    apart = pl.col("left_value") - pl.col("right_value")
    excess = {"equal": apart.abs(), "at_most": apart, "at_least": -apart}[check.relation].clip(lower_bound=0)
    scale = pl.col("right_value").abs() if check.tolerance_is_relative else pl.lit(1.0)
    return sides.with_columns(excess=excess, tolerance=check.tolerance * scale + _ROUNDING).select(
        pl.lit(check.id).alias("cross_check"),
        "date",
        pl.lit(check.left).alias("left"),
        pl.lit(check.right).alias("right"),
        pl.lit(check.relation).alias("relation"),
        "left_value",
        "right_value",
        "excess",
        "tolerance",
        is_breached=pl.col("excess") > pl.col("tolerance"),
    )


def _sum(check: CrossCheck, side: str) -> pl.Expr:
    return pl.sum_horizontal(sign * pl.col(id) for sign, id in check.terms(side))
