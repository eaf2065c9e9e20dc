"""The FOMC's calendar: meetings past and announced, and those that were called off.

Here: reading fomc_calendar.toml. Not here: what was decided (sql/derived/target_decisions.sql).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import polars as pl

from assets.framework.entries import Entry, EntryError, at, load_entries

FOMC_CALENDAR = Path(__file__).with_name("fomc_calendar.toml")


class FomcCalendar(Entry):
    """The last days of the Committee's meetings, by year; cancelled: meeting -> the day it was called off."""

    complete_until: date
    scheduled: Mapping[str, tuple[str, ...]]
    unscheduled: Mapping[str, tuple[str, ...]] = {}
    cancelled: Mapping[date, date] = {}

    def meetings(self) -> pl.DataFrame:
        """Every known meeting in order of date, cancelled ones left out: the columns of FomcMeetings."""
        rows = [(date.fromisoformat(f"{year}-{day}"), kind == "scheduled") for kind, year, day in self.entries()]
        schema = {"meeting_date": pl.Date, "scheduled": pl.Boolean}
        return pl.DataFrame(rows, schema=schema, orient="row").sort("meeting_date")

    def entries(self) -> Iterator[tuple[str, str, str]]:
        """Table, year and day of each meeting, in the order of the file."""
        for kind, years in (("scheduled", self.scheduled), ("unscheduled", self.unscheduled)):
            yield from ((kind, year, day) for year, days in years.items() for day in days)


def load_fomc_calendar(path: Path = FOMC_CALENDAR) -> FomcCalendar:
    """Read and check the calendar; raises EntryError naming file, line and reason."""
    calendar = load_entries(path, FomcCalendar)
    known: set[str] = set()
    for kind, year, day in calendar.entries():
        meeting = f"{year}-{day}"
        try:
            date.fromisoformat(meeting)
        except ValueError as error:
            raise EntryError(f"{at(path, kind, year)}: {kind} {meeting}: {error}; write days as MM-DD") from None
        if meeting in known:
            raise EntryError(f"{at(path, kind, year)}: {meeting} is there twice; keep one entry")
        known.add(meeting)
    return calendar
