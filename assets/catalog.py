"""The catalog: every symbol, series, family of futures and pair, read from catalog.toml and checked.

Here: the shape of an entry and the errors a typo ends in. Not here: the entries (catalog.toml), how they are fetched
(pipelines.sources).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

import polars as pl
from pydantic import Field, model_validator

from assets.framework.entries import Entry, EntryError, at, check_once, load_entries
from quant.divergence import FAR_BELOW_RECORD

PATH = Path(__file__).with_name("catalog.toml")
FLOWS = {"etf_flows.TOTAL", "etf_flows.FUNDS"}  # what a cross-check may name besides symbols and series
_IDENTITY = {"currency", "instrument", "seasonally_adjusted"}  # said by answers, of no use once they are stored
_MONTH_CODES = "FGHJKMNQUVXZ"


class CatalogError(EntryError):
    """The catalog cannot be used; the message names the file, the line and the reason."""


class _Observed(Entry):
    id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    release_lag_days: int = Field(ge=-1, le=400)
    role: str = Field(min_length=1)
    required: bool = False
    revised: bool = False


class RecordBefore(Entry):
    """The highest close of the time before a symbol's data begin, or a level that it had never reached."""

    close: float | None = Field(default=None, gt=0)
    day: date | None = None
    below: float | None = Field(default=None, gt=0)
    source: str = Field(min_length=1)

    @model_validator(mode="after")
    def _says_one_thing(self) -> RecordBefore:
        if (self.close is None) == (self.below is None) or (self.close is None) != (self.day is None):
            raise ValueError("give close and day, or below")
        return self


class Symbol(_Observed):
    """Something with a daily price bar.

    data_begin: first day of its prices at the source; with no record_before, it did not trade before. Without the one,
    or where its data begin later, what it did before is not known and its records are marked as censored.
    """

    source: Literal["yahoo"]
    unit: Literal["usd", "index_points", "percent"]
    frequency: Literal["session", "calendar_day"]
    price: Literal["close", "adj_close"] = "close"
    currency: str = Field(default="USD", pattern="[A-Z]{3}")
    instrument: Literal["CRYPTOCURRENCY", "INDEX", "FUTURE", "ETF"] | None = None
    data_begin: date | None = None
    record_before: RecordBefore | None = None

    @property
    def time_zones(self) -> tuple[str, ...]:
        """Whose days its bars may be: the US exchanges', or UTC's where it trades every day."""
        return ("UTC",) if self.frequency == "calendar_day" else ("America/New_York", "America/Chicago")

    def row(self) -> dict[str, object]:
        """The columns of core.symbols."""
        before = self.record_before
        return {
            **self.model_dump(exclude={"record_before", *_IDENTITY}),
            "record_before": before and before.close,
            "record_before_date": before and before.day,
            "record_below": before and before.below,
        }


class Series(_Observed):
    """A macroeconomic time series."""

    source: Literal["fred", "nyfed"]
    unit: Literal["percent", "usd_mn", "usd_bn", "index_points"]
    frequency: Literal["calendar_day", "business_day", "weekly_wednesday", "weekly_friday", "monthly"]
    seasonally_adjusted: bool = False


class Futures(_Observed):
    """A family of futures, one contract per delivery month; named like the root in every table."""

    source: Literal["yahoo"]
    unit: Literal["percent"]
    frequency: Literal["session"]
    suffix: str
    months_ahead: int = Field(ge=1, le=60)

    def contract(self, delivery_month: date) -> str:
        """The symbol of one contract: root, month code, two digits of the year, suffix."""
        return f"{self.id}{_MONTH_CODES[delivery_month.month - 1]}{delivery_month:%y}{self.suffix}"

    def delivery_month(self, contract: str) -> date | None:
        """First day of a contract's delivery month; None for a symbol that is not of this family."""
        code = contract.removeprefix(self.id).removesuffix(self.suffix)
        if f"{self.id}{code}{self.suffix}" != contract or len(code) != 3 or code[0] not in _MONTH_CODES:
            return None
        return date(2000 + int(code[1:]), _MONTH_CODES.index(code[0]) + 1, 1) if code[1:].isdecimal() else None

    def contracts(self, observed_on: date) -> tuple[str, ...]:
        """Contracts that matter on a day: this month's and those of the months ahead."""
        months = (observed_on.month - 1 + ahead for ahead in range(self.months_ahead + 1))
        return tuple(self.contract(date(observed_on.year + m // 12, m % 12 + 1, 1)) for m in months)


class Pair(Entry):
    """An asset and the benchmark it is held against."""

    asset: str
    benchmark: str

    @property
    def id(self) -> str:
        """The pair's name in every table: `asset/benchmark`."""
        return f"{self.asset}/{self.benchmark}"


class CrossCheck(Entry):
    """Two sides of one thing that must agree; catalog.toml says what the fields mean."""

    id: str = Field(min_length=1)
    left: str = Field(min_length=1)
    right: str = Field(min_length=1)
    relation: Literal["equal", "at_most", "at_least"] = "equal"
    measure: Literal["level", "daily_return"] = "level"
    tolerance: float = Field(ge=0)
    tolerance_is_relative: bool = False
    window_days: int = Field(default=90, ge=7)

    def terms(self, side: str) -> list[tuple[int, str]]:
        """One side as signed ids: `DGS10 - DGS2` is +DGS10 and -DGS2."""
        first, *rest = re.split(r" ([+-]) ", side)
        return [
            (1, first),
            *((-1 if sign == "-" else 1, term) for sign, term in zip(rest[::2], rest[1::2], strict=True)),
        ]

    def ids(self) -> set[str]:
        """Everything it compares."""
        return {id for side in (self.left, self.right) for _, id in self.terms(side)}


class Acknowledged(Entry):
    """An oddity that somebody has looked at: it stays in the tables and is not told of again."""

    series: str = Field(min_length=1)
    first: date
    last: date | None = None
    reason: str = Field(min_length=10)

    def covers(self, series: str, day: date) -> bool:
        """It speaks of this value."""
        return series == self.series and self.first <= day <= (self.last or self.first)


class Catalog(Entry):
    """All entries, in the order of the file."""

    headline: str
    windows_sessions: tuple[int, ...]
    symbol: tuple[Symbol, ...]
    series: tuple[Series, ...]
    futures: tuple[Futures, ...] = ()
    pair: tuple[Pair, ...]
    cross_check: tuple[CrossCheck, ...] = ()
    acknowledged: tuple[Acknowledged, ...] = ()

    def acknowledges(self, series: str, day: date) -> str | None:
        """Why an oddity of this series and day is not told of; None where it is."""
        return next((entry.reason for entry in self.acknowledged if entry.covers(series, day)), None)

    @property
    def headline_pair(self) -> Pair:
        """The pair that the question is about."""
        return next(pair for pair in self.pair if pair.id == self.headline)

    def fetched(self) -> tuple[Symbol | Series | Futures, ...]:
        """Everything that is asked of an upstream by its id."""
        return (*self.symbol, *self.series, *self.futures)

    def only(self, ids: Collection[str]) -> Catalog:
        """The same catalog with nothing to fetch but these ids."""
        return self.model_copy(
            update={
                "symbol": tuple(s for s in self.symbol if s.id in ids),
                "series": tuple(s for s in self.series if s.id in ids),
                "futures": tuple(f for f in self.futures if f.id in ids),
            }
        )

    def told(self) -> dict[str, Any]:
        """What readers of a published run need of it: names of symbols, the pairs, and which is the headline."""
        return {
            "headline": [self.headline_pair.asset, self.headline_pair.benchmark],
            "symbols": {symbol.id: symbol.name for symbol in self.symbol},
            "pairs": [[pair.asset, pair.benchmark] for pair in self.pair],
        }

    def symbols_frame(self) -> pl.DataFrame:
        """One row per symbol, the columns of core.symbols."""
        rows = pl.DataFrame([s.row() for s in self.symbol], infer_schema_length=None)
        return rows.with_columns(far_below_record=FAR_BELOW_RECORD)

    def series_frame(self) -> pl.DataFrame:
        """One row per series, the columns of core.series."""
        return pl.DataFrame([s.model_dump(exclude=_IDENTITY) for s in self.series], infer_schema_length=None)

    def pairs_frame(self) -> pl.DataFrame:
        """One row per pair, the columns of core.pairs."""
        return pl.DataFrame([{"pair": p.id, **p.model_dump()} for p in self.pair])


def load_catalog(path: Path = PATH) -> Catalog:
    """Read and check the catalog; raises CatalogError naming file, line and reason."""
    catalog = load_entries(path, Catalog, CatalogError)
    _check_ids(path, catalog)
    return catalog


def _check_ids(path: Path, catalog: Catalog) -> None:
    entries: dict[str, Sequence[Symbol | Series | Futures | Pair | CrossCheck]] = {
        "symbol": catalog.symbol,
        "series": catalog.series,
        "futures": catalog.futures,
        "pair": catalog.pair,
        "cross_check": catalog.cross_check,
    }
    for kind, of_kind in entries.items():
        check_once(path, kind, [entry.id for entry in of_kind], CatalogError)
    _check_pairs(path, catalog)


def _check_pairs(path: Path, catalog: Catalog) -> None:
    """A pair holds two symbols of the catalog against each other, once."""
    symbols = {s.id for s in catalog.symbol}
    seen: set[frozenset[str]] = set()
    for position, pair in enumerate(catalog.pair):
        where = at(path, "pair", position)
        if pair.asset == pair.benchmark:
            raise CatalogError(f"{where}: pair {pair.id} holds {pair.asset} against itself; name another benchmark")
        if frozenset((pair.asset, pair.benchmark)) in seen:
            raise CatalogError(f"{where}: pair {pair.id} is there the other way round; keep one of the two")
        seen.add(frozenset((pair.asset, pair.benchmark)))
        for end in (pair.asset, pair.benchmark):
            if end not in symbols:
                raise CatalogError(
                    f"{where}: pair {pair.id} names {end}, which is no symbol of the catalog; "
                    f"add a [[symbol]] entry or correct the name"
                )
    if catalog.headline not in {pair.id for pair in catalog.pair}:
        raise CatalogError(
            f"{at(path, 'headline')}: headline is {catalog.headline}, which is no pair of the catalog; "
            f"add a [[pair]] entry or correct the name"
        )
    comparable = symbols | {s.id for s in catalog.series} | FLOWS
    for position, check in enumerate(catalog.cross_check):
        if unknown := check.ids() - comparable:
            raise CatalogError(
                f"{at(path, 'cross_check', position)}: cross_check {check.id} names {', '.join(sorted(unknown))}, "
                f"which the catalog does not have; write ids as in their entries, with spaces around + and -"
            )
