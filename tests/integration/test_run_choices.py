"""A run started from a filled-in form does what the form says, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import duckdb

from pipelines.build import build_defs
from pipelines.orchestration.instance import open_instance
from pipelines.settings import Settings


def ingested(settings: Settings, resources: dict[str, Any]) -> dg.DagsterRun:
    """The record of a successful ingestion with these choices."""
    job = build_defs(settings).resolve_job_def("ingest")
    with open_instance(settings.home) as instance:
        done = job.execute_in_process(instance=instance, run_config={"resources": resources})
        record = instance.get_run_by_id(done.run_id)
    assert done.success
    assert record is not None
    return record


def stored(home: Path) -> dict[str, int]:
    """Rows per id in the raw history."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as warehouse:
        return dict(
            warehouse.sql(
                "select symbol, count(*) from raw.price_bars group by 1 "
                "union all select series_id, count(*) from raw.macro_observations group by 1"
            ).fetchall()
        )


def test_chosen_symbols_are_fetched_and_the_others_stay_as_they_are(tmp_path: Path) -> None:
    settings = Settings(source="sample", home=tmp_path)
    ingested(settings, {"asked": {"config": {"symbols": ["BTC-USD", "WALCL"]}}})
    first = stored(tmp_path)
    assert set(first) == {"BTC-USD", "WALCL"}
    ingested(settings, {"asked": {"config": {"symbols": ["^RUT"]}}})
    second = stored(tmp_path)
    assert set(second) == {"BTC-USD", "WALCL", "^RUT"}
    assert {symbol: second[symbol] for symbol in first} == first


def test_another_source_is_computed_beside_what_is_live(tmp_path: Path) -> None:
    defs = build_defs(Settings(source="live", home=tmp_path))
    with open_instance(tmp_path) as instance:
        done = defs.resolve_job_def("other_source").execute_in_process(
            instance=instance, run_config={"resources": {"other_source": {"config": {"source": "sample"}}}}
        )
        record = instance.get_run_by_id(done.run_id)
        touched = instance.get_asset_keys()
        told = instance.get_latest_materialization_event(touched[0])
    assert done.success
    assert record is not None
    assert record.tags["recouple/source"] == "sample"
    assert touched == [dg.AssetKey(["other_source", "run"])]
    assert told is not None
    assert told.asset_materialization is not None
    assert told.asset_materialization.metadata["rows"].value > 0  # type: ignore[operator]
    assert (tmp_path / "sample" / "marts" / "current" / "claims.parquet").exists()
    assert not (tmp_path / "warehouse.duckdb").exists()
