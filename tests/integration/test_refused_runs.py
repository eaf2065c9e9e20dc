"""What a person may type wrong: refused before a run exists where Dagster can know it, else a refused run, never a red one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.build import build_defs
from pipelines.orchestration.instance import open_instance
from pipelines.orchestration.refused_runs import REFUSED
from pipelines.settings import Settings


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("refused")


@pytest.fixture(scope="module")
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with open_instance(home) as opened:
        yield opened


@pytest.fixture(scope="module")
def defs(home: Path) -> dg.Definitions:
    return build_defs(Settings(source="sample", home=home))


def asked(**fields: Any) -> dict[str, Any]:
    return {"resources": {"asked": {"config": fields}}}


def other(**fields: Any) -> dict[str, Any]:
    return {"resources": {"other_source": {"config": fields}}}


@pytest.mark.parametrize(
    ("job", "config"),
    [
        pytest.param("ingest", asked(symbols=["BTCUSD"]), id="a symbol that is none"),
        pytest.param("ingest", asked(symbols=["btc-usd"]), id="a symbol in small letters"),
        pytest.param("ingest", asked(symbols="BTC-USD"), id="a text for a list"),
        pytest.param("ingest", asked(symbol=["BTC-USD"]), id="a field that is none"),
        pytest.param("other_source", other(source="yahoo"), id="a source that is none"),
        pytest.param("other_source", other(source="files", folder="/x"), id="a field misnamed"),
        pytest.param("nightly", {"resources": {"run": {"config": {"as_of": "12/12/2025"}}}}, id="a date in a form"),
    ],
)
def test_the_form_itself_knows_better(defs: dg.Definitions, job: str, config: dict[str, Any]) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError):
        dg.validate_run_config(defs.resolve_job_def(job), config)


@pytest.mark.parametrize("key", ["2025-12-13", "2025-12-25", "12/12/2025", "2031-01-02", "1999-01-04"])
def test_a_day_that_is_no_past_session_is_no_partition(defs: dg.Definitions, key: str) -> None:
    partitions = defs.resolve_job_def("as_of").partitions_def
    assert partitions is not None
    assert not partitions.has_partition_key(key)


@pytest.mark.parametrize(
    ("job", "config", "partition", "said"),
    [
        ("nightly", asked(symbols=["BTC-USD"]), None, "symbols is for the job ingest"),
        ("other_source", other(source="sample"), None, "which is the configured one; launch the job nightly"),
        ("other_source", other(source="files"), None, "set files to one with prices.parquet"),
        ("other_source", other(source="files", files="/nowhere"), None, "/nowhere/prices.parquet does not exist"),
        ("as_of", {}, "2025-12-12", "so no day can be computed; launch the job ingest once"),
    ],
)
def test_what_only_a_run_can_know_refuses_it(
    instance: dg.DagsterInstance,
    defs: dg.Definitions,
    job: str,
    config: dict[str, Any],
    partition: str | None,
    said: str,
) -> None:
    done = defs.resolve_job_def(job).execute_in_process(
        instance=instance, run_config=config, partition_key=partition, raise_on_error=False
    )
    run = instance.get_run_by_id(done.run_id)
    assert run is not None
    assert run.status == dg.DagsterRunStatus.CANCELED
    assert said in run.tags[REFUSED]
    told = {event.event_type for event in done.all_events}
    assert not told & {dg.DagsterEventType.STEP_FAILURE, dg.DagsterEventType.ASSET_FAILED_TO_MATERIALIZE}
    assert dg.DagsterEventType.RUN_FAILURE not in told
