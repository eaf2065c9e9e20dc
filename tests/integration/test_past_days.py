"""Days of the past: each equals a run of its own, shares what it may, and touches nothing live."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from assets.as_of import KEY, SESSIONS
from assets.contracts import CONTRACTS
from assets.framework.contract import RawTable
from pipelines.build import build_defs
from pipelines.cli.runs import NoSession, run_days
from pipelines.home import Home, Run, Tree
from pipelines.orchestration.instance import open_instance
from pipelines.publishing import history
from pipelines.settings import Settings
from tests.conftest import own_copy, succeed

FIRST, MIDDLE, LAST = date(2025, 12, 10), date(2025, 12, 11), date(2025, 12, 12)


@pytest.fixture(scope="module")
def looked_back(shared: Path, sample_home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home with three sessions in a row looked back on in one run."""
    settings = own_copy(shared, sample_home, tmp_path_factory.mktemp("past") / "home")
    succeed(run_days(settings, FIRST, LAST))
    return settings


def hashes(tree: Tree) -> dict[str, str]:
    manifest = json.loads(Run(tree.current).manifest.read_text())
    return {name: mart["content_hash"] for name, mart in manifest["marts"].items()}


def test_a_day_that_shares_with_a_later_one_equals_a_run_of_its_own(looked_back: Settings, tmp_path: Path) -> None:
    shared_with_later = hashes(Home(looked_back.home).as_of(FIRST))
    alone = looked_back.model_copy(update={"as_of": FIRST})
    job = build_defs(alone).resolve_job_def("marts")  # every table a step of its own, in a warehouse of the day's own
    assert job.execute_in_process(instance=dg.DagsterInstance.ephemeral()).success
    assert hashes(Home(looked_back.home).as_of(FIRST)) == shared_with_later


def test_days_share_what_does_not_depend_on_them(looked_back: Settings) -> None:
    with open_instance(looked_back.home) as instance:
        records = instance.fetch_materializations(KEY, limit=10).records
    taken = {r.partition_key: r.asset_materialization.metadata["tables_taken_over"].value for r in records}  # type: ignore[union-attr]
    assert taken[str(LAST)] == 0
    assert taken[str(FIRST)] >= 8
    assert set(taken) == {str(FIRST), str(MIDDLE), str(LAST)}


def test_looking_back_leaves_every_live_table_as_it_was(looked_back: Settings) -> None:
    with open_instance(looked_back.home) as instance:
        assert instance.get_asset_keys() == [KEY]
    manifest = json.loads(Run(Tree(looked_back.home).current).manifest.read_text())
    assert manifest["as_of"] == "2026-01-30"


def test_a_day_keeps_its_marts_and_no_warehouse(looked_back: Settings) -> None:
    assert not Home(looked_back.home).as_of(LAST).warehouse.exists()


def test_days_are_listed_and_compared(looked_back: Settings) -> None:
    assert [day.day for day in history.days(looked_back.home)] == [FIRST, MIDDLE, LAST]
    found = {d.mart: d for d in history.compare(looked_back.home, FIRST, LAST)}
    assert found["rolling_correlations"].only_second > 0
    assert found["rolling_correlations"].only_first == found["rolling_correlations"].changed == 0
    with pytest.raises(
        history.NoSuchDay, match="2025-12-09 has not been computed; run `recouple asof 2025-12-09` first"
    ):
        list(history.compare(looked_back.home, date(2025, 12, 9), LAST))


def test_bi_reads_all_days_in_one_query(looked_back: Settings) -> None:
    with duckdb.connect(str(Home(looked_back.home).as_of_history), read_only=True) as reader:
        answers = reader.sql("select as_of, session, correlation_60 from as_of_history order by 1").fetchall()
        states = reader.sql("select count(distinct as_of) from market_state").fetchall()
    assert [(as_of, session) for as_of, session, _ in answers] == [(d, d) for d in (FIRST, MIDDLE, LAST)]
    assert states == [(3,)]


def test_a_day_without_trading_names_the_sessions_beside_it(sample_home: Settings) -> None:
    with pytest.raises(NoSession, match="2025-12-25 is no past session .* choose 2025-12-24 or 2025-12-26"):
        run_days(sample_home, date(2025, 12, 25), date(2025, 12, 25))


def test_partitions_are_the_sessions_of_the_exchange() -> None:
    keys = SESSIONS.get_partition_keys()
    assert {"2025-12-24", "2025-12-26"} <= set(keys)
    assert not {"2025-12-25", "2025-12-27"} & set(keys)


def test_a_table_that_grows_names_a_day_of_its_own() -> None:
    for contract in CONTRACTS.values():
        if contract.grows_by is not None:
            assert contract.grows_by in contract.column_names()
            assert not issubclass(contract, RawTable)


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[date], str | None]:
    """Why a day is refused in an empty home."""
    return lambda day: run_days(Settings(source="sample", home=tmp_path), day, day).refused


def test_an_empty_home_has_no_past(refused: Callable[[date], str | None]) -> None:
    assert "so no day can be computed; launch the job ingest once" in (refused(LAST) or "")
