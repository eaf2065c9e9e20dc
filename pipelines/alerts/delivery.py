"""Alerts: one message when a regime changes, a divergence opens or closes, data goes stale or a nightly fails.

Here: what in a published run is news, the ledger of what has been told, who is told. Not here: the sending
(pipelines.alerts.messenger), how a run ended (pipelines.orchestration.run_report), when this is called
(pipelines.cli.runs, pipelines.orchestration.sensors).

News is what the ledger has not seen and what happened since the publication before, less a few days for data that
came late: a first run, a rerun or a restatement of long ago tells nothing. As-of runs publish elsewhere and are no
news.

Never twice comes before never lost. An event is marked as told before it is sent and unmarked when the service
refuses it or does not answer, so it waits for the next run; only a process killed in between loses its message.
Trouble with alerts is logged and never fails a run.
"""

from __future__ import annotations

import logging
import operator
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
from tenacity import Retrying, retry_if_result, stop_after_attempt
from tenacity.wait import wait_base, wait_random_exponential

from assets.catalog import Catalog, load_catalog
from assets.contracts.operations import SeriesFreshness
from pipelines.alerts import messenger as courier
from pipelines.orchestration.run_report import RunReport
from pipelines.published.marts import Marts
from pipelines.settings import Settings

log = logging.getLogger(__name__)

TRIES = 3
WAIT: wait_base = wait_random_exponential(multiplier=2, max=20)  # seconds between tries
LATE = timedelta(days=10)  # a symbol may be missing for some nights: its news is still news when it comes
LOCK_SECONDS = 30.0
FAILURES_SHOWN, LONGEST_FAILURE = 3, 300
FAILED, STALE = "failed", "stale"
SIMULATED = "SIMULATED MARKET, nothing here is real: "


@dataclass(frozen=True)
class Event:
    """Something worth a message: an id that never changes, the day it happened, a sentence."""

    id: str
    day: date
    text: str


def tell(settings: Settings, report: RunReport) -> None:
    """Tell what a finished run brought, and what could not be told before; never raises for trouble with alerts."""
    if not settings.alert_urls or settings.as_of is not None:
        return
    try:
        with closing(Ledger(settings.home / "alerts.sqlite", len(settings.alert_urls))) as ledger:
            _note(ledger, settings, report)
            for channel in range(len(settings.alert_urls)):
                _deliver(ledger, settings, channel)
    except (sqlite3.Error, OSError, pl.exceptions.PolarsError) as error:
        log.warning("alerts: nothing could be told (%s: %s); the next run tries again", type(error).__name__, error)


def _note(ledger: Ledger, settings: Settings, report: RunReport) -> None:
    """Enter what is new into the ledger."""
    published = _published(settings.home)
    simulated = settings.source == "sample" or (published is not None and published.simulated)
    if not report.success and report.job == "nightly":
        ledger.add_failure(_marked(failure(report, published), simulated))
    if report.success and published is not None and published.manifest["run_id"] == report.run_id:
        ledger.add_publication(published.as_of, [_marked(event, simulated) for event in events(published)])


def _published(home: Path) -> Marts | None:
    return Marts.current(home) if (home / "marts" / "current").exists() else None


def _marked(event: Event, simulated: bool) -> Event:
    return replace(event, text=SIMULATED + event.text) if simulated else event


# ------------------------------------------------------------------ what is news
def events(marts: Marts) -> list[Event]:
    """Every change a published run knows of, however old, and every series that is late now."""
    names = Names(load_catalog())
    regimes = marts.scan("regime_spells").sort("pair", "spell_id").collect()
    episodes = marts.scan("divergence_episodes").sort("start_session", "leader", "follower").collect()
    freshness = marts.scan("series_freshness").sort("source", "series").collect()
    return [*_regimes(regimes, names), *_divergences(episodes, names), *_stale(freshness, marts.as_of)]


@dataclass(frozen=True)
class Names:
    """What a person calls symbols and pairs."""

    catalog: Catalog

    def symbol(self, id: str) -> str:
        """Bitcoin for BTC-USD."""
        return next((s.name for s in self.catalog.symbol if s.id == id), id)

    def pair(self, id: str) -> str:
        """Bitcoin and Russell 2000 for BTC-USD/^RUT."""
        found = next((p for p in self.catalog.pair if p.id == id), None)
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
            how = f"{follower} set a record again" if recovered else f"{leader} fell 20% below its record"
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


def failure(report: RunReport, served: Marts | None) -> Event:
    """A failed nightly; the same cause on the same night is the same event, whatever its message counts."""
    night = night_of(report.ended_at)
    reasons = [reason[:LONGEST_FAILURE].rstrip(". ") for reason in report.failures[:FAILURES_SHOWN]]
    more = len(report.failures) - len(reasons)
    kept = f"The last good run, as of {served.as_of}, stays served." if served else "Nothing has been published yet."
    told = "; ".join([*reasons, *([f"and {more} more"] if more else [])])
    return Event(
        f"{FAILED} {report.job} {night} {', '.join(report.causes)}",
        night,
        f"The {report.job} of {night} failed: {told}. {kept} `recouple doctor` says what to do.",
    )


def night_of(moment: datetime) -> date:
    """The date a night began on in New York; it lasts until noon, so that a retry in the morning belongs to it."""
    return (moment.astimezone(ZoneInfo("America/New_York")) - timedelta(hours=12)).date()


# ------------------------------------------------------------------ what has been told
class Ledger:
    """Every event seen and every message due, in a small SQLite file beside the marts."""

    def __init__(self, path: Path, channels: int) -> None:
        """channels: how many addresses are told of each event."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._channels = range(channels)
        self._db = sqlite3.connect(path, timeout=LOCK_SECONDS)
        self._db.executescript(
            """
            create table if not exists events (id text primary key, day text not null, seen_at text not null);
            create table if not exists messages (
                event text not null, channel integer not null, text text not null, told_at text,
                primary key (event, channel)
            );
            create table if not exists published (as_of text not null);
            """
        )

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def add_failure(self, event: Event) -> None:
        """A failed run, which is news whenever it has not been seen."""
        with self._db:
            self._add(event, news=True)

    def add_publication(self, as_of: date, found: Sequence[Event]) -> None:
        """A published run: what it knows for the first time and what is recent becomes due."""
        with self._db:
            self._db.execute("begin immediate")  # a run in the UI may publish in the same moment
            (before,) = self._db.execute("select max(as_of) from published").fetchone()
            recent = date.fromisoformat(before) - LATE if before else date.max
            for event in found:
                self._add(event, news=event.day > recent)
            self._forget_what_is_over({event.id for event in found})
            self._db.execute("insert into published values (?)", [as_of.isoformat()])

    def claim(self, channel: int) -> list[tuple[str, str]]:
        """What is due on a channel as (event, text), from now on marked as told."""
        with self._db:
            return self._db.execute(
                "update messages set told_at = ? where channel = ? and told_at is null returning event, text",
                [_now(), channel],
            ).fetchall()

    def give_back(self, channel: int, ids: Iterable[str]) -> None:
        """These were not told after all."""
        with self._db:
            unmark = "update messages set told_at = null where event = ? and channel = ?"
            self._db.executemany(unmark, [(id, channel) for id in ids])

    def _add(self, event: Event, *, news: bool) -> None:
        entered = self._db.execute(
            "insert or ignore into events values (?, ?, ?)", [event.id, event.day.isoformat(), _now()]
        )
        if entered.rowcount and news:
            due = [(event.id, channel, event.text) for channel in self._channels]
            self._db.executemany("insert or replace into messages values (?, ?, ?, null)", due)

    def _forget_what_is_over(self, found: set[str]) -> None:
        """A series that is no longer late may become so again: that is another event of the same name."""
        stored = self._db.execute("select id from events where id like ?", [f"{STALE} %"]).fetchall()
        self._db.executemany("delete from events where id = ?", [row for row in stored if row[0] not in found])


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


# ------------------------------------------------------------------ the telling
def _deliver(ledger: Ledger, settings: Settings, channel: int) -> None:
    """One message with everything that is due on a channel."""
    due = ledger.claim(channel)
    if not due:
        return
    title = "Recouple: the nightly failed" if any(id.startswith(FAILED) for id, _ in due) else "Recouple: what changed"
    attempts = Retrying(
        stop=stop_after_attempt(TRIES),
        wait=WAIT,
        retry=retry_if_result(operator.not_),
        retry_error_callback=lambda _: False,
    )
    body = "\n".join(text for _, text in due)
    if attempts(courier.delivered, settings.alert_urls[channel], title, body):
        log.info("alerts: %d events told to address %d", len(due), channel + 1)
        return
    ledger.give_back(channel, [id for id, _ in due])
    log.warning(
        "alerts: address %d of RECOUPLE_ALERT_URLS did not take the message after %d tries; %d events wait for the "
        "next run. `recouple doctor --alert` tries the address",
        channel + 1,
        TRIES,
        len(due),
    )
