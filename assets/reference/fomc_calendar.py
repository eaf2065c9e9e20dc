"""The FOMC's calendar: meetings past and announced, and those that were called off.

Here: reading fomc_calendar.toml. Not here: what was decided (sql/derived/target_decisions.sql).
"""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import polars as pl

from assets.framework.entries import EntryError

FOMC_CALENDAR = Path(__file__).with_name("fomc_calendar.toml")


def load_fomc_calendar(path: Path = FOMC_CALENDAR) -> pl.DataFrame:
    """Every known meeting of the FOMC in order of date: the columns of FomcMeetings.

    Raises ValueError naming the file and the entry when a date is none, or stands in the file twice.
    """
    calendar = tomllib.loads(path.read_text(encoding="utf-8"))
    meetings = pl.DataFrame(
        [
            {"meeting_date": _meeting_date(path, year, day), "scheduled": kind == "scheduled"}
            for kind in ("scheduled", "unscheduled")
            for year, days in calendar[kind].items()
            for day in days
        ],
        schema={"meeting_date": pl.Date, "scheduled": pl.Boolean},
    )
    if (twice := meetings.filter(pl.col("meeting_date").is_duplicated())).height:
        raise ValueError(f"{path.name}: {twice['meeting_date'][0]} is there twice; keep one entry")
    return meetings.sort("meeting_date")


def meetings_listed_until(path: Path) -> date:
    """The last day for which the list is complete."""
    until = tomllib.loads(path.read_text(encoding="utf-8")).get("complete_until")
    if type(until) is not date:
        raise EntryError(f"{path.name}: complete_until is {until!r}; write the last day it covers as YYYY-MM-DD")
    return until


def cancelled_meetings(path: Path) -> dict[date, date]:
    """Meetings that were scheduled and cancelled later, with the day they were."""
    cancelled = tomllib.loads(path.read_text(encoding="utf-8")).get("cancelled", {})
    try:
        return {date.fromisoformat(meeting): day for meeting, day in cancelled.items()}
    except ValueError as error:
        raise EntryError(f"{path.name}: cancelled: {error}; write dates as YYYY-MM-DD") from error


def _meeting_date(path: Path, year: str, day: str) -> date:
    try:
        return date.fromisoformat(f"{year}-{day}")
    except ValueError as error:
        raise ValueError(f"{path.name}: {year} lists {day!r}: {error}; write dates as MM-DD") from error
