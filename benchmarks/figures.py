"""The shape of a benchmark's result.

Here: one row of `benchmarks/latest.json`, where tables are printed. Not here: how it is measured.
"""

from __future__ import annotations

import sys
from typing import TypedDict

from rich.console import Console

CONSOLE = Console(width=None if sys.stdout.isatty() else 160)  # a file has no width, and 80 would fold every name


class Figure(TypedDict):
    """One measured value and what it is held against."""

    name: str
    value: float
    unit: str
    baseline: str | None
    baseline_value: float | None
    ratio: float | None


def compared(name: str, value: float, unit: str, baseline: str, baseline_value: float) -> Figure:
    """A value over its baseline."""
    ratio = value / baseline_value if baseline_value else None
    return Figure(name=name, value=value, unit=unit, baseline=baseline, baseline_value=baseline_value, ratio=ratio)
