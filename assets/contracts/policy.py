"""Contracts about the Federal Reserve: decisions, cycles, balance sheet.

Here: promised columns and the rules their rows keep. Not here: how they are computed (sql/, assets.policy,
quant.policy).
"""

from __future__ import annotations

from typing import ClassVar

import dataframely as dy
import polars as pl

from assets.contracts.base import Mart, Table, count, number


class TargetDecisions(Table):
    """The target range before and after each FOMC meeting, once the range after it is public."""

    layer: ClassVar[str] = "policy"
    meeting_date = dy.Date(primary_key=True, description="last day of the meeting")
    lower_before_pct = number("percent", "lower limit the day before")
    upper_before_pct = number("percent", "upper limit the day before")
    target_lower_pct = number("percent", "lower limit the day after")
    target_upper_pct = number("percent", "upper limit the day after")


class FedDecisions(Mart):
    """One FOMC meeting: what it decided, and the policy cycle it belongs to.

    A cycle takes the direction of the last change; after twelve months without a change it is a hold.
    """

    meeting_date = dy.Date(primary_key=True, description="last day of the meeting, the day of the statement")
    target_lower_pct = number("percent", "lower limit of the target range after the meeting", min=0)
    target_upper_pct = number("percent", "upper limit of the target range after the meeting", min=0)
    change_bp = number("basis points", "change of the upper limit")
    action = dy.Enum(["cut", "hold", "hike"], description="what the meeting did to the target range")
    cuts_this_year = count("cuts of the calendar year up to and with this meeting")
    hikes_this_year = count("hikes of the calendar year up to and with this meeting")
    cycle = dy.Enum(["easing", "tightening", "hold"], description="policy cycle after this meeting")
    cycle_start = dy.Date(description="meeting that began the cycle")
    cumulative_change_bp = number("basis points", "sum of changes since the cycle began, this meeting's with it")

    @dy.rule()
    def action_follows_change(cls) -> pl.Expr:  # noqa: N805
        """A cut lowers, a hike raises, a hold leaves."""
        sign = pl.col("change_bp").sign()
        return sign == pl.col("action").cast(pl.String).replace_strict(
            {"cut": -1, "hold": 0, "hike": 1}, return_dtype=pl.Float64
        )

    @dy.rule()
    def lower_below_upper(cls) -> pl.Expr:  # noqa: N805
        """A range has two ends."""
        return pl.col("target_lower_pct") < pl.col("target_upper_pct")


class FedLiquidity(Mart):
    """The Fed's balance sheet on one Wednesday in USD bn, and what of it reaches markets.

    Net liquidity = total assets - Treasury General Account - overnight reverse repo. The account and reserves are
    week averages, the rest Wednesday levels, as the H.4.1 release gives them.
    """

    date = dy.Date(primary_key=True, description="Wednesday of the H.4.1 release")
    available_on = dy.Date(description="first day a reader could know the row")
    total_assets_usd_bn = number("USD bn", "total assets (WALCL)", min=0)
    treasuries_usd_bn = number("USD bn", "Treasury securities held outright (TREAST)", nullable=True, min=0)
    bills_usd_bn = number("USD bn", "of these, bills (WSHOBL)", nullable=True, min=0)
    mbs_usd_bn = number("USD bn", "mortgage-backed securities (WSHOMCB)", nullable=True, min=0)
    reserves_usd_bn = number("USD bn", "reserve balances, week average (WRESBAL)", nullable=True, min=0)
    treasury_general_account_usd_bn = number(
        "USD bn", "the Treasury's account, week average (WTREGEN)", nullable=True, min=0
    )
    reverse_repo_usd_bn = number(
        "USD bn", "overnight reverse repo, last operation up to the date (RRPONTSYD)", nullable=True, min=0
    )
    net_liquidity_usd_bn = number("USD bn", "total assets - Treasury General Account - reverse repo", nullable=True)
    net_liquidity_change_4w_usd_bn = number("USD bn", "change over 4 weeks", nullable=True)
    net_liquidity_change_13w_usd_bn = number("USD bn", "change over 13 weeks", nullable=True)

    @dy.rule()
    def known_by_as_of(cls) -> pl.Expr:  # noqa: N805
        """Nothing is used before it was public."""
        return (pl.col("available_on") > pl.col("date")) & (pl.col("available_on") <= pl.col("as_of"))
