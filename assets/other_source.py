"""The whole pipeline on another source than the configured one, beside what is live.

Here: the asset. Not here: the choice and the run (pipelines.orchestration.other_source).
"""

from typing import Any, Protocol

import dagster as dg

from assets.framework.step_failure import in_one_sentence


class AsksOtherSource(Protocol):
    """Another source and its home."""

    def publish(self) -> dict[str, Any]:
        """Fetch, compute and publish there; returns where."""


@dg.asset(
    key=["other_source", "run"],
    group_name="other_source",
    required_resource_keys={"other_source"},
    io_manager_key="nothing_kept",
    pool="other_source",  # its own home, its own one writer
    kinds={"parquet", "duckdb"},
    owners=["team:recouple"],
    code_version="1",
    tags={"subject": "other_source", "layer": "published"},
    description=(
        "Fetches, computes and publishes from another source (the simulated market, a folder of files) in a home of "
        "its own, `RECOUPLE_HOME/<source>`. Nothing live is touched."
    ),
)
def other_source_run(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    """The nightly of the other home."""
    with in_one_sentence():
        return dg.MaterializeResult(metadata=context.resources.other_source.publish())
