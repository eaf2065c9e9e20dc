"""Jobs: the usual tasks, each one run.

Here: which assets a job covers. Not here: when it runs (pipelines.orchestration.schedules).
"""

from __future__ import annotations

import dagster as dg

from assets.as_of import KEY as _AS_OF

AS_OF = "as_of"

_RAW = dg.AssetSelection.key_prefixes("raw")
_OTHER_SOURCE = dg.AssetSelection.key_prefixes("other_source")
_LIVE = dg.AssetSelection.all() - dg.AssetSelection.assets(_AS_OF) - _OTHER_SOURCE

nightly = dg.define_asset_job(
    "nightly",
    selection=_LIVE,
    description="Everything: fetch, compute, publish. What the schedule runs every weekday evening.",
)
ingest = dg.define_asset_job(
    "ingest",
    selection=_RAW,
    description="Fetch only: append what is new upstream to the raw history. Nothing is computed or published.",
)
marts = dg.define_asset_job(
    "marts",
    selection=_LIVE - _RAW,
    description="Compute and publish from the raw history as it is stored. Nothing is fetched.",
)
as_of = dg.define_asset_job(
    AS_OF,
    selection=dg.AssetSelection.assets(_AS_OF),
    description="Days of the past, each as it could have been computed that evening; the live tables stay as they are.",
)
other_source = dg.define_asset_job(
    "other_source",
    selection=_OTHER_SOURCE,
    description="The whole pipeline on another source, in a home of its own; the live tables stay as they are.",
)

JOBS = [nightly, ingest, marts, as_of, other_source]

# A job's page lists the runs that say of which code location they are. Dagster says so for the daemon's, not for those
# of a terminal, which carry the same tag by this.
IN_THE_UI = {".dagster/repository": "__repository__@recouple"}
