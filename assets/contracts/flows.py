"""Contracts about what investors put in and what they expect: fund flows, earnings expectations.

Here: promised columns and the rules their rows keep. Not here: how they are computed (sql/marts).
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from assets.framework.chart import Chart
from assets.framework.contract import Mart, number


class EtfFlows(Mart):
    """One spot bitcoin ETF's net flow on one day, and what it adds up to.

    A day not yet reported has no row; it is missing, not zero, and no sum over a span with such a day is given.
    """

    subject = "flows"
    chart = Chart(x="date", y=("cumulative_usd_mn",), by="fund", lines=("TOTAL",))
    may_be_empty = True
    date = dy.Date(primary_key=True, description="trading day of the flow")
    fund = dy.String(primary_key=True, description="ticker, or TOTAL")
    available_on = dy.Date(description="first day a reader could know it: the session after")
    net_flow_usd_mn = number("USD mn", "creations minus redemptions")
    net_flow_5d_usd_mn = number(
        "USD mn", "net flow over 5 sessions; null before the fund's fifth or where a day is missing", nullable=True
    )
    net_flow_21d_usd_mn = number(
        "USD mn", "net flow over 21 sessions; null before the fund's 21st or where a day is missing", nullable=True
    )
    cumulative_usd_mn = number(
        "USD mn", "net flow of all days since the fund's first; null from a missing day on", nullable=True
    )

    @dy.rule()
    def known_afterwards(cls) -> pl.Expr:  # noqa: N805
        """A flow is public after the day it speaks of."""
        return pl.col("available_on") > pl.col("date")


class EarningsExpectations(Mart):
    """A published expectation of an index's earnings growth, known from the day it was published."""

    subject = "flows"
    may_be_empty = True
    index_name = dy.String(primary_key=True, description="index the figure speaks of")
    fiscal_year = dy.Int64(primary_key=True, description="year whose earnings are expected")
    published_on = dy.Date(primary_key=True, description="day the figure was public")
    publisher = dy.String(primary_key=True, description="who published it")
    eps_growth_pct = number("percent", "growth of earnings per share over the year before")
    source_note = dy.String(description="where it was read, and what is known of its definition")
