"""Telling what a finished run brought, once each.

Here: when something is told, and to whom. Not here: what is news (pipelines.alerts.news), the sending of one message
(pipelines.alerts.messenger), when this is called (pipelines.cli.runs, pipelines.alerts.sensors).

Never twice comes before never lost. An event is marked as told before it is sent and unmarked when the service refuses
it or does not answer, so it waits for the next run; only a process killed in between loses its message. Trouble with
alerts is logged and never fails a run. As-of runs publish elsewhere and are no news.
"""

from __future__ import annotations

import logging
import operator
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import polars as pl
from tenacity import Retrying, retry_if_result, stop_after_attempt
from tenacity.wait import wait_base, wait_random_exponential

from pipelines.alerts import messenger
from pipelines.alerts.ledger import Ledger
from pipelines.alerts.news import FAILED, Event, events, failure
from pipelines.home import Home
from pipelines.orchestration.run_report import RunReport
from pipelines.published.contract import AnotherContract
from pipelines.published.marts import Marts, NothingPublished
from pipelines.settings import Settings

log = logging.getLogger(__name__)

TRIES = 3
WAIT: wait_base = wait_random_exponential(multiplier=2, max=20)  # seconds between tries
SIMULATED = "SIMULATED MARKET, nothing here is real: "


def tell(settings: Settings, report: RunReport) -> None:
    """Tell what a finished run brought, and what could not be told before; never raises for trouble with alerts."""
    if not settings.alert_urls or settings.as_of is not None:
        return
    try:
        with closing(Ledger(Home(settings.home).alerts, len(settings.alert_urls))) as ledger:
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
    """The run in force, if there is one that this release can read: what an earlier one published is no news."""
    try:
        return Marts.current(home)
    except (NothingPublished, AnotherContract):
        return None


def _marked(event: Event, simulated: bool) -> Event:
    return replace(event, text=SIMULATED + event.text) if simulated else event


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
    if attempts(messenger.delivered, settings.alert_urls[channel], title, body):
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
