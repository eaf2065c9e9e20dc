"""What flowed into the spot bitcoin ETFs.

Here: what is asked of the flow source. Not here: how it is asked (pipelines.sources).
"""

from __future__ import annotations

from assets.contracts import raw
from assets.framework.table import ingest
from assets.raw.gaps import deepened
from assets.raw.history import StoredHistory
from assets.upstream import Fetched, Upstream


@ingest(raw.FundFlows)
def fund_flows(upstream: Upstream, warehouse: StoredHistory) -> Fetched:
    """Daily net flows of the spot bitcoin ETFs."""
    stored = warehouse.watermarks(raw.FundFlows, "fund", "date")
    stored = deepened(stored, warehouse.quarantined(raw.FundFlows), {}, upstream.today())
    return upstream.fund_flows(min(max(stored.values()), *stored.values()) if stored else None)
