"""Publications, crashes, people and readers in any order: a reader sees one complete run, and the next night heals."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pipelines.publishing import in_force
from tests.serving import world
from tests.serving.crashes import Crash, ending_at

LEAD_US = 1_000
MOMENTS = 130  # of a publication of three marts, and some more than it has


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    with world.few_marts(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(in_force, "LEAD_US", LEAD_US)
        yield


class Publishing(RuleBasedStateMachine):
    """One tree, the runs that may be seen, and a connection that stays open."""

    @initialize()
    def begin(self) -> None:
        self.tree = Path(tempfile.mkdtemp())
        self.number = 0
        self.may_be_seen: set[str] = set()
        self.publish()
        self.kept_open = duckdb.connect(str(self.tree / "serving.duckdb"), read_only=True)

    def teardown(self) -> None:
        if hasattr(self, "kept_open"):
            self.kept_open.close()
            shutil.rmtree(self.tree)

    @rule()
    def publish(self) -> None:
        name = self._next()
        world.publish(self.tree, name, as_of=world.AS_OF + timedelta(days=self.number))
        self.may_be_seen = {name}
        left = [path.name for path in self.tree.rglob(".*") if path.name not in {".lock", ".serving-views"}]
        assert left == [], "a publication leaves nothing behind"

    @rule(moment=st.integers(1, MOMENTS))
    def crash(self, moment: int) -> None:
        """Readers see the run before or the new one, whichever the crash left in force."""
        name = self._next()
        with suppress(Crash), ending_at(moment) as passed:
            world.publish(self.tree, name, as_of=world.AS_OF + timedelta(days=self.number))
        self.may_be_seen = self.may_be_seen | {name} if passed[0] >= moment else {name}

    @rule()
    def go_back(self) -> None:
        with in_force.changing(self.tree), suppress(in_force.NotInForce):
            in_force.heal(self.tree)
            self.may_be_seen = {named(in_force.roll_back(self.tree))}

    @rule()
    def go_forward(self) -> None:
        with in_force.changing(self.tree), suppress(in_force.NotInForce):
            in_force.heal(self.tree)
            self.may_be_seen = {named(in_force.roll_forward(self.tree))}

    @rule()
    def prune(self) -> None:
        """All runs but the one in force are old."""
        with in_force.changing(self.tree):
            in_force.heal(self.tree)
            for old in in_force.removable(self.tree, timedelta()):
                shutil.rmtree(old)

    @precondition(lambda self: self.number < 4)
    @rule()
    def look_back(self) -> None:
        """An as-of run publishes into a tree of its own and changes nothing here."""
        world.publish(self.tree / "as_of" / "2025-01-03", self._next(), as_of=world.AS_OF)

    @invariant()
    def every_reader_sees_one_complete_run(self) -> None:
        if not self.may_be_seen:
            return
        with duckdb.connect(str(self.tree / "serving.duckdb"), read_only=True) as fresh:
            seen = (
                [self._seen(fresh), self._seen(self.kept_open)] if hasattr(self, "kept_open") else [self._seen(fresh)]
            )
        assert set(seen) <= self.may_be_seen

    def _seen(self, connection: duckdb.DuckDBPyConnection) -> str:
        query = """
            select (select any_value(run_id) from _meta), (select count(distinct as_of) from market_state),
                   (select count(*) from market_state), (select count(*) from fed_liquidity)
        """
        run, days, *rows = connection.execute(query).fetchall()[0]
        assert (days, rows) == (1, [2 * world.SESSIONS, 200])
        return str(run)

    def _next(self) -> str:
        self.number += 1
        return f"run{self.number:05}"


def named(folder: Path) -> str:
    """A run's id, from the name of its folder."""
    return folder.name.partition("Z_")[2].partition(".")[0]


def test_readers_see_one_complete_run_whatever_happens() -> None:
    run_state_machine_as_test(
        Publishing,
        settings=settings(
            max_examples=12, stateful_step_count=8, deadline=None, derandomize=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )  # fmt: skip
