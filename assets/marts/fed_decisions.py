"""The Federal Reserve's policy.

Here: decisions and the cycles they form; one module per further subject. Not here: the balance sheet
(sql/marts/fed_liquidity.sql).
"""

from __future__ import annotations

import polars as pl

from assets.contracts.policy import FedDecisions
from assets.framework.table import table
from quant.policy import policy_cycles


@table(FedDecisions)
def fed_decisions(target_decisions: pl.DataFrame) -> pl.DataFrame:
    """Every decision since the target range began, with its cycle."""
    change_bp = ((pl.col("target_upper_pct") - pl.col("upper_before_pct")) * 100).round(6)
    decisions = target_decisions.sort("meeting_date").with_columns(change_bp=change_bp)
    year = pl.col("meeting_date").dt.year()
    cycles = pl.DataFrame(
        [vars(c) for c in policy_cycles(decisions.select("meeting_date", "change_bp").iter_rows())],
        schema={"cycle": pl.String, "cycle_start": pl.Date, "cumulative_change_bp": pl.Float64},
    )
    return decisions.select(
        "meeting_date",
        "target_lower_pct",
        "target_upper_pct",
        "change_bp",
        action=pl.when(change_bp < 0)
        .then(pl.lit("cut"))
        .when(change_bp > 0)
        .then(pl.lit("hike"))
        .otherwise(pl.lit("hold")),
        cuts_this_year=(change_bp < 0).cum_sum().over(year).cast(pl.Int64),
        hikes_this_year=(change_bp > 0).cum_sum().over(year).cast(pl.Int64),
    ).hstack(cycles)
