from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from quant.policy import policy_cycles

DECISIONS = st.lists(
    st.tuples(st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.sampled_from([-50.0, -25.0, 0.0, 25.0])),
    unique_by=lambda d: d[0],
).map(sorted)


def test_a_pause_inside_a_year_stays_in_the_cycle() -> None:
    states = list(policy_cycles([(date(2024, 9, 18), -50.0), (date(2025, 7, 30), 0.0), (date(2025, 9, 17), -25.0)]))
    assert [s.cycle for s in states] == ["easing"] * 3
    assert states[-1].cycle_start == date(2024, 9, 18)
    assert states[-1].cumulative_change_bp == -75


def test_more_than_a_year_without_a_change_is_a_hold() -> None:
    *_, last = policy_cycles([(date(2023, 7, 26), 25.0), (date(2024, 7, 31), 0.0)])
    assert (last.cycle, last.cycle_start, last.cumulative_change_bp) == ("hold", date(2024, 7, 31), 0)


def test_a_turn_begins_a_new_cycle() -> None:
    *_, last = policy_cycles([(date(2018, 12, 19), 25.0), (date(2019, 7, 31), -25.0)])
    assert (last.cycle, last.cycle_start, last.cumulative_change_bp) == ("easing", date(2019, 7, 31), -25)


@given(DECISIONS, st.integers(0, 20))
def test_later_decisions_leave_earlier_cycles_unchanged(decisions: list[tuple[date, float]], cut: int) -> None:
    assert list(policy_cycles(decisions))[:cut] == list(policy_cycles(decisions[:cut]))


@given(DECISIONS)
def test_mirrored_decisions_give_mirrored_cycles(decisions: list[tuple[date, float]]) -> None:
    mirrored = {"easing": "tightening", "tightening": "easing", "hold": "hold"}
    there = list(policy_cycles(decisions))
    back = list(policy_cycles([(day, -change) for day, change in decisions]))
    assert [mirrored[s.cycle] for s in there] == [s.cycle for s in back]
    assert [-s.cumulative_change_bp for s in there] == [s.cumulative_change_bp for s in back]
