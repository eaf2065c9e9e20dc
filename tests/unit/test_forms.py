from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from assets.catalog import Catalog
from pipelines.orchestration.launchpad import chosen_entries
from pipelines.orchestration.other_source import OtherSource
from pipelines.orchestration.resources import chosen_days, chosen_horizon
from pipelines.settings import Settings, SettingsError
from pipelines.sources.sample import SampleUpstream

CONFIGURED = Settings(source="live", home=Path("/h"))


def test_another_source_has_a_home_of_its_own() -> None:
    chosen = OtherSource.chosen(CONFIGURED, "sample", "")
    assert (chosen.source, chosen.home) == ("sample", Path("/h/sample"))


@pytest.mark.parametrize(
    ("source", "files", "said"),
    [
        ("live", "", "source is live, which is the configured one; launch the job nightly for it"),
        ("files", "", "set files to one with prices.parquet"),
        ("files", "/nowhere", "/nowhere/prices.parquet does not exist; set files to a folder that has it"),
    ],
)
def test_a_wrong_field_is_named_with_its_remedy(source: str, files: str, said: str) -> None:
    with pytest.raises(SettingsError) as error:
        OtherSource.chosen(CONFIGURED, source, files)
    assert said in str(error.value)


def test_a_day_that_has_not_come_is_refused(sample: SampleUpstream) -> None:
    with pytest.raises(SettingsError, match="later than 2026-01-30, the newest day of sample"):
        chosen_horizon(date(2026, 1, 31), sample)


def test_the_days_of_a_run_are_its_partitions() -> None:
    assert chosen_days({"dagster/partition": "2025-12-12"}) == ["2025-12-12"]
    tags = {"dagster/asset_partition_range_end": "2025-12-12", "dagster/asset_partition_range_start": "2025-12-08"}
    assert chosen_days(tags) == ["2025-12-08", "2025-12-12"]


def test_chosen_symbols_are_all_that_is_asked_for(catalog: Catalog) -> None:
    asked = chosen_entries(catalog, ["BTC-USD", "WALCL"], "ingest")
    assert [entry.id for entry in asked.fetched()] == ["BTC-USD", "WALCL"]
    assert asked.pair == catalog.pair


def test_a_symbol_that_the_runs_catalog_lacks_is_named(catalog: Catalog) -> None:
    with pytest.raises(SettingsError, match="symbols names GLD, which the catalog of this run does not have"):
        chosen_entries(catalog.only(["BTC-USD"]), ["GLD"], "ingest")


def test_symbols_are_for_ingestion_alone(catalog: Catalog) -> None:
    with pytest.raises(SettingsError, match="launch that job with it, then the job marts"):
        chosen_entries(catalog, ["BTC-USD"], "nightly")
