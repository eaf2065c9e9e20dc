"""Days of the past as partitions: every mart as it could have been computed at the end of a session.

Here: the partitions and the asset that fills them. Not here: how a day is computed
(pipelines.orchestration.past_days), where its tree lies (pipelines.home).

The asset stands apart from the live tables and never writes to them: what the UI calls a live table's newest state is
the newest nightly's. One run takes many days, because days share what does not depend on them.
"""

import warnings
from collections.abc import Iterator
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import dagster as dg

from assets.framework.entries import Entry, load_entries
from assets.framework.step_failure import in_one_sentence
from assets.framework.table import POOL
from assets.reference.facts import FOLDER

FIRST_DAY = date(2016, 1, 4)
_NEW_YORK = ZoneInfo("America/New_York")
_DAYS_A_RUN = 25

KEY = dg.AssetKey(["as_of", "run"])


class ComputesPastDays(Protocol):
    """Publishes days of the past."""

    def publish(self, days: list[date], run_id: str) -> Iterator[tuple[date, dict[str, Any]]]:
        """Publish each day in a tree of its own; yields what a person wants to know of it."""


class _Closures(Entry):
    """Weekdays without a session, in order, and until when the list is complete."""

    complete_until: date
    closed: tuple[date, ...]


def exchange_closures(path: Path = FOLDER / "exchange_closures.toml") -> tuple[date, ...]:
    """Weekdays on which the exchange is closed; raises EntryError naming file, line and reason."""
    return load_entries(path, _Closures).closed


SESSIONS = dg.TimeWindowPartitionsDefinition(
    start=FIRST_DAY.isoformat(),
    fmt="%Y-%m-%d",
    cron_schedule="0 0 * * 1-5",
    timezone=_NEW_YORK.key,
    end_offset=1,  # a session may be looked back on from the evening of its own day
    exclusions=[datetime.combine(day, time(), _NEW_YORK) for day in exchange_closures()],
)


warnings.filterwarnings("ignore", "Parameter `backfill_policy`", dg.BetaWarning)  # a day a run would take its place


@dg.asset(
    key=KEY,
    group_name="as_of",
    partitions_def=SESSIONS,
    backfill_policy=dg.BackfillPolicy.multi_run(_DAYS_A_RUN),
    required_resource_keys={"past_days"},
    output_required=False,
    io_manager_key="nothing_kept",  # the warehouse stays closed: days are computed in memory
    kinds={"parquet", "duckdb"},
    owners=["team:recouple"],
    tags={"subject": "as_of", "layer": "published"},
    code_version="1",
    pool=POOL,
    description=(
        "Every mart as it could have been computed at the end of a session, in a tree of its own: "
        "`RECOUPLE_HOME/as_of/<day>`. Computed from the raw history as it is stored; nothing live is touched. "
        "A day counts as done as soon as it is published, so a range that was interrupted goes on where it ended."
    ),
)
def as_of_run(context: dg.AssetExecutionContext) -> Iterator[dg.AssetMaterialization]:
    """Publish the days of this run."""
    days = [date.fromisoformat(key) for key in context.partition_keys]
    with in_one_sentence():
        for day, told in context.resources.past_days.publish(days, context.run.run_id):
            yield dg.AssetMaterialization(KEY, partition=day.isoformat(), metadata=told)
