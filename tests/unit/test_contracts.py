"""Contracts hold for every mart alike."""

from __future__ import annotations

from datetime import date

import dataframely as dy
import polars as pl
import pytest

from assets.framework.contract import Mart, ahead
from assets.framework.rows import hold_to_contract

AS_OF = date(2025, 12, 12)
LATER = date(2025, 12, 13)


class Meetings(Mart):
    """A mart with a date that is past and one that is planned."""

    announced_on = dy.Date(primary_key=True)
    resolved_on = dy.Date(nullable=True)
    meeting_date = ahead("day of the meeting")


def rows(announced_on: date, resolved_on: date | None, meeting_date: date) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "announced_on": [announced_on],
            "resolved_on": pl.Series([resolved_on], dtype=pl.Date),
            "meeting_date": [meeting_date],
            "as_of": [AS_OF],
            "simulated": [False],
        }
    )


@pytest.mark.parametrize(
    ("announced_on", "resolved_on", "meeting_date", "broken"),
    [
        (AS_OF, AS_OF, LATER, 0),
        (AS_OF, None, AS_OF, 0),
        (LATER, None, LATER, 1),
        (AS_OF, LATER, LATER, 1),
    ],
)
def test_only_planned_dates_may_lie_after_the_as_of_date(
    announced_on: date, resolved_on: date | None, meeting_date: date, broken: int
) -> None:
    held = hold_to_contract(Meetings, rows(announced_on, resolved_on, meeting_date))
    assert held.broken["rule"].to_list() == ["nothing_after_as_of"] * broken
