"""The doctor names what is wrong and what to do, and never the key."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from pipelines.cli import doctor, installation
from pipelines.cli.doctor import examine
from pipelines.cli.installation import DoctorFinding
from pipelines.settings import Settings
from pipelines.sources.live import LiveConfig
from tests.upstream.loopback import DROP, HTML_200, Answer, Loopback, Request, loopback, status
from tests.upstream.services import FARSIDE, FRED, GRAPH, NYFED, FakeClock, FarsideWorld, FredWorld, YahooWorld

CALENDARS = ("calendar fomc_meetings", "calendar nyse_sessions", "calendar purchase_programs")
KEY = "abcdef0123456789abcdef0123456789"
HOST = "query2.finance.yahoo.com"


class Clinic:
    """All services well, on loopback."""

    def __init__(self, server: Loopback, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.clock = FakeClock(datetime.now(UTC))

    def findings(self, key: str | None = KEY) -> dict[str, DoctorFinding]:
        secret = SecretStr(key) if key is not None else None
        config = LiveConfig(
            fred_api_key=secret, yahoo_url=self.server.url(HOST), fred_url=self.server.url(FRED, "/fred"),
            fredgraph_url=self.server.url(GRAPH), nyfed_url=self.server.url(NYFED, "/api"),
            farside_url=self.server.url(FARSIDE),
        )  # fmt: skip
        settings = Settings(home=self.folder / "data", fred_api_key=secret)
        return {finding.name: finding for finding in examine(settings, config, self.clock)}


@pytest.fixture
def clinic(tmp_path: Path, clock: FakeClock) -> Iterator[Clinic]:
    fred = FredWorld(key=KEY, vintages={"DFF": [(date(2026, 11, 1), date(2026, 11, 2), 3.63)]})
    table = FarsideWorld(days=[("19 Nov 2026", ("1.0", "2.0", "-"), "3.0")])
    services = {**YahooWorld(clock, date(2026, 11, 2)).services(), **fred.services(), **table.services()}

    def desk(request: Request) -> Answer:
        return Answer('{"treasury": {"auctions": [{}]}}')

    with loopback({**services, NYFED: desk}, tmp_path) as server:
        yield Clinic(server, tmp_path)


def test_all_is_well(clinic: Clinic) -> None:
    findings = clinic.findings()
    assert [f for f in findings.values() if not f.ok and not f.name.startswith("calendar")] == []
    assert set(findings) == {
        *(
            "configuration",
            "home",
            "lock",
            "alerts",
            *CALENDARS,
            "last night",
            "served",
            "disk",
            "FRED_API_KEY",
            "clock",
        ),
        *("service Yahoo", "service FRED", "service New York Fed", "service Farside (optional)"),
    }


@pytest.mark.parametrize(
    ("fault", "detail"),
    [
        (status(429), "too many requests"),
        (status(503), "has trouble"),
        (status(403), "HTTP 403"),
        (HTML_200, "an HTML page where"),
        (DROP, "did not answer"),
    ],
)
@pytest.mark.parametrize(
    ("name", "needle"),
    [("Yahoo", "GSPC"), ("FRED", "fredgraph"), ("New York Fed", "tsy"), ("Farside (optional)", "bitcoin")],
)
def test_a_service_in_trouble_is_named_with_a_remedy(
    clinic: Clinic, name: str, needle: str, fault: object, detail: str
) -> None:
    clinic.server.script.fail(needle, fault, forever=True)  # type: ignore[arg-type]
    finding = clinic.findings()[f"service {name}"]
    assert detail in finding.detail
    optional = "optional" in name
    assert finding.ok == optional
    assert bool(finding.remedy) != optional


@pytest.mark.parametrize(
    ("key", "detail"),
    [
        ("fedcba9876543210fedcba9876543210", "not accepted"),
        ("'abcdef0123456789abcdef0123456789'", "not 32 lower-case"),
        ("ABC", "not 32 lower-case"),
    ],
)
def test_a_wrong_key_is_told_without_showing_it(clinic: Clinic, key: str, detail: str) -> None:
    findings = clinic.findings(key)
    assert not findings["FRED_API_KEY"].ok
    assert detail in findings["FRED_API_KEY"].detail
    assert "FRED_API_KEY" in findings["FRED_API_KEY"].remedy
    assert all(key not in f"{f.detail} {f.remedy}" for f in findings.values() if len(key) > 3)


def test_a_night_without_a_key_is_fine(clinic: Clinic) -> None:
    finding = clinic.findings(key=None)["FRED_API_KEY"]
    assert finding.ok
    assert "without vintages" in finding.detail


@pytest.mark.parametrize(("shift", "ok"), [(timedelta(seconds=30), True), (timedelta(minutes=-9), False)])
def test_a_clock_that_is_off_is_told(clinic: Clinic, shift: timedelta, ok: bool) -> None:
    clinic.clock.turn_to(datetime.now(UTC) + shift)
    assert clinic.findings()["clock"].ok == ok


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "LEAST_FREE_BYTES", 10**18)
    finding = installation.disk(tmp_path / "data")
    assert not finding.ok
    assert "marts" in finding.remedy


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    assert doctor.home(tmp_path / "not" / "yet" / "there").ok


def test_a_warehouse_in_use_is_told_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb"
    assert doctor.lock(tmp_path).ok
    program = f"import duckdb, sys; c = duckdb.connect({str(path)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        finding = doctor.lock(tmp_path)
        holder.communicate()
    assert not finding.ok
    assert f"PID {holder.pid}" in finding.detail
    assert doctor.lock(tmp_path).ok


@pytest.mark.parametrize("source", ["files", "sample"])
def test_offline_sources_ask_no_service(tmp_path: Path, source: str) -> None:
    settings = Settings.model_validate({"source": source, "files": tmp_path, "home": tmp_path})
    here = ["configuration", "home", "lock", "alerts", *CALENDARS, *(["files"] if source == "files" else [])]
    assert [f.name for f in examine(settings)] == [*here, "last night", "served", "disk", "services"]


def test_alert_addresses_are_looked_at_without_sending_or_showing_them(tmp_path: Path) -> None:
    good, wrong = SecretStr("json://t0k3n@127.0.0.1:9/t0k3n"), SecretStr("nonsense://t0k3n")
    assert doctor.alert_addresses(Settings(alert_urls=(good,))).ok
    finding = doctor.alert_addresses(Settings(alert_urls=(good, wrong)))
    assert (finding.ok, "of 2 addresses" in finding.detail, "number 2 cannot" in finding.detail) == (False, True, True)
    assert "t0k3n" not in repr(finding)
    assert "off" in doctor.alert_addresses(Settings()).detail


def test_a_test_message_is_sent_on_demand(tmp_path: Path) -> None:
    with loopback({"chat": lambda request: Answer("")}, tmp_path) as server:
        taken = SecretStr(server.url("chat").replace("http:", "json:"))
        findings = doctor.try_alerts(Settings(alert_urls=(taken, SecretStr("json://127.0.0.1:9"))))
        assert server.count() == 1
    assert [finding.ok for finding in findings] == [True, False]
    assert findings[1].remedy
