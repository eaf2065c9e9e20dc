"""Reference facts that no upstream serves as data: today the FOMC's calendar.

Here: small tables of public facts, written once by hand with their source, and their loaders. Not here: what
changes by itself and is therefore fetched (pipelines.sources), the shape of the result (assets.contracts).
"""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import polars as pl

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


def _meeting_date(path: Path, year: str, day: str) -> date:
    try:
        return date.fromisoformat(f"{year}-{day}")
    except ValueError as error:
        raise ValueError(f"{path.name}: {year} lists {day!r}: {error}; write dates as MM-DD") from error
