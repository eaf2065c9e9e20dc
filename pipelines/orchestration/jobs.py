"""Jobs: the usual tasks, each one run.

Here: which assets a job covers. Not here: when it runs (pipelines.orchestration.schedules).
"""

from __future__ import annotations

import dagster as dg

_RAW = dg.AssetSelection.groups("raw")

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all(),
    description="Everything: fetch, compute, publish. What the schedule runs every weekday evening.",
)
ingest = dg.define_asset_job(
    "ingest",
    selection=_RAW,
    description="Fetch only: append what is new upstream to the raw history. Nothing is computed or published.",
)
marts = dg.define_asset_job(
    "marts",
    selection=dg.AssetSelection.all() - _RAW,
    description="Compute and publish from the raw history as it is stored. Nothing is fetched.",
)

JOBS = [nightly, ingest, marts]
