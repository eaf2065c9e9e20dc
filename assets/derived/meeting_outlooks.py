"""What futures say of the coming FOMC meetings, solved once for every day with settlements.

Here: the asset that puts each day's curve beside the meetings, the range and the effective rates known on that day. Not
here: the method (quant.fedwatch), the marts that show it (sql/marts/rate_path.sql, rate_path_probabilities.sql).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property, partial
from itertools import groupby
from operator import itemgetter

import polars as pl

from assets.contracts.policy import MeetingOutlooks
from assets.framework.kept import ANEW, FloatArray, Kept, numbers_of
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
    kept: Kept = ANEW,
) -> pl.DataFrame:
    """Every day's outlook of every coming meeting."""
    read = _Read(
        target_decisions.select("meeting_date", "target_lower_pct", "target_upper_pct").sort("meeting_date"),
        meetings.select("meeting_date", "scheduled").sort("meeting_date"),
        macro_series.filter(series_id="DFF").select("available_on", "date", "value").sort("available_on", "date"),
        reference,
    )
    curves = implied_rates.select("observed_on", "delivery_month", "settlement").sort("observed_on", "delivery_month")
    by_year = curves.with_columns(year=pl.col("observed_on").dt.year())
    years = by_year.partition_by("year", maintain_order=True, include_key=False)
    return pl.concat([pl.DataFrame(schema=_SCHEMA), *(_of_year(of_year, read, kept) for of_year in years)])


def _of_year(curves: pl.DataFrame, read: _Read, kept: Kept) -> pl.DataFrame:
    """A part of what is kept, so that a settlement restated long ago costs a year and a sample not more."""
    year = curves["observed_on"][0].year
    says_all = (HORIZON, read.reference.meetings_listed_until, sorted(read.reference.cancelled_meetings.items()))
    return kept.continued(
        str(year), [numbers_of(curves), *read.known_in(year)], partial(_outlooks, curves, read), says_all
    )


def _outlooks(curves: pl.DataFrame, read: _Read, known: pl.DataFrame | None) -> pl.DataFrame:
    """The outlooks of every day with settlements, after those that are known."""
    new = curves if known is None else curves.filter(pl.col("observed_on") > known["observed_on"][-1])
    found = pl.DataFrame([row for path in _paths(new, read) for row in _rows(path)], schema=_SCHEMA, orient="row")
    return found if known is None else pl.concat([known, found])


def _paths(curves: pl.DataFrame, read: _Read) -> Iterator[ImpliedPath]:
    """One path per day with settlements, from what was known on it."""
    for day, curve in groupby(curves.iter_rows(), key=itemgetter(0)):
        last = bisect_left(read.decided, day)  # decisions taken before the day
        if last:
            path = rate_path(
                {month: price for _, month, price in curve},
                read.calendar.known_on(day),
                day,
                read.ranges[last - 1],
                decided_until=day - timedelta(days=1),
                effective_rates=read.rates.public_on(day),
                listed_until=read.reference.meetings_listed_until,
            )
            yield _ended(path, read.reference.meetings_listed_until)


def _ended(path: ImpliedPath, listed_until: date) -> ImpliedPath:
    """The path, ended at the first day without a list of meetings where no meeting before it ends it."""
    if path.end is not None or path.observed_on + HORIZON <= listed_until:
        return path
    first_unlisted = max(listed_until + timedelta(days=1), path.observed_on)
    return replace(path, end=PathEnd(first_unlisted, unlisted(listed_until)))


@dataclass(frozen=True)
class _Read:
    """What is read beside the settlements, each in the order in which it became known."""

    decisions: pl.DataFrame
    meetings: pl.DataFrame
    effective: pl.DataFrame
    reference: Reference

    def known_in(self, year: int) -> Iterator[FloatArray]:
        """What days of a year read of it, beside the first day that reads it."""
        first, last = date(year, 1, 1) - 2 * OLDEST_RATE, date(year, 12, 31)
        yield numbers_of(self.decisions)
        yield numbers_of(self.meetings.select(pl.col("meeting_date") - HORIZON, "scheduled"))
        yield numbers_of(self.effective.filter(pl.col("available_on").is_between(first, last)))

    @cached_property
    def calendar(self) -> _Calendar:
        return _Calendar.of(self.meetings, self.reference)

    @cached_property
    def rates(self) -> _Rates:
        return _Rates.of(self.effective)

    @cached_property
    def decided(self) -> list[date]:
        return self.decisions["meeting_date"].to_list()

    @cached_property
    def ranges(self) -> list[tuple[float, float]]:
        return self.decisions.select("target_lower_pct", "target_upper_pct").rows()


@dataclass(frozen=True)
class _Calendar:
    """Meetings in order of date, whether each was scheduled, and when it was said that one is called off."""

    days: list[date]
    scheduled: list[bool]
    cancelled: Mapping[date, date]

    @classmethod
    def of(cls, meetings: pl.DataFrame, reference: Reference) -> _Calendar:
        return cls(meetings["meeting_date"].to_list(), meetings["scheduled"].to_list(), reference.cancelled_meetings)

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
        return cls(*(rates[column].to_list() for column in ("available_on", "date", "value")))

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
