"""Days of the past: every mart as it could have been computed at the end of each, in a tree of its own.

Here: computing them one after another, newest first, so that a day takes from the day after it what that one did not
change. Not here: the partitions and the asset (assets.as_of), where a tree lies (pipelines.home), how it is published
(pipelines.publishing).

A table that only grows (`grows_by` of its contract) is, as of a day, the earlier rows of the same table as of a later
day, unless something it is made from has been restated in between. So a day's tables are made in order; whatever reads
nothing that differs is taken over, whatever does is computed. The warehouse is one in memory, with the home's raw
history attached: nothing of a day stays but its marts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from typing import Any

import polars as pl

from assets.framework.chain import computed, in_order, reads, reads_raw
from assets.framework.contract import Mart, Table
from assets.framework.errors import KnownFault
from assets.framework.rows import Rows
from assets.universe import UniverseStates
from pipelines.home import Home
from pipelines.publishing.history import serve_history
from pipelines.publishing.publish import Publisher
from pipelines.universe.common_past import CommonPast
from pipelines.warehouse.opening import open_warehouse
from pipelines.warehouse.store import Warehouse

_IN_MEMORY = Path(":memory:")


class DayFault(KnownFault):
    """A day's tables break their contract, so that it cannot be published."""


@dataclass(frozen=True)
class Day:
    """What a run may know on a day."""

    as_of: date
    simulated: bool


@dataclass
class PastDays:
    """Computes and publishes days of the past. resources: what the tables' functions take, by name."""

    home: Path
    source: str
    simulated: bool
    lock_wait_seconds: float
    resources: Mapping[str, Any]
    universe_states: Callable[[Path], UniverseStates]  # kept in a folder
    _later: dict[str, pl.DataFrame] = field(default_factory=dict)  # every table as of the day before in this run

    def publish(self, days: list[date], run_id: str) -> Iterator[tuple[date, dict[str, Any]]]:
        """Publish each day, newest first; yields the day with what a person wants to know of it. Raises DayFault."""
        with TemporaryDirectory() as common:
            shared = CommonPast(Path(common), self.universe_states, until=min(days))
            states = shared.continued if len(days) > 1 else self.universe_states
            for day in sorted(days, reverse=True):
                yield day, self._published(day, run_id, states, alone=len(days) == 1)
        serve_history(self.home, self.resources["catalog"].headline_pair)

    def _published(
        self, day: date, run_id: str, states: Callable[[Path], UniverseStates], *, alone: bool
    ) -> dict[str, Any]:
        """One day; of a range, without what is drawn and copied for those who look at one day."""
        began = monotonic()
        horizon = Day(day, self.simulated)
        opening = open_warehouse(
            _IN_MEMORY,
            home_path=Home(self.home).warehouse,
            as_of=day,
            simulated=self.simulated,
            lock_wait_seconds=self.lock_wait_seconds,
        )
        with opening as warehouse, TemporaryDirectory() as folder:
            taken_over = self._fill(warehouse, horizon, states(Path(folder)))
            told = Publisher(
                warehouse=warehouse,
                tree=Home(self.home).as_of(day).root,
                as_of=day,
                source=self.source,
                simulated=self.simulated,
                keep=timedelta(0),
                clock=lambda: datetime.now(UTC),
                with_extras=alone,
                catalog=self.resources["catalog"],
            ).publish(run_id)
        return told | {"tables_taken_over": len(taken_over), "seconds": round(monotonic() - began, 2)}

    def _fill(self, warehouse: Warehouse, horizon: Day, states: UniverseStates) -> set[str]:
        """Make every table of a day; returns the names of those taken over from a later day."""
        own = {"warehouse": warehouse, "horizon": horizon, "universe_states": states}
        resources = {**self.resources, **own}
        today: dict[str, pl.DataFrame] = {}
        same: set[str] = set()  # tables whose rows are the later day's, as far as they reach
        taken: set[str] = set()
        for contract in in_order():
            name = contract.table_name()
            if self._may_be_taken(contract, same):
                rows = Rows(_up_to(contract, self._later[name], horizon.as_of))
                taken.add(name)
                same.add(name)
            else:
                rows = computed(contract, warehouse, resources, horizon)
                if not rows.broken.is_empty():
                    raise DayFault(f"{contract.full_name()} as of {horizon.as_of}: rows break {rows.broken['rule'][0]}")
                if name in self._later and _equal(contract, rows.good, self._later[name], horizon.as_of):
                    same.add(name)
            warehouse.lay_down(contract, rows)
            today[name] = rows.good
        self._later = today
        return taken

    def _may_be_taken(self, contract: type[Table], same: set[str]) -> bool:
        name = contract.table_name()
        grows = contract.grows_by is not None and name in self._later and not reads_raw(name)
        return grows and same.issuperset(reads(name))


def _up_to(contract: type[Table], later: pl.DataFrame, day: date) -> pl.DataFrame:
    """The rows of a later day that were there on an earlier one."""
    rows = later.filter(pl.col(contract.grows_by) <= day) if contract.grows_by else later
    for known_on, outcome in contract.known_later.items():
        known = pl.col(known_on) <= day
        rows = rows.with_columns(pl.when(known).then(pl.col(c)).alias(c) for c in (*outcome, known_on))
    return rows.with_columns(as_of=pl.lit(day)) if issubclass(contract, Mart) else rows


def _equal(contract: type[Table], rows: pl.DataFrame, later: pl.DataFrame, day: date) -> bool:
    """Whether a table says the same of the past on both days."""
    key = contract.key()
    return rows.sort(key).equals(_up_to(contract, later, day).sort(key))
