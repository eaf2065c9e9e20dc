"""Dagster's runs in PostgreSQL, a real one on loopback: a night, a killed night, and the night after it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import psycopg2
import pytest

from pipelines.orchestration.instance import InstanceUnreachable, missing_settings, open_instance


def programs() -> Path | None:
    """Debian keeps the server's programs off the path."""
    found = shutil.which("initdb")
    folders = [Path(found).parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


def as_server(command: list[object]) -> list[str]:
    """PostgreSQL refuses to run as root."""
    words = [str(word) for word in command]
    return ["runuser", "-u", "postgres", "--", *words] if os.geteuid() == 0 else words


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of our own."""
    binaries = programs()
    if binaries is None:
        pytest.skip("no PostgreSQL: run `make postgres`")
    folder = Path(f"/tmp/recouple-postgres-{os.getpid()}")  # a short path that another user may enter
    folder.mkdir()
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data = folder / "data"
    subprocess.run(
        as_server([binaries / "initdb", "--pgdata", data, "--username", "recouple", "--auth", "trust", "--no-sync"]),
        check=True, capture_output=True, cwd="/",
    )  # fmt: skip
    options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
    control = [binaries / "pg_ctl", "--pgdata", data, "--log", folder / "log"]
    subprocess.run(
        as_server([*control, "--wait", "--options", options, "start"]), check=True, capture_output=True, cwd="/"
    )
    try:
        yield f"postgresql://recouple@127.0.0.1:{port}/postgres"
    finally:
        subprocess.run(as_server([*control, "--mode", "immediate", "stop"]), check=False, capture_output=True, cwd="/")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def home(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RECOUPLE_POSTGRES_URL", postgres)
        with open_instance(home):
            pass
    return home


def recouple(home: Path, url: str, *arguments: str) -> subprocess.Popen[str]:
    secret = home.parent / "postgres_url"
    secret.write_text(url)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RECOUPLE_")}
    environment |= {
        "RECOUPLE_SOURCE": "sample", "RECOUPLE_HOME": str(home), "RECOUPLE_POSTGRES_URL_FILE": str(secret),
    }  # fmt: skip
    command = [sys.executable, "-m", "pipelines.cli", *arguments]
    return subprocess.Popen(
        command,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=Path(__file__).parents[2],
    )


def statuses(url: str) -> list[str]:
    connection = psycopg2.connect(url)
    try:
        with connection.cursor() as cursor:
            cursor.execute("select status from runs order by id")
            return [status for (status,) in cursor.fetchall()]
    finally:
        connection.close()


def test_nights_are_kept_in_postgres_and_survive_a_kill(home: Path, postgres: str) -> None:
    """A night; one that is killed while it computes; one more, which publishes again."""
    night = recouple(home, postgres, "nightly")
    said, _ = night.communicate(timeout=300)
    assert night.returncode == 0, said
    assert statuses(postgres) == ["SUCCESS"]

    killed = recouple(home, postgres, "nightly")
    assert killed.stdout is not None
    for line in killed.stdout:
        if "core.session_prices" in line:
            break
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert statuses(postgres)[0] == "SUCCESS"
    assert statuses(postgres)[1] != "SUCCESS"

    again = recouple(home, postgres, "nightly")
    said, _ = again.communicate(timeout=300)
    assert again.returncode == 0, said
    assert statuses(postgres)[-1] == "SUCCESS"
    assert len(list((home / "marts").glob("2*"))) == 2
    assert not list((home / "dagster").rglob("runs.db"))
    with duckdb.connect(str(home / "serving.duckdb"), read_only=True) as connection:
        assert connection.execute("select count(*) from market_state").fetchall()[0][0] > 0


def test_a_status_reads_the_nights_from_postgres(home: Path, postgres: str) -> None:
    said, _ = recouple(home, postgres, "doctor").communicate(timeout=120)
    assert "last night: ended 20" in said


def test_settings_of_an_operator_without_postgres_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    monkeypatch.setenv("RECOUPLE_POSTGRES_URL", "postgresql://nobody@127.0.0.1:9/runs")
    assert any("lacks storage.postgres" in sentence for sentence in missing_settings(tmp_path))


def test_a_database_that_does_not_answer_ends_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECOUPLE_POSTGRES_URL", "postgresql://nobody:s3cret@127.0.0.1:9/runs")
    monkeypatch.setattr(time, "sleep", lambda _: None)  # the client tries five times
    with pytest.raises(InstanceUnreachable, match="cannot be reached") as raised, open_instance(tmp_path):
        pass
    assert "s3cret" not in str(raised.value)
