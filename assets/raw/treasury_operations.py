"""What the Desk of the New York Fed bought.

Here: what is asked of the Desk. Not here: how it is asked (pipelines.sources).
"""

from __future__ import annotations

from assets.contracts import raw
from assets.framework.table import ingest
from assets.raw.gaps import deepened
from assets.raw.history import StoredHistory
from assets.upstream import Fetched, Upstream


@ingest(raw.TreasuryOperations)
def treasury_operations(upstream: Upstream, warehouse: StoredHistory) -> Fetched:
    """Outright Treasury operations of the Desk."""
    stored = warehouse.watermarks(raw.TreasuryOperations, "operation_type", "operation_date")
    stored = deepened(stored, warehouse.quarantined(raw.TreasuryOperations), {}, upstream.today())
    return upstream.treasury_operations(min(max(stored.values()), *stored.values()) if stored else None)
