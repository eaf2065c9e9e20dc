"""What Yahoo says: daily bars and the settlements of futures.

Here: what is asked of the price source. Not here: how it is asked (pipelines.sources).
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from assets.catalog import Catalog
from assets.contracts import raw
from assets.framework.table import ingest
from assets.raw.gaps import by_series, deepened, holes, together
from assets.raw.history import StoredHistory
from assets.upstream import Fetched, Upstream


@ingest(raw.PriceBars, asked=lambda catalog: catalog.symbol)
def price_bars(asked: Catalog, upstream: Upstream, warehouse: StoredHistory) -> Fetched:
    """Daily bars of every catalog symbol, deeper where a bar is missing or in quarantine."""
    today, contract = upstream.today(), raw.PriceBars
    days = warehouse.known(contract, today).select("symbol", "date")
    gaps = [*warehouse.quarantined(contract).items(), *by_series(holes(asked.symbol, days, today)).items()]
    stored = deepened(warehouse.watermarks(contract, "symbol", "date"), together(gaps), warehouse.asked_again(), today)
    fetched = upstream.price_bars(asked.symbol, stored)
    days = pl.concat([days, fetched.rows.filter(~pl.col("provisional")).select("symbol", "date")]).unique()
    return replace(fetched, findings=holes(asked.symbol, days, today))


@ingest(raw.FuturesSettlements, asked=lambda catalog: catalog.futures)
def futures_settlements(asked: Catalog, upstream: Upstream, warehouse: StoredHistory) -> Fetched:
    """Settlements of every contract of the catalog's futures."""
    contract = raw.FuturesSettlements
    stored = warehouse.watermarks(contract, "contract", "date")
    stored = deepened(stored, warehouse.quarantined(contract), warehouse.asked_again(), upstream.today())
    return upstream.futures_settlements(asked.futures, stored)
