"""Gaps: days on which a bar was due and none is stored, and from when a series is asked for again because of them.

Here: which days are missing, and how far back a night reads. Not here: the calendar (quant.sessions), the asking
(pipelines.sources).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta

import polars as pl

from assets.catalog import Symbol
from assets.door.findings import Finding
from quant.sessions import nyse_sessions

NIGHTLY = timedelta(days=30)  # gaps so new are asked for every night
WEEKLY = timedelta(days=365)  # older ones on Fridays, and then never again
FRIDAY = 5
EXCHANGE = "NYSE"
OTHER_PLACES = ("metal", "dollar")  # roles that trade elsewhere, whether the exchange is open or not
ENOUGH = 3  # symbols of the exchange that lack a session together before it is suspected of having been closed


def holes(symbols: Sequence[Symbol], days: pl.DataFrame, today: date) -> tuple[Finding, ...]:
    """Days of the last year on which a symbol was due and is missing. days: symbol and date of every final bar.

    A symbol is due from its first bar on, on every session or UTC day before today, and today once any other is
    there. A session that all symbols of the exchange lack is one finding, about the exchange.
    """
    first, found = today - WEEKLY, list[Finding]()
    for frequency in ("session", "calendar_day"):
        ids = [s.id for s in symbols if s.frequency == frequency]
        stored_days = dict(days.group_by("symbol").agg("date").iter_rows())
        own = {id: set(stored_days[id]) for id in ids if id in stored_days}
        due = _due(frequency, first, today)
        due = [day for day in due if day < today or any(day in stored for stored in own.values())]
        missing = {s: [d for d in due if d not in stored and d > min(stored)] for s, stored in own.items()}
        exchange = [s.id for s in symbols if s.id in missing and s.role not in OTHER_PLACES]
        listed = [missing[series] for series in exchange]
        closed = set(due).intersection(*listed) if frequency == "session" and len(listed) >= ENOUGH else set()
        found += [Finding(EXCHANGE, day, "missing", "closure") for day in sorted(closed)]
        found += [
            Finding(series, day, "missing", "hole", "the bar")
            for series, lacking in missing.items()
            for day in lacking
            if day not in closed or series not in exchange
        ]
    return tuple(found)


def deepened(
    stored: Mapping[str, date], gaps: Mapping[str, Sequence[date]], asked: Mapping[str, date], today: date
) -> dict[str, date]:
    """The watermarks, set back to where a gap is on file or a person asked for more.

    gaps: days of each series that are missing or in quarantine. asked: the day from which a person wants a series
    anew; date.min is the whole of it, as if it had never been fetched.
    """
    reach = WEEKLY if today.isoweekday() == FRIDAY else NIGHTLY
    moved = dict(stored)
    for series, days in gaps.items():
        near = [day for day in days if today - day <= reach]
        if series in moved and near:
            moved[series] = min(moved[series], *near)
    for series, since in asked.items():
        if since == date.min:
            moved.pop(series, None)
        elif series in moved:
            moved[series] = min(moved[series], since)
    return moved


def by_series(findings: Iterable[Finding]) -> dict[str, list[date]]:
    """The days that findings speak of, by series."""
    return together((f.series, [f.day]) for f in findings)


def together(days: Iterable[tuple[str, Sequence[date]]]) -> dict[str, list[date]]:
    """Several lists of days by series as one."""
    found: dict[str, list[date]] = {}
    for series, more in days:
        found.setdefault(series, []).extend(more)
    return found


def _due(frequency: str, first: date, today: date) -> list[date]:
    if frequency == "session":
        return list(nyse_sessions(today, first))
    return [first + timedelta(days=n) for n in range((today - first).days + 1)]
