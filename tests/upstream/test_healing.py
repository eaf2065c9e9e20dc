"""Nights after a fault: what was missing or wrong heals once the service has it right, however late."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb

from pipelines.cli.runs import RunReport
from tests.conftest import succeed
from tests.upstream.live_nights import LiveWorld
from tests.upstream.loopback import Loopback

BAD, GONE, GONE_DAY = date(2026, 9, 1), date(2026, 9, 3), date(2026, 9, 5)
ABSENT = (("^RUT", GONE), ("^GSPC", GONE), ("BTC-USD", GONE_DAY))


def known(home: Path, symbol: str) -> dict[date, float]:
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("set variable as_of = date '2100-01-01'")
        query = "select date, close from known.price_bars where symbol = ?"
        return dict(connection.execute(query, [symbol]).fetchall())


def about(report: RunReport, symbol: str) -> list[str]:
    return [line for line in report.look_at if line.startswith(f"{symbol} ")]


def test_a_hundredfold_close_is_kept_out_until_it_is_corrected_long_after_the_lookback(
    world: LiveWorld, server: Loopback, tmp_path: Path
) -> None:
    home, right = tmp_path / "home", world.yahoo.close_of("BTC-USD", BAD)
    world.yahoo.closes["BTC-USD", BAD] = right * 100
    for night in (0, 7):
        (line,) = about(succeed(world.night(night, server, home, "ingest")), "BTC-USD")
        assert f"BTC-USD {BAD}: close" in line
        assert BAD not in known(home, "BTC-USD")
    del world.yahoo.closes["BTC-USD", BAD]
    report = succeed(world.night(12, server, home, "ingest"))
    assert about(report, "BTC-USD") == []
    assert known(home, "BTC-USD")[BAD] == right


def test_a_day_that_was_missing_for_two_weeks_is_named_every_night_and_filled_when_it_comes(
    world: LiveWorld, server: Loopback, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    world.yahoo.absent.update(ABSENT)
    for night in (0, 7, 14):
        server.forget()
        report = succeed(world.night(night, server, home, "ingest"))
    assert server.count("/v8/finance/chart/") == len(world.catalog.symbol)  # further back, but not more often
    for symbol, day in ABSENT:
        (line,) = about(report, symbol)
        assert f"{symbol} {day}: the bar has no value although one was due" in line
        assert day not in known(home, symbol)
    world.yahoo.absent.clear()
    report = succeed(world.night(15, server, home, "ingest"))
    for symbol, day in ABSENT:
        assert about(report, symbol) == []
        assert known(home, symbol)[day] == world.yahoo.close_of(symbol, day)


def test_a_session_that_no_symbol_of_the_exchange_has_is_named_as_a_closure(
    world: LiveWorld, server: Loopback, tmp_path: Path
) -> None:
    world.yahoo.absent.update((s.id, GONE) for s in world.catalog.symbol if s.frequency == "session")
    report = succeed(world.night(7, server, tmp_path / "home", "ingest"))
    (line,) = about(report, "NYSE")
    assert f"NYSE {GONE}: has no value for any symbol of the exchange, so either it was closed" in line
    assert about(report, "^RUT") == []
