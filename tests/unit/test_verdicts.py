from __future__ import annotations

import pytest

from quant.verdicts import Comparison, Verdict, verdict


@pytest.mark.parametrize(
    ("claimed", "measured", "tolerance", "comparison", "expected"),
    [
        (-0.27, -0.28, 0.01, "equals", "holds"),
        (-0.27, -0.2847, 0.01, "equals", "close"),
        (-0.27, -0.3, 0.01, "equals", "fails"),
        (3, 3, 0, "equals", "holds"),
        (3, 2, 0, "equals", "fails"),
        (90_000, 98_997, 0, "at_least", "holds"),
        (0.9, 0.82, 0.05, "at_least", "close"),
        (0.9, 0.5, 0.05, "at_least", "fails"),
        (-1.96, -2.02, 0, "at_most", "holds"),
        (-1.96, 4.4, 0, "at_most", "fails"),
        (0.3, 0.1 + 0.2, 0, "equals", "holds"),
        (40, None, 4, "equals", "unknown"),
        (40, float("nan"), 4, "at_least", "unknown"),
    ],
)
def test_the_verdict_follows_from_the_numbers(
    claimed: float, measured: float | None, tolerance: float, comparison: Comparison, expected: Verdict
) -> None:
    assert verdict(claimed, measured, tolerance, comparison) == expected


@pytest.mark.parametrize(("measured", "expected"), [(0.6, "not_shown"), (0.42, "not_shown"), (0.3, "fails")])
def test_a_number_that_chance_gives_as_often_shows_nothing(measured: float, expected: Verdict) -> None:
    assert verdict(0.5, measured, 0.05, "at_least", chance_without_effect=0.7) == expected


def test_a_negative_tolerance_is_refused() -> None:
    with pytest.raises(ValueError, match="zero or more"):
        verdict(1, 1, -0.1)
