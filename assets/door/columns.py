"""Columns as the door compares them: what came beside what is known.

Here: small words for frames that hold both. Not here: what is compared why (assets.door.replacing,
assets.door.arriving).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from quant.plausibility import FloatArray, IntArray

RELATIVE_TOLERANCE = 1e-6  # below it two values are one: Yahoo's adj_close flickers by 6e-8 between identical calls
WAS, NOW = "_was", "_now"


@dataclass(frozen=True)
class Doubt:
    """A row, or one field of it, that is not believed as it came.

    row: its number in the answer. held: it waits for a second answer instead of being refused. whole: false where the
    row is believed without the field. believed: it is only said.
    """

    row: int
    rule: str
    field: str
    value: float | None
    was: float | None = None
    low: float | None = None
    high: float | None = None
    held: bool = False
    whole: bool = True
    believed: bool = False


def differs(column: str) -> pl.Expr:
    """Both values are there and not the same."""
    return apart(pl.col(column), pl.col(column + WAS))


def apart(now: pl.Expr, was: pl.Expr) -> pl.Expr:
    """Two numbers are not one, given how floats flicker."""
    return ((now - was).abs() > RELATIVE_TOLERANCE * pl.max_horizontal(now.abs(), was.abs())).fill_null(False)


def numbers(frame: pl.DataFrame, column: str) -> FloatArray:
    """A column as float64, NaN where it is empty."""
    return frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()


def number(value: object) -> float | None:
    """A cell of a row as a number."""
    return float(value) if isinstance(value, int | float) else None


def codes(series: pl.Series) -> IntArray:
    """Sorted names as numbers."""
    return series.rle_id().cast(pl.Int64).to_numpy()


def epoch_days(days: pl.Series) -> IntArray:
    """Dates as days since 1970-01-01."""
    return days.cast(pl.Int32).cast(pl.Int64).to_numpy()
