"""The `files` source: a folder of parquet files in the format of the README.

Here: reading the folder and turning it into raw rows. Not here: anything that goes over a network. The folder is
complete each time, so watermarks are not needed; the warehouse finds what is new. Today is the last price's date, so
that a folder always computes the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import cached_property
from pathlib import Path

import polars as pl

from assets.catalog import Catalog, Futures, Series, Symbol
from assets.reference.fomc_calendar import load_fomc_calendar
from assets.universe import ROLE as UNIVERSE
from assets.upstream import Fetched, Missing, UpstreamError, Watermarks

_PRICES = ("symbol", "date", "open", "high", "low", "close", "adj_close", "volume")
_FRED = ("series_id", "date", "value")


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
        """All bars of the symbols."""
        ids = [s.id for s in symbols]
        of_universe = {s.role for s in symbols} == {UNIVERSE}
        prices = self._universe_prices if of_universe else self._prices
        rows = prices.filter(pl.col("symbol").is_in(ids)).with_columns(provisional=pl.lit(False))
        return Fetched(rows, self._absent(ids, rows["symbol"], f"{'universe_' if of_universe else ''}prices.parquet"))

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
        frame = self._read("fred.parquet", _FRED)
        vintage = pl.col("realtime_start") if "realtime_start" in frame.columns else pl.lit(None)
        rows = frame.filter(pl.col("series_id").is_in(ids), pl.col("value").is_not_null()).select(
            "series_id", pl.col("date").cast(pl.Date), vintage.cast(pl.Date).alias("realtime_start"), "value"
        )
        return Fetched(rows, self._absent(ids, rows["series_id"], "fred.parquet"))

    def treasury_operations(self, stored: date | None) -> Fetched:
        """The Desk's operations, where the folder has them."""
        columns = ("operation_id", "operation_date", "settlement_date", "operation_type")
        amounts = ("submitted_usd_billions", "accepted_usd_billions", "note")
        frame = self._read_optional("treasury_operations.parquet", (*columns, *amounts))
        schema = {
            "operation_id": pl.String,
            "operation_date": pl.Date,
            "settlement_date": pl.Date,
            "operation_type": pl.String,
            "submitted_usd_bn": pl.Float64,
            "accepted_usd_bn": pl.Float64,
            "note": pl.String,
        }
        if frame is None:
            return Fetched(pl.DataFrame(schema=schema), (self._no_file("treasury_operations"),))
        return Fetched(frame.select(*columns, *amounts).rename(dict(zip(amounts[:2], list(schema)[4:6], strict=True))))

    def fund_flows(self, stored: date | None) -> Fetched:
        """Flows into the spot bitcoin ETFs, where the folder has them; a day without a figure is left out."""
        frame = self._read_optional("etf_flows.parquet", ("date", "fund", "net_flow_usd_millions"))
        if frame is None:
            empty = pl.DataFrame(schema={"fund": pl.String, "date": pl.Date, "net_flow_usd_mn": pl.Float64})
            return Fetched(empty, (self._no_file("etf_flows"),))
        rows = frame.select("fund", pl.col("date").cast(pl.Date), net_flow_usd_mn="net_flow_usd_millions")
        return Fetched(rows.drop_nulls("net_flow_usd_mn"))

    def fomc_meetings(self) -> Fetched:
        """The folder's meetings where it has them, the published calendar after the last of them."""
        path = self.folder / "fomc_meetings.csv"
        calendar = load_fomc_calendar()
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
        return _in_order(self._read("prices.parquet", _PRICES))

    @cached_property
    def _universe_prices(self) -> pl.DataFrame:
        """Prices of what is no catalog symbol: a file of their own where the folder has one."""
        frame = self._read_optional("universe_prices.parquet", _PRICES)
        return self._prices if frame is None else _in_order(frame)

    def _read_optional(self, name: str, columns: Sequence[str]) -> pl.DataFrame | None:
        return self._read(name, columns) if (self.folder / name).exists() else None

    def _read(self, name: str, columns: Sequence[str]) -> pl.DataFrame:
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
        return frame

    def _absent(self, ids: Sequence[str], present: pl.Series, name: str) -> tuple[Missing, ...]:
        have = set(present.unique())
        remedy = f"Add its rows to {self.folder / name}, or drop its catalog entry"
        return tuple(Missing(i, f"not in {name}", remedy) for i in ids if i not in have)

    def _no_file(self, name: str) -> Missing:
        suffix = "parquet"
        return Missing(name, f"no {name}.{suffix} in {self.folder}", "Add the file if you want what is made from it")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]


def _in_order(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select("symbol", pl.col("date").cast(pl.Date), *(pl.col(c).cast(pl.Float64) for c in _PRICES[2:]))
