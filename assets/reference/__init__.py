"""Reference facts that no upstream serves as data: the FOMC's calendar, purchase programmes, first cuts, expectations.

Here: small tables of public facts, written once by hand with their source, and their loaders. Not here: what
changes by itself and is therefore fetched (pipelines.sources), the shape of the result (assets.contracts).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
from pydantic import Field

from assets.entries import Entry, EntryError, line_of, load_entries

FOLDER = Path(__file__).parent
FOMC_CALENDAR = FOLDER / "fomc_calendar.toml"


class Program(Entry):
    """A purchase programme of the Fed; programs.toml says what the fields mean."""

    id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    announced_on: date
    start: date
    first_operation: date
    last_operation: date | None = None
    operation_types: tuple[str, ...]
    announced_usd_bn_per_month: float | None = Field(default=None, gt=0)
    includes_agency_reinvestment: bool
    source: str = Field(min_length=1)


class FirstCut(Entry):
    """A first cut from before the target range began."""

    id: date
    change_bp: float = Field(lt=0)


class Expectation(Entry):
    """A published expectation of earnings growth."""

    index_name: str = Field(min_length=1)
    fiscal_year: int = Field(ge=1990, le=2100)
    published_on: date
    publisher: str = Field(min_length=1)
    eps_growth_pct: float
    source_note: str = Field(min_length=1)

    @property
    def id(self) -> str:
        """What makes the entry one of its kind."""
        return f"{self.index_name} {self.fiscal_year} by {self.publisher} of {self.published_on}"


class _Programs(Entry):
    program: tuple[Program, ...]


class _FirstCuts(Entry):
    first_cut: tuple[FirstCut, ...]


class _Expectations(Entry):
    expectation: tuple[Expectation, ...]


@dataclass(frozen=True)
class Reference:
    """All reference facts a run uses; the meetings that took place or will arrive with the raw tables."""

    programs: tuple[Program, ...]
    first_cuts: tuple[FirstCut, ...]
    expectations: tuple[Expectation, ...]
    cancelled_meetings: Mapping[date, date]

    def programs_frame(self) -> pl.DataFrame:
        """One row per programme, the columns of core.programs."""
        rows = [{**p.model_dump(), "operation_types": ", ".join(p.operation_types)} for p in self.programs]
        return pl.DataFrame(rows, infer_schema_length=None).rename({"id": "program"})

    def first_cuts_frame(self) -> pl.DataFrame:
        """One row per first cut, the columns of core.first_cuts."""
        return pl.DataFrame([c.model_dump() for c in self.first_cuts]).rename({"id": "meeting_date"})

    def expectations_frame(self) -> pl.DataFrame:
        """One row per expectation, the columns of core.published_expectations."""
        return pl.DataFrame([e.model_dump() for e in self.expectations])


def load_reference(folder: Path = FOLDER) -> Reference:
    """Read and check all files; raises EntryError naming file, line and reason."""
    programs = folder / "programs.toml"
    first_cuts = folder / "first_cuts.toml"
    expectations = folder / "earnings_expectations.toml"
    reference = Reference(
        load_entries(programs, _Programs).program,
        load_entries(first_cuts, _FirstCuts).first_cut,
        load_entries(expectations, _Expectations).expectation,
        _cancelled_meetings(folder / FOMC_CALENDAR.name),
    )
    _check_once(programs, "program", reference.programs)
    _check_once(first_cuts, "first_cut", reference.first_cuts)
    _check_once(expectations, "expectation", reference.expectations)
    return reference


def _check_once(path: Path, kind: str, entries: Sequence[Program | FirstCut | Expectation]) -> None:
    known: set[object] = set()
    for position, entry in enumerate(entries):
        if entry.id in known:
            line = line_of(path.read_text(encoding="utf-8"), kind, position)
            raise EntryError(f"{path.name}, line {line}: {kind} {entry.id} is there twice; keep one entry")
        known.add(entry.id)


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


def _cancelled_meetings(path: Path) -> dict[date, date]:
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
