"""Which days are missing, and how far back a night reads because of them."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from assets.catalog import Symbol
from assets.door.findings import Finding
from assets.raw.gaps import EXCHANGE, deepened, holes
from quant.sessions import nyse_sessions

FRIDAY, THURSDAY = date(2026, 11, 20), date(2026, 11, 19)
GONE = date(2026, 11, 4)
ROLES = {"^RUT": "small_caps", "^GSPC": "large_caps", "SPY": "fund", "GC=F": "metal", "BTC-USD": "crypto"}


def symbol(name: str) -> Symbol:
    crypto = name == "BTC-USD"
    entry = {
        "id": name, "name": name, "source": "yahoo", "unit": "usd", "release_lag_days": 0, "role": ROLES[name],
        "frequency": "calendar_day" if crypto else "session", "instrument": "CRYPTOCURRENCY" if crypto else "INDEX",
    }  # fmt: skip
    return Symbol.model_validate(entry)


def stored(*absent: tuple[str, date], last: date = FRIDAY, first: date = date(2026, 6, 1)) -> pl.DataFrame:
    """Every due day of every symbol but these."""
    sessions = nyse_sessions(last, first).to_list()
    every_day = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    days = {name: every_day if role == "crypto" else sessions for name, role in ROLES.items()}
    rows = [(name, day) for name, due in days.items() for day in due if (name, day) not in absent]
    return pl.DataFrame(rows, schema={"symbol": pl.String, "date": pl.Date}, orient="row")


def found(days: pl.DataFrame, today: date = FRIDAY) -> list[tuple[str, date, str]]:
    return [(f.series, f.day, f.rule) for f in holes([symbol(name) for name in ROLES], days, today)]


def test_a_home_without_holes_has_nothing_to_say() -> None:
    assert found(stored()) == []


@pytest.mark.parametrize("name", ["^RUT", "GC=F", "BTC-USD"])
def test_a_day_that_one_symbol_lacks_is_its_hole(name: str) -> None:
    assert found(stored((name, GONE))) == [(name, GONE, "hole")]


def test_a_session_that_all_symbols_of_the_exchange_lack_is_named_once_as_a_closure() -> None:
    lacking = [(name, GONE) for name in ("^RUT", "^GSPC", "SPY")]
    assert found(stored(*lacking)) == [(EXCHANGE, GONE, "closure")]
    assert found(stored(*lacking, ("GC=F", GONE))) == [(EXCHANGE, GONE, "closure"), ("GC=F", GONE, "hole")]
    assert sorted(found(stored(*lacking[:2]))) == sorted((name, GONE, "hole") for name, _ in lacking[:2])


def test_today_is_due_once_another_symbol_has_it() -> None:
    assert found(stored(last=THURSDAY)) == []
    late = [("^RUT", FRIDAY), ("^GSPC", FRIDAY), ("SPY", FRIDAY)]
    assert found(stored(("^RUT", FRIDAY))) == [("^RUT", FRIDAY, "hole")]
    assert found(stored(*late, ("GC=F", FRIDAY))) == []


def test_nothing_is_due_before_the_first_bar_or_a_year_ago() -> None:
    young = stored().filter((pl.col("symbol") != "^RUT") | (pl.col("date") > GONE))
    assert found(young) == []
    long_ago = date(2025, 11, 4)
    assert found(stored(("^RUT", long_ago), first=date(2025, 6, 2))) == []


WATERMARKS = {"^RUT": THURSDAY, "SPY": THURSDAY}


@pytest.mark.parametrize(
    ("gap", "today", "since"),
    [
        (THURSDAY - timedelta(days=12), THURSDAY, THURSDAY - timedelta(days=12)),
        (THURSDAY - timedelta(days=200), THURSDAY, THURSDAY),
        (THURSDAY - timedelta(days=200), FRIDAY, THURSDAY - timedelta(days=200)),
        (THURSDAY - timedelta(days=400), FRIDAY, THURSDAY),
    ],
)
def test_new_gaps_are_asked_for_every_night_old_ones_on_fridays_and_very_old_ones_no_more(
    gap: date, today: date, since: date
) -> None:
    assert deepened(WATERMARKS, {"^RUT": [gap]}, {}, today) == {"^RUT": since, "SPY": THURSDAY}


def test_a_person_asks_for_as_much_as_they_like() -> None:
    long_ago = date(2020, 1, 2)
    assert deepened(WATERMARKS, {}, {"^RUT": long_ago}, THURSDAY)["^RUT"] == long_ago
    assert deepened(WATERMARKS, {}, {"^RUT": date.min}, THURSDAY) == {"SPY": THURSDAY}


def test_a_closure_says_what_to_do_about_it() -> None:
    assert "acknowledge NYSE 2026-11-04" in str(Finding(EXCHANGE, GONE, "missing", "closure"))
