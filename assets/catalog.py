"""The catalog: every symbol, series and pair, read from catalog.toml and checked.

Here: the shape of an entry and the errors a typo ends in. Not here: the entries (catalog.toml), how they are fetched
(pipelines.sources).
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, ValidationError

PATH = Path(__file__).with_name("catalog.toml")


class CatalogError(ValueError):
    """The catalog cannot be used; the message names the file, the line and the reason."""


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Observed(_Entry):
    id: str = Field(min_length=1)
    name: str = Field(min_length=1)
    release_lag_days: int = Field(ge=-1, le=400)
    role: str = Field(min_length=1)
    required: bool = False
    revised: bool = False


class Symbol(_Observed):
    """Something with a daily price bar."""

    source: Literal["yahoo"]
    unit: Literal["usd", "index_points", "percent"]
    frequency: Literal["session", "calendar_day"]
    price: Literal["close", "adj_close"] = "close"


class Series(_Observed):
    """A macroeconomic time series."""

    source: Literal["fred"]
    unit: Literal["percent", "usd_mn", "usd_bn", "index_points"]
    frequency: Literal["calendar_day", "business_day", "weekly_wednesday", "weekly_friday", "monthly"]


class Pair(_Entry):
    """An asset and the benchmark it is held against."""

    asset: str
    benchmark: str

    @property
    def id(self) -> str:
        """The pair's name in every table: `asset/benchmark`."""
        return f"{self.asset}/{self.benchmark}"


class Catalog(_Entry):
    """All entries, in the order of the file."""

    windows_sessions: tuple[int, ...]
    symbol: tuple[Symbol, ...]
    series: tuple[Series, ...]
    pair: tuple[Pair, ...]

    def symbols_frame(self) -> pl.DataFrame:
        """One row per symbol, the columns of core.symbols."""
        return pl.DataFrame([s.model_dump() for s in self.symbol], infer_schema_length=None)

    def series_frame(self) -> pl.DataFrame:
        """One row per series, the columns of core.series."""
        return pl.DataFrame([s.model_dump() for s in self.series], infer_schema_length=None)

    def pairs_frame(self) -> pl.DataFrame:
        """One row per pair, the columns of core.pairs."""
        return pl.DataFrame([{"pair": p.id, **p.model_dump()} for p in self.pair])


def load_catalog(path: Path = PATH) -> Catalog:
    """Read and check the catalog; raises CatalogError naming file, line and reason."""
    text = path.read_text(encoding="utf-8")
    try:
        catalog = Catalog.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise CatalogError(f"{path.name}: {error}; correct the TOML there") from error
    except ValidationError as error:
        raise CatalogError("; ".join(_explain(path, text, e) for e in error.errors())) from None
    _check_ids(path, text, catalog)
    return catalog


def _check_ids(path: Path, text: str, catalog: Catalog) -> None:
    known: set[str] = set()
    for kind, ids in (
        ("symbol", [s.id for s in catalog.symbol]),
        ("series", [s.id for s in catalog.series]),
        ("pair", [p.id for p in catalog.pair]),
    ):
        for position, entry in enumerate(ids):
            if entry in known:
                line = _line_of(text, kind, position)
                raise CatalogError(f"{path.name}, line {line}: {kind} {entry} is there twice; keep one entry")
            known.add(entry)
    symbols = {s.id for s in catalog.symbol}
    for position, pair in enumerate(catalog.pair):
        for end in (pair.asset, pair.benchmark):
            if end not in symbols:
                line = _line_of(text, "pair", position)
                raise CatalogError(
                    f"{path.name}, line {line}: pair {pair.id} names {end}, which is no symbol of the catalog; "
                    f"add a [[symbol]] entry or correct the name"
                )


def _explain(path: Path, text: str, error: object) -> str:
    """One pydantic error as `file, line N: kind ID: field: reason`."""
    loc = error["loc"]  # type: ignore[index]
    message = str(error["msg"])  # type: ignore[index]
    if len(loc) < 2 or not isinstance(loc[1], int):
        return f"{path.name}: {'.'.join(map(str, loc))}: {message}"
    kind, position = str(loc[0]), loc[1]
    field = ".".join(map(str, loc[2:])) or "entry"
    entries = tomllib.loads(text)[kind]
    name = entries[position].get("id", "")
    line = _line_of(text, kind, position, field)
    return f"{path.name}, line {line}: {kind} {name}: {field}: {message[0].lower()}{message[1:]}"


def _line_of(text: str, kind: str, position: int, field: str = "") -> int:
    """The line of an entry's field, or of its header where it has none."""
    lines = text.splitlines()
    headers = [n for n, line in enumerate(lines, 1) if line.strip() == f"[[{kind}]]"]
    start = headers[position]
    for number in range(start, len(lines)):
        line = lines[number].strip()
        if line.startswith("[["):
            break
        if field and line.split("=")[0].strip() == field:
            return number + 1
    return start
