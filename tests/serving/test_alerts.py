"""Alerts: once each, tried again, silent about the address, and never the end of a run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from pydantic import SecretStr
from tenacity import wait_none

from pipelines.alerts import delivery, messenger
from pipelines.alerts.delivery import tell
from pipelines.alerts.ledger import Ledger
from pipelines.alerts.news import Event, night_of
from pipelines.alerts.sensors import alert_sensors
from pipelines.build import build_defs
from pipelines.cli.runs import run_job
from pipelines.orchestration.instance import open_instance
from pipelines.orchestration.run_report import RunReport
from pipelines.publishing.in_force import roll_back
from pipelines.settings import Settings
from tests.conftest import own_copy, succeed
from tests.serving import world

TOKEN = "t0k3n-4f9d2c71"
NIGHT = datetime(2025, 12, 13, 4, tzinfo=UTC)


class Receiver(ThreadingHTTPServer):
    """A chat service on loopback: keeps what it is sent and answers as scripted, well in the end."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Chat)
        self.received: list[dict[str, Any]] = []
        self.asked = 0
        self.failing = 0  # requests that are refused from now on

    @property
    def url(self) -> SecretStr:
        return SecretStr(f"json://user:{TOKEN}@127.0.0.1:{self.server_address[1]}/{TOKEN}")

    @property
    def texts(self) -> list[str]:
        return [message["message"] for message in self.received]


class _Chat(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked += 1
        refused = self.server.failing > 0
        self.server.failing -= refused
        if not refused:
            self.server.received.append(body)
        self.send_response(500 if refused else 200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def chat() -> Iterator[Receiver]:
    with Receiver() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join(5)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "WAIT", wait_none())


class House:
    """A home whose runs are made by hand."""

    def __init__(self, home: Path, *urls: SecretStr) -> None:
        self.settings = Settings(source="files", home=home, alert_urls=urls)
        self.runs = 0

    def publish(self, as_of: date, **changed: pl.DataFrame) -> None:
        """A published run with these marts, told."""
        self.runs += 1
        made = {**world.frames(as_of), "regime_spells": spells(as_of), "series_freshness": fresh(as_of), **changed}
        stamped = {n: f.with_columns(as_of=pl.lit(as_of), simulated=pl.lit(False)) for n, f in made.items()}
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(world, "frames", lambda as_of, simulated: stamped)
            world.publish(self.settings.home, f"run-{self.runs:04}", as_of=as_of)
        tell(self.settings, self.report())

    def fail(self, *failures: str, causes: tuple[str, ...] = ("raw.price_bars",), at: datetime = NIGHT) -> None:
        report = self.report(success=False, failures=failures, causes=causes, ended_at=at)
        tell(self.settings, replace(report, run_id="another"))

    def report(self, **changed: Any) -> RunReport:
        well = RunReport(f"run-{self.runs:04}", "nightly", True, NIGHT, (), (), (), 0, 0)
        return replace(well, **changed)


@pytest.fixture
def house(tmp_path: Path, chat: Receiver) -> House:
    return House(tmp_path / "home", chat.url)


DAYS = [world.AS_OF + timedelta(days=n) for n in range(5)]


def spells(as_of: date, *later: tuple[date, str], pair: str = world.PAIR) -> pl.DataFrame:
    """Two old spells of a pair, and later ones."""
    begun = [(date(2024, 3, 1), "coupled"), (date(2025, 3, 3), "decoupled"), *later]
    ends = [start - timedelta(days=1) for start, _ in begun[1:]]
    return pl.DataFrame(
        {
            "pair": pair,
            "spell_id": range(1, len(begun) + 1),
            "regime": [regime for _, regime in begun],
            "start_session": [start for start, _ in begun],
            "end_session": [*ends, None],
            "band_end_session": [*(start for start, _ in begun[1:]), as_of],
            "sessions": [212] * len(begun),
            "mean_correlation": 0.4,
            "asset_return": 0.1,
            "benchmark_return": 0.1,
        }
    )


def fresh(as_of: date, *late: str) -> pl.DataFrame:
    return world._freshness(as_of).with_columns(is_stale=pl.col("series").is_in(late))


def episodes(as_of: date, end: date | None = None) -> pl.DataFrame:
    outcome = "open" if end is None else "follower_recovered"
    made = world.frames(as_of)["divergence_episodes"].head(1)
    return made.with_columns(start_session=DAYS[1], end_session=pl.lit(end, pl.Date), outcome=pl.lit(outcome))


# ------------------------------------------------------------------ what is told
def test_the_first_run_tells_nothing(house: House, chat: Receiver) -> None:
    house.publish(DAYS[0])
    assert chat.received == []


def test_every_kind_of_news_is_told_in_one_message(house: House, chat: Receiver) -> None:
    house.publish(DAYS[0])
    news = {
        "regime_spells": spells(DAYS[1], (DAYS[1], "coupled")),
        "divergence_episodes": episodes(DAYS[1]),
        "series_freshness": fresh(DAYS[1], "WSHOBL"),
    }
    house.publish(DAYS[1], **news)
    (message,) = chat.texts
    regime, divergence, stale = message.splitlines()
    assert regime == (
        f"Bitcoin and Russell 2000: daily returns are coupled since {DAYS[1]}, after 212 sessions decoupled."
    )
    assert divergence == (f"A divergence opened on {DAYS[1]}: Russell 2000 at a record, Bitcoin 21.0% below its own.")
    assert stale.startswith(f"Late data, as of {DAYS[1]}: fred WSHOBL: newest is ")
    house.publish(DAYS[2], **{**news, "divergence_episodes": episodes(DAYS[2], DAYS[2])})
    assert chat.texts[1:] == [
        f"The divergence of Russell 2000 and Bitcoin since {DAYS[1]} closed on {DAYS[2]}: Bitcoin set a record again."
    ]


def test_a_rerun_and_a_rollback_tell_nothing_again(house: House, chat: Receiver) -> None:
    house.publish(DAYS[0])
    for _ in range(2):
        house.publish(DAYS[1], regime_spells=spells(DAYS[1], (DAYS[1], "coupled")))
    roll_back(house.settings.tree)
    house.publish(DAYS[1], regime_spells=spells(DAYS[1], (DAYS[1], "coupled")))
    tell(house.settings, house.report())
    assert len(chat.received) == 1


def test_a_regime_restated_long_ago_is_no_news_and_a_late_one_is(house: House, chat: Receiver) -> None:
    house.publish(DAYS[3])
    long_ago, late = (date(2025, 9, 1), "inverse"), (DAYS[2], "coupled")
    house.publish(DAYS[4], regime_spells=spells(DAYS[4], long_ago, late))
    (message,) = chat.texts
    assert message.splitlines() == [
        f"Bitcoin and Russell 2000: daily returns are coupled since {DAYS[2]}, after 212 sessions inverse."
    ]


def test_a_series_that_stays_late_is_told_once_and_again_after_it_was_well(house: House, chat: Receiver) -> None:
    for day, late in zip(DAYS, ([], ["WSHOBL"], ["WSHOBL"], [], ["WSHOBL"]), strict=True):
        house.publish(day, series_freshness=fresh(day, *late))
    assert [text[:29] for text in chat.texts] == [f"Late data, as of {DAYS[1]}: ", f"Late data, as of {DAYS[4]}: "]


def test_a_run_that_published_elsewhere_or_nothing_tells_nothing(house: House, chat: Receiver) -> None:
    house.publish(DAYS[0])
    as_of = house.settings.model_copy(update={"as_of": DAYS[1]})
    tell(as_of, house.report(success=False, failures=("x",), causes=("x",)))
    tell(house.settings, house.report(run_id="of another tree"))
    tell(house.settings, house.report(job="ingest", success=False, failures=("x",), causes=("x",)))
    assert chat.asked == 0


def test_nobody_is_told_where_nothing_is_configured(tmp_path: Path) -> None:
    House(tmp_path).publish(DAYS[0])
    assert not (tmp_path / "alerts.sqlite").exists()
    assert alert_sensors(Settings()) == []


# ------------------------------------------------------------------ failed nights
def test_a_failed_night_is_told_once_for_each_cause(house: House, chat: Receiver) -> None:
    house.fail("raw.price_bars: required ^RUT: Yahoo: HTTP 503 after 4 tries in 92 s.", "b: c", "d: e", "f: g", "h: i")
    house.fail("raw.price_bars: required ^RUT: Yahoo: HTTP 503 after 4 tries in 71 s.", at=NIGHT + timedelta(hours=9))
    assert chat.texts == [
        "The nightly of 2025-12-12 failed: raw.price_bars: required ^RUT: Yahoo: HTTP 503 after 4 tries in 92 s; b: c; "
        "d: e; and 2 more. Nothing has been published yet. `recouple doctor` says what to do."
    ]
    house.fail("core.daily_prices: 3 of 9 rows are in quarantine", causes=("core.daily_prices",))
    house.fail("raw.price_bars: again", at=NIGHT + timedelta(days=1))
    assert len(chat.received) == 3
    assert {message["title"] for message in chat.received} == {"Recouple: the nightly failed"}


@pytest.mark.parametrize(
    ("moment", "night"),
    [("2026-11-21T03:45", "2026-11-20"), ("2026-11-21T14:00", "2026-11-20"), ("2026-11-21T18:00", "2026-11-21")],
)
def test_a_night_lasts_until_noon_in_new_york(moment: str, night: str) -> None:
    assert night_of(datetime.fromisoformat(moment).replace(tzinfo=UTC)) == date.fromisoformat(night)


# ------------------------------------------------------------------ services that fail
def test_a_refused_message_is_tried_again_and_arrives_once(house: House, chat: Receiver) -> None:
    chat.failing = 1
    house.fail("raw.price_bars: x")
    assert (len(chat.received), chat.asked) == (1, 2)


def test_what_could_not_be_told_is_told_by_the_next_run_once(
    house: House, chat: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    chat.failing = delivery.TRIES
    house.fail("raw.price_bars: x")
    assert (chat.received, chat.asked) == ([], delivery.TRIES)
    assert "1 events wait for the next run" in caplog.text
    for _ in range(2):
        tell(house.settings, house.report(job="ingest"))
    assert len(chat.received) == 1


def test_one_dead_address_neither_stops_nor_doubles_the_other(tmp_path: Path, chat: Receiver) -> None:
    two = House(tmp_path, SecretStr("json://127.0.0.1:9"), chat.url)
    two.fail("raw.price_bars: x")
    two.fail("raw.price_bars: x")
    assert len(chat.received) == 1
    alive = House(tmp_path, chat.url, chat.url)
    alive.fail("raw.price_bars: x")
    assert len(chat.received) == 2


def test_a_process_killed_while_sending_never_tells_twice(house: House, chat: Receiver) -> None:
    def killed(*_: object) -> bool:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(messenger, "delivered", killed)
        house.fail("raw.price_bars: x")
    house.fail("raw.price_bars: x")
    assert chat.asked == 0


def test_two_processes_never_tell_the_same(tmp_path: Path) -> None:
    first, second = Ledger(tmp_path / "alerts.sqlite", 1), Ledger(tmp_path / "alerts.sqlite", 1)
    event = Event("failed nightly 2025-12-12 x", DAYS[0], "x")
    for ledger in (first, second):
        ledger.add_failure(event)
    assert (len(first.claim(0)), len(second.claim(0))) == (1, 0)
    first.close(), second.close()


def test_a_ledger_that_cannot_be_used_is_told_and_fails_nothing(
    house: House, chat: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    house.settings.home.mkdir()
    (house.settings.home / "alerts.sqlite").write_bytes(b"no database" * 100)
    house.fail("raw.price_bars: x")
    assert "nothing could be told (DatabaseError" in caplog.text
    assert chat.asked == 0


@pytest.mark.parametrize("address", ["nonsense", "http://", f"unknown://{TOKEN}"])
def test_an_address_nobody_understands_is_not_understood(address: str) -> None:
    assert not messenger.understood(SecretStr(address))
    assert not messenger.delivered(SecretStr(address), "title", "body")


# ------------------------------------------------------------------ whole runs
def test_a_nightly_that_fails_sends_one_message_however_often_it_is_retried(tmp_path: Path, chat: Receiver) -> None:
    settings = Settings(source="files", files=tmp_path / "none", home=tmp_path / "home", alert_urls=(chat.url,))
    reports = [run_job(settings, "nightly") for _ in range(2)]
    assert not any(report.success for report in reports)
    (text,) = chat.texts
    assert reports[0].failures[0][:80] in text


def test_a_simulated_run_says_so_and_leaves_the_address_nowhere(
    shared: Path,
    sample_home: Settings,
    chat: Receiver,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    home = tmp_path / "home"
    settings = own_copy(shared, sample_home, home)
    with open_ledger(home) as ledger:
        ledger.add_publication(date(2025, 6, 2), [])
    settings = settings.model_copy(update={"alert_urls": (chat.url, SecretStr(f"bad://{TOKEN}"))})
    report = succeed(run_job(settings, "marts"))
    (text,) = chat.texts
    assert len(text.splitlines()) > 3
    assert all(line.startswith("SIMULATED MARKET, nothing here is real: ") for line in text.splitlines())
    assert len(set(text.splitlines())) == len(text.splitlines())
    written = [path for path in home.rglob("*") if path.is_file()]
    assert [path for path in written if TOKEN.encode() in path.read_bytes()] == []
    shown = "".join(capfd.readouterr()) + caplog.text + repr(report) + repr(settings)
    assert "address 2 of RECOUPLE_ALERT_URLS did not take" in shown
    assert TOKEN not in shown


def open_ledger(home: Path) -> Any:
    return closing(Ledger(home / "alerts.sqlite", 2))


def test_a_night_that_dies_twice_is_one_message_which_says_that_it_is_run_again(house: House, chat: Receiver) -> None:
    died = house.report(success=False, failures=("start: the run's process 7 is gone",), causes=("start",))
    for again in (True, False):
        tell(house.settings, replace(died, runs_again=again))
    (text,) = chat.texts
    assert "is gone. It is run again at once. Nothing has been published yet." in text


def test_the_daemon_tells_of_runs_it_started(tmp_path: Path, chat: Receiver) -> None:
    settings = Settings(source="files", files=tmp_path / "none", home=tmp_path / "home", alert_urls=(chat.url,))
    job = build_defs(settings).resolve_job_def("nightly")
    (sensor,) = [s for s in alert_sensors(settings) if s.name == "tell_of_failure"]
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING
    with open_instance(settings.home) as instance:
        for _ in range(2):
            result = job.execute_in_process(instance=instance, raise_on_error=False)
            event = next(e for e in result.all_events if e.is_failure and e.event_type.value == "PIPELINE_FAILURE")
            context = dg.build_run_status_sensor_context(sensor.name, event, instance, result.dagster_run)
            sensor(context.for_run_failure())
    (text,) = chat.texts
    assert text.startswith("The nightly of ")
