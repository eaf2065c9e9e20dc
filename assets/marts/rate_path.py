"""The path of the policy rate that futures price, seen from every day.

Here: the assets that put each day's curve beside the meetings and the range known on that day. Not here: the method
(quant.fedwatch).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter

import polars as pl

from assets.contracts.policy import RatePath, RatePathProbabilities
from assets.framework.table import table
from assets.reference.facts import Reference
from quant.fedwatch import RatePath as Path
from quant.fedwatch import rate_path as solve_path

HORIZON = timedelta(days=548)  # 18 months: the Fed has published its meetings that far ahead

_PATH_SCHEMA = {
    "observed_on": pl.Date,
    "meeting_date": pl.Date,
    "expected_rate_pct": pl.Float64,
    "change_bp": pl.Float64,
    "cumulative_change_bp": pl.Float64,
    "priced_change_12m_bp": pl.Float64,
    "most_likely_lower_pct": pl.Float64,
    "most_likely_probability": pl.Float64,
    "path_ends": pl.String,
}
_PROBABILITY_SCHEMA = {
    "observed_on": pl.Date,
    "meeting_date": pl.Date,
    "target_lower_pct": pl.Float64,
    "target_upper_pct": pl.Float64,
    "probability": pl.Float64,
}


@table(RatePath)
def rate_path(
    implied_rates: pl.DataFrame, target_decisions: pl.DataFrame, meetings: pl.DataFrame, reference: Reference
) -> pl.DataFrame:
    """Every day's expected rate after every coming meeting."""
    rows = [row for path in _paths(implied_rates, target_decisions, meetings, reference) for row in _rows(path)]
    return pl.DataFrame(rows, schema=_PATH_SCHEMA, orient="row")


@table(RatePathProbabilities)
def rate_path_probabilities(
    implied_rates: pl.DataFrame, target_decisions: pl.DataFrame, meetings: pl.DataFrame, reference: Reference
) -> pl.DataFrame:
    """Every day's probabilities of the target ranges after every coming meeting."""
    rows = [
        (path.observed_on, m.meeting_date, o.target_lower_pct, o.target_upper_pct, o.probability)
        for path in _paths(implied_rates, target_decisions, meetings, reference)
        for m in path.meetings
        for o in m.outcomes
    ]
    return pl.DataFrame(rows, schema=_PROBABILITY_SCHEMA, orient="row")


def _paths(
    implied_rates: pl.DataFrame, target_decisions: pl.DataFrame, meetings: pl.DataFrame, reference: Reference
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
                decided_until=day - timedelta(days=1),
            )


def _known_meetings(calendar: list[tuple[date, bool]], cancelled: Mapping[date, date], day: date) -> list[date]:
    """Meetings of this month and the horizon, as they stood in the calendar on the day."""
    expected = [meeting for meeting, scheduled in calendar if scheduled or meeting <= day]
    called_off_later = [meeting for meeting, on in cancelled.items() if day < on]
    first, last = day.replace(day=1), day + HORIZON
    return [m for m in (*expected, *called_off_later) if first <= m <= last]


def _rows(path: Path) -> Iterator[tuple[object, ...]]:
    """The columns of RatePath."""
    priced = path.priced_change_bp(_in_a_year(path.observed_on))
    for m in path.meetings:
        likely = max(m.outcomes, key=lambda o: o.probability)
        yield (
            path.observed_on,
            m.meeting_date,
            m.expected_rate_pct,
            100 * (m.expected_rate_pct - m.rate_before_pct),
            path.cumulative_change_bp(m),
            priced,
            likely.target_lower_pct,
            likely.probability,
            None,
        )
    if path.end:
        yield path.observed_on, path.end.meeting_date, None, None, None, priced, None, None, path.end.reason


def _in_a_year(day: date) -> date:
    return day + timedelta(days=365)
