"""What futures say of the coming FOMC meetings, solved once for every day with settlements.

Here: the asset that puts each day's curve beside the meetings, the range and the effective rates known on that day. Not
here: the method (quant.fedwatch), the marts that show it (sql/marts/rate_path.sql, rate_path_probabilities.sql).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from itertools import groupby
from operator import itemgetter

import polars as pl

from assets.contracts.policy import MeetingOutlooks
from assets.framework.table import table
from assets.reference.facts import Reference
from quant.fedwatch import OLDEST_RATE, ImpliedPath, PathEnd, rate_path, unlisted

HORIZON = timedelta(days=548)  # 18 months: the Fed has published its meetings that far ahead

_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "observed_on": pl.Date,
    "meeting_date": pl.Date,
    "rate_before_pct": pl.Float64,
    "expected_rate_pct": pl.Float64,
    "cumulative_change_bp": pl.Float64,
    "priced_change_12m_bp": pl.Float64,
    "lowest_lower_pct": pl.Float64,
    "lowest_upper_pct": pl.Float64,
    "probabilities": pl.List(pl.Float64),
    "path_ends": pl.String,
}


@table(MeetingOutlooks)
def meeting_outlooks(
    implied_rates: pl.DataFrame,
    target_decisions: pl.DataFrame,
    meetings: pl.DataFrame,
    macro_series: pl.DataFrame,
    reference: Reference,
) -> pl.DataFrame:
    """Every day's outlook of every coming meeting."""
    rates = macro_series.filter(series_id="DFF").sort("available_on", "date")
    paths = _paths(implied_rates, target_decisions, meetings, rates, reference)
    return pl.DataFrame([row for path in paths for row in _rows(path)], schema=_SCHEMA, orient="row")


def _paths(
    implied_rates: pl.DataFrame,
    target_decisions: pl.DataFrame,
    meetings: pl.DataFrame,
    rates: pl.DataFrame,
    reference: Reference,
) -> Iterator[ImpliedPath]:
    """One path per day with settlements, from what was known on it."""
    calendar = meetings.sort("meeting_date").rows()
    decisions = target_decisions.sort("meeting_date")
    decided = decisions["meeting_date"].to_list()
    ranges = decisions.select("target_lower_pct", "target_upper_pct").rows()
    settlements = implied_rates.sort("observed_on").select("observed_on", "delivery_month", "settlement").iter_rows()
    for day, curve in groupby(settlements, key=itemgetter(0)):
        last = bisect_left(decided, day)  # decisions taken before the day
        if last:
            path = rate_path(
                {month: price for _, month, price in curve},
                _known_meetings(calendar, reference.cancelled_meetings, day),
                day,
                ranges[last - 1],
                decided_until=day - timedelta(days=1),
                effective_rates=_published_rates(rates, day),
                listed_until=reference.meetings_listed_until,
            )
            yield _ended(path, reference.meetings_listed_until)


def _ended(path: ImpliedPath, listed_until: date) -> ImpliedPath:
    """The path, ended at the first day without a list of meetings where no meeting before it ends it."""
    if path.end is not None or path.observed_on + HORIZON <= listed_until:
        return path
    first_unlisted = max(listed_until + timedelta(days=1), path.observed_on)
    return replace(path, end=PathEnd(first_unlisted, unlisted(listed_until)))


def _known_meetings(calendar: list[tuple[date, bool]], cancelled: Mapping[date, date], day: date) -> list[date]:
    """Meetings of the month before, of this one and of the horizon, as they stood in the calendar on the day."""
    expected = [meeting for meeting, scheduled in calendar if scheduled or meeting <= day]
    called_off_later = [meeting for meeting, on in cancelled.items() if day < on]
    first, last = (day.replace(day=1) - timedelta(days=1)).replace(day=1), day + HORIZON
    return [m for m in (*expected, *called_off_later) if first <= m <= last]


def _published_rates(rates: pl.DataFrame, day: date) -> dict[date, float]:
    """The newest effective rates that were public at the end of the day."""
    public = rates["available_on"].search_sorted(day, side="right")
    newest = rates[max(0, public - OLDEST_RATE.days) : public]
    return dict(zip(newest["date"], newest["value"], strict=True))


def _rows(path: ImpliedPath) -> Iterator[tuple[object, ...]]:
    """The columns of MeetingOutlooks."""
    priced = path.priced_change_bp(path.observed_on + timedelta(days=365))
    for m in path.meetings:
        yield (
            path.observed_on,
            m.meeting_date,
            m.rate_before_pct,
            m.expected_rate_pct,
            path.cumulative_change_bp(m),
            priced,
            *m.lowest_range,
            list(m.probabilities),
            None,
        )
    if path.end:
        yield path.observed_on, path.end.meeting_date, None, None, None, priced, None, None, None, path.end.reason
