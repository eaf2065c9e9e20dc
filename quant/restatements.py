"""Restatements: is a value that replaces an earlier one a correction, or damage?

Here: the values of one series that came again and differ, judged together. Not here: values that come for the first
time (quant.plausibility), what is done with the judgement (assets.door.rules).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

FEW = 3  # values that differ before a common factor can be told from a coincidence
_ALIKE = 0.01  # spread of the factors, as a share of the common one
_ROUNDING = 1e-4  # of the factors of a price quoted to the cent
_DIVIDEND = (0.9, 1.001)  # one dividend, or the correction of one, moves an adjusted close by a factor within

Judgement = Literal["usual", "explained", "another_unit", "too_many", "too_large"]


@dataclass(frozen=True)
class Restated:
    """What the changes of one series amount to; factor: the common one, where there is one."""

    judgement: Judgement
    factor: float | None = None


def judge(
    old: FloatArray, new: FloatArray, size: FloatArray, *, usual: float, handful: float, splits: tuple[float, ...] = ()
) -> Restated:
    """Judge the values of one series that differ from what is stored.

    old, new: float64[n], what is stored and what came in its place. size: float64[n], the change in scales of the
    series. usual: the largest size that needs no second look; handful: the largest number (infinite where a
    publisher restates history as a matter of course). splits: ratios the source itself reports, new shares per old.

    A common factor is no correction of single values: the answer is in another unit or currency, unless a split
    explains it.
    """
    factor = common_factor(old, new)
    if factor is not None and any(abs(np.log(factor * ratio)) < _ALIKE for ratio in splits):
        return Restated("explained", factor)
    if factor is not None and float(np.median(size)) > usual:
        return Restated("another_unit", factor)
    if len(old) > handful:
        return Restated("too_many")
    return Restated("too_large" if float(size.max(initial=0.0)) > usual else "usual")


def common_factor(old: FloatArray, new: FloatArray) -> float | None:
    """The one factor between all old and new values; None where there is none, or too few values to tell."""
    if len(old) < FEW or not ((old > 0) & (new > 0)).all():
        return None
    logs = np.log(new / old)
    middle = float(np.median(logs))
    alike = np.abs(logs - middle) <= _ALIKE * abs(middle) + _ROUNDING
    return float(np.exp(middle)) if alike.all() else None


def is_dividend(old: FloatArray, new: FloatArray) -> bool:
    """Adjusted closes that moved because a dividend was paid: the same factor for all days before it.

    old, new: float64[n], the adjusted closes that differ, in order of days, where the closes themselves did not
    change. Several dividends since the last fetch are several factors, one stretch of days each.
    """
    logs = np.log(new / old)
    low, high = np.log(_DIVIDEND[0]), np.log(_DIVIDEND[1])
    if not ((logs >= low) & (logs <= high)).all():
        return False
    steps = int((np.abs(np.diff(logs)) > _ROUNDING).sum())
    return steps <= max(2, len(logs) // 15)
