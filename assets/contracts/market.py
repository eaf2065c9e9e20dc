"""Contracts of the marts about prices: state, correlation, trend, divergence, peaks.

Here: promised columns and the rules their rows keep. Not here: how they are computed (sql/marts, assets.marts,
quant).
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from assets.framework.chart import Chart, Headline
from assets.framework.contract import Mart, count, number
from quant.divergence import FAR_BELOW_RECORD


class MarketState(Mart):
    """One symbol on one session: its level, its record, its distance from it.

    A row per NYSE session for exchange-traded symbols and per UTC day for crypto, so that a record set on a weekend is
    a record. Momentum and volatility count these days. Where the source has an adjusted close and no unadjusted one,
    the row says so in `missing`, and nothing that hangs on the close.
    """

    subject = "prices"
    grows_by = "session"
    chart = Chart(x="session", y=("drawdown",), by="symbol", lines=(Headline.ASSET, Headline.BENCHMARK))
    symbol = dy.String(primary_key=True, description="catalog id, Yahoo notation")
    session = dy.Date(primary_key=True, description="NYSE session; UTC day for crypto")
    close = number("catalog unit", "last price, unadjusted; null: missing at the source", nullable=True)
    high = number("catalog unit", "highest price of the day, the close with it; null: neither is known", nullable=True)
    low = number("catalog unit", "lowest price of the day, the close with it; null: neither is known", nullable=True)
    return_1d = number("fraction", "change since the previous day; null after a missing day", nullable=True)
    record_close = number("catalog unit", "highest close so far, that of the time before the data begin included")
    record_session = dy.Date(description="day of the record close; it may lie before the data begin")
    record_high = number("catalog unit", "highest intraday high so far")
    is_record_close = dy.Bool(nullable=True, description="this close is above every earlier one; null: no close")
    drawdown = number("fraction", "close / record_close - 1; null without a close", nullable=True, min=-1, max=0)
    drawdown_from_high = number(
        "fraction", "close / record_high - 1; null without a close", nullable=True, min=-1, max=0
    )
    is_far_below_record = dy.Bool(
        nullable=True,
        description=f"{FAR_BELOW_RECORD:.0%} or more below the record close: where a divergence begins, and where a "
        "leader has fallen",
    )
    far_below_record_at = number(
        "catalog unit", f"a close at or below this stands {FAR_BELOW_RECORD:.0%} or more below the record close"
    )
    sessions_since_record = count(
        "days of this symbol since record_session; null while that lies before the calendar begins",
        metadata={"unit": "sessions"},
        nullable=True,
    )
    record_is_censored = dy.Bool(
        description="the record may not be one: it traded before its data begin and what it did then is not known, or "
        "it may have closed higher on a day whose close is missing"
    )
    volatility_30d_annualized = number(
        "fraction a year",
        "sd of the last 30 daily log returns, times sqrt(252), sqrt(365) for crypto",
        nullable=True,
        min=0,
    )
    momentum_21d = number("fraction", "change over 21 of the symbol's days", nullable=True)
    momentum_63d = number("fraction", "change over 63 of the symbol's days", nullable=True)
    momentum_252d = number("fraction", "change over 252 of the symbol's days", nullable=True)
    missing = dy.String(nullable=True, description="columns the source left empty that day: close, high, adj_close")

    @dy.rule()
    def record_is_in_the_past(cls) -> pl.Expr:  # noqa: N805
        """A record cannot be dated after the row that knows it."""
        return pl.col("record_session") <= pl.col("session")


class RollingCorrelations(Mart):
    """How closely a pair's daily log returns moved together over the last sessions, with a confidence band."""

    subject = "does_bitcoin_follow"
    grows_by = "session"
    chart = Chart(x="session", y=("correlation",), where={"pair": Headline.PAIR}, by="window_sessions", lines=(60, 252))
    pair = dy.String(primary_key=True, description="asset/benchmark")
    session = dy.Date(primary_key=True, description="NYSE session, the last of the window")
    window_sessions = dy.Int64(
        primary_key=True, description="length of the window", min=3, metadata={"unit": "sessions"}
    )
    asset = dy.String(description="catalog symbol")
    benchmark = dy.String(description="catalog symbol it is held against")
    correlation = number("-1 to 1", "Pearson correlation of daily log returns", min=-1, max=1)
    ci95_low = number("-1 to 1", "lower end of the 95% confidence interval", nullable=True, min=-1, max=1)
    ci95_high = number("-1 to 1", "upper end of the 95% confidence interval", nullable=True, min=-1, max=1)
    observations = count("sessions of the window on which both returns exist", metadata={"unit": "sessions"})

    @dy.rule()
    def band_holds_the_estimate(cls) -> pl.Expr:  # noqa: N805
        """A confidence interval contains its own estimate."""
        return pl.col("correlation").is_between(pl.col("ci95_low") - 1e-12, pl.col("ci95_high") + 1e-12)


class RelativeStrength(Mart):
    """Which of a pair runs ahead: the trend gap, which is not the correlation of daily returns."""

    subject = "does_bitcoin_follow"
    grows_by = "session"
    chart = Chart(x="session", y=("gap_63d",), by="pair", lines=(Headline.PAIR,))
    pair = dy.String(primary_key=True, description="asset/benchmark")
    session = dy.Date(primary_key=True, description="NYSE session on which both have a price")
    ratio = number("asset / benchmark", "price of the asset over price of the benchmark")
    ratio_drawdown = number("fraction", "ratio over its own record, minus 1", min=-1, max=0)
    gap_63d = number(
        "log return",
        "asset minus benchmark over 63 NYSE sessions; null where either has no price at an end",
        nullable=True,
    )
    gap_126d = number("log return", "the same over 126 NYSE sessions", nullable=True)
    gap_252d = number("log return", "the same over 252 NYSE sessions", nullable=True)
    gap_63d_zscore = number(
        "standard deviations",
        "gap_63d against the 756 sessions before this one, today left out; null before 252 of them",
        nullable=True,
    )
    lagging_at_or_below = number(
        "log return", "the next session counts as lagging with a gap_63d at or below this", nullable=True
    )
    leading_at_or_above = number(
        "log return", "the next session counts as leading with a gap_63d at or above this", nullable=True
    )
    trend_state = dy.Enum(
        ["leading", "tracking", "lagging"],
        nullable=True,
        description="leading from z-score +1, lagging from -1, tracking between; null without a z-score",
    )


class DivergenceEpisodes(Mart):
    """A time in which the leader set record closes while the follower stood 20% or more below its own.

    It begins with the leader's record close and ends when the follower regains its own record close
    (follower_recovered) or the leader falls 20% below its record (leader_fell); until then it is open.
    """

    subject = "does_bitcoin_follow"
    chart = Chart(
        x="start_session",
        y=("follower_max_drawdown",),
        where={"leader": Headline.BENCHMARK, "follower": Headline.ASSET},
        mark="stem",
    )
    may_be_empty = True
    leader = dy.String(primary_key=True, description="catalog symbol that sets records")
    follower = dy.String(primary_key=True, description="catalog symbol that stands below its record")
    start_session = dy.Date(primary_key=True, description="first such record close of the leader")
    end_session = dy.Date(nullable=True, description="session of the outcome; null while open")
    leader_record_closes = count(
        f"record closes of the leader with the follower {FAR_BELOW_RECORD:.0%} or more below its own", min=1
    )
    follower_drawdown_at_start = number("fraction", "follower's distance from its record at the start", min=-1, max=0)
    follower_max_drawdown = number("fraction", "follower's largest distance from its record", min=-1, max=0)
    is_censored = dy.Bool(description="a record it began with may be none, see market_state.record_is_censored")
    outcome = dy.Enum(["follower_recovered", "leader_fell", "open"], description="how it ended")
    sessions = count(
        "sessions from start to end, or to the as-of date while open", min=1, metadata={"unit": "sessions"}
    )

    @dy.rule()
    def ends_unless_open(cls) -> pl.Expr:  # noqa: N805
        """Only an open episode has no end."""
        return (pl.col("outcome") == "open") == pl.col("end_session").is_null()


class LagHistory(Mart):
    """A divergence on one of its sessions, as it stood then: how long it has lasted, beside all lags known by then.

    The same lags as divergence_episodes, a row per session from the first to the one that ends it, so that "how long
    is long?" can be asked of any day. The lags of all pairs are counted together; they overlap and share symbols, so
    their number overstates what is known. Lags that are open are censored: they have lasted so long and count as
    lasting longer.
    """

    subject = "does_bitcoin_follow"
    grows_by = "session"
    may_be_empty = True
    leader = dy.String(primary_key=True, description="catalog symbol that sets records")
    follower = dy.String(primary_key=True, description="catalog symbol that stands below its record")
    session = dy.Date(primary_key=True, description="NYSE session on which both have a price")
    start_session = dy.Date(primary_key=True, description="first session of the lag")
    outcome = dy.Enum(
        ["follower_recovered", "leader_fell", "open"], description="open; on the session that ends it, how it ended"
    )
    sessions = count("sessions so far, the first counted", min=1, metadata={"unit": "sessions"})
    leader_record_closes = count(
        f"record closes of the leader so far with the follower {FAR_BELOW_RECORD:.0%} or more below its own", min=1
    )
    follower_max_drawdown = number("fraction", "follower's largest distance from its record so far", min=-1, max=0)
    leader_return = number("log return", "leader, from the first session to this one")
    follower_return = number("log return", "follower, from the first session to this one")
    coupled_return = number(
        "log return",
        "what the follower would have returned since the first session on the leader's daily returns alone: each times "
        "the follower's beta over the 252 sessions before that day; null before 126 of them",
        nullable=True,
    )
    explained_share = number(
        "fraction",
        "(coupled_return - leader_return) / (follower_return - leader_return) within 0 and 1: the share of the gap "
        "that daily coupling leaves by itself; null where the follower is not behind since the first session",
        nullable=True,
        min=0,
        max=1,
    )
    earlier_ended = count("other lags of all pairs that had ended by the session")
    earlier_recovered = count("of these, lags the follower recovered from")
    earlier_shorter = count("of these, lags shorter than this one so far")
    earlier_longest_sessions = count("the longest of these; 0 without one", metadata={"unit": "sessions"})
    earlier_median_sessions = number(
        "sessions",
        "how long half of all other lags lasted, open ones counted as censored; null: not yet half",
        nullable=True,
    )
    others_open = count("other lags of all pairs open at the end of the session: censored")
    outlasting_share = number(
        "fraction",
        "share of all other lags that lasted longer than this one so far (Kaplan-Meier, open ones censored)",
        nullable=True,
        min=0,
        max=1,
    )

    @dy.rule()
    def parts_are_no_more_than_the_whole(cls) -> pl.Expr:  # noqa: N805
        """Recovered and shorter lags are among those that ended."""
        return pl.max_horizontal("earlier_recovered", "earlier_shorter") <= pl.col("earlier_ended")


class PeakPairs(Mart):
    """A peak of the asset, and where the benchmark stood.

    A peak is a record close from which the asset fell 5% or more before any higher close; it is known from that fall
    on (confirmed_on), never earlier.
    """

    subject = "does_bitcoin_follow"
    may_be_empty = True
    asset = dy.String(primary_key=True, description="catalog symbol that peaked")
    peak_session = dy.Date(primary_key=True, description="day of the record close; UTC day for crypto")
    peak_close = number("catalog unit", "the record close")
    peak_high = number("catalog unit", "highest intraday high up to the peak's confirmation")
    benchmark = dy.String(primary_key=True, description="catalog symbol it is held against")
    benchmark_record_session = dy.Date(description="benchmark's newest record close when the peak was confirmed")
    gap_sessions = dy.Int64(
        description="sessions from the peak to that record; negative: the benchmark was first",
        metadata={"unit": "sessions"},
    )
    benchmark_drawdown_at_peak = number(
        "fraction", "benchmark's distance from its record at the peak; null: see missing", nullable=True, min=-1, max=0
    )
    is_joint = dy.Bool(
        nullable=True, description="the benchmark stood within 3% of its own record at the peak; null: not known"
    )
    confirmed_on = dy.Date(description="first day the asset had fallen 5% from the peak")
    is_censored = dy.Bool(description="a record of either may be none, see market_state.record_is_censored")
    missing = dy.String(nullable=True, description="what of the benchmark the source left empty at the peak")

    @dy.rule()
    def confirmed_after_the_peak(cls) -> pl.Expr:  # noqa: N805
        """A peak is known only afterwards."""
        return pl.col("confirmed_on") > pl.col("peak_session")
