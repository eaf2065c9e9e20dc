"""The published run: every mart of one as-of date, flipped into place together.

Here: the asset that publishes once all marts hold. Not here: how a run is written and served
(pipelines.publishing.publish).
"""

from collections.abc import Collection
from typing import Any, Protocol

import dagster as dg

from assets.contracts import MARTS
from assets.framework.step_failure import in_one_sentence
from assets.framework.table import asset_key


class PublishesRuns(Protocol):
    """Writes all marts as one versioned folder and makes it the current one."""

    def publish(self, run_id: str, attempts: Collection[str] = ()) -> dict[str, Any]:
        """Publish; returns what a person wants to know of it: folder, picture, as-of date, rows per mart.

        attempts: runs that this one takes up where they ended; what one of them has published is not published again.
        """


@dg.asset(
    key=["published", "run"],
    group_name="published",
    deps=[asset_key(mart) for mart in MARTS],
    required_resource_keys={"publisher"},
    kinds={"parquet", "duckdb"},
    owners=["team:recouple"],
    tags={"subject": "published", "layer": "published"},
    code_version="1",
    pool="warehouse",
    description=(
        "One versioned folder of parquet marts, validated against the contracts, then put in force for all readers in "
        "one instant. It happens only when every mart's contract holds; otherwise the last good run stays served."
    ),
)
def published_run(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """Publish the marts of this run."""
    run = context.run
    attempts = {attempt for attempt in (run.parent_run_id, run.root_run_id) if attempt}
    with in_one_sentence():
        return dg.MaterializeResult(metadata=context.resources.publisher.publish(run.run_id, attempts))
