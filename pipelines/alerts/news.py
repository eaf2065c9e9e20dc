"""What in a published run, or in a run that failed, is worth a message.

Here: events with their sentences. Not here: whether they have been told (pipelines.alerts.ledger), the telling
(pipelines.alerts.delivery).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from assets.contracts.calendars import Calendars
from assets.contracts.operations import SeriesFreshness
from pipelines.orchestration.run_report import RunReport
from pipelines.published.lag import FAR_BELOW
from pipelines.published.marts import Marts

FAILURES_SHOWN, LONGEST_FAILURE = 3, 300
FAILED, STALE = "failed", "stale"


@dataclass(frozen=True)
class Event:
    """Something worth a message: an id that never changes, the day it happened, a sentence."""

    id: str
    day: date
    text: str


def events(marts: Marts) -> list[Event]:
    """Every change a published run knows of, however old, and every series that is late now."""
    names = Names(marts)
    regimes = marts.scan("regime_spells").sort("pair", "spell_id").collect()
    episodes = marts.scan("divergence_episodes").sort("start_session", "leader", "follower").collect()
    freshness = marts.scan("series_freshness").sort("source", "series").collect()
    ending = marts.scan("calendars").collect() if marts.has("calendars") else Calendars.create_empty()
    return [
        *_regimes(regimes, names),
        *_divergences(episodes, names),
        *_stale(freshness, marts.as_of),
        *_ending(ending, marts.as_of),
    ]


@dataclass(frozen=True)
class Names:
    """What a person calls symbols and pairs, in the catalog that the run was made with."""

    marts: Marts

    def symbol(self, id: str) -> str:
        """Bitcoin for BTC-USD."""
        return self.marts.names.get(id, id)

    def pair(self, id: str) -> str:
        """Bitcoin and Russell 2000 for BTC-USD/^RUT."""
        found = next((p for p in self.marts.pairs if p.id == id), None)
        return id if found is None else f"{self.symbol(found.asset)} and {self.symbol(found.benchmark)}"


def _regimes(spells: pl.DataFrame, names: Names) -> Iterator[Event]:
    before = spells.with_columns(pl.col("regime", "sessions").shift(1).over("pair").name.prefix("previous_"))
    for spell in before.drop_nulls("previous_regime").iter_rows(named=True):
        pair, regime, start = spell["pair"], spell["regime"], spell["start_session"]
        yield Event(
            f"regime {pair.replace('/', ' ')} {start} {regime}",
            start,
            f"{names.pair(pair)}: daily returns are {regime} since {start}, "
            f"after {spell['previous_sessions']} sessions {spell['previous_regime']}.",
        )


def _divergences(episodes: pl.DataFrame, names: Names) -> Iterator[Event]:
    for episode in episodes.iter_rows(named=True):
        leader, follower = names.symbol(episode["leader"]), names.symbol(episode["follower"])
        start, end = episode["start_session"], episode["end_session"]
        key = f"{episode['leader']} {episode['follower']} {start}"
        yield Event(
            f"divergence opened {key}",
            start,
            f"A divergence opened on {start}: {leader} at a record, "
            f"{follower} {-episode['follower_drawdown_at_start']:.1%} below its own.",
        )
        if end is not None:
            recovered = episode["outcome"] == "follower_recovered"
            how = f"{follower} set a record again" if recovered else f"{leader} fell {FAR_BELOW} below its record"
            yield Event(
                f"divergence closed {key}",
                end,
                f"The divergence of {leader} and {follower} since {start} closed on {end}: {how}.",
            )


def _stale(freshness: pl.DataFrame, as_of: date) -> Iterator[Event]:
    for n in range(freshness.height):
        for concern in SeriesFreshness.concerns(freshness[n]):
            source, series = freshness["source"][n], freshness["series"][n]
            yield Event(f"{STALE} {source} {series}", as_of, f"Late data, as of {as_of}: {concern}.")


def _ending(calendars: pl.DataFrame, as_of: date) -> Iterator[Event]:
    """A list that ends is told once, until somebody lengthens it."""
    for n in range(calendars.height):
        for concern in Calendars.concerns(calendars[n]):
            yield Event(
                f"calendar {calendars['calendar'][n]} {calendars['complete_until'][n]}",
                as_of,
                f"A list that ends, as of {as_of}: {concern}.",
            )


def failure(report: RunReport, served: Marts | None) -> Event:
    """A failed nightly; the same cause on the same night is the same event, whatever its message counts."""
    night = night_of(report.ended_at)
    reasons = [reason[:LONGEST_FAILURE].rstrip(". ") for reason in report.failures[:FAILURES_SHOWN]]
    more = len(report.failures) - len(reasons)
    kept = f"The last good run, as of {served.as_of}, stays served." if served else "Nothing has been published yet."
    again = "It is run again at once. " if report.runs_again else ""
    told = "; ".join([*reasons, *([f"and {more} more"] if more else [])])
    return Event(
        f"{FAILED} {report.job} {night} {', '.join(report.causes)}",
        night,
        f"The {report.job} of {night} failed: {told}. {again}{kept} `recouple doctor` says what to do.",
    )


def night_of(moment: datetime) -> date:
    """The date a night began on in New York; it lasts until noon, so that a retry in the morning belongs to it."""
    return (moment.astimezone(ZoneInfo("America/New_York")) - timedelta(hours=12)).date()
