"""Trading sessions of the New York Stock Exchange.

Here: which dates are sessions (calendar XNYS of exchange_calendars). Not here: prices, time zones of other markets.
"""

from __future__ import annotations

from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import exchange_calendars

FIRST_SESSION = date(1970, 1, 2)  # the calendar knows every holiday from here on, and has invented ones before


@cache
def _calendar(year: int) -> exchange_calendars.ExchangeCalendar:
    import exchange_calendars  # late: it brings pandas, half a second that only a run should spend

    return exchange_calendars.get_calendar("XNYS", start=FIRST_SESSION.isoformat(), end=f"{year}-12-31")


def nyse_sessions(last: date, first: date = FIRST_SESSION) -> pl.Series:
    """Sessions from `first` to `last`, both included, as a Date series in order.

    Raises ValueError when `last` lies before `first`.
    """
    if last < first:
        raise ValueError(f"nyse_sessions: last ({last}) lies before first ({first})")
    days = _calendar(last.year).sessions  # of the whole year: days of one year ask for one calendar, a second's work
    all_sessions = pl.Series("session", days.to_numpy()).cast(pl.Date)
    return all_sessions.filter(all_sessions.is_between(first, last))
