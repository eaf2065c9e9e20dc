"""What Dagster sees: loadable definitions, a running schedule, documented assets, one pool for writers."""

from __future__ import annotations

import tomllib
from datetime import datetime
from graphlib import TopologicalSorter
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import yaml

from assets.contracts import CONTRACTS, MARTS, RAW_TABLES
from assets.framework import lineage
from assets.framework.contract import Mart
from pipelines.build import build_defs, column_lineage
from pipelines.orchestration.instance import open_instance
from pipelines.orchestration.jobs import IN_THE_UI, JOBS
from pipelines.orchestration.schedules import nightly_schedule
from pipelines.settings import Settings

ROOT = Path(__file__).parents[2]
LAYERS = {"raw", "core", "derived", "marts", "published"}


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    return build_defs(Settings(source="sample"))


@pytest.fixture(scope="module")
def specs(defs: dg.Definitions) -> dict[str, dg.AssetSpec]:
    """By table name, or by key where it is no table."""
    all_specs = defs.resolve_all_asset_specs()
    return {s.key.path[-1] if s.key.path[-1] in CONTRACTS else s.key.to_user_string(): s for s in all_specs}


def test_definitions_load(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_every_contract_is_an_asset_and_only_whole_runs_have_none(specs: dict[str, dg.AssetSpec]) -> None:
    assert set(specs) == {*CONTRACTS, "published/run", "as_of/run", "other_source/run"}


def test_assets_are_described_grouped_owned_and_show_their_columns(specs: dict[str, dg.AssetSpec]) -> None:
    for name, contract in CONTRACTS.items():
        spec = specs[name]
        assert spec.group_name == contract.subject
        assert spec.tags["layer"] == contract.layer
        assert spec.description
        assert spec.owners
        assert spec.kinds
        columns = spec.metadata["dagster/column_schema"].columns
        assert [c.name for c in columns] == list(contract.ordered_columns())
        assert all(c.description for c in columns)


def test_every_asset_says_whose_it_is_how_new_it_should_be_and_where_it_lies(specs: dict[str, dg.AssetSpec]) -> None:
    for spec in specs.values():
        assert spec.description and spec.owners and spec.kinds and spec.code_version
        assert spec.metadata["dagster/uri"]
        assert {"subject", "layer"} <= set(spec.tags)
        assert spec.freshness_policy or spec.metadata["freshness"]


def test_columns_say_what_they_are_made_from(specs: dict[str, dg.AssetSpec]) -> None:
    told, promised = 0, 0
    for mart in MARTS:
        metadata = specs[mart.table_name()].metadata
        lineage = metadata["dagster/column_lineage"].deps_by_column
        readable = metadata["columns are made from"].value if lineage else ""
        assert all(f"| {column} | " in readable for column in lineage)
        own = [column for column in mart.column_names() if column not in Mart.column_names()]
        promised += len(own)
        told += sum(bool(lineage.get(column)) for column in own)
        for dep in (dep for deps in lineage.values() for dep in deps):
            assert dep.column_name in CONTRACTS[dep.asset_key.path[-1]].column_names()
    assert told >= 0.95 * promised


def test_the_lineage_written_down_is_the_codes() -> None:
    assert lineage.PATH.read_text(encoding="utf-8") == column_lineage()


def test_subjects_have_no_circle(specs: dict[str, dg.AssetSpec]) -> None:
    graph: dict[str, set[str]] = {}
    for spec in specs.values():
        groups = {specs[dep.asset_key.path[-1]].group_name for dep in spec.deps if dep.asset_key.path[-1] in specs}
        graph.setdefault(spec.group_name or "", set()).update(str(g) for g in groups - {spec.group_name})
    assert len(list(TopologicalSorter(graph).static_order())) <= 14


def test_dependencies_are_read_from_the_sql(specs: dict[str, dg.AssetSpec]) -> None:
    read = {dep.asset_key.path[-1] for dep in specs["macro_series"].deps}
    assert read == {"macro_observations", "series", "sessions"}


def test_every_writer_is_in_the_pool_of_one(defs: dg.Definitions) -> None:
    for asset in defs.assets or []:
        assert isinstance(asset, dg.AssetsDefinition)
        own = {"other_source"} if asset.key.path[0] == "other_source" else {"warehouse"}
        assert {str(pool) for pool in asset.op.pools} == own


def test_only_ingestion_is_retried_and_backs_off(defs: dg.Definitions) -> None:
    raw = {contract.table_name() for contract in RAW_TABLES}
    for asset in defs.assets or []:
        assert isinstance(asset, dg.AssetsDefinition)
        policy = asset.op.retry_policy
        if asset.key.path[-1] in raw:
            assert policy is not None
            assert policy.backoff == dg.Backoff.EXPONENTIAL
        else:
            assert policy is None


def test_every_table_has_a_blocking_check_of_its_contract(defs: dg.Definitions) -> None:
    blocking = {
        spec.asset_key.path[-1]
        for asset in defs.assets or []
        if isinstance(asset, dg.AssetsDefinition)
        for spec in asset.check_specs
        if spec.name == "contract_holds" and spec.blocking
    }
    assert blocking == set(CONTRACTS)


def test_every_rule_of_a_contract_is_a_check_that_says_what_holds(defs: dg.Definitions) -> None:
    described = {
        (spec.asset_key.path[-1], spec.name): spec.description or ""
        for asset in defs.assets or []
        if isinstance(asset, dg.AssetsDefinition)
        for spec in asset.check_specs
    }
    assert ("market_state", "record_is_in_the_past") in described
    assert ("market_state", "nothing_after_as_of") in described
    assert all(("market_state", name) in described for name in ("key_is_unique", "values_are_within_limits"))
    assert all(said.endswith(".") and len(said) > 20 for said in described.values())
    assert not [name for _, name in described if name.startswith(("no_", "not_", "nothing_to"))]


def test_the_nightly_runs_on_weekday_evenings_after_every_close() -> None:
    schedule = nightly_schedule
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert schedule.execution_timezone == "America/New_York"
    assert schedule.cron_schedule == "45 22 * * 1-5"
    for day in (datetime(2026, 1, 15, 22, 45), datetime(2026, 7, 16, 22, 45)):  # winter and summer time
        at = day.replace(tzinfo=ZoneInfo("America/New_York"))
        assert at.astimezone(ZoneInfo("UTC")).date() > at.date()  # the crypto day is over


def test_the_schedule_runs_in_a_fresh_instance(defs: dg.Definitions, tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        assert instance.all_instigator_state() == []
    schedule = defs.get_repository_def().get_schedule_def("nightly_schedule")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    assert schedule.job_name == "nightly"


def test_the_instance_has_one_slot_for_writers_and_frees_it(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance:
        pools = instance.get_concurrency_config().pool_config
        assert (pools.default_pool_limit, str(pools.pool_granularity)) == (1, "PoolGranularity.RUN")
        assert instance.run_monitoring_enabled
        assert instance.get_settings("run_monitoring")["free_slots_after_run_end_seconds"] == 30


def test_the_location_has_one_name_everywhere() -> None:
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["dg"]["project"]
    assert workspace["load_from"][0]["python_module"]["location_name"] == project["code_location_name"]
    assert IN_THE_UI[".dagster/repository"].endswith(f"@{project['code_location_name']}")


def test_the_page_of_a_job_lists_its_runs_at_a_terminal(sample_home: Settings) -> None:
    with open_instance(sample_home.home) as instance:
        assert instance.get_runs(dg.RunsFilter(job_name="nightly", tags=IN_THE_UI))


def test_every_table_of_a_nightly_tells_numbers_to_plot(sample_home: Settings, defs: dg.Definitions) -> None:
    live = [key for key in defs.resolve_asset_graph().get_all_asset_keys() if key.path[0] in LAYERS]
    with open_instance(sample_home.home) as instance:
        told = {key: instance.get_latest_materialization_event(key) for key in live}
    for key, event in told.items():
        assert event is not None and event.asset_materialization is not None, key
        values = event.asset_materialization.metadata.values()
        assert any(isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue) for value in values), key


def test_jobs_cover_the_usual_tasks() -> None:
    assert {job.name for job in JOBS} == {"nightly", "ingest", "marts", "as_of", "other_source"}
    assert all(job.description for job in JOBS)
