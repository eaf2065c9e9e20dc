"""A nightly that failed is taken up where it ended, and publishes once: what an undisturbed night would have."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import dagster as dg
import pytest

from assets.marts import peaks
from pipelines.build import build_defs
from pipelines.home import Run, Tree
from pipelines.orchestration.instance import open_instance
from pipelines.publishing import in_force, publish
from pipelines.settings import Settings
from tests.conftest import own_copy

END_OF_A_NIGHT = [dg.AssetKey(key) for key in (["marts", "peak_pairs"], ["marts", "claims"], ["published", "run"])]


def nightly() -> dg.JobDefinition:
    """Of the home in the environment: Dagster builds the job anew for each run."""
    return build_defs(Settings.from_env(os.environ)).resolve_job_def("nightly")


@pytest.fixture
def home(shared: Path, sample_home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One in which a night has come as far as its last three steps."""
    monkeypatch.setenv("RECOUPLE_SOURCE", "sample")
    monkeypatch.setenv("RECOUPLE_HOME", str(tmp_path / "home"))
    return own_copy(shared, sample_home, tmp_path / "home").home


@contextmanager
def failing(module: ModuleType, function: str) -> Iterator[None]:
    """The disk is full whenever it is called."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, function, full)
        yield


def executed(instance: dg.DagsterInstance, after: dg.DagsterRun | None = None) -> dg.DagsterRun:
    """The end of a nightly, or what an earlier run left of it; as it ended."""
    done = dg.execute_job(
        dg.reconstructable(nightly),
        instance,
        asset_selection=None if after else END_OF_A_NIGHT,
        reexecution_options=dg.ReexecutionOptions.from_failure(after.run_id, instance) if after else None,
        raise_on_error=False,
    )
    run = instance.get_run_by_id(done.run_id)
    assert run is not None
    return run


def hashes(home: Path) -> dict[str, str]:
    manifest = json.loads(Run(Tree(home).current).manifest.read_text())
    return {name: mart["content_hash"] for name, mart in manifest["marts"].items()}


def test_what_failed_is_made_up_for_and_published_once(home: Path) -> None:
    undisturbed, before = hashes(home), len(in_force.history(home))
    failed, published = None, []
    with open_instance(home) as instance:
        for module, function in ((peaks, "confirmed_peaks"), (publish, "put_in_force"), (publish, "serve")):
            with failing(module, function):
                failed = executed(instance, after=failed)
            assert failed.status == dg.DagsterRunStatus.FAILURE
            published.append(len(in_force.history(home)) - before)
        done = executed(instance, after=failed)
    assert published == [0, 0, 1]  # the last failed after its marts were in force
    assert done.status == dg.DagsterRunStatus.SUCCESS
    assert done.step_keys_to_execute == ["published__run"]
    assert len(in_force.history(home)) == before + 1
    assert hashes(home) == undisturbed
