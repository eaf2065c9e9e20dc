"""Who an answer says it is, held against what was asked for.

Here: the comparison, and the error another identity ends in. Not here: what is expected (assets.catalog), where a
service says it (each source).

A service that answers with another symbol, currency or unit does so in good form, so no parser objects. What the answer
says of itself is the only word on it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from assets.catalog import Series, Symbol
from assets.upstream import Note
from pipelines.sources.errors import Malformed

WORDINGS = {
    "percent": ("Percent", r"percent|%"),
    "index_points": ("Index", r"index.*"),
    "usd_mn": ("Millions of U.S. Dollars", r"(millions|mil\.?) of (u\.?s\.? )?(dollars|\$|usd)|usd_mn"),
    "usd_bn": ("Billions of U.S. Dollars", r"(billions|bil\.?) of (u\.?s\.? )?(dollars|\$|usd)|usd_bn"),
    "calendar_day": ("Daily, 7-Day", r"daily.*|d|calendar_day"),
    "business_day": ("Daily", r"daily.*|d|business_day"),
    "weekly_wednesday": ("Weekly, Wednesday", r"weekly(, (as of|ending) wednesday)?|w|weekly_wednesday"),
    "weekly_friday": ("Weekly, Friday", r"weekly(, (as of|ending) friday)?|w|weekly_friday"),
    "monthly": ("Monthly", r"monthly.*|m"),
    "adjusted": ("Seasonally Adjusted", r"seasonally adjusted.*|sa|saar"),
    "not_adjusted": ("Not Seasonally Adjusted", r"not seasonally adjusted|nsa"),
}
"""How publishers word what the catalog says in a word: for people, and as a pattern of all that means the same."""
LEAST_DAYS_TO_JUDGE = 4  # with fewer expected days, a hole and a coarser answer look the same


class OtherIdentity(Malformed):
    """A well-formed answer about something else; to ask at once again would only choose the answer one likes."""

    transient = False
    service_level = False


@dataclass(frozen=True)
class Trait:
    """One thing an answer says of itself.

    name: in one word. told: in a sentence, with {} for the value, for example `prices in {}`. said: None where the
    answer is silent. expected: the values that are right.
    """

    name: str
    told: str
    said: str | None
    expected: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """It says something, and something else."""
        return self.said is not None and self.said not in self.expected


def recognised(service: str, series: str, traits: Sequence[Trait], *, remedy: str) -> tuple[Note, ...]:
    """What the answer left unsaid; raises OtherIdentity with every trait that differs."""
    other = [t for t in traits if t.differs]
    if other:
        named = "; ".join(f"{t.told.format(t.said)} where {' or '.join(t.expected)} belongs" for t in other)
        raise OtherIdentity(service, series, f"answered with {named}; none of it was stored", status=200, remedy=remedy)
    unsaid = [f"{t.name} ({' or '.join(t.expected)} is taken for granted)" for t in traits if t.said is None]
    return (Note(series, f"the answer does not say its {', '.join(unsaid)}"),) if unsaid else ()


def symbol_traits(symbol: Symbol, said: Mapping[str, str]) -> list[Trait]:
    """What daily bars must say of themselves, in Yahoo's words. said: what they do say."""
    traits = [
        Trait("symbol", "bars of {}", said.get("symbol"), (symbol.id,)),
        Trait("currency", "prices in {}", said.get("currency"), (symbol.currency,)),
        Trait("granularity", "bars of granularity {}", said.get("dataGranularity"), ("1d",)),
        Trait("time zone", "days of {}", said.get("exchangeTimezoneName"), symbol.time_zones),
    ]
    if symbol.instrument is not None:
        traits.append(Trait("type", "an instrument of type {}", said.get("instrumentType"), (symbol.instrument,)))
    return traits


def series_traits(series: Series, said: Mapping[str, str]) -> list[Trait]:
    """What a macro series must say of itself, in FRED's words. said: what it does say."""
    adjusted = "adjusted" if series.seasonally_adjusted else "not_adjusted"
    return [
        Trait("id", "the series {}", said.get("id"), (series.id,)),
        _worded("unit", "values in {}", said.get("units"), series.unit),
        _worded("frequency", "observations of frequency {}", said.get("frequency"), series.frequency),
        _worded("seasonal adjustment", "values that are {}", said.get("seasonal_adjustment"), adjusted),
    ]


def _worded(name: str, told: str, said: str | None, expected: str) -> Trait:
    """A trait that a publisher words in more than one way."""
    words, pattern = WORDINGS[expected]
    right = said is not None and re.fullmatch(pattern, said.strip(), re.IGNORECASE)
    return Trait(name, told, said, (said,) if said is not None and right else (words,))


def coarser(present: Collection[date], expected: Iterable[date]) -> str | None:
    """In words, when the days present are fewer than half of those expected between the first and the last of them."""
    first, last = min(present), max(present)
    between = [day for day in expected if first <= day <= last]
    if len(between) < LEAST_DAYS_TO_JUDGE or 2 * len(present) >= len(between):
        return None
    apart = (last - first).days / (len(present) - 1)
    return f"bars about {apart:.0f} days apart where daily ones belong"
