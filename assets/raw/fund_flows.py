"""What flowed into the spot bitcoin ETFs.

Here: what is asked of the flow source. Not here: how it is asked (pipelines.sources).
"""

from __future__ import annotations

from assets.contracts import raw
from assets.framework.table import ingest
from assets.raw.history import History
from assets.upstream import Fetched, FlowSource


@ingest(raw.FundFlows)
def fund_flows(upstream: FlowSource, warehouse: History) -> Fetched:
    """Daily net flows of the spot bitcoin ETFs."""
    stored = warehouse.watermarks(raw.FundFlows, "fund", "date")
    return upstream.fund_flows(max(stored.values(), default=None))
