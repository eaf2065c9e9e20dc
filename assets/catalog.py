"""The catalog: every symbol, series, family of futures and pair, read from catalog.toml and checked.

Here: the shape of an entry and the errors a typo ends in. Not here: the entries (catalog.toml), how they are fetched
(pipelines.sources).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import Field, model_validator

from assets.framework.entries import Entry, EntryError, line_of, load_entries

PATH = Path(__file__).with_name("catalog.toml")
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
    """The highest close of the time before a symbol's data begin."""

    value: float = Field(gt=0)
    day: date
    source: str = Field(min_length=1)


class Symbol(_Observed):
    """Something with a daily price bar.

    record_before: what it must exceed before a close is a record. begins_with_data: it did not trade before. With
    neither, what it did before its data is not known, and its records are marked as censored.
    """

    source: Literal["yahoo"]
    unit: Literal["usd", "index_points", "percent"]
    frequency: Literal["session", "calendar_day"]
    price: Literal["close", "adj_close"] = "close"
    record_before: RecordBefore | None = None
    begins_with_data: bool = False

    @model_validator(mode="after")
    def _one_beginning(self) -> Symbol:
        if self.record_before is not None and self.begins_with_data:
            raise ValueError("says both record_before and begins_with_data; keep one")
        return self

    def row(self) -> dict[str, object]:
        """The columns of core.symbols."""
        before = self.record_before
        return {
            **self.model_dump(exclude={"record_before", "begins_with_data"}),
            "record_before": before and before.value,
            "record_before_date": before and before.day,
            "record_is_censored": before is None and not self.begins_with_data,
        }


class Series(_Observed):
    """A macroeconomic time series."""

    source: Literal["fred", "nyfed"]
    unit: Literal["percent", "usd_mn", "usd_bn", "index_points"]
    frequency: Literal["calendar_day", "business_day", "weekly_wednesday", "weekly_friday", "monthly"]


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

    windows_sessions: tuple[int, ...]
    symbol: tuple[Symbol, ...]
    series: tuple[Series, ...]
    futures: tuple[Futures, ...] = ()
    pair: tuple[Pair, ...]
    acknowledged: tuple[Acknowledged, ...] = ()

    def acknowledges(self, series: str, day: date) -> str | None:
        """Why an oddity of this series and day is not told of; None where it is."""
        return next((entry.reason for entry in self.acknowledged if entry.covers(series, day)), None)

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

    def symbols_frame(self) -> pl.DataFrame:
        """One row per symbol, the columns of core.symbols."""
        return pl.DataFrame([s.row() for s in self.symbol], infer_schema_length=None)

    def series_frame(self) -> pl.DataFrame:
        """One row per series, the columns of core.series."""
        return pl.DataFrame([s.model_dump() for s in self.series], infer_schema_length=None)

    def pairs_frame(self) -> pl.DataFrame:
        """One row per pair, the columns of core.pairs."""
        return pl.DataFrame([{"pair": p.id, **p.model_dump()} for p in self.pair])


def load_catalog(path: Path = PATH) -> Catalog:
    """Read and check the catalog; raises CatalogError naming file, line and reason."""
    catalog = load_entries(path, Catalog, CatalogError)
    _check_ids(path, path.read_text(encoding="utf-8"), catalog)
    return catalog


def _check_ids(path: Path, text: str, catalog: Catalog) -> None:
    known: set[str] = set()
    for kind, ids in (
        ("symbol", [s.id for s in catalog.symbol]),
        ("series", [s.id for s in catalog.series]),
        ("futures", [f.id for f in catalog.futures]),
        ("pair", [p.id for p in catalog.pair]),
    ):
        for position, entry in enumerate(ids):
            if entry in known:
                line = line_of(text, kind, position)
                raise CatalogError(f"{path.name}, line {line}: {kind} {entry} is there twice; keep one entry")
            known.add(entry)
    symbols = {s.id for s in catalog.symbol}
    for position, pair in enumerate(catalog.pair):
        for end in (pair.asset, pair.benchmark):
            if end not in symbols:
                line = line_of(text, "pair", position)
                raise CatalogError(
                    f"{path.name}, line {line}: pair {pair.id} names {end}, which is no symbol of the catalog; "
                    f"add a [[symbol]] entry or correct the name"
                )
