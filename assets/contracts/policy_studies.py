"""Contracts of what markets did after the Fed acted: easing cycles, rate sensitivity, purchase programmes.

Here: promised columns and the rules their rows keep. Not here: how they are computed (sql/marts, assets.marts,
quant.regression).
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from assets.framework.contract import Mart, count, number


class EasingCycleStudy(Mart):
    """What an index did after the first cut of an easing cycle, by itself and against large caps.

    Counted from the close of the day of the decision, which contains the first reaction, over sessions. A row appears
    once its last session is over. Cycles since 1990 are few: each is one event, whatever the number of rows.
    """

    subject = "policy"
    may_be_empty = True
    cycle_start = dy.Date(primary_key=True, description="day of the first cut")
    symbol = dy.String(primary_key=True, description="catalog symbol")
    horizon_sessions = dy.Int64(primary_key=True, description="how far", min=1, metadata={"unit": "sessions"})
    available_on = dy.Date(description="last session of the horizon")
    return_since_first_cut = number("fraction", "change of the symbol over the horizon")
    return_relative_to_large_caps = number("fraction", "that, minus the S&P 500's change over the same sessions")
    return_relative_to_nasdaq_100 = number(
        "fraction", "that, minus the Nasdaq-100's change over the same sessions", nullable=True
    )

    @dy.rule()
    def known_afterwards(cls) -> pl.Expr:  # noqa: N805
        """Nothing is used before it was public."""
        return pl.col("available_on") > pl.col("cycle_start")


class RateSensitivity(Mart):
    """Do small caps gain more than large caps when the two-year yield falls? Estimated anew after each FOMC meeting.

    Least squares of the daily return difference (small minus large) on the change of the two-year yield, with
    Newey-West standard errors. A finding is named only where it is significant at the 5% level; the regression shows
    what moved together, not what caused it.
    """

    subject = "policy"
    grows_by = "available_on"
    may_be_empty = True
    session = dy.Date(primary_key=True, description="day of the meeting, the last day of the sample")
    small = dy.String(primary_key=True, description="catalog symbol of the small caps")
    large = dy.String(primary_key=True, description="catalog symbol of the large caps")
    days = dy.String(primary_key=True, description="all: every session; fomc: days of FOMC meetings only, from 2009 on")
    span = dy.String(primary_key=True, description="since_1990, or last_5_years (1260 sessions)")
    available_on = dy.Date(description="first day a reader could know it: the day's yield is published the day after")
    beta_pct_per_pp = number("percent per percentage point", "return difference per change of the yield")
    standard_error = number("percent per percentage point", "Newey-West standard error", min=0)
    ci95_low = number("percent per percentage point", "lower end of the 95% confidence interval")
    ci95_high = number("percent per percentage point", "upper end of the 95% confidence interval")
    t_statistic = number("standard errors", "beta over its standard error")
    p_value = number("probability", "two-sided, of no relation", min=0, max=1)
    observations = count("days in the sample")
    hac_lags = count("lags of the standard error")
    finding = dy.Enum(
        ["small_caps_gain_when_yields_fall", "small_caps_gain_when_yields_rise", "not_significant"],
        description="what the sample says at the 5% level",
    )

    @dy.rule()
    def finding_follows_p_value(cls) -> pl.Expr:  # noqa: N805
        """What is not significant is called so."""
        return (pl.col("finding") == "not_significant") == (pl.col("p_value") >= 0.05)

    @dy.rule()
    def known_afterwards(cls) -> pl.Expr:  # noqa: N805
        """Nothing is used before it was public."""
        return pl.col("available_on") > pl.col("session")


class LiquidityStudy(Mart):
    """What an asset did after a purchase programme of the Fed began, beside what it does at any time.

    Counted from the close of the first session on or after the programme's start. The baseline is the same asset's own
    returns over the same number of sessions, all that had ended when the programme's return was known. A row appears
    then. There are few programmes: no percentile here is more than an anecdote, and programmes answer to crises, so
    what followed them is not what they caused.
    """

    subject = "balance_sheet"
    may_be_empty = True
    program = dy.String(primary_key=True, description="see fed_programs")
    symbol = dy.String(primary_key=True, description="catalog symbol")
    horizon_sessions = dy.Int64(primary_key=True, description="how far", min=1, metadata={"unit": "sessions"})
    program_start = dy.Date(description="day that is counted from")
    available_on = dy.Date(description="last session of the horizon")
    forward_return = number("fraction", "change of the asset over the horizon")
    baseline_mean_return = number("fraction", "mean change over any such horizon that had ended by available_on")
    percentile_of_baseline = number("fraction", "share of the baseline below forward_return", min=0, max=1)
    baseline_observations = count("returns in the baseline; they overlap", min=1)
    programs_known = count(
        "programmes with a known return of this asset and horizon by then, this one with them", min=1
    )

    @dy.rule()
    def known_afterwards(cls) -> pl.Expr:  # noqa: N805
        """Nothing is used before it was public."""
        return pl.col("available_on") > pl.col("program_start")
