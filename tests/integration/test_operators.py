"""What those who run an installation can see and do, on a home that a nightly made."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest
from filelock import FileLock
from typer.testing import CliRunner, Result

from assets.framework.errors import KnownFault
from pipelines.cli.backup import back_up, restore
from pipelines.cli.installation import DoctorFinding, findings
from pipelines.cli.main import app
from pipelines.orchestration import instance
from pipelines.published.contract import contract_of
from pipelines.publishing import in_force
from pipelines.settings import Settings, load_environment
from tests.conftest import own_copy

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def kept(shared: Path, sample_home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A copy of the published home with Dagster's state, and a second run of the same marts."""
    home = tmp_path_factory.mktemp("kept") / "home"
    settings = own_copy(shared, sample_home, home)
    with FileLock(shared / f"{sample_home.home.name}.lock"):
        shutil.copytree(sample_home.home / "dagster", home / "dagster")
    first = in_force.complete_runs(home)[0]
    second = first.with_name(f"2026-01-30_20261125T235959000000Z_second.{contract_of(first.name)}")
    shutil.copytree(first, second)
    with in_force.changing(home):
        in_force.heal(home)
        in_force.put_in_force(second)
    return settings


@pytest.fixture
def settings(kept: Settings, tmp_path: Path) -> Settings:
    shutil.copytree(kept.home, tmp_path / "home", symlinks=True)
    return kept.model_copy(update={"home": tmp_path / "home"})


@pytest.fixture
def recouple(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("RECOUPLE_SOURCE", "sample")
    monkeypatch.setenv("RECOUPLE_HOME", str(settings.home))
    monkeypatch.delenv("RECOUPLE_AS_OF", raising=False)
    return lambda *arguments, **more: CliRunner().invoke(app, [str(a) for a in arguments], **more)


def found(settings: Settings, name: str) -> DoctorFinding:
    return next(f for f in findings(settings, datetime.now(UTC)) if f.name == name)


# ------------------------------------------------------------------ runs
def test_runs_are_listed_with_the_one_in_force(recouple: Command) -> None:
    rows = json.loads(recouple("runs", "--json").stdout)
    assert [row["in_force"] for row in rows] == [False, True]
    assert rows[1]["run"] in recouple("runs").stdout


def test_going_back_and_forward_is_seen_everywhere(recouple: Command, settings: Settings) -> None:
    recouple("heal")
    assert recouple("status").exit_code == 0
    assert recouple("rollback").exit_code == 0
    said = recouple("status")
    assert said.exit_code == 1
    assert "ROLLED BACK" in said.stdout
    assert not found(settings, "served").ok
    assert recouple("roll-forward").exit_code == 0
    assert found(settings, "served").ok


def test_a_named_run_is_served(recouple: Command, settings: Settings) -> None:
    first = in_force.complete_runs(settings.home)[0]
    assert recouple("rollback", first.name).exit_code == 0
    assert in_force.in_force(settings.home) == first
    with pytest.raises(KnownFault, match="0 runs .* are called nonsense"):
        recouple("rollback", "nonsense", catch_exceptions=False)


# ------------------------------------------------------------------ what is seen
def test_the_last_night_and_the_next_are_told(settings: Settings) -> None:
    assert found(settings, "last night").detail.startswith("ended 20")
    assert {f.name for f in findings(settings, datetime.now(UTC))} >= {"last night", "served", "disk"}


def test_a_failed_night_says_why(settings: Settings, recouple: Command) -> None:
    (settings.home / "warehouse.duckdb").write_bytes(b"no database" * 1000)
    assert recouple("nightly").exit_code == 1
    told = found(settings, "last night")
    assert not told.ok
    assert "warehouse.duckdb" in told.detail


def test_a_refused_night_says_why_and_is_no_failed_one(
    settings: Settings, recouple: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOUPLE_AS_OF", "2099-01-01")
    refused = recouple("nightly", catch_exceptions=True)
    assert "2099-01-01" in str(refused.exception)
    assert found(settings, "last night").ok


def test_a_folder_without_prices_is_told(settings: Settings, tmp_path: Path) -> None:
    wrong = settings.model_copy(update={"source": "files", "files": tmp_path / "nonexistent"})
    assert not found(wrong, "files").ok
    assert "RECOUPLE_FILES" in found(wrong, "files").remedy


def test_views_of_another_home_are_told(settings: Settings) -> None:
    assert "another folder" in found(settings, "serving.duckdb").detail


def test_metrics_speak_prometheus(recouple: Command, tmp_path: Path) -> None:
    said = recouple("metrics").stdout
    for name in ("published 1.0", "last_night_success 1.0", "rolled_back 0.0", "schedule_on 1.0", "inputs_stale"):
        assert f"recouple_{name}" in said
    assert 'recouple_step_seconds{step="published.run"}' in said
    assert recouple("metrics", tmp_path / "recouple.prom").exit_code == 0
    assert (tmp_path / "recouple.prom").stat().st_size > 1_000


# ------------------------------------------------------------------ copies
def test_an_export_is_written_over_an_earlier_one_and_over_nothing_else(
    recouple: Command, settings: Settings, tmp_path: Path
) -> None:
    for _ in range(2):
        assert recouple("export", tmp_path / "copy.duckdb").exit_code == 0
    (tmp_path / "notes.txt").write_text("mine")
    others = (settings.home / "warehouse.duckdb", settings.home / "serving.duckdb", tmp_path / "notes.txt")
    for other in others:
        before = other.read_bytes()
        with pytest.raises(KnownFault, match="is no earlier export; nothing was written"):
            recouple("export", other, catch_exceptions=False)
        assert other.read_bytes() == before
    with pytest.raises(KnownFault, match="is a folder"):
        recouple("export", tmp_path, catch_exceptions=False)
    with pytest.raises(KnownFault, match="is no folder"):
        recouple("export", tmp_path / "no" / "copy.duckdb", catch_exceptions=False)


@pytest.mark.parametrize(("kind", "times"), [("csv", 2), ("xlsx", 2)])  # the second replaces the first
def test_every_mart_is_exported_as_a_file(
    recouple: Command, settings: Settings, tmp_path: Path, kind: str, times: int
) -> None:
    run = in_force.in_force(settings.home)
    assert run is not None
    for mart in run.glob("*.parquet"):  # of every row, a spreadsheet takes a minute
        pl.read_parquet(mart).head(500).write_parquet(mart)
    for _ in range(times):
        assert recouple("export", tmp_path / "files", "--as", kind).exit_code == 0
    assert {p.stem for p in (tmp_path / "files").glob(f"*.{kind}")} == {p.stem for p in run.glob("*.parquet")}
    with pytest.raises(KnownFault, match="neither empty nor an earlier export"):
        recouple("export", settings.home, "--as", kind, catch_exceptions=False)


def test_a_backup_gives_back_what_was_there(settings: Settings, recouple: Command, tmp_path: Path) -> None:
    (tmp_path / "backups" / ".recouple-20260101T000000Z").mkdir(parents=True)  # of one that was killed
    assert recouple("backup", tmp_path / "backups").exit_code == 0
    (made,) = (path for path in (tmp_path / "backups").iterdir() if path.name != ".lock")
    said = recouple("restore", made, env={"RECOUPLE_HOME": str(tmp_path / "again")})
    assert (said.exit_code, "marts of" in said.output) == (0, True)
    assert in_force.in_force(tmp_path / "again").name == in_force.in_force(settings.home).name
    tables = [
        duckdb.connect(str(home / "warehouse.duckdb"), read_only=True)
        .execute("select count(*), sum(hash(p)) from raw.price_bars p")
        .fetchall()
        for home in (settings.home, tmp_path / "again")
    ]
    assert tables[0] == tables[1]
    with pytest.raises(KnownFault, match="is not empty"):
        restore(made, settings.home)
    with pytest.raises(KnownFault, match="is no backup"):
        restore(tmp_path, tmp_path / "third")


def test_a_backup_waits_for_a_night(settings: Settings, tmp_path: Path) -> None:
    program = f"import duckdb, sys; c = duckdb.connect({str(settings.home / 'warehouse.duckdb')!r}); print(); input()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as night:
        assert night.stdout is not None
        night.stdout.readline()
        with pytest.raises(KnownFault, match="is in use by"):
            back_up(settings.home, tmp_path / "backups", datetime.now(UTC), wait_seconds=0.3)
        night.communicate(b"\n")


# ------------------------------------------------------------------ the warehouse
def test_drop_lists_asks_and_never_takes_the_history(recouple: Command) -> None:
    assert "core.daily_prices" in recouple("drop").stdout
    assert recouple("drop", "core.daily_prices", input="n\n").exit_code == 1
    assert recouple("drop", "core.daily_prices", "--yes").exit_code == 0
    assert "core.daily_prices" not in recouple("drop").stdout
    with pytest.raises(KnownFault, match="is no derived table"):
        recouple("drop", "raw.price_bars", "--yes", catch_exceptions=False)


def test_an_upgrade_removes_what_has_another_shape(recouple: Command, settings: Settings) -> None:
    with duckdb.connect(str(settings.home / "warehouse.duckdb")) as connection:
        connection.execute("alter table core.daily_prices add column gone integer")
    assert recouple("upgrade", "--yes").exit_code == 0
    assert "core.daily_prices" not in recouple("drop").stdout


def test_a_day_without_a_session_is_refused_with_its_neighbours(recouple: Command) -> None:
    with pytest.raises(KnownFault, match="no past session of the NYSE since 2016-01-04; choose 2016-01-04$"):
        recouple("asof", "1890-01-01", catch_exceptions=False)
    with pytest.raises(KnownFault, match="choose 2025-10-03 or 2025-10-06"):
        recouple("asof", "2025-10-05", catch_exceptions=False)


# ------------------------------------------------------------------ where it runs
def test_dagsters_settings_of_an_operator_stay_theirs(tmp_path: Path) -> None:
    path = tmp_path / "dagster" / "dagster.yaml"
    path.parent.mkdir()
    path.write_text("telemetry:\n  enabled: false\n")
    instance.dagster_home(tmp_path)
    assert path.read_text() == "telemetry:\n  enabled: false\n"
    assert any("lacks concurrency.pools.default_limit: 1" in told for told in instance.missing_settings(tmp_path))


def test_our_settings_follow_the_release(tmp_path: Path) -> None:
    path = tmp_path / "dagster" / "dagster.yaml"
    instance.dagster_home(tmp_path)
    path.write_text(path.read_text() + "# of an earlier release\n")
    instance.dagster_home(tmp_path)
    assert path.read_text() == instance.settings_text()
    assert instance.missing_settings(tmp_path) == []


def test_the_file_of_settings_counts_from_any_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("RECOUPLE_HOME=state\nRECOUPLE_SOURCE=sample\nFRED_API_KEY_FILE=key\n")
    (tmp_path / "key").write_text("secret\n")
    monkeypatch.chdir(tmp_path)
    said = load_environment({"RECOUPLE_SOURCE": "live"})
    assert said["RECOUPLE_HOME"] == str(tmp_path / "state")
    assert "RECOUPLE_SOURCE" not in said
    assert said["FRED_API_KEY"] == "secret"


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout.startswith("recouple ")
