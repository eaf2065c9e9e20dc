"""`dg` does on this project what docs/ui.md says: it checks, lists, scaffolds and launches.

Its commands run in this process, which has Dagster loaded: one of their own would take ten seconds for that.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest
import yaml
from click.testing import CliRunner
from dagster_dg_cli.cli import cli

from pipelines.home import Home
from pipelines.orchestration.instance import open_instance
from pipelines.settings import SECRETS

ROOT = Path(__file__).parents[2]
DEFINITIONS = "pipelines.definitions"
Command = Callable[..., str]


@pytest.fixture
def dg_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Runs `dg` on the project over a home of its own; returns what it said."""
    with open_instance(tmp_path):  # which also names it in the environment
        monkeypatch.setenv("DAGSTER_HOME", str(Home(tmp_path).dagster))
    monkeypatch.setenv("RECOUPLE_SOURCE", "sample")
    monkeypatch.setenv("RECOUPLE_HOME", str(tmp_path))
    monkeypatch.chdir(ROOT)
    sys.modules.pop(DEFINITIONS, None)  # they are of the environment's home

    def command(*arguments: str) -> str:
        done = CliRunner().invoke(cli, arguments)
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    yield command
    sys.modules.pop(DEFINITIONS, None)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("check yaml", "All component YAML validated successfully"),
        ("check toml", "All TOML configuration files are valid"),
        ("list components", "dagster.DefsFolderComponent"),
        ("list component-tree", "environment"),
        ("list envs", "RECOUPLE_HOME"),
    ],
)
def test_dg_knows_the_project(dg_command: Command, command: str, said: str) -> None:
    assert said in dg_command(*command.split())


@pytest.mark.parametrize(
    "command", [["dg", "check", "defs"], ["dagster", "definitions", "validate", "-w", "workspace.yaml"]], ids=" ".join
)
def test_the_definitions_load_where_dagster_loads_them(command: list[str], tmp_path: Path) -> None:
    program = Path(sys.executable).with_name(command[0])
    environment = {**os.environ, "RECOUPLE_SOURCE": "sample", "RECOUPLE_HOME": str(tmp_path)}
    done = subprocess.run(
        [program, *command[1:]], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_variable_is_declared_to_dg_and_explained() -> None:
    declared = yaml.safe_load((ROOT / "pipelines/defs/environment/defs.yaml").read_text())["requirements"]["env"]
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "pipelines").rglob("*.py"))
    read = set(re.findall(r'"((?:RECOUPLE|FRED)_[A-Z_]+)"', code))
    explained = set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert read == explained
    assert sorted(declared) == sorted(read | {f"{name}_FILE" for name in SECRETS})


def test_a_job_with_a_form_some_tables_and_a_day_are_launched(
    dg_command: Command, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOUPLE_SOURCE", "files")
    monkeypatch.setenv("RECOUPLE_FILES", str(folder))
    form = {"resources": {"asked": {"config": {"symbols": ["BTC-USD", "WALCL"]}}}}
    dg_command("launch", "--job", "ingest", "--config-json", json.dumps(form))
    assert stored(tmp_path) == {"BTC-USD"}
    dg_command("launch", "--assets", "key:raw/*")
    assert {"BTC-USD", "^RUT"} <= stored(tmp_path)
    dg_command("launch", "--assets", "as_of/run", "--partition", "2025-12-12")
    assert [path.name for path in Home(tmp_path).root.glob("as_of/2025-*")] == ["2025-12-12"]
    with open_instance(tmp_path) as instance:
        assert {run.status for run in instance.get_runs()} == {dg.DagsterRunStatus.SUCCESS}


def stored(home: Path) -> set[str]:
    """Symbols of the raw history."""
    with duckdb.connect(str(Home(home).warehouse), read_only=True) as warehouse:
        return {symbol for (symbol,) in warehouse.sql("select distinct symbol from raw.price_bars").fetchall()}


def test_what_dg_scaffolds_lies_where_the_definitions_look_for_it(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copytree(ROOT / "pipelines", tmp_path / "pipelines")
    command = [Path(sys.executable).with_name("dg"), "scaffold", "defs", "dagster.asset", "my_mart.py"]
    subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, check=True, capture_output=True
    )
    assert "@dg.asset" in (tmp_path / "pipelines" / "defs" / "my_mart.py").read_text()
