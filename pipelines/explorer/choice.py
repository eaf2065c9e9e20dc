"""What a reader chooses, as it stands in the page's address.

Here: the fields, their defaults, and what is refused. Not here: where the rows come from (explorer.library).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from assets.catalog import Pair
from assets.contracts.pair_days import WINDOWS
from assets.framework.errors import KnownFault

HORIZONS = (63, 126, 252)
YEARS = (1, 2, 5, 20)


class NotAChoice(KnownFault):
    """The address asks for something that is not there."""


@dataclass(frozen=True)
class Choice:
    """pair: what it is about. day, against: at whose end it is read; None is the newest, or no second one.

    window, horizon: sessions of the correlation and of the gap. years: how far back charts go.
    """

    pair: Pair
    day: date | None = None
    against: date | None = None
    window: int = 60
    horizon: int = 63
    years: int = 2

    @classmethod
    def of(cls, asked: Mapping[str, str], pairs: Sequence[Pair], headline: Pair) -> Choice:
        """From the fields of an address. Raises NotAChoice naming the field and what it takes."""
        asset, benchmark = (asked.get(name) or getattr(headline, name) for name in ("asset", "benchmark"))
        pair = next((p for p in pairs if (p.asset, p.benchmark) == (asset, benchmark)), None)
        if pair is None:
            raise NotAChoice(
                f"no mart holds the pair {asset}/{benchmark}; choose one of {', '.join(p.id for p in pairs)}"
            )
        return cls(
            pair=pair,
            day=day_named("day", asked.get("day")),
            against=day_named("against", asked.get("against")),
            window=_one_of("window", asked.get("window"), WINDOWS, cls.window),
            horizon=_one_of("horizon", asked.get("horizon"), HORIZONS, cls.horizon),
            years=_one_of("years", asked.get("years"), YEARS, cls.years),
        )

    def since(self, day: date) -> date:
        """Where charts of a day begin."""
        return day - timedelta(days=round(365.25 * self.years))


def day_named(field: str, text: str | None) -> date | None:
    """An optional ISO date of an address."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise NotAChoice(f"{field} is {text!r}; write an ISO date such as 2025-12-12") from None


def _one_of(field: str, text: str | None, known: Sequence[int], default: int) -> int:
    if not text:
        return default
    if text not in map(str, known):
        raise NotAChoice(f"{field} is {text!r}; choose one of {', '.join(map(str, known))}")
    return int(text)
