from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from assets.catalog import Catalog
from pipelines.build import chosen_horizon
from pipelines.orchestration.launchpad import chosen_entries, chosen_settings
from pipelines.settings import Settings, SettingsError
from pipelines.sources.sample import SampleUpstream

CONFIGURED = Settings(source="live", home=Path("/h"))


def test_an_untouched_form_is_the_settings() -> None:
    assert chosen_settings(CONFIGURED, {"source": "live", "files": "", "as_of": ""}) == CONFIGURED


def test_another_source_has_a_home_of_its_own_and_an_as_of_date_a_tree_in_it() -> None:
    chosen = chosen_settings(CONFIGURED, {"source": "sample", "files": "", "as_of": "2025-12-12"})
    assert (chosen.source, chosen.tree) == ("sample", Path("/h/sample/as_of/2025-12-12"))


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"source": "live", "files": "", "as_of": "12/12/2025"}, "as_of is '12/12/2025'; write an ISO date"),
        ({"source": "files", "files": "", "as_of": ""}, "set files to one with prices.parquet"),
    ],
)
def test_a_wrong_field_is_named_with_its_remedy(form: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as error:
        chosen_settings(CONFIGURED, form)
    assert said in str(error.value)


def test_a_day_that_has_not_come_is_refused(sample: SampleUpstream) -> None:
    with pytest.raises(SettingsError, match="later than 2026-01-30, the newest day of sample"):
        chosen_horizon(date(2026, 1, 31), sample)


def test_chosen_symbols_are_all_that_is_asked_for(catalog: Catalog) -> None:
    asked = chosen_entries(catalog, ["BTC-USD", "WALCL"], "ingest")
    assert [entry.id for entry in asked.fetched()] == ["BTC-USD", "WALCL"]
    assert asked.pair == catalog.pair


def test_an_unknown_symbol_is_named_with_the_nearest_one(catalog: Catalog) -> None:
    with pytest.raises(SettingsError, match=r"BTCUSD \(close to BTC-USD\), which assets/catalog.toml does not have"):
        chosen_entries(catalog, ["BTCUSD"], "ingest")


def test_symbols_are_for_ingestion_alone(catalog: Catalog) -> None:
    with pytest.raises(SettingsError, match="launch that job with it, then the job marts"):
        chosen_entries(catalog, ["BTC-USD"], "nightly")
