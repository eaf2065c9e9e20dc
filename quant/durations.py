"""How long things last when some have not ended yet.

Here: the survival curve of durations of which some are censored. Not here: what lasts (quant.divergence).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def survival(durations: IntArray, ended: BoolArray) -> tuple[IntArray, FloatArray]:
    """Share that lasts longer than each length at which one ended (Kaplan & Meier 1958).

    durations: int64[N]; ended: bool[N], False where it still lasts (censored). Returns the lengths int64[K],
    increasing, and the shares float64[K], decreasing from at most 1. Raises ValueError when lengths differ.
    """
    if durations.shape != ended.shape:
        raise ValueError(f"survival: {durations.shape} durations, but {ended.shape} that ended or not")
    lengths, ends = np.unique(durations[ended], return_counts=True)
    at_risk = len(durations) - np.searchsorted(np.sort(durations), lengths)
    return lengths, np.cumprod(1 - ends / at_risk, dtype=np.float64)


def outlasting(lengths: IntArray, shares: FloatArray, length: int) -> float:
    """Share that lasts longer than `length`, from `survival`."""
    position = int(np.searchsorted(lengths, length, side="right"))
    return float(shares[position - 1]) if position else 1.0


def median(lengths: IntArray, shares: FloatArray) -> float:
    """First length that no more than half outlast; NaN while more than half do."""
    reached = np.flatnonzero(shares <= 0.5)
    return float(lengths[reached[0]]) if len(reached) else float("nan")
