"""How figures and dates are written for people.

Here: one function per kind of figure. Not here: sentences (brief.reading, brief.sections).
"""

from __future__ import annotations

from datetime import date


def day(value: date) -> str:
    """21 August 2026."""
    return f"{value.day} {value:%B %Y}"


def percent(fraction: float | None, digits: int = 1) -> str:
    """-0.382 -> -38.2%; missing -> a dash."""
    return "–" if fraction is None else f"{_unsigned_zero(100 * fraction, digits):.{digits}f}%"


def signed_percent(fraction: float | None, digits: int = 1) -> str:
    """0.05 -> +5.0%."""
    return "–" if fraction is None else f"{_unsigned_zero(100 * fraction, digits):+.{digits}f}%"


def number(value: float | None, digits: int = 0) -> str:
    """124752.53 -> 124,753."""
    return "–" if value is None else f"{_unsigned_zero(value, digits):,.{digits}f}"


def signed(value: float | None, digits: int = 0) -> str:
    """-115.7 -> -116."""
    return "–" if value is None else f"{_unsigned_zero(value, digits):+,.{digits}f}"


def plural(value: int, one: str) -> str:
    """1 record close, 2 record closes."""
    return f"{value:,} {one}{'' if value == 1 else 's'}"


def _unsigned_zero(value: float, digits: int) -> float:
    return 0.0 if round(value, digits) == 0 else value
