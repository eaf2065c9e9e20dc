"""What Yahoo says: daily bars and the settlements of futures.

Here: what is asked of the price source. Not here: how it is asked (pipelines.sources).
"""

from __future__ import annotations

from assets.catalog import Catalog
from assets.contracts import raw
from assets.framework.table import ingest
from assets.raw.history import History
from assets.upstream import Fetched, FuturesSource, PriceSource


@ingest(raw.PriceBars, asked=lambda catalog: catalog.symbol)
def price_bars(asked: Catalog, upstream: PriceSource, warehouse: History) -> Fetched:
    """Daily bars of every catalog symbol."""
    return upstream.price_bars(asked.symbol, warehouse.watermarks(raw.PriceBars, "symbol", "date"))


@ingest(raw.FuturesSettlements, asked=lambda catalog: catalog.futures)
def futures_settlements(asked: Catalog, upstream: FuturesSource, warehouse: History) -> Fetched:
    """Settlements of every contract of the catalog's futures."""
    stored = warehouse.watermarks(raw.FuturesSettlements, "contract", "date")
    return upstream.futures_settlements(asked.futures, stored)
