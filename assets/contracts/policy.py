"""Contracts about the Federal Reserve: decisions, cycles, balance sheet.

Here: promised columns and the rules their rows keep. Not here: how they are computed (sql/, assets.marts,
quant.policy).
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from assets.framework.chart import Chart
from assets.framework.contract import DerivedTable, Mart, ahead, count, number

_COMPLETE_FROM = (
    "first day from which its operations are known; later than its first operation where the source begins later, and "
    "then sums are of a part"
)
_IS_COMPLETE = "its operations are known from its first month on; false: sums are of a part"


class TargetDecisions(DerivedTable):
    """The target range before and after each FOMC meeting, once the range after it is public."""

    subject = "policy"
    grows_by = "meeting_date"
    meeting_date = dy.Date(primary_key=True, description="last day of the meeting")
    lower_before_pct = number("percent", "lower limit the day before")
    upper_before_pct = number("percent", "upper limit the day before")
    target_lower_pct = number("percent", "lower limit the day after")
    target_upper_pct = number("percent", "upper limit the day after")


class Meetings(DerivedTable):
    """The FOMC's meetings, past and announced."""

    subject = "policy"
    meeting_date = dy.Date(primary_key=True, description="last day of the meeting, the day of the statement")
    scheduled = dy.Bool(description="false: held between the scheduled meetings, known from its day only")


class FedDecisions(Mart):
    """One FOMC meeting: what it decided, and the policy cycle it belongs to.

    A cycle takes the direction of the last change; after twelve months without a change it is a hold.
    """

    subject = "policy"
    chart = Chart(x="meeting_date", y=("target_upper_pct",), mark="step")
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

    subject = "balance_sheet"
    grows_by = "available_on"
    chart = Chart(x="date", y=("net_liquidity_usd_bn", "total_assets_usd_bn"))
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
    def known_afterwards(cls) -> pl.Expr:  # noqa: N805
        """Nothing is used before it was public."""
        return pl.col("available_on") > pl.col("date")


class PolicyState(Mart):
    """The policy in force on one NYSE session: target range, cycle, and how far into it.

    A decision is in force from the day after its meeting.
    """

    subject = "policy"
    grows_by = "session"
    chart = Chart(x="session", y=("target_lower_pct", "target_upper_pct"), mark="step")
    session = dy.Date(primary_key=True, description="NYSE session")
    last_meeting_date = dy.Date(description="last meeting before the session")
    target_lower_pct = number("percent", "lower limit of the target range", min=0)
    target_upper_pct = number("percent", "upper limit of the target range", min=0)
    cycle = dy.Enum(["easing", "tightening", "hold"], description="policy cycle")
    cycle_start = dy.Date(description="meeting that began the cycle")
    cumulative_change_bp = number("basis points", "sum of changes since the cycle began")
    cuts_this_year = count("cuts of the calendar year, in force on the session")
    days_since_first_cut = dy.Int64(
        nullable=True, min=0, description="since the cycle's first cut; null outside easing", metadata={"unit": "days"}
    )
    days_since_last_change = dy.Int64(
        nullable=True, min=0, description="since the target range last changed", metadata={"unit": "days"}
    )


class ImpliedRates(Mart):
    """What one fed funds futures contract says of its month: 100 minus the settlement is the average rate expected.

    The average of a whole month, beside the effective rate known on the day. Contracts stand alone here: a hole in the
    curve ends rate_path, and leaves the other months readable.
    """

    subject = "policy"
    grows_by = "observed_on"
    may_be_empty = True
    observed_on = dy.Date(primary_key=True, description="day of the settlement")
    delivery_month = ahead("first day of the contract's month", primary_key=True)
    months_ahead = count("months from the observation's month to the contract's")
    settlement = number("index points", "settlement price")
    implied_rate_pct = number("percent", "expected average effective federal funds rate of the month")
    effective_rate_pct = number("percent", "effective federal funds rate last known on the day (DFF)")
    implied_change_bp = number("basis points", "implied rate minus effective rate")


class MeetingOutlooks(DerivedTable):
    """What one day's futures said of one coming FOMC meeting: rates around it, and the ranges it may bring."""

    subject = "policy"
    grows_by = "observed_on"
    may_be_empty = True
    observed_on = dy.Date(primary_key=True, description="day of the settlements")
    meeting_date = dy.Date(primary_key=True, description="last day of the meeting")
    rate_before_pct = number("percent", "effective rate before the meeting; null where the path ends", nullable=True)
    expected_rate_pct = number("percent", "effective rate expected after it; null where the path ends", nullable=True)
    cumulative_change_bp = number("basis points", "change expected from today until after the meeting", nullable=True)
    priced_change_12m_bp = number("basis points", "change expected over 12 months; null where it ends", nullable=True)
    lowest_lower_pct = number("percent", "lower limit of the lowest possible range", nullable=True, min=0)
    lowest_upper_pct = number("percent", "upper limit of that range", nullable=True)
    probabilities = dy.List(
        dy.Float64(min=0, max=1),
        nullable=True,
        description="of that range and of those a quarter point further up each",
    )
    path_ends = dy.String(nullable=True, description="why the path ends before this meeting; null where it does not")


class RatePath(Mart):
    """What fed funds futures said on one day of one coming FOMC meeting, by the FedWatch method.

    Meetings of the next 18 months, up to the first missing contract or the end of the list of meetings: there the path
    ends with one row without a rate, which says why. On the day of a meeting its own decision is still to come.
    """

    subject = "policy"
    grows_by = "observed_on"
    chart = Chart(x="meeting_date", y=("expected_rate_pct",), newest="observed_on", mark="step")
    may_be_empty = True
    observed_on = dy.Date(primary_key=True, description="day of the settlements")
    meeting_date = ahead(
        "last day of the meeting; where no listed meeting ends the path, the first day the list does not cover",
        primary_key=True,
    )
    rate_before_pct = number(
        "percent",
        "effective federal funds rate expected before the meeting; for the next one the rate in force, as the average "
        "of a month without a meeting or the rates published since the last decision say; null where the path ends",
        nullable=True,
    )
    expected_rate_pct = number(
        "percent", "effective federal funds rate expected after the meeting; null where the path ends", nullable=True
    )
    change_bp = number("basis points", "change expected of this meeting; null where the path ends", nullable=True)
    cumulative_change_bp = number(
        "basis points", "change expected from today until after the meeting; null where the path ends", nullable=True
    )
    priced_change_12m_bp = number(
        "basis points",
        "change expected over all meetings of the 12 months after observed_on; null where the path ends before",
        nullable=True,
    )
    most_likely_lower_pct = number("percent", "lower limit of the most likely target range", nullable=True)
    most_likely_probability = number("fraction", "probability of that range", nullable=True, min=0, max=1)
    path_ends = dy.String(nullable=True, description="why the path ends before this meeting; null where it does not")

    @dy.rule()
    def says_why_it_ends(cls) -> pl.Expr:  # noqa: N805
        """A meeting has a rate, or the reason why it has none."""
        return pl.col("expected_rate_pct").is_null() == pl.col("path_ends").is_not_null()

    @dy.rule()
    def looks_ahead(cls) -> pl.Expr:  # noqa: N805
        """Meetings of a path lie ahead of its observation."""
        return pl.col("meeting_date") >= pl.col("observed_on")

    @classmethod
    def concerns(cls, rows: pl.DataFrame) -> list[str]:
        """Where the newest path ends within a year."""
        newest = rows.filter(pl.col("observed_on") == pl.col("observed_on").max())
        newest = newest.filter(pl.col("path_ends").is_not_null(), pl.col("priced_change_12m_bp").is_null())
        return [
            f"path of {row['observed_on']} ends before the meeting of {row['meeting_date']}: {row['path_ends']}"
            for row in newest.iter_rows(named=True)
        ]


class RatePathProbabilities(Mart):
    """How likely each target range was after a coming meeting, as futures said on one day: rate_path in long form.

    No range lies below zero: what the curve puts there counts to the range at zero.
    """

    subject = "policy"
    grows_by = "observed_on"
    may_be_empty = True
    observed_on = dy.Date(primary_key=True, description="day of the settlements")
    meeting_date = ahead("last day of the meeting", primary_key=True)
    target_lower_pct = dy.Float64(
        primary_key=True, min=0, description="lower limit of the range", metadata={"unit": "percent"}
    )
    target_upper_pct = number("percent", "upper limit of the range")
    probability = number("fraction", "probabilities of a meeting sum to 1", min=0, max=1)

    @dy.rule()
    def probabilities_sum_to_one(cls) -> pl.Expr:  # noqa: N805
        """One of the outcomes happens."""
        total = pl.col("probability").sum().over("observed_on", "meeting_date")
        return (total - 1).abs() < 1e-6


class FedPrograms(Mart):
    """The Fed's asset purchase programmes announced so far, with what the Desk bought outright under each."""

    subject = "balance_sheet"
    program = dy.String(primary_key=True, description="name in every table")
    name = dy.String(description="what a person calls it")
    announced_on = dy.Date(description="day it was made public")
    program_start = ahead("day that studies count from")
    program_end = ahead("last day of purchases; null while open", nullable=True)
    announced_usd_bn_per_month = number(
        "USD bn a month", "pace announced at the start, of everything bought; null: none", nullable=True, min=0
    )
    includes_agency_reinvestment = dy.Bool(
        description="its operations also reinvest principal of agency securities, and cannot be told apart from it"
    )
    operations = count("outright operations known to belong to it")
    accepted_usd_bn = number(
        "USD bn", "accepted in these operations; null: none is known, or not of all", nullable=True, min=0
    )
    complete_from = dy.Date(nullable=True, description=_COMPLETE_FROM)
    is_complete = dy.Bool(nullable=True, description=_IS_COMPLETE)
    source = dy.String(description="where the programme is published")


class TreasuryPurchases(Mart):
    """One outright purchase of Treasury securities by the Desk, and the programme it belongs to.

    Since December 2025 the Desk reinvests principal of agency securities into bills in the same operations as its
    reserve management purchases. Its results do not separate the two: includes_agency_reinvestment says where.
    """

    subject = "balance_sheet"
    chart = Chart(x="operation_date", y=("accepted_usd_bn",), mark="stem")
    may_be_empty = True
    operation_id = dy.String(primary_key=True, description="the Desk's own identifier")
    operation_date = dy.Date(description="day of the operation; its result is public the same day")
    settlement_date = ahead("day the securities change hands", nullable=True)
    operation_type = dy.String(description="as the Desk names it")
    submitted_usd_bn = number("USD bn", "par amount offered by dealers", nullable=True, min=0)
    accepted_usd_bn = number("USD bn", "par amount the Desk took", nullable=True, min=0)
    program = dy.String(nullable=True, description="see fed_programs; null: none, such as small value exercises")
    program_cumulative_usd_bn = number(
        "USD bn",
        "accepted under the programme up to and with this operation; null without one, and from an unknown amount on",
        nullable=True,
        min=0,
    )
    complete_from = dy.Date(nullable=True, description=_COMPLETE_FROM)
    is_complete = dy.Bool(nullable=True, description=_IS_COMPLETE)
    includes_agency_reinvestment = dy.Bool(
        description="true: some of the amount reinvests principal of agency securities, how much is not published"
    )

    @dy.rule()
    def takes_no_more_than_offered(cls) -> pl.Expr:  # noqa: N805
        """The Desk accepts from what dealers submit."""
        return pl.col("accepted_usd_bn") <= pl.col("submitted_usd_bn") + 1e-9
