"""The files of deploy/ are what they say they are, as far as their own programs can tell here."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from pipelines.cli.main import app
from pipelines.orchestration.services import command

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service")) + sorted((DEPLOY / "systemd").glob("*.timer"))


def said_by(program: str, *arguments: object, cwd: Path = ROOT) -> str:
    """What a program of the system says; the test is skipped where there is none."""
    if shutil.which(program) is None:
        pytest.skip(f"no {program} on the path")
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_accepts_every_unit(tmp_path: Path) -> None:
    installed = str(Path(sys.executable).with_name("recouple"))
    for unit in UNITS:  # as they are, except for where the program lies on this machine
        (tmp_path / unit.name).write_text(unit.read_text().replace("/opt/recouple/.venv/bin/recouple", installed))
    said = said_by("systemd-analyze", "verify", *(tmp_path / unit.name for unit in UNITS))
    assert [line for line in said.splitlines() if "recouple" in line] == []


def test_every_command_of_a_unit_or_container_exists() -> None:
    texts = [path.read_text() for path in (*UNITS, DEPLOY / "container" / "compose.yaml")]
    for name in {found for text in texts for found in re.findall(r"service[, ]+(webserver|daemon|code)", text)}:
        assert command(name, Path("workspace.yaml"), host="127.0.0.1", port=None)
    for words in ("service", "metrics", "backup"):
        assert CliRunner().invoke(app, [words, "--help"]).exit_code == 0


def test_prometheus_accepts_the_alert_rules_and_they_fire() -> None:
    said_by("promtool", "check", "rules", DEPLOY / "prometheus" / "alerts.yaml")
    said_by("promtool", "test", "rules", "alerts.test.yaml", cwd=DEPLOY / "prometheus")


def test_every_alert_is_about_a_figure_that_is_told() -> None:
    rules = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())["groups"][0]["rules"]
    named = {name for rule in rules for name in re.findall(r"recouple_\w+", rule["expr"])}
    source = (ROOT / "pipelines" / "cli" / "metrics.py").read_text()
    assert [name for name in named if f'"{name.removeprefix("recouple_")}"' not in source] == []


def test_caddy_accepts_its_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOUPLE_UI_PASSWORD_HASH", "$2a$14$" + "a" * 53)
    said_by("caddy", "validate", "--adapter", "caddyfile", "--config", DEPLOY / "proxy" / "Caddyfile")


def test_compose_runs_one_daemon_and_keeps_secrets_in_files() -> None:
    compose = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text())
    services = compose["services"]
    assert services["daemon"]["deploy"]["replicas"] == 1
    assert set(compose["secrets"]) >= {name for service in services.values() for name in service.get("secrets", [])}
    assert all("file" in secret for secret in compose["secrets"].values())
    assert services["webserver"]["ports"] == ["127.0.0.1:3000:3000"]
