"""When values that replace earlier ones are corrections."""

from __future__ import annotations

import numpy as np
import pytest

from quant.restatements import common_factor, is_dividend, judge

OLD = np.array([100.0, 102.0, 99.0, 101.0, 103.0])


def judged(new: np.ndarray, size: float, *, splits: tuple[float, ...] = (), handful: float = 3) -> str:
    sizes = np.full(len(new), size)
    return judge(OLD[: len(new)], new, sizes, usual=0.25, handful=handful, splits=splits).judgement


@pytest.mark.parametrize(
    ("new", "size", "said"),
    [
        (np.array([100.1]), 0.1, "usual"),
        (np.array([100.1, 102.2, 98.9]), 0.1, "usual"),
        (np.array([104.0]), 4.0, "too_large"),
        (np.array([100.1, 102.2, 98.9, 101.3]), 0.1, "too_many"),
        (OLD * 0.86, 12.0, "another_unit"),
        (OLD * 0.001, 500.0, "another_unit"),
        (OLD[:2] * 0.86, 12.0, "too_large"),
    ],
)
def test_few_small_changes_are_corrections_and_nothing_else_is(new: np.ndarray, size: float, said: str) -> None:
    assert judged(new, size) == said


def test_a_split_that_the_source_reports_explains_its_factor_and_no_other() -> None:
    assert judged(OLD / 2, 60.0, splits=(2.0,)) == "explained"
    assert judged(OLD / 3, 60.0, splits=(2.0,)) == "another_unit"


def test_a_publisher_that_restates_history_may_do_so_in_small_steps() -> None:
    new = OLD + np.array([0.1, -0.2, 0.1, 0.2, -0.1])
    assert judged(new, 0.1, handful=np.inf) == "usual"
    assert judged(new, 0.1) == "too_many"


def test_a_factor_is_common_only_where_all_values_share_it() -> None:
    assert common_factor(OLD, OLD * 3) == pytest.approx(3)
    assert common_factor(OLD, OLD * np.array([3, 3, 3, 3, 2])) is None
    assert common_factor(OLD[:2], OLD[:2] * 3) is None
    assert common_factor(-OLD, OLD * 3) is None


def test_adjusted_closes_move_together_when_a_dividend_is_paid() -> None:
    assert is_dividend(OLD, OLD * 0.997)
    assert is_dividend(OLD, OLD * np.array([0.994, 0.994, 0.997, 0.997, 0.997]))  # two dividends since the last fetch
    assert not is_dividend(OLD, OLD * np.array([0.99, 0.98, 0.99, 0.98, 0.99]))
    assert not is_dividend(OLD, OLD * 0.86)
    assert not is_dividend(OLD, OLD * 1.05)
