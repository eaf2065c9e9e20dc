"""The path of the policy rate that futures price, seen from every day.

Here: the assets that put each day's curve beside the meetings, the range and the effective rates known on that day, and
the two marts that are read from it. Not here: the method (quant.fedwatch).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter

import polars as pl

from assets.contracts.policy import PricedOutcomes, RatePath, RatePathProbabilities
from assets.framework.table import table
from assets.reference.facts import Reference
from quant.fedwatch import RatePath as Path
from quant.fedwatch import rate_path as solve_path

HORIZON = timedelta(days=548)  # 18 months: the Fed has published its meetings that far ahead
EFFECTIVE_RATE = "DFF"

_SCHEMA = {
    "observed_on": pl.Date,
    "meeting_date": pl.Date,
    "outcome_number": pl.Int64,
    "rate_before_pct": pl.Float64,
    "expected_rate_pct": pl.Float64,
    "cumulative_change_bp": pl.Float64,
    "priced_change_12m_bp": pl.Float64,
    "target_lower_pct": pl.Float64,
    "target_upper_pct": pl.Float64,
    "probability": pl.Float64,
    "path_ends": pl.String,
}


@table(PricedOutcomes)
def priced_outcomes(
    implied_rates: pl.DataFrame,
    target_decisions: pl.DataFrame,
    meetings: pl.DataFrame,
    macro_series: pl.DataFrame,
    reference: Reference,
) -> pl.DataFrame:
    """Every outcome of every coming meeting, as every day's curve prices it."""
    effective = _EffectiveRates.of(macro_series)
    paths = _paths(implied_rates, target_decisions, meetings, effective, reference)
    return pl.DataFrame([row for path in paths for row in _rows(path)], schema=_SCHEMA, orient="row")


@table(RatePath)
def rate_path(priced_outcomes: pl.DataFrame) -> pl.DataFrame:
    """Every day's expected rate after every coming meeting, with the likeliest range."""
    by_meeting = priced_outcomes.sort("observed_on", "meeting_date", "outcome_number").group_by(
        "observed_on", "meeting_date", maintain_order=True
    )
    likeliest = pl.col("probability").arg_max()
    same = ("rate_before_pct", "expected_rate_pct", "cumulative_change_bp", "priced_change_12m_bp", "path_ends")
    return by_meeting.agg(
        *(pl.col(name).first() for name in same),
        change_bp=100 * (pl.col("expected_rate_pct") - pl.col("rate_before_pct")).first(),
        most_likely_lower_pct=pl.col("target_lower_pct").get(likeliest),
        most_likely_probability=pl.col("probability").max(),
    )


@table(RatePathProbabilities)
def rate_path_probabilities(priced_outcomes: pl.DataFrame) -> pl.DataFrame:
    """Every day's probabilities of the target ranges after every coming meeting."""
    return priced_outcomes.drop_nulls("probability").select(
        "observed_on", "meeting_date", "target_lower_pct", "target_upper_pct", "probability"
    )


@dataclass(frozen=True)
class _EffectiveRates:
    """Daily effective rates in order of date, with the day each became public."""

    days: Sequence[date]
    public_on: Sequence[date]
    rates: Sequence[float]

    @classmethod
    def of(cls, macro_series: pl.DataFrame) -> _EffectiveRates:
        own = macro_series.filter(series_id=EFFECTIVE_RATE).sort("date")
        return cls(own["date"].to_list(), own["available_on"].to_list(), own["value"].to_list())

    def known(self, observed_on: date, last_decision: date) -> Sequence[float]:
        """Rates public on the day, since the last decision took effect, at most back to the month before."""
        month_before = (observed_on.replace(day=1) - timedelta(days=1)).replace(day=1)
        first = bisect_left(self.days, max(month_before, last_decision + timedelta(days=1)))
        return self.rates[first : max(first, bisect_right(self.public_on, observed_on))]


def _paths(
    implied_rates: pl.DataFrame,
    target_decisions: pl.DataFrame,
    meetings: pl.DataFrame,
    effective: _EffectiveRates,
    reference: Reference,
) -> Iterator[Path]:
    """One path per day with settlements, from what was known on it."""
    calendar = meetings.sort("meeting_date").rows()
    decisions = target_decisions.sort("meeting_date")
    decided = decisions["meeting_date"].to_list()
    ranges = decisions.select("target_lower_pct", "target_upper_pct").rows()
    settlements = implied_rates.sort("observed_on").select("observed_on", "delivery_month", "settlement").iter_rows()
    for day, curve in groupby(settlements, key=itemgetter(0)):
        last = bisect_left(decided, day)  # decisions taken before the day
        if last:
            yield solve_path(
                {month: price for _, month, price in curve},
                _known_meetings(calendar, reference.cancelled_meetings, day),
                day,
                ranges[last - 1],
                effective_rates=effective.known(day, decided[last - 1]),
                decided_until=day - timedelta(days=1),
            )


def _known_meetings(calendar: list[tuple[date, bool]], cancelled: Mapping[date, date], day: date) -> list[date]:
    """Meetings of this month and the horizon, as they stood in the calendar on the day."""
    expected = [meeting for meeting, scheduled in calendar if scheduled or meeting <= day]
    called_off_later = [meeting for meeting, on in cancelled.items() if day < on]
    first, last = day.replace(day=1), day + HORIZON
    return [m for m in (*expected, *called_off_later) if first <= m <= last]


def _rows(path: Path) -> Iterator[tuple[object, ...]]:
    """The columns of PricedOutcomes."""
    priced = path.priced_change_bp(_in_a_year(path.observed_on))
    for m in path.meetings:
        of_meeting = (m.rate_before_pct, m.expected_rate_pct, path.cumulative_change_bp(m), priced)
        for number, o in enumerate(m.outcomes):
            outcome = (o.target_lower_pct, o.target_upper_pct, o.probability)
            yield path.observed_on, m.meeting_date, number, *of_meeting, *outcome, None
    if path.end:
        yield path.observed_on, path.end.meeting_date, 0, None, None, None, priced, None, None, None, path.end.reason


def _in_a_year(day: date) -> date:
    return day + timedelta(days=365)
