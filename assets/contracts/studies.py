"""Contracts of the studies: does Bitcoin follow, who leads, what comes next, and how good such forecasts were.

Here: promised columns and the rules their rows keep. Not here: how they are computed (assets.marts, quant), what is
studied (assets/studies.toml).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import dataframely as dy
import polars as pl

from assets.framework.chart import Chart
from assets.framework.contract import DerivedTable, Mart, count, number


class BreakoutEvents(Mart):
    """A record close of the benchmark after at least 20 sessions without one, and what the asset did next.

    Every record day as an event would count one rally many times; a quiet spell before it makes events few and far
    apart. A row says what was known at the end of as_of: it gains values, and none that it has ever changes.
    """

    subject = "does_bitcoin_follow"
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
    any_day_follow_rate = number(
        "fraction",
        "what any day promised: share of all sessions whose next 126 were over by this one in which the asset set a "
        "record within them; null before there is one",
        nullable=True,
        min=0,
        max=1,
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


class BreakoutStudy(Mart):
    """What followed a benchmark's breakouts, held against what followed any session.

    The base is every session since the asset's first price. Read p_value_family first: it asks how often the best of
    all horizons and assets looks as good where nothing follows. p_value asks it of this row alone: how often the
    events, rotated around the sample with their clustering kept, are followed by a mean return as high as the one
    observed. Both are one-sided (higher after a breakout) and, on simulated markets without any such effect, below 5%
    in 3 to 8% of cases. Read power_10pct beside them: with so few events a large true effect is easily missed, so a
    high p-value is no proof of none. A few large returns make a mean, so medians stand beside it. The interval of the
    hit rate counts events whose outcomes overlap as fewer, that of the mean comes from a stationary bootstrap,
    stretched where so few effective events demand it: a nominal 95% hold the truth in 94 to 97% of simulated markets at
    every horizon.
    """

    subject = "does_bitcoin_follow"
    benchmark = dy.String(primary_key=True, description="catalog symbol whose breakouts are the events")
    asset = dy.String(primary_key=True, description="catalog symbol looked at afterwards")
    horizon_sessions = dy.Int64(primary_key=True, min=1, description="how far ahead", metadata={"unit": "sessions"})
    condition = dy.String(
        primary_key=True, description="quiet_20: at least 20 sessions without a record before; likewise 63 and 252"
    )
    events = count("breakouts whose outcome at this horizon is known")
    independent_events = count("of these, events further apart than the horizon: outcomes that share no session")
    p_value_family = number(
        "probability",
        "of the best of all horizons and assets of this benchmark and condition by chance: the one to read first",
        nullable=True,
        min=0,
        max=1,
    )
    hit_rate = number("fraction", "share of events with a positive return", nullable=True, min=0, max=1)
    baseline_hit_rate = number("fraction", "share of all sessions with a positive return", nullable=True, min=0, max=1)
    hit_rate_ci95_low = number(
        "fraction", "lower end of the 95% interval of hit_rate; null below five events", nullable=True, min=0, max=1
    )
    hit_rate_ci95_high = number("fraction", "upper end of the 95% interval of hit_rate", nullable=True, min=0, max=1)
    mean_return = number("fraction", "mean return after the events", nullable=True)
    baseline_mean_return = number("fraction", "mean return after any session", nullable=True)
    median_return = number("fraction", "median return after the events", nullable=True)
    baseline_median_return = number("fraction", "median return after any session", nullable=True)
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

    Over the last sessions up to as_of. Beware of lag -1: there a crypto asset beside a New York benchmark shows a
    correlation of about 0.03 to 0.06 that no one can trade. The crypto day closes at 00:00 UTC, three to four hours
    after New York; what happens in between moves the crypto price today and the benchmark tomorrow, so the asset seems
    to lead by a day, and the correlation at lag 0 is 8 to 13% too small (both from a simulated market without any
    lead, with a true correlation of 0.45). See `note`.
    """

    subject = "does_bitcoin_follow"
    may_be_empty = True
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


class SignalInputs(DerivedTable):
    """What a forecast made at the end of one session may look at, for every catalog pair."""

    subject = "judgement"
    grows_by = "session"
    pair = dy.String(primary_key=True, description="asset/benchmark")
    session = dy.Date(primary_key=True, description="NYSE session on which both have a price")
    ratio = number("asset / benchmark", "price of the asset over price of the benchmark")
    gap_63d = number("log return", "asset minus benchmark over 63 sessions", nullable=True)
    p_coupled = number("probability", "of the pair's daily returns being coupled", nullable=True, min=0, max=1)
    liquidity_impulse = number(
        "fraction", "13-week change of the Fed's net liquidity over its level before, as public that day", nullable=True
    )
    policy_direction = number("-1, 0 or 1", "policy cycle: easing 1, hold 0, tightening -1", nullable=True)
    asset_volatility_annualized = number(
        "fraction a year", "the asset's volatility over 30 of its days", nullable=True, min=0
    )
    fund_flows_21d_usd_mn = number(
        "USD mn", "net flow into spot bitcoin ETFs over the 21 trading days up to the day before", nullable=True
    )


class RecouplingSignal(Mart):
    """How likely the laggard of the pair catches up, as could be said at the end of one session.

    The laggard is whichever of the two had the lower return over the past 63 sessions. It catches up if its log return
    over the next horizon beats the leader's by half of that gap. The log-odds are those of the random walk plus the
    components; each is estimated only from outcomes known by the session and shrunk towards nothing. The last four
    columns say what happened and are the only ones that ever change, from null to their value. Whether any of this is
    worth listening to stands in signal_scorecard.
    """

    subject = "judgement"
    chart = Chart(x="session", y=("probability_catch_up", "base_rate"), where={"horizon_sessions": 63})
    grows_by = "session"
    known_later: ClassVar[Mapping[str, tuple[str, ...]]] = {"resolved_on": ("made_up", "caught_up", "caught_up_within")}
    may_be_empty = True
    session = dy.Date(primary_key=True, description="day the forecast is made, at its end")
    horizon_sessions = dy.Int64(primary_key=True, min=1, description="how far ahead", metadata={"unit": "sessions"})
    leader = dy.String(description="catalog symbol with the higher return over the past 63 sessions")
    follower = dy.String(description="the other one, the laggard")
    gap_63d = number("log return", "pair's asset minus its benchmark over the past 63 sessions")
    probability_catch_up = number(
        "probability", "that the laggard has caught up at the end of the horizon", min=0, max=1
    )
    to_make_up = number(
        "log return",
        "half of the gap, CATCH_UP_SHARE of quant.forecasts: by this the follower has to beat the leader",
        min=0,
    )
    price_to_reach = number(
        "catalog unit", "the follower's price at which that is made up, were the leader's to stay where it is", min=0
    )
    base_rate = number("probability", "share of catch-ups among all outcomes known that day", min=0, max=1)
    reference_days = count(
        "earlier days whose outcome was known, with the same follower and a gap between half and twice this one",
        metadata={"unit": "sessions"},
    )
    reference_independent = count("of these, days further apart than the horizon")
    reference_rate = number(
        "probability", "share of these days after which it was made up at the end", nullable=True, min=0, max=1
    )
    reference_rate_within = number(
        "probability", "share of these days after which it was made up at any close within", nullable=True, min=0, max=1
    )
    probability_within_random_walk = number(
        "probability", "probability_random_walk of standing there at any close within the horizon", min=0, max=1
    )
    forecasts_scored = count("earlier forecasts at this horizon that had ended")
    skill_so_far = number(
        "fraction", "1 - their Brier score / that of the random walk; null before the first", nullable=True, max=1
    )
    skill_so_far_ci95_low = number(
        "fraction", "lower end of its 95% interval, from blocks of a horizon each; null below ten", nullable=True
    )
    skill_so_far_ci95_high = number("fraction", "upper end of its 95% interval", nullable=True)
    probability_random_walk = number(
        "probability", "if the ratio were a driftless random walk: what the size of the gap alone says", min=0, max=1
    )
    probability_uncalibrated = number("probability", "before recalibration", min=0, max=1)
    component_trend_gap = number("log-odds", "size of the gap against the ratio's volatility, beyond the random walk")
    component_coupling = number("log-odds", "probability that daily returns are coupled")
    component_liquidity = number("log-odds", "13-week change of net liquidity, for or against the laggard")
    component_policy = number("log-odds", "policy cycle, for or against the laggard")
    component_volatility = number("log-odds", "the asset's volatility against its mean of the past year")
    component_flows = number("log-odds", "flows into spot bitcoin ETFs; 0 while they are unknown")
    reading = dy.String(description="the forecast in plain words, with how well such forecasts had done by that day")
    resolved_on = dy.Date(nullable=True, description="session on which the horizon ended; null until then")
    made_up = number(
        "log return", "follower minus leader from the session to resolved_on; null until then", nullable=True
    )
    caught_up = dy.Bool(nullable=True, description="made_up is at least half of the gap; null until known")
    caught_up_within = dy.Bool(
        nullable=True, description="it was made up at any close of the horizon; null until resolved_on"
    )

    @dy.rule()
    def components_add_up(cls) -> pl.Expr:  # noqa: N805
        """The components are all that separates the probability from that of the random walk, kept from 0 and 1."""
        walk = pl.col("probability_random_walk").clip(1e-6, 1 - 1e-6)
        start, issued = ((p / (1 - p)).log() for p in (walk, pl.col("probability_catch_up")))
        return (start + pl.sum_horizontal("^component_.*$") - issued).abs() < 1e-6

    @dy.rule()
    def outcome_comes_complete(cls) -> pl.Expr:  # noqa: N805
        """All columns of the outcome are known, or none is."""
        known = pl.col("resolved_on").is_not_null()
        return pl.all_horizontal(known == pl.col(c).is_not_null() for c in ("made_up", "caught_up", "caught_up_within"))


class SignalScorecard(Mart):
    """How good the forecasts were, once their horizon had ended.

    Two yardsticks. The base rate: the share of catch-ups known on the day of the forecast. The random walk: what the
    size of the gap alone says; beating only the base rate is arithmetic, beating the random walk would be foresight.
    Skill is 1 - Brier score / Brier score of the yardstick; zero is none. The intervals draw blocks at least as long
    as the horizon. `reading` says in words what is earned, and nothing more.
    """

    subject = "judgement"
    may_be_empty = True
    horizon_sessions = dy.Int64(primary_key=True, min=1, description="how far ahead", metadata={"unit": "sessions"})
    model = dy.String(
        primary_key=True,
        description="signal: probability_catch_up; signal_uncalibrated: before recalibration; random_walk: the size of "
        "the gap alone",
    )
    forecasts = count("forecasts whose horizon has ended", min=1)
    independent_forecasts = count("of these, forecasts further apart than the horizon")
    catch_up_rate = number("fraction", "share of them that came true", min=0, max=1)
    brier_score = number("squared probability", "mean squared error of the probability; 0 is perfect", min=0, max=1)
    brier_score_base_rate = number("squared probability", "the same for the base rate", min=0, max=1)
    brier_skill = number("fraction", "1 - brier_score / brier_score_base_rate", nullable=True, max=1)
    brier_skill_ci95_low = number("fraction", "lower end of the 95% interval", nullable=True)
    brier_skill_ci95_high = number("fraction", "upper end of the 95% interval", nullable=True)
    brier_skill_random_walk = number("fraction", "1 - brier_score / that of the random walk", nullable=True, max=1)
    brier_skill_random_walk_ci95_low = number("fraction", "lower end of the 95% interval", nullable=True)
    brier_skill_random_walk_ci95_high = number("fraction", "upper end of the 95% interval", nullable=True)
    calibration_slope = number(
        "log-odds per log-odds",
        "1: probabilities mean what they say; below: too bold; null where they hardly vary",
        nullable=True,
    )
    is_calibrated = dy.Bool(
        nullable=True, description="the slope lies between 0.8 and 1.2: the probabilities mean what they say"
    )
    first_session = dy.Date(description="first forecast scored")
    last_session = dy.Date(description="last forecast scored")
    reading = dy.String(description="what the numbers allow to be said")
