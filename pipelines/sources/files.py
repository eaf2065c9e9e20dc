"""The `files` source: a folder of parquet files in the format of the README.

Here: reading the folder and turning it into raw rows, and what the folder says of them. Not here: anything that goes
over a network. The folder is complete each time, so watermarks are not needed; the warehouse finds what is new. Today
is the last price's date, so that a folder always computes the same.

A folder need not say what its values are. What it does say, in columns such as currency or units, is held against the
catalog as a service's answer is.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path

import polars as pl

from assets.catalog import Catalog, Futures, Series, Symbol
from assets.contracts.raw import FundFlows, TreasuryOperations
from assets.reference.fomc_calendar import load_fomc_calendar
from assets.universe import ROLE as UNIVERSE
from assets.upstream import Fetched, Missing, UpstreamError, Watermarks
from pipelines.sources.identity import OtherIdentity, coarser, recognised, series_traits, symbol_traits
from quant.sessions import nyse_sessions

Columns = Mapping[str, pl.DataType | type[pl.DataType]]
_BAR: Columns = dict.fromkeys(("open", "high", "low", "close", "adj_close", "volume"), pl.Float64)
_PRICES: Columns = {"symbol": pl.String, "date": pl.Date, **_BAR}
_FRED: Columns = {"series_id": pl.String, "date": pl.Date, "value": pl.Float64}
_OPERATIONS: Columns = {
    "operation_id": pl.String,
    "operation_date": pl.Date,
    "settlement_date": pl.Date,
    "operation_type": pl.String,
    "submitted_usd_billions": pl.Float64,
    "accepted_usd_billions": pl.Float64,
    "note": pl.String,
}
_FLOWS: Columns = {"date": pl.Date, "fund": pl.String, "net_flow_usd_millions": pl.Float64}
_SYMBOL_SAYS = {
    "currency": "currency",
    "interval": "dataGranularity",
    "exchange_timezone": "exchangeTimezoneName",
    "instrument_type": "instrumentType",
}
_SERIES_SAYS = {
    "units": "units",
    "unit": "units",
    "frequency": "frequency",
    "seasonal_adjustment": "seasonal_adjustment",
}
_CORRECT_IT = (
    "Write the column as it is and the values in what the catalog expects, or correct its entry in assets/catalog.toml"
)
_DAYS_JUDGED = 60  # newest days of a symbol whose spacing is looked at


@dataclass(frozen=True)
class FilesUpstream:
    """Everything from one folder."""

    folder: Path
    catalog: Catalog

    name = "files"
    simulated = False

    def now(self) -> datetime:
        """The end of the data's last day."""
        return datetime.combine(self.today(), time(23, 59, 59), tzinfo=UTC)

    def today(self) -> date:
        """The date of the last price of any catalog symbol."""
        known = self._prices.filter(pl.col("symbol").is_in([s.id for s in self.catalog.symbol]))
        last = known["date"].max()
        if not isinstance(last, date):
            raise UpstreamError(
                f"{self.folder / 'prices.parquet'} has no price of any catalog symbol; "
                f"name the columns {', '.join(_PRICES)} and the symbols as in assets/catalog.toml"
            )
        return last

    def price_bars(self, symbols: Sequence[Symbol], stored: Watermarks) -> Fetched:
        """All bars of the symbols that are what the catalog says."""
        ids = [s.id for s in symbols]
        prices, name = self._prices_of(symbols)
        rows = prices.filter(pl.col("symbol").is_in(ids))
        others = self._others(symbols, rows)
        kept = rows.filter(~pl.col("symbol").is_in([m.id for m in others])).select(*_PRICES, provisional=pl.lit(False))
        return Fetched(kept, (*self._absent(ids, prices["symbol"], name), *others))

    def _prices_of(self, symbols: Sequence[Symbol]) -> tuple[pl.DataFrame, str]:
        """Where bars are: those of a universe's own symbols in a file of their own, where the folder has one."""
        name = "universe_prices.parquet"
        if any(symbol.role != UNIVERSE for symbol in symbols):
            return self._prices, "prices.parquet"
        frame = self._read_optional(name, _PRICES, key=("symbol", "date"))
        return (self._prices, "prices.parquet") if frame is None else (frame, name)

    def _others(self, symbols: Sequence[Symbol], rows: pl.DataFrame) -> tuple[Missing, ...]:
        """Symbols whose rows say that they are something else."""
        found = rows.partition_by("symbol", as_dict=True)
        missing = []
        for symbol in symbols:
            own = found.get((symbol.id,))
            if own is None:
                continue
            traits = [t for t in symbol_traits(symbol, _said(own, _SYMBOL_SAYS)) if t.said is not None]
            try:
                recognised("prices.parquet", symbol.id, traits, remedy=_CORRECT_IT)
                self._check_spacing(symbol, own["date"])
            except OtherIdentity as error:
                missing.append(error.missing())
        return tuple(missing)

    def _check_spacing(self, symbol: Symbol, days: pl.Series) -> None:
        newest = days.unique().sort().tail(_DAYS_JUDGED)
        first, last = newest[0], newest[-1]
        if symbol.frequency == "calendar_day":
            expected = pl.date_range(first, last, eager=True).to_list()
        else:
            expected = _sessions(first, last)
        if bars := coarser(newest.to_list(), expected):
            raise OtherIdentity("prices.parquet", symbol.id, f"has {bars}; none of it was stored", remedy=_CORRECT_IT)

    def futures_settlements(self, futures: Sequence[Futures], stored: Watermarks) -> Fetched:
        """Closes of all contracts of the families that the folder has, expired ones with them."""
        found = [
            {"contract": contract, "root": family.id, "delivery_month": month}
            for family in futures
            for contract in self._prices["symbol"].unique().sort()
            if (month := family.delivery_month(contract))
        ]
        schema = {"contract": pl.String, "root": pl.String, "delivery_month": pl.Date}
        contracts = pl.DataFrame(found, schema=schema)
        rows = (
            self._prices.join(contracts, left_on="symbol", right_on="contract")
            .filter(pl.col("close").is_not_null())
            .select(
                pl.col("symbol").alias("contract"),
                "date",
                "root",
                "delivery_month",
                pl.col("close").alias("settlement"),
                pl.lit(False).alias("provisional"),
            )
        )
        return Fetched(rows, self._absent([f.id for f in futures], contracts["root"], "prices.parquet"))

    def macro_observations(self, series: Sequence[Series], stored: Watermarks) -> Fetched:
        """All observations of the series, whoever publishes them; an empty value means that nothing was published."""
        ids = [s.id for s in series]
        frame = self._read("fred.parquet", _FRED, key=("series_id", "date", "realtime_start"))
        vintage = pl.col("realtime_start") if "realtime_start" in frame.columns else pl.lit(None)
        values = frame.filter(pl.col("series_id").is_in(ids), pl.col("value").is_not_null())
        others = []
        for one in series:
            own = values.filter(pl.col("series_id") == one.id) if _says_something(values, _SERIES_SAYS) else None
            if own is None or own.is_empty():
                continue
            traits = [t for t in series_traits(one, _said(own, _SERIES_SAYS)) if t.said is not None]
            try:
                recognised("fred.parquet", one.id, traits, remedy=_CORRECT_IT)
            except OtherIdentity as error:
                others.append(error.missing())
        rows = values.filter(~pl.col("series_id").is_in([m.id for m in others])).select(
            "series_id", "date", vintage.cast(pl.Date).alias("realtime_start"), "value"
        )
        return Fetched(rows, (*self._absent(ids, values["series_id"], "fred.parquet"), *others))

    def treasury_operations(self, stored: date | None) -> Fetched:
        """The Desk's operations, where the folder has them."""
        frame = self._read_optional("treasury_operations.parquet", _OPERATIONS, key=("operation_id",))
        if frame is None:
            return Fetched(TreasuryOperations.create_empty(), (self._no_file("treasury_operations"),))
        amounts = {"submitted_usd_billions": "submitted_usd_bn", "accepted_usd_billions": "accepted_usd_bn"}
        return Fetched(frame.select(*_OPERATIONS).rename(amounts))

    def fund_flows(self, stored: date | None) -> Fetched:
        """Flows into the spot bitcoin ETFs, where the folder has them; a day without a figure is left out."""
        frame = self._read_optional("etf_flows.parquet", _FLOWS, key=("fund", "date"))
        if frame is None:
            return Fetched(FundFlows.create_empty(), (self._no_file("etf_flows"),))
        rows = frame.select("fund", "date", net_flow_usd_mn="net_flow_usd_millions")
        return Fetched(rows.drop_nulls("net_flow_usd_mn"))

    def fomc_meetings(self) -> Fetched:
        """The folder's meetings where it has them, the published calendar after the last of them."""
        path = self.folder / "fomc_meetings.csv"
        calendar = load_fomc_calendar().meetings()
        if not path.exists():
            return Fetched(calendar)
        try:
            frame = pl.read_csv(path, try_parse_dates=True).select(
                pl.col("meeting_end_date").cast(pl.Date).alias("meeting_date"),
                pl.col("scheduled").cast(pl.Boolean),
            )
        except pl.exceptions.PolarsError as error:
            raise UpstreamError(
                f"{path}: {_first_line(error)}; the columns needed are meeting_end_date and scheduled"
            ) from None
        later = calendar.filter(pl.col("meeting_date") > frame["meeting_date"].max())
        return Fetched(pl.concat([frame, later]))

    @cached_property
    def _prices(self) -> pl.DataFrame:
        return self._read("prices.parquet", _PRICES, key=("symbol", "date"))

    def _read_optional(self, name: str, columns: Columns, *, key: Sequence[str]) -> pl.DataFrame | None:
        return self._read(name, columns, key=key) if (self.folder / name).exists() else None

    def _read(self, name: str, columns: Columns, *, key: Sequence[str]) -> pl.DataFrame:
        """The file with these columns in their types, others as they are; the same row twice counts once."""
        path = self.folder / name
        if not path.exists():
            raise UpstreamError(f"{path} does not exist; set RECOUPLE_FILES to a folder that has it")
        try:
            frame = pl.read_parquet(path)
        except (pl.exceptions.PolarsError, OSError) as error:
            raise UpstreamError(f"{path} cannot be read as parquet: {_first_line(error)}; write it anew") from None
        absent = [c for c in columns if c not in frame.columns]
        if absent:
            raise UpstreamError(f"{path} lacks the column {', '.join(absent)}; it needs {', '.join(columns)}")
        frame = frame.with_columns(self._typed(path, frame[column], kind) for column, kind in columns.items())
        keyed = [column for column in key if column in frame.columns]
        if keyed and frame.select(keyed).n_unique() == frame.height:
            return frame  # comparing whole rows would take twice the frame's memory
        return frame.unique([*keyed, *(c for c in columns if c not in keyed)], keep="first", maintain_order=True)

    def _typed(self, path: Path, column: pl.Series, kind: pl.DataType | type[pl.DataType]) -> pl.Series:
        """A column in the type it is needed in, however it is stored: categories are words, moments are days."""
        try:
            return column.cast(kind)
        except pl.exceptions.PolarsError as error:
            raise UpstreamError(
                f"{path}: the column {column.name} is of type {column.dtype} and cannot be read as {kind}: "
                f"{_first_line(error)}; write it as {kind}"
            ) from None

    def _absent(self, ids: Sequence[str], present: pl.Series, name: str) -> tuple[Missing, ...]:
        have = set(present.unique())
        remedy = f"Add its rows to {self.folder / name}, or drop its catalog entry"
        return tuple(Missing(i, f"not in {name}{_like(i, have)}", remedy) for i in ids if i not in have)

    def _no_file(self, name: str) -> Missing:
        suffix = "parquet"
        return Missing(name, f"no {name}.{suffix} in {self.folder}", "Add the file if you want what is made from it")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


@functools.cache
def _sessions(first: date, last: date) -> list[date]:
    """NYSE sessions from first to last; most symbols of a folder share both."""
    return nyse_sessions(last, first).to_list()


def _says_something(rows: pl.DataFrame, names: Mapping[str, str]) -> bool:
    return not names.keys().isdisjoint(rows.columns)


def _said(rows: pl.DataFrame, names: Mapping[str, str]) -> dict[str, str]:
    """What rows say of themselves in columns of these names, in their service's words; several values as they stand."""
    found = {
        theirs: rows[ours].cast(pl.String).unique().drop_nulls().sort()
        for ours, theirs in names.items()
        if ours in rows.columns
    }
    return {theirs: " and ".join(values) for theirs, values in found.items() if len(values)}


def _like(wanted: str, present: Collection[str]) -> str:
    """A hint where the name is there in another spelling."""
    bare = {re.sub(r"[^a-z0-9]", "", name.lower()): name for name in present}
    other = bare.get(re.sub(r"[^a-z0-9]", "", wanted.lower()))
    return "" if other is None else f", which has {other!r} instead"
