"""Contracts about what must agree: parts and totals, two sources of one thing.

Here: promised columns and what a person should look at. Not here: what is compared (assets/catalog.toml), how
(assets.marts.cross_checks).
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from assets.framework.contract import Mart


class CrossChecks(Mart):
    """One comparison of the catalog on one day on which both sides are known."""

    subject = "health"
    may_be_empty = True
    cross_check = dy.String(primary_key=True, description="what must agree, in a few words")
    date = dy.Date(primary_key=True, description="day that both sides speak of")
    left = dy.String(description="ids of the one side")
    right = dy.String(description="ids of the other side")
    relation = dy.Enum(["equal", "at_most", "at_least"], description="what left must be to right")
    left_value = dy.Float64(
        description="sum of the one side; amounts in USD bn, fund flows in USD mn, returns as log returns"
    )
    right_value = dy.Float64(description="sum of the other side, in the same unit")
    excess = dy.Float64(min=0, description="how far left is from what the relation allows, in the same unit")
    tolerance = dy.Float64(min=0, description="how far it may be, in the same unit")
    is_breached = dy.Bool(description="the excess is more than the tolerance")

    @dy.rule()
    def breach_is_more_than_tolerated(cls) -> pl.Expr:  # noqa: N805
        """A breach and its figures say the same."""
        return pl.col("is_breached") == (pl.col("excess") > pl.col("tolerance"))

    @classmethod
    def concerns(cls, rows: pl.DataFrame) -> list[str]:
        """Every comparison that does not hold, by its newest breach."""
        breached = rows.filter("is_breached").sort("date")
        newest = breached.group_by("cross_check", maintain_order=True).agg(pl.len().alias("days"), pl.all().last())
        return [
            f"{row['cross_check']}: not on {row['date']}, {row['left']} is {row['left_value']:.6g} and {row['right']} "
            f"{row['right_value']:.6g}, where {row['tolerance']:.3g} is tolerated"
            + (f", and on {row['days'] - 1} more days" if row["days"] > 1 else "")
            + "; look both up at their publishers, one of them is wrong"
            for row in newest.sort("cross_check").iter_rows(named=True)
        ]
