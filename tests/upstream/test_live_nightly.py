"""The assembled nightly on the real clients: nothing secret leaves it, nothing is lost to a fault."""

from __future__ import annotations

from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from tests.conftest import succeed
from tests.upstream.live_nights import KEY, LiveWorld, doubled_keys, newest_values
from tests.upstream.loopback import FAULTS, Loopback, status


def test_a_live_night_is_published_and_the_next_asks_once_for_each_series(
    world: LiveWorld, server: Loopback, tmp_path: Path
) -> None:
    succeed(world.night(0, server, tmp_path / "home", "ingest"))
    server.forget()
    succeed(world.night(1, server, tmp_path / "home"))
    assert (tmp_path / "home" / "marts" / "current" / "market_state.parquet").exists()
    assert server.count("/v8/finance/chart/") == len(world.catalog.symbol)
    of_the_desk = server.count("/rates/") + server.count("/soma/")
    assert server.count("/series/observations") + of_the_desk == len(world.catalog.series)
    assert of_the_desk == 3


def test_two_missed_weeks_heal_in_one_run(world: LiveWorld, server: Loopback, tmp_path: Path) -> None:
    for night in (0, 15):
        succeed(world.night(night, server, tmp_path / "gap", "ingest"))
    for night in (0, 8, 15):
        succeed(world.night(night, server, tmp_path / "steady", "ingest"))
    gap, steady = newest_values(tmp_path / "gap"), newest_values(tmp_path / "steady")
    for table, rows in gap.items():
        assert_frame_equal(rows, steady[table])


def test_a_dead_required_symbol_is_named_and_the_last_good_marts_stay(
    world: LiveWorld, server: Loopback, tmp_path: Path
) -> None:
    succeed(world.night(0, server, tmp_path / "home"))
    before = (tmp_path / "home" / "marts" / "current").readlink()
    world.yahoo.unknown.add("^RUT")
    report = world.night(1, server, tmp_path / "home")
    assert not report.success
    assert any("required ^RUT" in failure for failure in report.failures)
    assert (tmp_path / "home" / "marts" / "current").readlink() == before


def test_the_key_is_nowhere_in_what_a_run_writes(
    world: LiveWorld,
    server: Loopback,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    server.script.fail("/fred/series/observations", *FAULTS, status(400), status(403))
    reports = [world.night(night, server, tmp_path / "home") for night in range(2)]
    assert server.count(KEY) > 0  # the services were sent it
    written = [path for path in (tmp_path / "home").rglob("*") if path.is_file()]
    assert len(written) > 10
    assert [path for path in written if KEY.encode() in path.read_bytes()] == []
    shown = "".join(capfd.readouterr()) + caplog.text + repr(reports)
    assert KEY not in shown


def test_nights_with_faults_end_like_nights_without(world: LiveWorld, server: Loopback, tmp_path: Path) -> None:
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    for night in range(3):
        world.night(night, server, calm, "ingest")
    server.script.fail_at_random(0.2, 20261122, FAULTS)
    for night in range(2):
        world.night(night, server, rough, "ingest")
    server.script.clear()
    world.night(2, server, rough, "ingest")
    assert not any(doubled_keys(rough).values())
    stored = newest_values(rough)
    for table, rows in newest_values(calm).items():
        assert_frame_equal(stored[table], rows)
