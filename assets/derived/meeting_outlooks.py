"""What futures say of the coming FOMC meetings, solved once for every day with settlements.

Here: the asset that puts each day's curve beside the meetings, the range and the effective rates known on that day. Not
here: the method (quant.fedwatch), the marts that show it (sql/marts/rate_path.sql, rate_path_probabilities.sql).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
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
    rates = _Rates.of(macro_series.filter(series_id="DFF"))
    paths = _paths(implied_rates, target_decisions, meetings, rates, reference)
    return pl.DataFrame([row for path in paths for row in _rows(path)], schema=_SCHEMA, orient="row")


def _paths(
    implied_rates: pl.DataFrame,
    target_decisions: pl.DataFrame,
    meetings: pl.DataFrame,
    rates: _Rates,
    reference: Reference,
) -> Iterator[ImpliedPath]:
    """One path per day with settlements, from what was known on it."""
    calendar = _Calendar.of(meetings, reference)
    decisions = target_decisions.sort("meeting_date")
    decided = decisions["meeting_date"].to_list()
    ranges = decisions.select("target_lower_pct", "target_upper_pct").rows()
    settlements = implied_rates.sort("observed_on").select("observed_on", "delivery_month", "settlement").iter_rows()
    for day, curve in groupby(settlements, key=itemgetter(0)):
        last = bisect_left(decided, day)  # decisions taken before the day
        if last:
            path = rate_path(
                {month: price for _, month, price in curve},
                calendar.known_on(day),
                day,
                ranges[last - 1],
                decided_until=day - timedelta(days=1),
                effective_rates=rates.public_on(day),
                listed_until=reference.meetings_listed_until,
            )
            yield _ended(path, reference.meetings_listed_until)


def _ended(path: ImpliedPath, listed_until: date) -> ImpliedPath:
    """The path, ended at the first day without a list of meetings where no meeting before it ends it."""
    if path.end is not None or path.observed_on + HORIZON <= listed_until:
        return path
    first_unlisted = max(listed_until + timedelta(days=1), path.observed_on)
    return replace(path, end=PathEnd(first_unlisted, unlisted(listed_until)))


@dataclass(frozen=True)
class _Calendar:
    """Meetings in order of date, whether each was scheduled, and when it was said that one is called off."""

    days: list[date]
    scheduled: list[bool]
    cancelled: Mapping[date, date]

    @classmethod
    def of(cls, meetings: pl.DataFrame, reference: Reference) -> _Calendar:
        ordered = meetings.sort("meeting_date")
        return cls(ordered["meeting_date"].to_list(), ordered["scheduled"].to_list(), reference.cancelled_meetings)

    def known_on(self, day: date) -> list[date]:
        """Meetings of the month before, of this one and of the horizon, as they stood in the calendar on the day."""
        first, last = (day.replace(day=1) - timedelta(days=1)).replace(day=1), day + HORIZON
        near = range(bisect_left(self.days, first), bisect_right(self.days, last))
        expected = [self.days[i] for i in near if self.scheduled[i] or self.days[i] <= day]
        return [*expected, *(m for m, on in self.cancelled.items() if day < on and first <= m <= last)]


@dataclass(frozen=True)
class _Rates:
    """Effective rates in order of the day on which each was public."""

    public: list[date]
    days: list[date]
    values: list[float]

    @classmethod
    def of(cls, rates: pl.DataFrame) -> _Rates:
        ordered = rates.sort("available_on", "date")
        return cls(*(ordered[column].to_list() for column in ("available_on", "date", "value")))

    def public_on(self, day: date) -> dict[date, float]:
        """The newest that were public at the end of the day."""
        end = bisect_right(self.public, day)
        newest = slice(max(0, end - OLDEST_RATE.days), end)
        return dict(zip(self.days[newest], self.values[newest], strict=True))


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
