"""Peaks: record closes that were followed by a fall.

Here: finding confirmed peaks in one price path. Not here: what another asset did at the time (assets.marts.peaks).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Peak:
    """A record close and the row on which the fall from it confirmed it."""

    row: int
    confirmed: int


def confirmed_peaks(close: NDArray[np.float64], *, fall: float = 0.05, record_before: float = 0.0) -> list[Peak]:
    """Record closes from which the price fell by `fall` or more before any higher close.

    close: float64[T], positive, no NaN. record_before: the highest close before the first row; 0 where there was
    none. Returns peaks in order. Causal: a peak is reported from its confirming row on, so appending rows adds peaks
    and changes none. (The zigzag rule of chart analysis, kept to record closes.) Raises ValueError for NaN, for
    prices of zero or less, and for a fall outside (0, 1).
    """
    if not 0 < fall < 1:
        raise ValueError(f"confirmed_peaks: fall is a fraction between 0 and 1, got {fall}")
    if len(close) and not (close > 0).all():
        raise ValueError("confirmed_peaks: closes must be positive numbers without gaps")
    record = np.maximum(np.maximum.accumulate(close), record_before)
    is_record = close > np.append(record_before, record[:-1]) if len(close) else np.empty(0, bool)
    record_row = np.maximum.accumulate(np.where(is_record, np.arange(len(close)), 0))
    begun = np.maximum.accumulate(is_record)
    fallen = np.flatnonzero(begun & (close <= record * (1 - fall)))
    rows, first = np.unique(record_row[fallen], return_index=True)
    return [Peak(int(row), int(fallen[i])) for row, i in zip(rows, first, strict=True)]
