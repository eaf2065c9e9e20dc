"""Verdicts: what a measured value says of a claimed one.

Here: the rule. Not here: what is claimed and how it is measured (assets.claims).
"""

from __future__ import annotations

import math
from typing import Literal

Comparison = Literal["equals", "at_least", "at_most"]
Verdict = Literal["holds", "close", "fails", "not_shown", "unknown"]

LARGEST_CHANCE = 0.05  # what holds more often than this without any effect shows none
_ROUNDING = 1e-9  # a miss of exactly the tolerance still holds, whatever binary fractions make of it


def verdict(
    claimed: float,
    measured: float | None,
    tolerance: float,
    comparison: Comparison = "equals",
    chance_without_effect: float | None = None,
) -> Verdict:
    """`holds` within the tolerance, `close` within twice the tolerance, `fails` beyond, `unknown` without a value.

    A claim about an effect that would hold too easily without any, by its chance_without_effect, is `not_shown` where
    its number is as claimed.

    comparison: what was claimed, the value itself or a bound; a bound is missed only on its wrong side. tolerance: in
    the unit of the values, zero or more; zero leaves nothing between holds and fails. Raises ValueError for a negative
    or missing tolerance.
    """
    if not tolerance >= 0:
        raise ValueError(f"verdict: the tolerance is {tolerance}; give zero or more")
    if measured is None or math.isnan(measured):
        return "unknown"
    missed_by = {
        "equals": abs(measured - claimed),
        "at_least": claimed - measured,
        "at_most": measured - claimed,
    }[comparison]
    slack = _ROUNDING * max(1.0, abs(claimed))
    if missed_by > 2 * tolerance + slack:
        return "fails"
    if chance_without_effect is not None and chance_without_effect > LARGEST_CHANCE:
        return "not_shown"
    return "holds" if missed_by <= tolerance + slack else "close"
