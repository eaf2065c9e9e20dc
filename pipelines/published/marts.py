"""The marts of one run, as the brief and the terminal read them.

Here: parquet files by mart name, the run they belong to, and the same run as it stood on an earlier day. Not here: what
is said of them (published.reading, brief.sections).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from assets.catalog import Pair, load_catalog
from assets.contracts import MARTS
from assets.framework.errors import KnownFault
from pipelines.home import Run, Tree
from pipelines.published.contract import must_be_readable

KNOWN_ON = {
    "market_state": "session",
    "rolling_correlations": "session",
    "correlation_regimes": "session",
    "relative_strength": "session",
    "pair_day": "session",
    "lag_history": "session",
    "recoupling_signal": "session",
    "fed_decisions": "meeting_date",
    "fed_liquidity": "available_on",
    "rate_path": "observed_on",
    "treasury_purchases": "operation_date",
}
"""The day each row was known, of marts whose rows never change once they are there; only these have an earlier day."""

OF_THE_HEADLINE = frozenset({"recoupling_signal", "signal_scorecard"})
"""Marts that name no pair, because they speak of the headline's alone."""

_LEARNT_LATER = {
    mart.table_name(): [column for day, outcome in mart.known_later.items() for column in (day, *outcome)]
    for mart in MARTS
}


class NothingPublished(KnownFault):
    """There is no run to read."""


@dataclass(frozen=True)
class HeadlinePair:
    """The two that the question is about."""

    asset: str
    benchmark: str
    names: Mapping[str, str]  # what a person calls a symbol

    @property
    def id(self) -> str:
        """As the marts name it."""
        return f"{self.asset}/{self.benchmark}"

    @property
    def asset_name(self) -> str:
        """Bitcoin."""
        return self.names.get(self.asset, self.asset)

    @property
    def benchmark_name(self) -> str:
        """Russell 2000."""
        return self.names.get(self.benchmark, self.benchmark)


@dataclass(frozen=True)
class Marts:
    """One complete run: a folder that never changes once it is published."""

    folder: Path
    manifest: Mapping[str, Any]
    pair: HeadlinePair
    until: date | None = None
    _read: dict[tuple[str, ...], pl.DataFrame] = field(default_factory=dict, repr=False, compare=False)

    def at(self, day: date) -> Marts:
        """The same run as it stood at the end of `day`: only rows known by then, of the marts that can tell."""
        return replace(self, until=day)

    def about(self, pair: Pair) -> Marts:
        """The same run, read for another pair."""
        return replace(self, pair=replace(self.pair, asset=pair.asset, benchmark=pair.benchmark))

    @classmethod
    def of(cls, folder: Path, manifest: Mapping[str, Any]) -> Marts:
        """The run in `folder`."""
        told = _told(manifest)
        asset, benchmark = told["headline"]
        return cls(folder, manifest, HeadlinePair(asset, benchmark, told["symbols"]))

    @classmethod
    def current(cls, tree: Path) -> Marts:
        """The newest run of a tree; the link is followed once, so that everything read comes from one run.

        Raises NothingPublished, and AnotherContract for a run that this release would misread.
        """
        link = Tree(tree).current
        if not link.exists():
            raise NothingPublished(
                f"{tree} holds no published run; run `make demo` or `make nightly` once, or set RECOUPLE_HOME"
            )
        folder = must_be_readable(link.resolve())
        return cls.of(folder, json.loads(Run(folder).manifest.read_text()))

    @property
    def headline(self) -> Pair:
        """The pair that the run's question is about."""
        asset, benchmark = _told(self.manifest)["headline"]
        return Pair(asset=asset, benchmark=benchmark)

    @property
    def is_of_the_headline(self) -> bool:
        """It is read for the headline pair."""
        return self.pair.id == self.headline.id

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Every pair of the catalog it was made with."""
        return tuple(Pair(asset=asset, benchmark=other) for asset, other in _told(self.manifest)["pairs"])

    @property
    def names(self) -> Mapping[str, str]:
        """What a person calls a symbol."""
        return self.pair.names

    @cached_property
    def programmes(self) -> dict[str, str]:
        """What a person calls a purchase programme."""
        path = Run(self.folder).mart("fed_programs")  # a name is no news: it holds on every day
        if not path.exists():
            return {}
        return dict(pl.read_parquet(path, columns=["program", "name"], glob=False).iter_rows())

    @property
    def as_of(self) -> date:
        """The day at whose end everything here could have been computed."""
        return self.until or date.fromisoformat(self.manifest["as_of"])

    @property
    def historical(self) -> bool:
        """Computed as of an earlier day, on request."""
        return Run(self.folder).historical

    @property
    def simulated(self) -> bool:
        """Nothing here is real."""
        return bool(self.manifest["simulated"])

    def has(self, mart: str) -> bool:
        """The run published this mart, and it can be read for this pair and day."""
        if mart in OF_THE_HEADLINE and not self.is_of_the_headline:
            return False
        return Run(self.folder).mart(mart).exists() and (self.until is None or mart in KNOWN_ON)

    def scan(self, mart: str) -> pl.LazyFrame:
        """A mart's rows, read when they are collected."""
        rows = pl.scan_parquet(Run(self.folder).mart(mart), glob=False)
        if self.until is None:
            return rows
        return rows.filter(pl.col(KNOWN_ON[mart]) <= self.until).drop(_LEARNT_LATER.get(mart, ()), strict=False)

    def rows(self, mart: str, **where: str | int) -> pl.DataFrame:
        """The rows of a mart with these values, in the order they became known; read once for all days."""
        known_on = KNOWN_ON[mart]
        key = (mart, *(f"{column}={value}" for column, value in where.items()))
        if key not in self._read:
            found = (
                pl.scan_parquet(Run(self.folder).mart(mart), glob=False)
                .filter(**where)
                .drop(_LEARNT_LATER.get(mart, ()), strict=False)
            )
            self._read[key] = found.collect().sort(known_on, maintain_order=True)
        frame = self._read[key]
        return frame if self.until is None else frame.head(frame[known_on].search_sorted(self.until, side="right"))

    def of_pair(self, mart: str) -> pl.DataFrame:
        """The rows of a mart that speak of the headline pair, in order of session."""
        return self.rows(mart, pair=self.pair.id)

    def breakout_study(self, asset: str, benchmark: str) -> pl.LazyFrame:
        """What followed the benchmark's records, the shortest quiet before them first."""
        quiet = pl.col("condition").str.extract(r"(\d+)$").cast(pl.Int64)
        return self.scan("breakout_study").filter(asset=asset, benchmark=benchmark).sort(quiet, "horizon_sessions")

    def states(self, symbol: str) -> pl.DataFrame:
        """One symbol's market state on the days with a close, in order of session."""
        return self.rows("market_state", symbol=symbol).drop_nulls("close")


def _told(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of the catalog that a run was made with; today's for what an earlier run did not note."""
    noted: Mapping[str, Any] = manifest.get("catalog", {})
    return noted if "headline" in noted else {**load_catalog().told(), **noted}
