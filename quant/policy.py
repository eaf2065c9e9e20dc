"""Monetary policy cycles from a sequence of decisions.

Here: which cycle a meeting belongs to. Not here: what was decided (sql/derived), market reactions (studies).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

Cycle = Literal["easing", "tightening", "hold"]

HOLD_AFTER = timedelta(days=365)


@dataclass(frozen=True)
class CycleState:
    """The policy cycle after one meeting."""

    cycle: Cycle
    cycle_start: date
    cumulative_change_bp: float


def policy_cycles(decisions: Iterable[tuple[date, float]]) -> Iterator[CycleState]:
    """The cycle after each decision, from what was known at the time.

    decisions: (meeting date, change in basis points), in order of date. The cycle takes the direction of the last
    change and begins with the first change in that direction; without a change for more than 365 days it is a hold,
    which begins with the meeting that makes it so. The sum of changes starts anew with each cycle.
    """
    cycle: Cycle = "hold"
    start: date | None = None
    last_change: date | None = None
    total = 0.0
    for meeting, change_bp in decisions:
        if change_bp != 0:
            direction: Cycle = "easing" if change_bp < 0 else "tightening"
            if direction != cycle:
                cycle, start, total = direction, meeting, 0.0
            last_change = meeting
        elif start is None or (cycle != "hold" and last_change and meeting - last_change > HOLD_AFTER):
            cycle, start, total = "hold", meeting, 0.0
        total += change_bp
        yield CycleState(cycle, start or meeting, total)
