"""The files of deploy/ are what they say they are, as far as their own programs can tell here."""

from __future__ import annotations

import grp
import gzip
import json
import os
import pwd
import re
import shutil
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from pipelines.cli.main import app
from pipelines.orchestration.services import command
from tests.upstream.loopback import Answer, Request, loopback

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNPACKED = ROOT / ".venv-clients" / "debian"
UNITS = sorted((DEPLOY / "systemd").glob("*.service")) + sorted((DEPLOY / "systemd").glob("*.timer"))


def said_by(program: str, *arguments: object, cwd: Path = ROOT) -> str:
    """What a program of Debian says; the test is skipped where there is none."""
    paths = [*(str(UNPACKED / folder) for folder in ("usr/sbin", "usr/bin")), os.environ["PATH"]]
    found = shutil.which(program, path=os.pathsep.join(paths))
    if found is None:
        pytest.skip(f"no {program}: run `make servers`")
    environment = dict(os.environ)
    if Path(found).is_relative_to(UNPACKED):
        libraries = UNPACKED.glob("usr/lib/*-linux-gnu*")
        environment["LD_LIBRARY_PATH"] = os.pathsep.join(str(d) for here in libraries for d in (here, here / "systemd"))
        environment["SYSTEMD_UNIT_PATH"] = f"{UNPACKED / 'lib/systemd/system'}:"
    command = [found, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, env=environment)
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


def test_nginx_asks_who_it_is_and_passes_the_ui_on(tmp_path: Path) -> None:
    """Debian's nginx with the recipe: only addresses, ports and files are those of this machine."""
    key, certificate, people = (tmp_path / name for name in ("key.pem", "certificate.pem", "people"))
    subject = ["-subj", "/CN=recouple.example.com", "-keyout", key, "-out", certificate]
    said_by("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject)
    people.write_text(f"operator:{said_by('openssl', 'passwd', '-apr1', 'secret').strip()}\n")
    seen: list[Request] = []

    def ui(request: Request) -> Answer:
        seen.append(request)
        return Answer("the UI")

    with loopback({"ui": ui}, tmp_path) as server:
        port = free_port()
        recipe = (DEPLOY / "proxy" / "nginx.conf").read_text()
        for there, here in {
            "listen 443": f"listen 127.0.0.1:{port}",
            "/etc/letsencrypt/live/recouple.example.com/fullchain.pem": str(certificate),
            "/etc/letsencrypt/live/recouple.example.com/privkey.pem": str(key),
            "/etc/nginx/recouple.htpasswd": str(people),
            "http://127.0.0.1:3000": server.url("ui", "/"),
        }.items():
            assert there in recipe
            recipe = recipe.replace(there, here)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = " ".join(f"{kind}_temp_path {tmp_path / kind};" for kind in kinds)
        settings = tmp_path / "nginx.conf"
        settings.write_text(
            f"user {' '.join(own_names())}; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
            f"http {{ access_log off; {temporary} {recipe} }}\n"
        )
        run = ["-c", settings, "-p", tmp_path, "-e", tmp_path / "error.log"]
        said_by("nginx", *run)  # returns when it listens
        try:
            address, trusted = f"https://127.0.0.1:{port}/runs", ssl.create_default_context(cafile=str(certificate))
            trusted.check_hostname = False
            with httpx.Client(verify=trusted, trust_env=False) as browser:
                assert browser.get(address).status_code == 401
                upgrading = {"Upgrade": "websocket", "Connection": "Upgrade"}
                answer = browser.get(address, auth=("operator", "secret"), headers=upgrading)
        finally:
            said_by("nginx", *run, "-s", "stop")
    assert (answer.status_code, answer.text, len(seen)) == (200, "the UI", 1)
    passed = {name.lower(): value for name, value in seen[0].headers.items()}
    assert (passed["x-forwarded-proto"], passed["upgrade"], passed["connection"]) == ("https", "websocket", "upgrade")


def own_names() -> tuple[str, str]:
    """Of this user and its group."""
    return pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_logrotate_takes_its_recipe(tmp_path: Path) -> None:
    log, recipe = tmp_path / "daemon.log", tmp_path / "logrotate.conf"
    log.write_text("a line\n")
    owner = f"su {' '.join(own_names())}"
    text = (DEPLOY / "systemd" / "logrotate.conf").read_text()
    recipe.write_text(
        text.replace("/var/lib/recouple/dagster/logs", str(tmp_path)).replace("su recouple recouple", owner)
    )
    recipe.chmod(0o644)
    said_by("logrotate", "--force", "--state", tmp_path / "state", recipe)
    assert log.read_text() == ""
    assert gzip.decompress((tmp_path / "daemon.log.1.gz").read_bytes()) == b"a line\n"


def test_the_compose_file_keeps_to_docker_composes_own_schema() -> None:
    schema = UNPACKED / "usr/lib/python3/dist-packages/compose/config/compose_spec.json"
    if not schema.exists():
        pytest.skip("no docker-compose: run `make servers`")
    compose = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text())
    del compose["name"]  # in the specification since 2022; Debian's docker-compose is of 2021
    jsonschema.validate(compose, json.loads(schema.read_text()))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**compose, "service": {}}, json.loads(schema.read_text()))


def test_compose_runs_one_daemon_and_keeps_secrets_in_files() -> None:
    compose = yaml.safe_load((DEPLOY / "container" / "compose.yaml").read_text())
    services = compose["services"]
    assert services["daemon"]["deploy"]["replicas"] == 1
    assert set(compose["secrets"]) >= {name for service in services.values() for name in service.get("secrets", [])}
    volumes = {volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", [])}
    assert set(compose["volumes"]) == volumes
    assert set(services) >= {name for service in services.values() for name in service.get("depends_on", [])}
    assert services["code"]["hostname"]  # so that after it was made anew it knows the runs that died with the old one
    assert all("file" in secret for secret in compose["secrets"].values())
    assert services["webserver"]["ports"] == ["127.0.0.1:3000:3000"]
