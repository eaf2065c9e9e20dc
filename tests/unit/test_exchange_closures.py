"""The listed closures are the calendar's."""

from __future__ import annotations

from datetime import date, timedelta

from assets.as_of import FIRST_DAY, exchange_closures
from quant.sessions import nyse_sessions


def test_every_weekday_without_a_session_is_listed() -> None:
    last = date(exchange_closures()[-1].year, 12, 31)
    sessions = set(nyse_sessions(last, FIRST_DAY))
    days = (FIRST_DAY + timedelta(days=n) for n in range((last - FIRST_DAY).days + 1))
    assert list(exchange_closures()) == [d for d in days if d.weekday() < 5 and d not in sessions]
