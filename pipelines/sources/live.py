"""The live upstream: every service behind the one Protocol the assets know.

Here: the configuration of the live sources and their composition. Not here: any service (one module each),
how the configuration is read from the environment (pipelines.settings).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

import polars as pl
from pydantic import SecretStr

from assets.catalog import Futures, Series, Symbol
from assets.contracts.raw import FomcMeetings, FuturesSettlements, MacroObservations
from assets.reference.fomc_calendar import load_fomc_calendar
from assets.upstream import Fetched, MacroSource, Missing, Watermarks
from pipelines.settings import Settings
from pipelines.sources.answers import together
from pipelines.sources.cme import Cme
from pipelines.sources.farside import Farside
from pipelines.sources.fred import Fred
from pipelines.sources.http import NEW_YORK, Clock, RetryPolicy, SystemClock
from pipelines.sources.nyfed import NyFed
from pipelines.sources.yahoo import Yahoo, fed_funds_contracts, newest_settled_session

FED_FUNDS_ROOT = "ZQ"


def live_upstream(settings: Settings) -> LiveUpstream:
    """The live sources as these settings want them."""
    config = LiveConfig(fred_api_key=settings.fred_api_key, cache_dir=settings.home / "cache" / "yfinance")
    return LiveUpstream(config, load_fomc_calendar())


@dataclass(frozen=True)
class LiveConfig:
    """What the live sources need to know.

    fred_api_key: None uses the keyless CSV endpoint. lookback_sessions: sessions (UTC days for crypto,
    observations for macro series) before the last stored one that are asked for again, at least 5.
    futures_months: fed funds contracts asked for. cache_dir: where yfinance keeps its cookies and time
    zones, None for its own place. The addresses are None for the real services; tests point them at
    loopback servers.
    """

    fred_api_key: SecretStr | None = None
    lookback_sessions: int = 5
    futures_months: int = 18
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    yahoo_threads: int = 4
    yahoo_per_minute: int = 100
    fred_per_minute: int = 100
    cache_dir: Path | None = None
    yahoo_url: str | None = None
    fred_url: str | None = None
    fredgraph_url: str | None = None
    nyfed_url: str | None = None
    farside_url: str | None = None
    cme_url: str | None = None


class LiveUpstream:
    """Implements assets.upstream.Upstream on the real services."""

    def __init__(self, config: LiveConfig, meetings: pl.DataFrame, clock: Clock | None = None) -> None:
        """meetings: the FOMC's calendar, which no service offers as data; columns of FomcMeetings."""
        self._config = config
        self._meetings = meetings
        self._clock = clock or SystemClock()
        self._yahoo = Yahoo(
            config.policy,
            self._clock,
            lookback_sessions=config.lookback_sessions,
            threads=config.yahoo_threads,
            per_minute=config.yahoo_per_minute,
            base_url=config.yahoo_url,
            cache_dir=config.cache_dir,
        )
        self._fred = Fred(
            config.policy,
            self._clock,
            key=config.fred_api_key,
            lookback=config.lookback_sessions,
            per_minute=config.fred_per_minute,
            base_url=config.fred_url,
            csv_url=config.fredgraph_url,
        )
        self._nyfed = NyFed(config.policy, self._clock, base_url=config.nyfed_url)
        self._publishers: dict[str, MacroSource] = {"fred": self._fred, "nyfed": self._nyfed}
        once = replace(config.policy, tries=1, timeout_seconds=min(10.0, config.policy.timeout_seconds))
        self._cme = Cme(once, self._clock, base_url=config.cme_url)
        self._farside = Farside(config.policy, self._clock, base_url=config.farside_url)

    @property
    def name(self) -> str:
        """`live`."""
        return "live"

    @property
    def simulated(self) -> bool:
        """Nothing here is."""
        return False

    def now(self) -> datetime:
        """The moment, in UTC."""
        return self._clock.now()

    def today(self) -> date:
        """The date in New York."""
        return self._clock.now().astimezone(NEW_YORK).date()

    def price_bars(self, symbols: Sequence[Symbol], stored: Watermarks) -> Fetched:
        """Bars of the symbols."""
        return self._yahoo.price_bars(symbols, stored)

    def futures_settlements(self, futures: Sequence[Futures], stored: Watermarks) -> Fetched:
        """Closes of the fed funds futures for the coming months; other families are missing."""
        wanted = next((family for family in futures if family.id == FED_FUNDS_ROOT), None)
        others = tuple(
            Missing(family.id, "the live sources know fed funds futures only", "Drop its catalog entry")
            for family in futures
            if family is not wanted
        )
        if wanted is None:
            return Fetched(FuturesSettlements.create_empty(), others)
        contracts = fed_funds_contracts(self.today(), min(self._config.futures_months, wanted.months_ahead))
        bars = self._yahoo.price_bars(contracts, stored)
        if unlisted := {c.id for c in contracts} - set(bars.rows["symbol"]):
            bars = self._with_settlements(bars, unlisted)
        return Fetched(_settlements(bars.rows, wanted), (*bars.missing, *others), bars.notes)

    def _with_settlements(self, bars: Fetched, unlisted: set[str]) -> Fetched:
        """CME's own settlements of the newest settled session, where Yahoo has no bars of a contract."""
        settled = self._cme.settlements(unlisted, newest_settled_session(self.now()))
        found = set(settled.rows["symbol"])
        return Fetched(
            rows=pl.concat([bars.rows, settled.rows]),
            missing=tuple(m for m in bars.missing if m.id not in found),
            notes=(*(n for n in bars.notes if n.id not in found), *settled.notes),
        )

    def macro_observations(self, series: Sequence[Series], stored: Watermarks) -> Fetched:
        """Observations of the series, each asked of its source; a source without a series is not asked."""
        asked = {source: [one for one in series if one.source == source] for source in self._publishers}
        answers = [self._publishers[source].macro_observations(own, stored) for source, own in asked.items() if own]
        return together(MacroObservations.create_empty(), answers)

    def treasury_operations(self, stored: date | None) -> Fetched:
        """The Desk's outright operations."""
        return self._nyfed.treasury_operations(stored)

    def fund_flows(self, stored: date | None) -> Fetched:
        """Flows into spot bitcoin ETFs; optional."""
        return self._farside.fund_flows(stored)

    def fomc_meetings(self) -> Fetched:
        """The FOMC's calendar, as given."""
        return Fetched(rows=self._meetings.select(FomcMeetings.create_empty().columns))

    def close(self) -> None:
        """Close the connections."""
        for source in (self._fred, self._nyfed, self._farside, self._cme):
            source.close()


def _settlements(bars: pl.DataFrame, family: Futures) -> pl.DataFrame:
    """Bars of contracts in the columns of FuturesSettlements."""
    if bars.is_empty():
        return FuturesSettlements.create_empty()
    months = {contract: family.delivery_month(contract) for contract in bars["symbol"].unique()}
    return bars.filter(pl.col("close").is_not_null()).select(
        pl.col("symbol").alias("contract"),
        "date",
        pl.lit(family.id).alias("root"),
        pl.col("symbol").replace_strict(months, return_dtype=pl.Date).alias("delivery_month"),
        pl.col("close").alias("settlement"),
        "provisional",
    )
