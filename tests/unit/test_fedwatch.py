from __future__ import annotations

from datetime import date

import pytest

from quant.fedwatch import rate_path

# A year in which only odd months have a meeting, on the 15th; the rate falls a quarter point at each.
MEETINGS = [date(2027, month, 15) for month in (3, 5, 7)]
RANGE = (3.5, 3.75)


def settled(rates: dict[date, tuple[float, float]]) -> dict[date, float]:
    """Settlements of months that begin at one rate and end at another, with a meeting on the 15th."""
    days = {1: 31, 2: 28, 3: 31, 4: 30, 5: 31, 6: 30, 7: 31, 8: 31}
    return {m: 100 - (15 * a + (days[m.month] - 15) * b) / days[m.month] for m, (a, b) in rates.items()}


CURVE = settled(
    {
        date(2027, 2, 1): (3.6, 3.6),
        date(2027, 3, 1): (3.6, 3.5),
        date(2027, 4, 1): (3.5, 3.5),
        date(2027, 5, 1): (3.5, 3.25),
        date(2027, 6, 1): (3.25, 3.25),
        date(2027, 7, 1): (3.25, 3.3),
        date(2027, 8, 1): (3.3, 3.3),
    }
)
OBSERVED = date(2027, 2, 10)


def without(*months: int) -> dict[date, float]:
    return {month: price for month, price in CURVE.items() if month.month not in months}


def test_rates_and_probabilities_follow_from_the_contracts() -> None:
    path = rate_path(CURVE, MEETINGS, OBSERVED, RANGE)
    assert [m.expected_rate_pct for m in path.meetings] == pytest.approx([3.5, 3.25, 3.3])
    assert [path.cumulative_change_bp(m) for m in path.meetings] == pytest.approx([-10, -35, -30])
    march, may, july = path.meetings
    assert march.probability(3.25) == pytest.approx(0.4)
    assert march.probability(3.5) == pytest.approx(0.6)
    assert may.probability(3.0) == pytest.approx(0.4)
    assert july.probability(3.5) == pytest.approx(0.6 * 0.2)
    assert path.end is None


def test_probabilities_of_every_meeting_sum_to_one() -> None:
    for meeting in rate_path(CURVE, MEETINGS, OBSERVED, RANGE).meetings:
        assert sum(o.probability for o in meeting.outcomes) == pytest.approx(1)


@pytest.mark.parametrize(
    ("missing", "priced", "reason"),
    [
        ((3,), 0, "March 2027"),
        ((4,), 1, "April 2027"),
        ((5,), 1, "May 2027"),
        ((6,), 2, "June 2027"),
        ((8,), 3, None),  # nothing pins the end of July: it is solved forward
    ],
)
def test_a_missing_contract_ends_the_path_and_is_named(
    missing: tuple[int, ...], priced: int, reason: str | None
) -> None:
    path = rate_path(without(*missing), MEETINGS, OBSERVED, RANGE)
    full = rate_path(CURVE, MEETINGS, OBSERVED, RANGE)
    assert len(path.meetings) == priced
    for found, expected in zip(path.meetings, full.meetings, strict=False):
        assert found.expected_rate_pct == pytest.approx(expected.expected_rate_pct)
    if reason is None:
        assert path.end is None
    else:
        assert path.end is not None
        assert path.end.meeting_date == MEETINGS[priced]
        assert reason in path.end.reason
        assert path.priced_change_bp(date(2027, 12, 31)) is None


def test_a_past_meeting_of_the_month_makes_it_a_month_with_a_meeting() -> None:
    observed = date(2027, 3, 20)
    told = rate_path(CURVE, MEETINGS, observed, RANGE)
    untold = rate_path(CURVE, MEETINGS[1:], observed, RANGE)
    assert told.meetings[0].meeting_date == MEETINGS[1]
    assert told.meetings[0].rate_before_pct == pytest.approx(3.5)
    assert told.meetings[0].expected_rate_pct == pytest.approx(3.25)
    assert untold.meetings[0].rate_before_pct == pytest.approx(3.5)


def test_meetings_in_neighbouring_months_are_solved_backward_from_the_next_pin() -> None:
    meetings = [date(2027, 3, 15), date(2027, 4, 15)]
    curve = settled(
        {
            date(2027, 3, 1): (3.6, 3.5),
            date(2027, 4, 1): (3.5, 3.4),
            date(2027, 5, 1): (3.4, 3.4),
        }
    )
    path = rate_path(curve, meetings, date(2027, 3, 1), RANGE)
    assert [m.rate_before_pct for m in path.meetings] == pytest.approx([3.6, 3.5])
    assert [m.expected_rate_pct for m in path.meetings] == pytest.approx([3.5, 3.4])


def test_a_meeting_on_the_last_day_of_a_month_leaves_its_whole_average_before_it() -> None:
    curve = {date(2024, 1, 1): 94.6, date(2024, 2, 1): 94.7}
    path = rate_path(curve, [date(2024, 1, 31)], date(2024, 1, 5), (5.25, 5.5))
    assert path.meetings[0].rate_before_pct == pytest.approx(5.4)
    assert path.meetings[0].expected_rate_pct == pytest.approx(5.3)


def test_two_meetings_in_one_month_end_the_path() -> None:
    path = rate_path(CURVE, [date(2027, 3, 3), date(2027, 3, 18)], OBSERVED, RANGE)
    assert path.end is not None
    assert "two meetings" in path.end.reason


@pytest.mark.parametrize("price", [float("nan"), 961.05])
def test_what_is_no_price_of_a_contract_is_refused(price: float) -> None:
    with pytest.raises(ValueError, match="no price"):
        rate_path({date(2027, 3, 1): price}, MEETINGS, OBSERVED, RANGE)


# A meeting on the first of the month, observed on that day; the rate does not move.
FIRST = date(2027, 3, 1)
QUIET = {date(2027, 3, 1): 96.41, date(2027, 4, 1): 96.4}


def test_the_rate_before_a_meeting_early_in_a_month_is_the_one_in_force() -> None:
    solved = rate_path(QUIET, [FIRST], FIRST, RANGE, decided_until=date(2027, 2, 28))
    published = {date(2027, 2, day): 3.6 for day in range(15, 28)} | {
        date(2027, 2, 28): 3.5
    }  # a dip at the month's end
    pinned = rate_path(QUIET, [FIRST], FIRST, RANGE, decided_until=date(2027, 2, 28), effective_rates=published)
    assert solved.meetings[0].rate_before_pct == pytest.approx(3.29)  # one hundredth, times thirty-one
    assert pinned.meetings[0].rate_before_pct == 3.6
    assert pinned.meetings[0].expected_rate_pct == solved.meetings[0].expected_rate_pct


def test_rates_from_before_the_last_decision_or_after_the_day_pin_nothing() -> None:
    observed = date(2027, 3, 20)
    others = dict.fromkeys([date(2027, 3, 10), date(2027, 3, 15), date(2027, 3, 21)], 9.9)
    published = {date(2027, 3, 16): 3.5, date(2027, 3, 17): 3.5}
    path = rate_path(without(4), MEETINGS, observed, RANGE, effective_rates=published | others)
    assert path.meetings[0].rate_before_pct == 3.5


def test_no_range_below_zero_has_a_probability() -> None:
    for meeting in rate_path(CURVE, MEETINGS, OBSERVED, (0.0, 0.25)).meetings:
        assert min(o.target_lower_pct for o in meeting.outcomes) == 0
        assert sum(o.probability for o in meeting.outcomes) == pytest.approx(1)
