"""Contracts of the raw layer: what upstreams said, in upstream's words and units.

Here: the columns a source must deliver, and what their values are held against. Not here: the judging
(assets.door.judgement), revision bookkeeping (pipelines.warehouse), cleaning (assets.core).

The limits were measured on all history at hand (prices since 1927, macro series since 1954), night by night: nothing
real came nearer to one of them than the figure in brackets beside it.
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from assets.door.rules import Door, Ladder
from assets.framework.contract import RawTable, number
from quant.plausibility import Limits

TRADED = Limits(unexplained=12.0)  # [5.6 scales per scale of the others, gold on 2001-05-18 and its like]
PUBLISHED = Limits()  # [41 scales, once, and no more than 4 times its largest move: SOFR on 2019-09-17]


class PriceBars(RawTable):
    """One daily bar of one symbol as its source gave it; a bar of an unfinished day is provisional."""

    subject = "prices"
    door = Door(
        series="symbol",
        day="date",
        values=("close", "adj_close"),
        limits=TRADED,
        bar=("open", "high", "low"),
        bar_scales=20.0,  # [11.2, the low of HYG on 2010-05-06]
    )
    symbol = dy.String(primary_key=True, description="catalog id")
    date = dy.Date(primary_key=True, description="exchange session, or UTC day for crypto")
    open = number("catalog unit", "first price of the day", nullable=True)
    high = number("catalog unit", "highest price of the day", nullable=True)
    low = number("catalog unit", "lowest price of the day", nullable=True)
    close = number("catalog unit", "last price, unadjusted", nullable=True)
    adj_close = number("catalog unit", "last price, adjusted for dividends", nullable=True)
    volume = number("units traded", "volume of the day", nullable=True, min=0)
    provisional = dy.Bool(description="the day was not over when it was fetched; never leaves raw")

    @dy.rule()
    def has_a_close(cls) -> pl.Expr:  # noqa: N805
        """A bar without any closing price says nothing."""
        return pl.col("close").is_not_null() | pl.col("adj_close").is_not_null()

    @dy.rule()
    def prices_are_positive(cls) -> pl.Expr:  # noqa: N805
        """None of the catalog's symbols can trade at zero or below."""
        return pl.min_horizontal("close", "adj_close", "high", "low") > 0

    @dy.rule()
    def high_is_not_below_low(cls) -> pl.Expr:  # noqa: N805
        """A bar whose high is under its low is damaged."""
        return pl.col("high") >= pl.col("low")


class FuturesSettlements(RawTable):
    """The settlement of one futures contract on one day; a price of an unfinished day is provisional."""

    subject = "policy"
    may_be_empty = True
    door = Door(
        series="contract",
        day="date",
        values=("settlement",),
        limits=TRADED,
        fixed=("root", "delivery_month"),
        together=True,
        ladder=Ladder("delivery_month", step=0.02),  # [once, on 2021-12-03]
    )
    contract = dy.String(primary_key=True, description="symbol at the source, for example ZQZ25.CBT")
    date = dy.Date(primary_key=True, description="exchange session")
    root = dy.String(description="catalog id of the family")
    delivery_month = dy.Date(description="first day of the delivery month")
    settlement = number("index points", "daily settlement: 100 minus the average rate in percent", min=75, max=101)
    provisional = dy.Bool(description="the day was not over when it was fetched; never leaves raw")


class MacroObservations(RawTable):
    """One observation of one macro series, in the unit it is published in, by vintage where vintages are known."""

    subject = "macro"
    door = Door(series="series_id", day="date", values=("value",), limits=PUBLISHED, conceivable={"percent": 1.5})
    series_id = dy.String(description="catalog id")
    date = dy.Date(description="the day or period the value speaks of, as the publisher dates it")
    realtime_start = dy.Date(nullable=True, description="first day this value was public; null: not recorded")
    value = number("catalog unit", "value as published; null: withdrawn from this vintage on", nullable=True)

    @dy.rule()
    def one_value_per_vintage(cls) -> pl.Expr:  # noqa: N805
        """Two values for one day and one vintage contradict each other."""
        return pl.len().over("series_id", "date", "realtime_start") == 1

    @classmethod
    def key(cls) -> tuple[str, ...]:
        """Identified by series, day and vintage; the vintage may be unknown."""
        return ("series_id", "date", "realtime_start")


class TreasuryOperations(RawTable):
    """One outright Treasury operation of the New York Fed's Desk."""

    subject = "balance_sheet"
    may_be_empty = True
    door = Door(
        series="operation_type",
        day="operation_date",
        values=("accepted_usd_bn",),
        kind="levels",
        times=4.0,  # [below 2]
        usual=0.1,
        fixed=("operation_date", "operation_type"),
    )
    operation_id = dy.String(primary_key=True, description="the Desk's own identifier")
    operation_date = dy.Date(description="day of the operation; its result is public the same day")
    settlement_date = dy.Date(nullable=True, description="day the securities change hands")
    operation_type = dy.String(description="as the Desk names it, for example Outright Bill Purchase")
    submitted_usd_bn = number("USD bn", "par amount offered by dealers", nullable=True, min=0)
    accepted_usd_bn = number("USD bn", "par amount the Desk took", nullable=True, min=0)
    note = dy.String(nullable=True, description="the Desk's remark")

    @dy.rule()
    def takes_no_more_than_offered(cls) -> pl.Expr:  # noqa: N805
        """The Desk accepts from what dealers submit."""
        return pl.col("accepted_usd_bn") <= pl.col("submitted_usd_bn") + 1e-9


class FundFlows(RawTable):
    """One spot bitcoin ETF's net flow on one day; a day not yet reported is absent, never zero."""

    subject = "flows"
    may_be_empty = True
    door = Door(
        series="fund",
        day="date",
        values=("net_flow_usd_mn",),
        kind="levels",
        times=20.0,  # [11.3, BTCW on 2024-08-08]
        settles=2,
        together=True,
    )
    fund = dy.String(primary_key=True, description="ticker, or TOTAL")
    date = dy.Date(primary_key=True, description="trading day of the flow")
    net_flow_usd_mn = number("USD mn", "creations minus redemptions")


class FomcMeetings(RawTable):
    """One meeting of the FOMC that could decide the target range."""

    subject = "policy"
    meeting_date = dy.Date(primary_key=True, description="last day of the meeting, the day of the statement")
    scheduled = dy.Bool(description="false: held between the scheduled meetings")
