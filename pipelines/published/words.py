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


def bound(value: float) -> str:
    """An end of an interval: 0.0031 -> 0.003, so that what lies above zero is not written as zero."""
    return (
        number(value, 2)
        if abs(value) >= 0.005 or value == 0
        else f"{value:.3f}"
        if abs(value) >= 0.0005
        else ("just above 0" if value > 0 else "just below 0")
    )


def chance(probability: float) -> str:
    """0.996 -> more than 99%: no forecast is certain."""
    whole = round(100 * probability)
    return "less than 1%" if whole < 1 else "more than 99%" if whole > 99 else f"{whole}%"


def months_between(first: date, last: date) -> int:
    """Whole months passed."""
    return 12 * (last.year - first.year) + last.month - first.month - (last.day < first.day)


def condition(name: str) -> str:
    """quiet_20 -> a record that ended 20 or more sessions without one."""
    quiet = name.removeprefix("quiet_")
    return f"a record that ended {quiet} or more sessions without one" if quiet.isdigit() else name.replace("_", " ")


def plural(value: int, one: str) -> str:
    """1 record close, 2 record closes."""
    return f"{value:,} {one}{'' if value == 1 else 's'}"


def _unsigned_zero(value: float, digits: int) -> float:
    return 0.0 if round(value, digits) == 0 else value
