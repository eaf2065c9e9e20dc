"""The sample market's description: the shape of sample_market.toml, and the errors a typo in it ends in.

Here: what may be said about a simulated symbol, series, fund or programme, and the defaults for one that
nothing is said about. Not here: the figures (sample_market.toml), what is made of them (sample_paths).
"""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from assets.catalog import Series, Symbol
from assets.framework.errors import KnownFault

PATH = Path(__file__).with_name("sample_market.toml")

Driver = Literal["equity", "crypto", "metal", "rates"]
Regime = Literal["coupled", "decoupled", "inverse"]
Point = tuple[date, float]
Window = tuple[date, date, float]


class SampleMarketError(KnownFault):
    """The sample market cannot be simulated; the message names the file, the entry and the reason."""


def _in_order(points: tuple[Point, ...]) -> tuple[Point, ...]:
    days = [day for day, _ in points]
    if days != sorted(set(days)):
        raise ValueError("the dates must increase")
    return points


Points = Annotated[tuple[Point, ...], AfterValidator(_in_order)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SimulatedSymbol(_Entry):
    """How one symbol's bars come about."""

    first: date | None = None
    start: float = Field(default=100.0, gt=0)
    volatility: float = Field(default=0.20, gt=0)
    drift: float = 0.05
    loadings: dict[Driver, float] = {}
    half_life_days: float | None = Field(default=None, gt=0)
    anchors: Points = ()
    caps: tuple[Window, ...] = ()
    highs: Points = ()
    high_caps: tuple[Window, ...] = ()
    tracks: str | None = None
    ratio: float = Field(default=1.0, gt=0)
    tracking_error: float = Field(default=0.0, ge=0)
    dividend_yield: float = Field(default=0.0, ge=0, lt=1)
    volume: float = Field(default=1.0e6, ge=0)

    @model_validator(mode="after")
    def _loadings_leave_room(self) -> SimulatedSymbol:
        if sum(loading**2 for loading in self.loadings.values()) > 1:
            raise ValueError("the squares of the loadings must not sum to more than one")
        return self


class SimulatedSeries(_Entry):
    """How one series' observations come about, in its published unit."""

    first: date | None = None
    anchors: Points = ()
    steps: Points = ()
    sum_of: dict[str, float] = {}
    offset: float = 0.0
    noise: float = Field(default=0.0, ge=0)
    half_life_days: float = Field(default=20.0, gt=0)
    floor: float | None = None


class SimulatedFund(_Entry):
    """A fund's first day and its net flow over all days."""

    first: date
    total_usd_mn: float


class SimulatedOperations(_Entry):
    """Operations of one type over one period."""

    operation_type: str
    first: date
    last: date
    every_business_days: int = Field(gt=0)
    accepted_usd_bn: float = Field(gt=0)
    results: tuple[tuple[date, float, float], ...] = ()


class SampleMarket(_Entry):
    """The whole description."""

    first: date
    last: date
    correlation: dict[Regime, float]
    spells: dict[date, Regime]
    default_start: dict[str, float]
    default_role: dict[str, SimulatedSymbol]
    symbol: dict[str, SimulatedSymbol]
    series: dict[str, SimulatedSeries]
    fund: dict[str, SimulatedFund]
    operations: tuple[SimulatedOperations, ...]

    @model_validator(mode="after")
    def _spells_cover_all_days(self) -> SampleMarket:
        starts = list(self.spells)
        if starts != sorted(starts) or starts[0] > self.first:
            raise ValueError("spells must stand in order and begin on the first day")
        return self

    def symbol_entry(self, symbol: Symbol) -> SimulatedSymbol:
        """The symbol's entry; without one, that of its role, starting at a level usual for its unit."""
        if symbol.id in self.symbol:
            return self.symbol[symbol.id]
        of_role = self.default_role.get(symbol.role, SimulatedSymbol())
        return of_role.model_copy(update={"start": self.default_start[symbol.unit]})

    def series_entry(self, series: Series) -> SimulatedSeries:
        """The series' entry; without one, a level usual for its unit with small moves around it."""
        if series.id in self.series:
            return self.series[series.id]
        level = {"percent": 3.0, "index_points": 100.0, "usd_bn": 1000.0, "usd_mn": 1.0e6}[series.unit]
        return SimulatedSeries(anchors=((self.first, level),), noise=level / 200, floor=level / 10)


def load_sample_market(path: Path = PATH) -> SampleMarket:
    """Read and check the description; raises SampleMarketError naming file, entry and reason."""
    try:
        return SampleMarket.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise SampleMarketError(f"{path.name}: {error}; correct the TOML there") from error
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise SampleMarketError(f"{path.name}: {'; '.join(problems)}") from None
