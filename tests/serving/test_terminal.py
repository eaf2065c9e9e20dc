"""The terminal: at most 80 columns for people, JSON for machines, exit codes for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli.main import app
from pipelines.published.contract import AnotherContract
from pipelines.published.marts import NothingPublished
from tests.conftest import draw_brief
from tests.serving import world


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    world.publish(tree)
    world.later_marts()["claims"].write_parquet(tree / "marts" / "current" / "claims.parquet")
    return tree


@pytest.fixture
def recouple(tree: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("RECOUPLE_SOURCE", "sample")
    monkeypatch.setenv("RECOUPLE_HOME", str(tree))
    monkeypatch.delenv("RECOUPLE_AS_OF", raising=False)
    return CliRunner()


def test_status_fits_80_columns(recouple: CliRunner, tree: Path) -> None:
    said = recouple.invoke(app, ["status"])
    assert said.exit_code == 0
    assert max(len(line) for line in said.stdout.splitlines() if str(tree) not in line) <= 80
    assert "1 of 3 inputs late: WSHOBL" in said.stdout


def test_status_for_machines(recouple: CliRunner) -> None:
    said = json.loads(recouple.invoke(app, ["status", "--json"]).stdout)
    assert (said["as_of"], said["simulated"], said["stale"], said["late"]) == ("2025-12-12", False, ["WSHOBL"], [])
    assert said["reading"]["headline"].startswith("Bitcoin has lagged")


def test_brief_says_where_it_lies(recouple: CliRunner, tree: Path) -> None:
    draw_brief((tree / "marts" / "current").resolve())
    assert Path(recouple.invoke(app, ["brief"]).stdout.strip()).exists()


def test_claims_fit_80_columns_and_are_json_for_machines(recouple: CliRunner) -> None:
    said = recouple.invoke(app, ["claims"]).stdout
    assert max(len(line) for line in said.splitlines()) <= 80
    assert [c["verdict"] for c in json.loads(recouple.invoke(app, ["claims", "--json"]).stdout)] == [
        "unknown",
        "close",
        "close",
    ]


def test_nothing_published_names_the_remedy(
    recouple: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOUPLE_HOME", str(tmp_path))
    with pytest.raises(NothingPublished, match="run `make demo`"):
        recouple.invoke(app, ["status"], catch_exceptions=False)


@pytest.mark.parametrize("command", [["status"], ["status", "--json"], ["brief"], ["claims"], ["export", "x.duckdb"]])
def test_a_run_of_another_release_is_one_sentence(
    recouple: CliRunner, command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.published.contract.contract_version", lambda: "another")
    said = recouple.invoke(app, command)
    assert isinstance(said.exception, AnotherContract)
    assert "run `recouple upgrade`, then `recouple nightly`" in str(said.exception)
    if command[0] == "status":
        assert "made by another release" in " ".join(said.stdout.split())


def test_a_required_input_that_is_late_ends_in_1(
    recouple: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = world.frames()
    late["series_freshness"] = late["series_freshness"].with_columns(is_stale=True)
    monkeypatch.setattr(world, "frames", lambda as_of, simulated: late)
    world.publish(tmp_path)
    monkeypatch.setenv("RECOUPLE_HOME", str(tmp_path))
    assert recouple.invoke(app, ["status"]).exit_code == 1
