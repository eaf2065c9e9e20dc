"""Whole nightlies against the loopback services: the assembled pipeline, the real clients, a clock that is turned.

Here: services for the whole catalog, one night of the assembled job, what a home holds afterwards. Used by the tests
beside it and by the soak in benchmarks.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
from pydantic import SecretStr

from assets.catalog import Catalog, Series, load_catalog
from assets.reference.fomc_calendar import load_fomc_calendar
from pipelines.cli.runs import RunReport, run_job
from pipelines.settings import Settings
from pipelines.sources.http import RetryPolicy
from pipelines.sources.live import LiveConfig, LiveUpstream
from tests.upstream.loopback import Loopback, loopback
from tests.upstream.services import (
    FARSIDE,
    FRED,
    NYFED,
    FakeClock,
    FarsideWorld,
    FredWorld,
    NyFedWorld,
    YahooWorld,
    bill_purchase,
)

FIRST_DAY = date(2026, 2, 2)
FIRST_NIGHT = datetime(2026, 9, 2, 2, 45, tzinfo=UTC)  # 22:45 in New York on the first of September
POLICY = RetryPolicy(
    timeout_seconds=20.0, tries=3, first_wait_seconds=1.0, longest_wait_seconds=8.0, budget_seconds=120.0
)
KEY = "5ec4e7f0a1b2c3d4e5f60718293a4b5c"

_STEP = {"calendar_day": 1, "business_day": 1, "weekly_wednesday": 7, "weekly_friday": 7, "monthly": 30}


class LiveWorld:
    """Every service of the catalog on one loopback internet, as functions of one clock."""

    def __init__(self, server_folder: Path) -> None:
        self.clock = FakeClock(FIRST_NIGHT)
        self.catalog: Catalog = load_catalog()
        self.yahoo = YahooWorld(self.clock, first_day=FIRST_DAY)
        self.fred = FredWorld(key=KEY, clock=self.clock)
        self.fred.vintages = {s.id: _published(s) for s in self.catalog.series if s.source == "fred"}
        purchases = [bill_purchase(25, date(2026, 6, 1) + timedelta(days=3 * n), 4.0) for n in range(80)]
        rates_and_bills = {s.id: _published(s) for s in self.catalog.series if s.source == "nyfed"}
        self.desk = NyFedWorld(purchases, rates_and_bills, self.clock)
        self.flows = FarsideWorld(days=[(f"{n} Aug 2026", ("10.0", "(2.5)", "-"), "7.5") for n in range(3, 8)])
        self._folder = server_folder

    @contextmanager
    def served(self) -> Iterator[Loopback]:
        """The services, running."""
        parts = (self.yahoo, self.fred, self.desk, self.flows)
        everything = {host: service for part in parts for host, service in part.services().items()}
        with loopback(everything, self._folder) as server:
            yield server

    def night(self, number: int, server: Loopback, home: Path, job: str = "nightly") -> RunReport:
        """One run of the assembled pipeline on the evening of day `number`."""
        self.clock.turn_to(FIRST_NIGHT + timedelta(days=number))
        settings = Settings(source="live", home=home, fred_api_key=SecretStr(KEY))
        config = LiveConfig(
            fred_api_key=settings.fred_api_key,
            futures_months=0,
            policy=POLICY,
            cache_dir=home / "cache",
            yahoo_url=server.url("query2.finance.yahoo.com"),
            fred_url=server.url(FRED, "/fred"),
            nyfed_url=server.url(NYFED, "/api"),
            farside_url=server.url(FARSIDE),
        )
        upstream = LiveUpstream(config, load_fomc_calendar(), self.clock)
        try:
            return run_job(settings, job, overrides={"upstream": upstream})
        finally:
            upstream.close()


def newest_values(home: Path) -> dict[str, pl.DataFrame]:
    """What is known of every raw table, revision numbers and fetch times left out."""
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("set variable as_of = date '2100-01-01'")
        tables = ("price_bars", "macro_observations", "treasury_operations", "fund_flows")
        return {t: connection.sql(f"from known.{t}").pl().unique().sort(pl.all()) for t in tables}


def doubled_keys(home: Path) -> dict[str, Any]:
    """Keys that a raw table holds twice in the same revision; there must be none."""
    keys = {"price_bars": "symbol, date", "macro_observations": "series_id, date, realtime_start"}
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        return {
            table: connection.sql(
                f"select {key}, revision from raw.{table} group by all having count(*) > 1"
            ).fetchall()
            for table, key in keys.items()
        }


def _published(series: Series) -> list[tuple[date, date, float | None]]:
    """Observations through the year, public after the catalog's lag; target ranges hold one level."""
    step = timedelta(days=_STEP[series.frequency])
    first = {"weekly_wednesday": date(2026, 1, 7), "weekly_friday": date(2026, 1, 9)}.get(series.frequency)
    day = first or date(2026, 1, 1)
    levels = {"target_upper": 3.75, "target_lower": 3.5}
    rows: list[tuple[date, date, float | None]] = []
    while day <= date(2026, 12, 20):
        if series.frequency != "business_day" or day.weekday() < 5:
            value = levels.get(series.role, 100.0 + len(rows) % 37 + sum(map(ord, series.id)) % 11)
            rows.append((day, day + timedelta(days=max(series.release_lag_days, 0)), value))
        day = day + step if series.frequency != "monthly" else (day.replace(day=1) + timedelta(days=32)).replace(day=1)
    return rows
