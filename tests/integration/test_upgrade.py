"""A home of an earlier release: opened, upgraded and carried on by this one."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from pipelines.cli.main import app
from pipelines.cli.runs import run_job
from pipelines.published.contract import AnotherContract
from pipelines.publishing.in_force import complete_runs, in_force
from pipelines.settings import Settings
from tests import earlier_home
from tests.conftest import succeed


def test_a_home_of_the_release_before_is_carried_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not earlier_home.known():
        pytest.skip(f"the history of this clone does not reach back to {earlier_home.BEFORE}")
    home = earlier_home.make(tmp_path)
    monkeypatch.setenv("RECOUPLE_SOURCE", "sample")
    monkeypatch.setenv("RECOUPLE_HOME", str(home))
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        before = connection.execute("select count(*) from raw.price_bars").fetchall()
    for command in (["runs"], ["doctor"], ["metrics"], ["upgrade", "--yes"]):
        said = CliRunner().invoke(app, command)
        assert said.exception is None or isinstance(said.exception, SystemExit), said.exception
    for command in (["status", "--json"], ["brief"], ["claims"]):
        assert isinstance(CliRunner().invoke(app, command).exception, AnotherContract)
    succeed(run_job(Settings(source="sample", home=home), "nightly"))
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) from raw.price_bars").fetchall() == before
    with duckdb.connect(str(home / "serving.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) from _meta").fetchall()[0][0] > 0
    assert len(complete_runs(home)) == 2
    assert in_force(home) == complete_runs(home)[-1]
