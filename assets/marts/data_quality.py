"""What was not believed at once, is missing, or was decided by a person.

Here: the doubts kept beside raw and the days without a bar, as one table. Not here: the judging
(assets.door.judgement), which days are gaps (assets.raw.gaps).
"""

from __future__ import annotations

import polars as pl

from assets.catalog import Catalog
from assets.contracts import RAW_TABLES
from assets.contracts.quality import DataQuality
from assets.framework.table import Horizon, Queries, table
from assets.raw.gaps import EXCHANGE, holes

_OTHERS = "other"  # contracts, funds and types of operations, which the catalog does not list one by one
_KEY = ["series", "day", "state", "rule", "found_on"]


@table(DataQuality, reads=RAW_TABLES)
def data_quality(daily_prices: pl.DataFrame, catalog: Catalog, warehouse: Queries, horizon: Horizon) -> pl.DataFrame:
    """Every doubt the run's day knows of, and the holes of the year before it."""
    doubts = warehouse.query("from known.doubts")
    missing = _missing(daily_prices, catalog, horizon).join(doubts, on=["series", "day"], how="anti")
    rows = (
        pl.concat([doubts, missing], how="diagonal_relaxed")
        .sort("value", nulls_last=True)
        .group_by(_KEY, maintain_order=True)
        .agg(pl.col("affected").sum(), pl.exclude(*_KEY, "affected").first())
    )
    reasons = [catalog.acknowledges(series, day) for series, day in rows.select("series", "day").iter_rows()]
    sources = {s.id: s.source for s in catalog.symbol} | {s.id: s.source for s in catalog.series}
    return rows.with_columns(
        source=pl.col("series").replace_strict(sources | {EXCHANGE: "yahoo"}, default=_OTHERS, return_dtype=pl.String),
        is_open=pl.col("closed_on").is_null(),
        acknowledged=pl.Series(reasons, dtype=pl.String),
    )


def _missing(daily_prices: pl.DataFrame, catalog: Catalog, horizon: Horizon) -> pl.DataFrame:
    """Days without a bar; they are found on the day itself."""
    found = holes(catalog.symbol, daily_prices.select("symbol", "date"), horizon.as_of)
    schema = {
        "series": pl.String, "day": pl.Date, "state": pl.String, "rule": pl.String, "affected": pl.Int64,
        "reason": pl.String, "found_on": pl.Date,
    }  # fmt: skip
    records = [(f.series, f.day, f.state, f.rule, 1, f.reason, f.day) for f in found]
    return pl.DataFrame(records, schema=schema, orient="row")
