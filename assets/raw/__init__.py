"""Raw: what the upstreams said, appended and never overwritten.

Here: what is asked of which source. Not here: how it is asked (pipelines.sources), how revisions are told
(pipelines.warehouse).
"""

from __future__ import annotations

from datetime import date
from typing import Protocol

from assets.catalog import Catalog
from assets.contracts import raw
from assets.contracts.base import RawTable
from assets.table import ingest
from assets.upstream import DeskSource, Fetched, FlowSource, FuturesSource, MacroSource, MeetingSource, PriceSource


class History(Protocol):
    """What is stored already."""

    def watermarks(self, contract: type[RawTable], series: str, day: str) -> dict[str, date]:
        """Last stored final `day` per series."""


@ingest(raw.PriceBars, asked=lambda catalog: catalog.symbol)
def price_bars(asked: Catalog, upstream: PriceSource, warehouse: History) -> Fetched:
    """Daily bars of every catalog symbol."""
    return upstream.price_bars(asked.symbol, warehouse.watermarks(raw.PriceBars, "symbol", "date"))


@ingest(raw.FuturesSettlements, asked=lambda catalog: catalog.futures)
def futures_settlements(asked: Catalog, upstream: FuturesSource, warehouse: History) -> Fetched:
    """Settlements of every contract of the catalog's futures."""
    stored = warehouse.watermarks(raw.FuturesSettlements, "contract", "date")
    return upstream.futures_settlements(asked.futures, stored)


@ingest(raw.MacroObservations, asked=lambda catalog: catalog.series)
def macro_observations(asked: Catalog, upstream: MacroSource, warehouse: History) -> Fetched:
    """Observations of every catalog series."""
    stored = warehouse.watermarks(raw.MacroObservations, "series_id", "date")
    vintages = warehouse.watermarks(raw.MacroObservations, "series_id", "realtime_start")
    # A revised series whose vintages were never fetched (no key until now) is fetched as if it were new.
    unread = {s.id for s in asked.series if s.revised and vintages.get(s.id) is None}
    return upstream.macro_observations(asked.series, {i: day for i, day in stored.items() if i not in unread})


@ingest(raw.TreasuryOperations)
def treasury_operations(upstream: DeskSource, warehouse: History) -> Fetched:
    """Outright Treasury operations of the Desk."""
    stored = warehouse.watermarks(raw.TreasuryOperations, "operation_type", "operation_date")
    return upstream.treasury_operations(max(stored.values(), default=None))


@ingest(raw.FundFlows)
def fund_flows(upstream: FlowSource, warehouse: History) -> Fetched:
    """Daily net flows of the spot bitcoin ETFs."""
    stored = warehouse.watermarks(raw.FundFlows, "fund", "date")
    return upstream.fund_flows(max(stored.values(), default=None))


@ingest(raw.FomcMeetings)
def fomc_meetings(upstream: MeetingSource) -> Fetched:
    """Meetings of the FOMC, past and announced."""
    return upstream.fomc_meetings()
