"""The marts of one run, as the brief and the terminal read them.

Here: parquet files by mart name, and the run they belong to. Not here: what is said of them (brief.reading,
brief.sections).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from assets.catalog import Pair as CatalogPair
from assets.catalog import load_catalog
from assets.framework.errors import KnownFault
from pipelines.home import Run, Tree


class NothingPublished(KnownFault):
    """There is no run to read."""


@dataclass(frozen=True)
class Pair:
    """The two that the question is about."""

    asset: str = "BTC-USD"
    benchmark: str = "^RUT"

    @property
    def id(self) -> str:
        """As the marts name it."""
        return f"{self.asset}/{self.benchmark}"

    @cached_property
    def names(self) -> dict[str, str]:
        """What a person calls the two."""
        return {symbol.id: symbol.name for symbol in load_catalog().symbol}

    @property
    def asset_name(self) -> str:
        """Bitcoin."""
        return self.names[self.asset]

    @property
    def benchmark_name(self) -> str:
        """Russell 2000."""
        return self.names[self.benchmark]


@dataclass(frozen=True)
class Marts:
    """One complete run: a folder that never changes once it is published."""

    folder: Path
    manifest: Mapping[str, Any]
    pair: Pair = Pair()

    @classmethod
    def of(cls, folder: Path, manifest: Mapping[str, Any]) -> Marts:
        """The run in `folder`."""
        return cls(folder, manifest)

    @classmethod
    def current(cls, tree: Path) -> Marts:
        """The newest run of a tree; the link is followed once, so that everything read comes from one run."""
        link = Tree(tree).current
        if not link.exists():
            raise NothingPublished(
                f"{tree} holds no published run; run `make demo` or `make nightly` once, or set RECOUPLE_HOME"
            )
        folder = link.resolve()
        return cls(folder, json.loads(Run(folder).manifest.read_text()))

    @cached_property
    def pairs(self) -> tuple[CatalogPair, ...]:
        """Every pair of the catalog."""
        return load_catalog().pair

    @property
    def names(self) -> dict[str, str]:
        """What a person calls a symbol."""
        return self.pair.names

    @property
    def as_of(self) -> date:
        """The day at whose end everything here could have been computed."""
        return date.fromisoformat(self.manifest["as_of"])

    @property
    def simulated(self) -> bool:
        """Nothing here is real."""
        return bool(self.manifest["simulated"])

    def has(self, mart: str) -> bool:
        """The run published this mart."""
        return Run(self.folder).mart(mart).exists()

    def scan(self, mart: str) -> pl.LazyFrame:
        """A mart's rows, read when they are collected."""
        return pl.scan_parquet(Run(self.folder).mart(mart), glob=False)

    def of_pair(self, mart: str) -> pl.DataFrame:
        """The rows of a mart that speak of the headline pair, in order of session."""
        return self.scan(mart).filter(pl.col("pair") == self.pair.id).sort("session").collect()

    def states(self, symbol: str) -> pl.DataFrame:
        """One symbol's market state, in order of session."""
        return self.scan("market_state").filter(pl.col("symbol") == symbol).sort("session").collect()
