"""What FRED and the New York Fed say: macro series.

Here: what is asked of the macro source. Not here: how it is asked (pipelines.sources).
"""

from __future__ import annotations

from assets.catalog import Catalog
from assets.contracts import raw
from assets.framework.table import ingest
from assets.raw.gaps import deepened
from assets.raw.history import StoredHistory
from assets.upstream import Fetched, Upstream


@ingest(raw.MacroObservations, asked=lambda catalog: catalog.series)
def macro_observations(asked: Catalog, upstream: Upstream, warehouse: StoredHistory) -> Fetched:
    """Observations of every catalog series."""
    stored = warehouse.watermarks(raw.MacroObservations, "series_id", "date")
    vintages = warehouse.watermarks(raw.MacroObservations, "series_id", "realtime_start")
    # A revised series whose vintages were never fetched (no key until now) is fetched as if it were new.
    unread = {s.id for s in asked.series if s.revised and vintages.get(s.id) is None}
    stored = {i: day for i, day in stored.items() if i not in unread}
    stored = deepened(stored, warehouse.quarantined(raw.MacroObservations), warehouse.asked_again(), upstream.today())
    return upstream.macro_observations(asked.series, stored)
