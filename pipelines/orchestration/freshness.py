"""Where each asset lies, and by when it should be new.

Here: what depends on the installation and is shown with an asset. Not here: what its contract says of it
(assets.framework.table), the age of the data inside (the check of series_freshness, by the catalog's release lags).
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import dagster as dg

from pipelines.home import Home, Run, Tree

# The nightly begins at 22:45 New York on weekdays and takes minutes; what is not new by midnight was missed.
EVERY_NIGHT = dg.FreshnessPolicy.cron(
    deadline_cron="59 23 * * 1-5", lower_bound_delta=timedelta(hours=3), timezone="America/New_York"
)
ON_DEMAND = "made when a person asks for it, so it has no age"


def placed(spec: dg.AssetSpec, home: Path) -> dg.AssetSpec:
    """The asset with its place and its freshness policy, or the reason why it has none."""
    layer, name = spec.key.path[0], spec.key.path[-1]
    if layer in ("as_of", "other_source"):
        folder = Home(home).as_of_days if layer == "as_of" else home
        return spec.merge_attributes(metadata={"dagster/uri": str(folder), "freshness": ON_DEMAND})
    if layer == "published":
        uri = str(Tree(home).current)
    elif layer == "marts":
        uri = str(Run(Tree(home).current).mart(name))
    else:
        uri = f"{Tree(home).warehouse}#{layer}.{name}"
    return spec.merge_attributes(metadata={"dagster/uri": uri}).replace_attributes(freshness_policy=EVERY_NIGHT)
