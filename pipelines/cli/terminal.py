"""What the terminal shows of the published run.

Here: reading, age of the data, last run and claims as text of at most 80 columns, and the same as JSON. Not here:
what the reading says (pipelines.published.reading), arguments and exit codes (pipelines.cli.main).
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from assets.contracts.calendars import Calendars
from assets.contracts.cross_checks import CrossChecks
from assets.door.findings import NIGHTLY
from assets.framework.contract import Mart
from pipelines.cli.installation import DoctorFinding
from pipelines.home import Run, Tree
from pipelines.published.marts import Marts
from pipelines.published.reading import Reading, read
from pipelines.published.trust import trust
from pipelines.published.words import number

WIDTH = 80
SHOWN = 8  # lines of a kind; the rest is for machines


@dataclass(frozen=True)
class Status:
    """The published run in short."""

    as_of: str
    source: str
    simulated: bool
    historical: bool
    run_id: str
    published_at: str
    age_hours: float
    reading: Reading
    stale: tuple[str, ...]
    late: tuple[str, ...]  # of these, what the nightly cannot do without
    trust: str
    look_at: tuple[str, ...]  # what the data left to look at, most important first
    decided: tuple[str, ...]  # what people decided about single values, newest first
    inputs: int
    calendars_ending: tuple[str, ...]
    cross_checks_breached: tuple[str, ...]
    tables: int
    rows: int
    folder: str
    brief: str
    serving: str

    @classmethod
    def of(cls, tree: Path) -> Status:
        """Of the current run of a tree; raises NothingPublished."""
        marts = Marts.current(tree)
        published = datetime.fromisoformat(marts.manifest["published_at"])
        freshness = marts.scan("series_freshness").sort("series").collect()
        return cls(
            as_of=marts.manifest["as_of"],
            source=marts.manifest["source"],
            simulated=marts.simulated,
            historical=marts.historical,
            run_id=marts.manifest["run_id"],
            published_at=marts.manifest["published_at"],
            age_hours=round((datetime.now(UTC) - published).total_seconds() / 3600, 1),
            reading=read(marts),
            stale=tuple(freshness.filter("is_stale")["series"]),
            late=tuple(freshness.filter("is_stale", "required")["series"]),
            trust=trust(marts).sentence,
            look_at=tuple(marts.manifest.get("look_at", ())),
            decided=tuple(_decided(marts)),
            inputs=freshness.height,
            calendars_ending=_concerns(marts, Calendars),
            cross_checks_breached=_concerns(marts, CrossChecks),
            tables=len(marts.manifest["marts"]),
            rows=sum(mart["rows"] for mart in marts.manifest["marts"].values()),
            folder=str(Tree(tree).current),
            brief=str(Run(Tree(tree).current).brief),
            serving=str(Tree(tree).serving),
        )

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)

    def as_text(self) -> str:
        """For people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        if self.simulated:
            yield "SIMULATED MARKET: nothing below is real"
        if self.historical:
            yield "historical: computed as of an earlier day, from what was known by its end"
        yield f"as of {self.as_of}, source {self.source}, published {self.age_hours:g} h ago"
        yield ""
        yield from textwrap.wrap(f"{self.reading.headline}.", WIDTH)
        yield ""
        yield from _named(("Changed" if n == 0 else "", change) for n, change in enumerate(self.reading.changes))
        yield ""
        yield from _named((s.topic, s.text) for s in self.reading.sentences)
        late = f"{len(self.stale)} of {self.inputs} inputs late: {', '.join(self.stale)}"
        yield from _named([("Data", late if self.stale else f"all {self.inputs} inputs as new as expected")])
        yield from _named(("Calendars", ending) for ending in self.calendars_ending)
        yield from _named(("Cross-checks", breached) for breached in self.cross_checks_breached)
        yield from _named([("Trust", self.trust)])
        yield from _named(("Look at", line) for line in self.look_at[:SHOWN])
        if len(self.look_at) > SHOWN:
            yield from _named([("", f"and {len(self.look_at) - SHOWN} more in `recouple status --json`")])
        yield from _named(("Decided", line) for line in self.decided[:SHOWN])
        yield ""
        yield f"brief   {self.brief}"
        yield f"marts   {self.folder} ({self.tables} tables, {self.rows:,} rows)"
        yield f"for BI  {self.serving}"


def _concerns(marts: Marts, contract: type[Mart]) -> tuple[str, ...]:
    """What a table says a person should look at; a run of an earlier version may not have it."""
    name = contract.table_name()
    return tuple(contract.concerns(marts.scan(name).collect())) if marts.has(name) else ()


def attention(wrong: Sequence[DoctorFinding]) -> Iterator[str]:
    """What a person should see to, 80 columns wide."""
    if wrong:
        yield ""
    for finding in wrong:
        yield from _named([(finding.name, f"{finding.detail}. {finding.remedy}")])


def _decided(marts: Marts) -> Iterator[str]:
    """Every hold, release and repeated question of a person: what, who, when, why."""
    if not marts.has("data_quality"):
        return
    rows = marts.scan("data_quality").filter(
        pl.col("state").cast(pl.String).is_in(["held", "quarantined", "asked_again"])
    )
    for row in rows.sort("found_on", "series", "day", descending=True).collect().iter_rows(named=True):
        what = f"{row['series']} {row['day']}"
        if row["found_by"] not in (None, NIGHTLY):
            did = "asked for again" if row["state"] == "asked_again" else "held"
            yield f"{what} {did} on {row['found_on']} by {row['found_by']}: {row['reason']}"
        if row["state"] != "asked_again" and row["closed_by"] not in (None, NIGHTLY):
            yield f"{what} released on {row['closed_on']} by {row['closed_by']}: {row['closed_why']}"


def claims(tree: Path) -> list[dict[str, Any]]:
    """Every claim on its own date and on the run's, for machines and for `claims_text`."""
    rows = Marts.current(tree).scan("claims").sort("claim_id", "measured_on").collect()
    return rows.with_columns(pl.col(pl.Date).dt.to_string()).to_dicts()


def claims_text(rows: Sequence[dict[str, Any]]) -> str:
    """A table of claims, 80 columns wide."""
    lines = [f"{'claim':<43} {'on':<10} {'claimed':>8} {'found':>8} {'':<7}", "-" * WIDTH]
    for row in rows:
        first, *more = textwrap.wrap(row["statement"], 43) or [""]
        claimed, found = (number(row[c], 2) for c in ("claimed_value", "measured_value"))
        lines.append(f"{first:<43} {row['measured_on']:<10} {claimed:>8} {found:>8} {row['verdict']:<7}".rstrip())
        lines += more
    return "\n".join(lines)


def _named(lines: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, text in lines:
        yield from textwrap.wrap(f"{name:<14} {text}", WIDTH, subsequent_indent=" " * 15)
