"""Purchase programmes, first cuts, expectations: read from their files and checked.

Here: the shape of an entry and the loaders. Not here: the FOMC's calendar (assets.reference.fomc_calendar), the
tables made of them (assets.core.reference).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from pydantic import Field

from assets.framework.entries import Entry, EntryError, line_of, load_entries
from assets.reference.fomc_calendar import FOMC_CALENDAR, cancelled_meetings, meetings_listed_until

FOLDER = Path(__file__).parent


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


class PublishedList(Entry):
    """A list that ends; calendars.toml says what the fields mean."""

    id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    complete_until: date | None = None
    needed_days_ahead: int = Field(ge=0)
    warn_days_ahead: int = Field(default=180, ge=0)
    affects: str = Field(min_length=1)
    remedy: str = Field(min_length=1)

    def falls_short_on(self) -> date | None:
        """First day on which it does not reach as far ahead as is needed; None where its end is not known."""
        if self.complete_until is None:
            return None
        return self.complete_until - timedelta(days=self.needed_days_ahead - 1)


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
    complete_until: date
    program: tuple[Program, ...]


class _Lists(Entry):
    calendar: tuple[PublishedList, ...]


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
    meetings_listed_until: date
    lists: tuple[PublishedList, ...]

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
    lists = folder / "calendars.toml"
    listed = load_entries(programs, _Programs)
    meetings_until = meetings_listed_until(folder / FOMC_CALENDAR.name)
    own = {"fomc_meetings": meetings_until, "purchase_programs": listed.complete_until}
    reference = Reference(
        listed.program,
        load_entries(first_cuts, _FirstCuts).first_cut,
        load_entries(expectations, _Expectations).expectation,
        cancelled_meetings(folder / FOMC_CALENDAR.name),
        meetings_until,
        tuple(
            entry.model_copy(update={"complete_until": own.get(entry.id, entry.complete_until)})
            for entry in load_entries(lists, _Lists).calendar
        ),
    )
    _check_once(programs, "program", reference.programs)
    _check_once(first_cuts, "first_cut", reference.first_cuts)
    _check_once(expectations, "expectation", reference.expectations)
    _check_once(lists, "calendar", reference.lists)
    return reference


def _check_once(path: Path, kind: str, entries: Sequence[Program | FirstCut | Expectation | PublishedList]) -> None:
    known: set[object] = set()
    for position, entry in enumerate(entries):
        if entry.id in known:
            line = line_of(path.read_text(encoding="utf-8"), kind, position)
            raise EntryError(f"{path.name}, line {line}: {kind} {entry.id} is there twice; keep one entry")
        known.add(entry.id)
