"""What the studies look at, read from studies.toml and checked.

Here: the shape of the file and the errors a typo ends in. Not here: the entries (studies.toml), the symbols they name
(assets.catalog), how a study works (quant, sql).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated

import polars as pl
from pydantic import Field

from assets.catalog import Catalog
from assets.framework.entries import Entry, EntryError, at, load_entries

PATH = Path(__file__).with_name("studies.toml")

Sessions = Annotated[int, Field(ge=1, le=2520)]
Symbols = Annotated[tuple[str, ...], Field(min_length=1)]
Horizons = Annotated[tuple[Sessions, ...], Field(min_length=1)]


class StudiesError(EntryError):
    """The studies cannot be used; the message names the file, the line and the reason."""


class Breakouts(Entry):
    """Records of the benchmarks after a quiet spell, and what the assets did next."""

    benchmarks: Symbols
    assets: Symbols
    horizons_sessions: Horizons
    quiet_sessions: Horizons
    follow_within_sessions: Sessions
    bootstrap_replications: int = Field(ge=99, le=9999)
    detectable_return: float = Field(gt=0, lt=1)


class LeadLagStudy(Entry):
    """Correlations of every catalog pair at many lags."""

    windows_sessions: Horizons
    max_lag_sessions: int = Field(ge=1, le=63)
    draws: int = Field(ge=99, le=9999)


class Recoupling(Entry):
    """The forecast that the laggard of the headline pair catches up."""

    horizons_sessions: Horizons
    refit_sessions: Sessions
    fewest_outcomes: int = Field(ge=60)
    component_prior: float = Field(gt=0, le=2)
    bootstrap_replications: int = Field(ge=99, le=9999)


class EasingCycles(Entry):
    """What the symbols did after the first cut of an easing cycle, and against two of them."""

    symbols: Symbols
    horizons_sessions: Horizons
    large_caps: str
    nasdaq_100: str


class PurchasePrograms(Entry):
    """What the symbols did after a purchase programme began."""

    symbols: Symbols
    horizons_sessions: Horizons


class RateSensitivitySamples(Entry):
    """Whether small caps answer more to a yield than large caps do."""

    small: str
    large: Symbols
    yield_series: str
    first_session: date
    recent_sessions: Mapping[str, Sessions]

    @property
    def spans(self) -> dict[str, int | None]:
        """Name of each span and its sessions; None: all since the first."""
        return {f"since_{self.first_session.year}": None, **self.recent_sessions}


class Studies(Entry):
    """All sections of the file."""

    breakouts: Breakouts
    lead_lag: LeadLagStudy
    recoupling: Recoupling
    easing_cycles: EasingCycles
    purchase_programs: PurchasePrograms
    rate_sensitivity: RateSensitivitySamples

    def symbols(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """Every symbol the studies name, by the section and key that name it."""
        return {
            ("breakouts", "benchmarks"): self.breakouts.benchmarks,
            ("breakouts", "assets"): self.breakouts.assets,
            ("easing_cycles", "symbols"): self.easing_cycles.symbols,
            ("purchase_programs", "symbols"): self.purchase_programs.symbols,
            ("rate_sensitivity", "small"): (self.rate_sensitivity.small,),
            ("rate_sensitivity", "large"): self.rate_sensitivity.large,
        }

    def studied_frame(self) -> pl.DataFrame:
        """One row per study in SQL, symbol and horizon: the columns of core.studied."""
        yardsticks = {self.easing_cycles.large_caps: "large_caps", self.easing_cycles.nasdaq_100: "nasdaq_100"}
        rows = [
            (study, symbol, horizon, yardsticks.get(symbol) if study == "easing_cycles" else None)
            for study, entry in (("easing_cycles", self.easing_cycles), ("purchase_programs", self.purchase_programs))
            for symbol in entry.symbols
            for horizon in entry.horizons_sessions
        ]
        return pl.DataFrame(rows, schema=_STUDIED, orient="row")


_STUDIED = {"study": pl.String, "symbol": pl.String, "horizon_sessions": pl.Int64, "yardstick": pl.String}


def load_studies(catalog: Catalog, path: Path = PATH) -> Studies:
    """Read the studies and check them against the catalog; raises StudiesError naming file, line and reason."""
    studies = load_entries(path, Studies, StudiesError)
    known = {s.id for s in catalog.symbol}
    for place, symbols in studies.symbols().items():
        for symbol in symbols:
            if symbol not in known:
                raise StudiesError(
                    f"{at(path, *place)}: {'.'.join(place)} names {symbol}, which is no symbol of the catalog; "
                    f"add a [[symbol]] entry there or correct the name"
                )
    for yardstick in ("large_caps", "nasdaq_100"):
        symbol = getattr(studies.easing_cycles, yardstick)
        if symbol not in studies.easing_cycles.symbols:
            raise StudiesError(
                f"{at(path, 'easing_cycles', yardstick)}: easing_cycles.{yardstick} is {symbol}, which is none of its "
                f"symbols; add it there or correct the name"
            )
    if studies.rate_sensitivity.yield_series not in {s.id for s in catalog.series}:
        raise StudiesError(
            f"{at(path, 'rate_sensitivity', 'yield_series')}: rate_sensitivity.yield_series is "
            f"{studies.rate_sensitivity.yield_series}, which is no series of the catalog; add a [[series]] entry "
            f"there or correct the name"
        )
    return studies
