"""A list that ends is never read as a list without further entries, and its end is told ahead."""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

import polars as pl
import pytest

from assets.contracts.calendars import Calendars
from assets.derived.meeting_outlooks import meeting_outlooks
from assets.framework.table import FUNCTIONS
from assets.marts.calendars import row
from assets.reference.facts import PublishedList, load_reference
from assets.reference.fomc_calendar import load_fomc_calendar
from pipelines.cli import doctor
from quant.fedwatch import rate_path

RANGE = (3.5, 3.75)
LISTED_UNTIL = date(2027, 12, 31)
UNLISTED = [date(2028, 1, 26), date(2028, 3, 15), date(2028, 4, 26)]  # illustrative


def curve(cuts: list[date], first: date, months: int = 19, start: float = 3.625) -> dict[date, float]:
    """Settlements of a market that is sure of a quarter point at each of these meetings."""
    settled, month = {}, first.replace(day=1)
    for _ in range(months):
        days = [month.replace(day=n + 1) for n in range(monthrange(month.year, month.month)[1])]
        settled[month] = 100 - sum(start - 0.25 * sum(day > cut for cut in cuts) for day in days) / len(days)
        month = (month + timedelta(days=31)).replace(day=1)
    return settled


def listed(day: date) -> list[date]:
    known = load_fomc_calendar().meetings()["meeting_date"].to_list()
    return [m for m in known if day.replace(day=1) <= m <= day + timedelta(days=548)]


@pytest.mark.parametrize(
    ("day", "cuts"),
    [(date(2026, 11, 24), UNLISTED[:1]), (date(2027, 6, 15), UNLISTED), (date(2027, 11, 15), UNLISTED)],
)
def test_a_cut_at_a_meeting_nobody_listed_is_not_read_into_a_listed_one(day: date, cuts: list[date]) -> None:
    before = day - timedelta(days=1)
    path = rate_path(curve(cuts, day), listed(day), day, RANGE, decided_until=before, listed_until=LISTED_UNTIL)
    assert path.end is not None
    assert (path.end.meeting_date, path.end.reason) == (date(2027, 12, 8), "the meetings of 2028 are not listed")
    assert all(m.expected_rate_pct == pytest.approx(m.rate_before_pct) for m in path.meetings)
    far_enough = date(2027, 12, 8) > day + timedelta(days=365)
    assert (path.priced_change_bp(day + timedelta(days=365)) is not None) == far_enough


def test_a_list_without_an_end_prices_every_meeting() -> None:
    day = date(2026, 11, 24)
    path = rate_path(curve([], day), listed(day), day, RANGE, decided_until=day - timedelta(days=1))
    assert path.end is None


@pytest.mark.parametrize("day", [date(2027, 12, 20), date(2028, 3, 1)])
def test_after_the_last_listed_meeting_the_path_is_one_row_that_says_why(day: date) -> None:
    months = list(curve([], day))
    rates = pl.DataFrame({"observed_on": [day] * 19, "delivery_month": months, "settlement": [96.375] * 19})
    decided = {"meeting_date": [date(2027, 12, 8)], "target_lower_pct": [3.5], "target_upper_pct": [3.75]}
    effective = {"series_id": ["DFF"], "date": [day], "available_on": [day], "value": [3.63]}
    (found,) = FUNCTIONS[meeting_outlooks.key.path[-1]](
        rates, pl.DataFrame(decided), load_fomc_calendar().meetings(), pl.DataFrame(effective), load_reference()
    ).to_dicts()
    assert found["path_ends"] == "the meetings of 2028 are not listed"
    assert found["meeting_date"] == max(day, date(2028, 1, 1))
    assert found["priced_change_12m_bp"] is None


# ------------------------------------------------------------------ telling it ahead
FOMC = PublishedList(
    id="fomc_meetings", name="x", complete_until=LISTED_UNTIL, needed_days_ahead=365, affects="the path", remedy="Add"
)


@pytest.mark.parametrize(
    ("today", "is_ending", "is_short"),
    [
        (date(2026, 7, 4), False, False),
        (date(2026, 7, 5), True, False),
        (date(2026, 12, 31), True, False),
        (date(2027, 1, 1), True, True),
    ],
)
def test_an_end_is_told_half_a_year_before_something_becomes_unknown(
    today: date, is_ending: bool, is_short: bool
) -> None:
    found = row(FOMC, today)
    assert (found["falls_short_on"], found["is_ending"], found["is_short"]) == (date(2027, 1, 1), is_ending, is_short)
    concerns = Calendars.concerns(pl.DataFrame([found]))
    assert bool(concerns) == is_ending
    assert all("2027-12-31" in concern and "Add" in concern for concern in concerns)


def test_every_list_says_until_when_it_is_complete_or_is_read_from_what_came() -> None:
    known = {entry.id: entry.complete_until for entry in load_reference().lists}
    assert known.pop("fed_funds_futures") is None
    assert set(known) == {"fomc_meetings", "nyse_sessions", "purchase_programs"}
    assert None not in known.values()
    assert known["fomc_meetings"] >= load_fomc_calendar().meetings()["meeting_date"].max()


def test_contracts_reach_as_far_as_the_newest_curve_has_no_gap() -> None:
    class Today:
        as_of = date(2026, 11, 20)
        simulated = False

    months = [date(2026, 11, 1), date(2026, 12, 1), date(2027, 2, 1)]
    rates = pl.DataFrame({"observed_on": [date(2026, 11, 20)] * 3, "delivery_month": months})
    found = FUNCTIONS["calendars"](rates, load_reference(), Today()).filter(calendar="fed_funds_futures").to_dicts()[0]
    assert (found["complete_until"], found["is_short"]) == (date(2026, 12, 31), True)


def test_the_doctor_tells_a_list_that_ends_with_what_to_do() -> None:
    early, late = (doctor.calendars(load_reference(), day) for day in (date(2026, 3, 1), date(2027, 12, 1)))
    assert all(finding.ok and not finding.remedy for finding in early)
    fomc = next(f for f in late if f.name == "calendar fomc_meetings")
    assert not fomc.ok
    assert "fomc_calendar.toml" in fomc.remedy
