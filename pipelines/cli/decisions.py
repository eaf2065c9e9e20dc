"""A person's decisions about single values, from the command line.

Here: who decides, which days, on which day of the data; what is said when it is done. Not here: what a decision does
(pipelines.warehouse.decisions), arguments (pipelines.cli.deciding).
"""

from __future__ import annotations

import difflib
import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from assets.catalog import load_catalog
from pipelines.home import Home
from pipelines.settings import Settings, SettingsError
from pipelines.sources.select import select_upstream
from pipelines.warehouse.decisions import Decision
from pipelines.warehouse.opening import open_warehouse
from pipelines.warehouse.store import Warehouse

_THEN = "counts from the next run on; `recouple marts` computes now"


def hold(settings: Settings, series: str, day: str, until: str, why: str) -> str:
    """Take stored values out of what is known."""
    decision = _decision(settings, series, day, until, why)
    with _warehouse(settings, decision.on) as warehouse:
        held = warehouse.hold(decision)
    return f"held: {decision} ({_values(held)}), by {decision.by}: {why}; {_THEN}"


def release(settings: Settings, series: str, day: str, until: str, why: str) -> str:
    """Believe what is held back or in quarantine."""
    decision = _decision(settings, series, day, until, why)
    with _warehouse(settings, decision.on) as warehouse:
        released = warehouse.release(decision)
    return f"released: {decision} ({_values(released)}), by {decision.by}: {why}; {_THEN}"


def ask_again(settings: Settings, series: str, since: str, why: str) -> None:
    """Note that a series is wanted anew; the next fetch asks for it."""
    _check_series(series)  # a typo is named before anything is written
    decision = _decision(settings, series, since or date.min.isoformat(), "", why)
    with _warehouse(settings, decision.on) as warehouse:
        warehouse.ask_again(decision)


def _check_series(series: str) -> None:
    known = [entry.id for entry in load_catalog().fetched()]
    if series not in known:
        close = difflib.get_close_matches(series.upper(), known, n=1)
        hint = f" (close to {close[0]})" if close else ""
        raise SettingsError(f"{series} is no symbol, series or futures of assets/catalog.toml{hint}; correct the name")


def _decision(settings: Settings, series: str, first: str, last: str, why: str) -> Decision:
    if not why.strip():
        raise SettingsError("--why is empty; say why, for whoever finds the decision later")
    today = select_upstream(settings, load_catalog()).today()
    return Decision(series, _day(first), _day(last or first), today, getpass.getuser(), why.strip())


@contextmanager
def _warehouse(settings: Settings, today: date) -> Iterator[Warehouse]:
    path = Home(settings.home).warehouse
    if not path.exists():
        raise SettingsError(f"{path} does not exist; run `make nightly` once, or set RECOUPLE_HOME to where it is")
    simulated = settings.source == "sample"
    with open_warehouse(path, as_of=today, simulated=simulated, lock_wait_seconds=settings.lock_wait_seconds) as opened:
        yield opened


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{text!r} is no day; write an ISO date such as 2026-08-20") from None


def _values(count: int) -> str:
    return f"{count:,} value{'' if count == 1 else 's'}"
