"""Contracts of the studies: does Bitcoin follow, who leads, what comes next, and how good such forecasts were.

Here: promised columns and the rules their rows keep. Not here: how they are computed (assets.marts, quant), what is
studied (assets/studies.toml).
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from assets.contracts.base import Mart, count, number


class BreakoutEvents(Mart):
    """A record close of the benchmark after at least 20 sessions without one, and what the asset did next.

    Every record day as an event would count one rally many times; a quiet spell before it makes events few and far
    apart. A row says what was known at the end of as_of: it gains values, and none that it has ever changes.
    """

    may_be_empty = True
    benchmark = dy.String(primary_key=True, description="catalog symbol that set the record")
    asset = dy.String(primary_key=True, description="catalog symbol looked at afterwards")
    session = dy.Date(primary_key=True, description="day of the record close")
    sessions_since_previous_record = count(
        "sessions from the benchmark's previous record close to this one; 21 leaves 20 without a record in between",
        min=2,
        metadata={"unit": "sessions"},
    )
    asset_drawdown = number("fraction", "asset's distance from its own record close that day", min=-1, max=0)
    forward_return_5d = number("fraction", "asset's change over the next 5 sessions; null until known", nullable=True)
    forward_return_21d = number("fraction", "asset's change over the next 21 sessions; null until known", nullable=True)
    forward_return_63d = number("fraction", "asset's change over the next 63 sessions; null until known", nullable=True)
    forward_return_126d = number(
        "fraction", "asset's change over the next 126 sessions; null until known", nullable=True
    )
    followed = dy.Bool(
        nullable=True,
        description="the asset set a record close within the next 126 sessions; true from that day on, false once they "
        "have passed, null until then",
    )
    sessions_to_follow = dy.Int64(
        nullable=True,
        min=1,
        metadata={"unit": "sessions"},
        description="sessions until that record close, weekend records counted on the next session; null unless "
        "followed",
    )

    @dy.rule()
    def followed_has_a_day(cls) -> pl.Expr:  # noqa: N805
        """Exactly the followed events have a number of sessions."""
        return pl.col("followed").fill_null(False) == pl.col("sessions_to_follow").is_not_null()

    @dy.rule()
    def nothing_after_as_of(cls) -> pl.Expr:  # noqa: N805
        """No row is dated after the day it could have been computed."""
        return pl.col("session") <= pl.col("as_of")


class BreakoutStudy(Mart):
    """What followed a benchmark's breakouts, held against what followed any session.

    The base is every session since the asset's first price. A p-value asks how often the events, rotated around the
    sample with their clustering kept, are followed by a mean return as high as the one observed; it is one-sided
    (higher after a breakout) and, on simulated markets without any such effect, below 5% in 3 to 8% of cases. Read
    power_10pct beside it: with so few events a large true effect is easily missed, so a high p-value is no proof
    of none. Intervals are percentiles of a stationary bootstrap; with about 16 events the nominal 95% hold the truth
    in about 91 to 95% of simulated cases for hit rates.
    """

    benchmark = dy.String(primary_key=True, description="catalog symbol whose breakouts are the events")
    asset = dy.String(primary_key=True, description="catalog symbol looked at afterwards")
    horizon_sessions = dy.Int64(primary_key=True, min=1, description="how far ahead", metadata={"unit": "sessions"})
    condition = dy.String(
        primary_key=True, description="quiet_20: at least 20 sessions without a record before; likewise 63 and 252"
    )
    events = count("breakouts whose outcome at this horizon is known")
    independent_events = count("of these, events further apart than the horizon: outcomes that share no session")
    hit_rate = number("fraction", "share of events with a positive return", nullable=True, min=0, max=1)
    baseline_hit_rate = number("fraction", "share of all sessions with a positive return", nullable=True, min=0, max=1)
    hit_rate_ci95_low = number(
        "fraction", "lower end of the 95% interval; null below five events", nullable=True, min=0, max=1
    )
    hit_rate_ci95_high = number("fraction", "upper end of the 95% interval", nullable=True, min=0, max=1)
    mean_return = number("fraction", "mean return after the events", nullable=True)
    baseline_mean_return = number("fraction", "mean return after any session", nullable=True)
    mean_return_ci95_low = number("fraction", "lower end of the 95% interval of mean_return", nullable=True)
    mean_return_ci95_high = number("fraction", "upper end of the 95% interval of mean_return", nullable=True)
    p_value = number(
        "probability",
        "of a mean return this far above the base by chance, one-sided; null below three events",
        nullable=True,
        min=0,
        max=1,
    )
    p_value_hit_rate = number(
        "probability", "the same for the hit rate, ties counted half", nullable=True, min=0, max=1
    )
    p_value_family = number(
        "probability",
        "of the best of all horizons and assets of this benchmark and condition by chance: the one to read first",
        nullable=True,
        min=0,
        max=1,
    )
    power_10pct = number(
        "probability",
        "chance that a true excess of 10% (detectable_return of studies.toml) would have been found at 5%",
        nullable=True,
        min=0,
        max=1,
    )
    follow_rate = number(
        "fraction", "share of events after which the asset set a record within the horizon", nullable=True, min=0, max=1
    )
    baseline_follow_rate = number("fraction", "the same share of all sessions", nullable=True, min=0, max=1)
    method = dy.String(description="how p-values and intervals were made, with their numbers")

    @dy.rule()
    def independent_are_events(cls) -> pl.Expr:  # noqa: N805
        """Independent events are a part of the events."""
        return pl.col("independent_events") <= pl.col("events")


class LeadLag(Mart):
    """Correlation of the benchmark's return on one session with the asset's some sessions later; lag > 0: it leads.

    Over the last sessions up to as_of. Beware of lag -1: there a pair of a crypto
    asset with a New York benchmark shows a correlation of about 0.03 to 0.06 that no one can trade. The crypto day
    closes at 00:00 UTC, three to four hours after New York; what happens in between moves the crypto price today and
    the benchmark tomorrow, so the asset seems to lead by a day, and the correlation at lag 0 is 8 to 13% too small
    (both from a simulated market without any lead, a true correlation of 0.45). See `note`.
    """

    pair = dy.String(primary_key=True, description="asset/benchmark")
    window_sessions = dy.Int64(
        primary_key=True, min=1, description="how many sessions up to the last one", metadata={"unit": "sessions"}
    )
    lag_sessions = dy.Int64(
        primary_key=True,
        description="the asset's return is taken this many sessions after the benchmark's; > 0: the benchmark leads, "
        "< 0: the asset leads",
        metadata={"unit": "sessions"},
    )
    correlation = number("-1 to 1", "Pearson correlation of daily log returns at this lag", min=-1, max=1)
    ci95_low = number("-1 to 1", "lower end of the 95% interval, robust to volatility clustering", min=-1, max=1)
    ci95_high = number("-1 to 1", "upper end of the 95% interval", min=-1, max=1)
    p_value = number("probability", "two-sided, of no correlation, as if this lag alone were looked at", min=0, max=1)
    p_value_adjusted = number(
        "probability",
        "of so strong a correlation at any lag but 0 by chance: the one to read; lag 0, no question of lead, keeps "
        "its p_value. Adjusted within a pair and window, not across them",
        min=0,
        max=1,
    )
    observations = count("sessions on which both returns exist at this lag", metadata={"unit": "sessions"})
    first_session = dy.Date(description="first session of the window")
    last_session = dy.Date(description="last session of the window")
    note = dy.String(nullable=True, description="what to know before reading this lag as a lead")

    @dy.rule()
    def band_holds_the_estimate(cls) -> pl.Expr:  # noqa: N805
        """A confidence interval contains its own estimate."""
        return pl.col("correlation").is_between(pl.col("ci95_low") - 1e-12, pl.col("ci95_high") + 1e-12)

    @dy.rule()
    def adjusted_is_no_smaller(cls) -> pl.Expr:  # noqa: N805
        """Looking at many lags can only make a finding less certain."""
        return pl.col("p_value_adjusted") >= pl.col("p_value") - 1e-12

    @dy.rule()
    def nothing_after_as_of(cls) -> pl.Expr:  # noqa: N805
        """No window ends after the day it could have been computed."""
        return pl.col("last_session") <= pl.col("as_of")
