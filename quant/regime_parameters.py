"""What the regime filter believes before it has seen data.

Here: the parameters, which pages quote as well. Not here: the filter (quant.regimes), how correlation moves
(quant.dynamics).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple


class Dynamics(NamedTuple):
    """One belief about how correlation moves.

    mean_spell: days until a regime that has outlived its protected days ends; drift: standard deviation of
    the daily step in Fisher-z, at most 0.045, beyond which one cell a day is too slow; weight: credibility
    before any data, relative to the others.
    """

    mean_spell: float
    drift: float
    weight: float


@dataclass(frozen=True)
class RegimeParameters:
    """What the filter believes before it has seen data. Frozen: a state belongs to exactly one set of these.

    upper_border, lower_border: correlations at which coupled and inverse begin. leave_below: the label leaves
    its regime when that regime's probability falls below this. bank: the beliefs about dynamics.
    protected_days: mean time before a new regime can end, spread over dwell_phases exponential phases.
    level_spread, border_blur: in Fisher-z, the spread of a new regime's level around zero, and the width
    around a border where regimes seldom settle. bank_discount, copula_discount, margin_discount: daily
    forgetting of log scores. warmup: days the margins need.
    """

    upper_border: float = 0.30
    lower_border: float = -0.15
    leave_below: float = 0.33
    bank: tuple[Dynamics, ...] = (
        Dynamics(mean_spell=120, drift=0.002, weight=3),
        Dynamics(mean_spell=120, drift=0.030, weight=3),
        Dynamics(mean_spell=3000, drift=0.015, weight=1),
        Dynamics(mean_spell=3000, drift=0.040, weight=1),
        Dynamics(mean_spell=100_000, drift=0.0, weight=0.4),  # nothing ever changes
    )
    protected_days: float = 40.0
    dwell_phases: int = 8
    level_spread: float = 0.30
    border_blur: float = 0.07
    bank_discount: float = 0.9995
    copula_discount: float = 0.999
    margin_discount: float = 0.998
    warmup: int = 40

    def __post_init__(self) -> None:
        """Raise ValueError naming the parameter that makes no sense."""
        if not -0.9 <= self.lower_border < self.upper_border <= 0.9:
            raise ValueError("borders must satisfy -0.9 <= lower_border < upper_border <= 0.9")
        if not 0.0 < self.leave_below < 1.0:
            raise ValueError("leave_below must lie between 0 and 1")
        if not self.bank or any(b.mean_spell < 1 or not 0 <= b.drift <= 0.045 or b.weight <= 0 for b in self.bank):
            raise ValueError("bank needs entries with mean_spell >= 1, drift in [0, 0.045] and weight > 0")
        if self.dwell_phases < 1 or self.protected_days < self.dwell_phases:
            raise ValueError("protected_days must be at least dwell_phases, and dwell_phases at least 1")
        if self.level_spread <= 0 or self.border_blur <= 0 or self.warmup < 1:
            raise ValueError("level_spread and border_blur must be positive and warmup at least 1")
        if not all(0 < d <= 1 for d in (self.bank_discount, self.copula_discount, self.margin_discount)):
            raise ValueError("discounts must lie in (0, 1]")

    def fingerprint(self) -> str:
        """Short hash of all parameters; states of other parameters are refused by it."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]
