"""What the studies look at, read from studies.toml and checked.

Here: the shape of the file and the errors a typo ends in. Not here: the entries (studies.toml), the symbols they name
(assets.catalog), how a study works (quant).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assets.catalog import Catalog

PATH = Path(__file__).with_name("studies.toml")

Sessions = Annotated[int, Field(ge=1, le=2520)]


class StudiesError(ValueError):
    """The studies cannot be used; the message names the file, the entry and the reason."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Breakouts(_Section):
    """Records of the benchmarks after a quiet spell, and what the assets did next."""

    benchmarks: tuple[str, ...] = Field(min_length=1)
    assets: tuple[str, ...] = Field(min_length=1)
    horizons_sessions: tuple[Sessions, ...] = Field(min_length=1)
    quiet_sessions: tuple[Sessions, ...] = Field(min_length=1)
    follow_within_sessions: Sessions
    bootstrap_replications: int = Field(ge=99, le=9999)
    detectable_return: float = Field(gt=0, lt=1)


class LeadLagStudy(_Section):
    """Correlations of every catalog pair at many lags."""

    windows_sessions: tuple[Sessions, ...] = Field(min_length=1)
    max_lag_sessions: int = Field(ge=1, le=63)
    draws: int = Field(ge=99, le=9999)


class Recoupling(_Section):
    """The forecast that the laggard of one pair catches up."""

    asset: str
    benchmark: str
    horizons_sessions: tuple[Sessions, ...] = Field(min_length=1)
    refit_sessions: Sessions
    fewest_outcomes: int = Field(ge=60)
    trend_gap_prior: float = Field(gt=0, le=2)
    component_prior: float = Field(gt=0, le=2)
    bootstrap_replications: int = Field(ge=99, le=9999)

    @property
    def pair(self) -> str:
        """The pair's name in every table."""
        return f"{self.asset}/{self.benchmark}"


class Studies(_Section):
    """All sections of the file."""

    breakouts: Breakouts
    lead_lag: LeadLagStudy
    recoupling: Recoupling

    def symbols(self) -> dict[str, tuple[str, ...]]:
        """Every symbol the studies name, by the entry that names it."""
        return {"breakouts.benchmarks": self.breakouts.benchmarks, "breakouts.assets": self.breakouts.assets}


def load_studies(catalog: Catalog, path: Path = PATH) -> Studies:
    """Read the studies and check them against the catalog; raises StudiesError naming file, entry and reason."""
    try:
        studies = Studies.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except tomllib.TOMLDecodeError as error:
        raise StudiesError(f"{path.name}: {error}; correct the TOML there") from error
    except ValidationError as error:
        reasons = (f"{'.'.join(map(str, e['loc']))}: {e['msg'][0].lower()}{e['msg'][1:]}" for e in error.errors())
        raise StudiesError(f"{path.name}: {'; '.join(reasons)}") from None
    known = {s.id for s in catalog.symbol}
    for entry, symbols in studies.symbols().items():
        for symbol in symbols:
            if symbol not in known:
                raise StudiesError(
                    f"{path.name}: {entry} names {symbol}, which is no symbol of the catalog; "
                    f"add a [[symbol]] entry there or correct the name"
                )
    if studies.recoupling.pair not in {p.id for p in catalog.pair}:
        raise StudiesError(
            f"{path.name}: recoupling is about {studies.recoupling.pair}, which is no pair of the catalog; "
            f"add a [[pair]] entry there or correct the name"
        )
    return studies
