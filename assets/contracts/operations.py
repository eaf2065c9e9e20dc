"""Contracts about the pipeline's own health: how fresh each series is.

Here: what the nightly says of its inputs. Not here: the inputs (contracts.raw).
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from assets.framework.contract import Mart, count


class SeriesFreshness(Mart):
    """One symbol or series: what the newest observation is, and whether it is as new as it should be."""

    subject = "health"
    source = dy.String(primary_key=True, description="who is asked for it")
    series = dy.String(primary_key=True, description="catalog id")
    last_observation = dy.Date(nullable=True, description="day of the newest observation known; null: none ever came")
    last_fetched_at = dy.Datetime(
        nullable=True, description="newest answer of the source, UTC; null: none by the as-of date"
    )
    expected_observation = dy.Date(
        nullable=True, description="day of the newest observation that should be here by now"
    )
    expected_by = dy.Date(nullable=True, description="the day by which that observation was due, days of grace with it")
    is_stale = dy.Bool(description="last_observation is older than expected_observation, or absent")
    revisions_30d = count("stored values restated by the source within 30 days")
    rows = count("observations known")
    rows_without_close = count("of these, days with an adjusted close and no unadjusted one; market_state lacks them")
    required = dy.Bool(description="the nightly fails without it")
    dependants = dy.String(nullable=True, description="what is missing or old while this is")

    @classmethod
    def concerns(cls, rows: pl.DataFrame) -> list[str]:
        """The stale series, each with what hangs on it."""
        stale = rows.filter("is_stale").sort("required", "source", "series", descending=[True, False, False])
        return [
            f"{row['source']} {row['series']}: "
            + (f"newest is {row['last_observation']}" if row["last_observation"] else "never arrived")
            + (f", due by {row['expected_by']}" if row["expected_by"] else "")
            + (f"; affects {row['dependants']}" if row["dependants"] else "")
            for row in stale.iter_rows(named=True)
        ]
