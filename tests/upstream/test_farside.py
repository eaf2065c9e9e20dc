"""Farside's table: printed numbers, pending days, funds that come later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from assets.contracts.raw import FundFlows
from pipelines.sources.farside import Farside, read_table
from pipelines.sources.http import RetryPolicy
from tests.upstream.loopback import Loopback, Request, answering, loopback
from tests.upstream.services import FARSIDE, FakeClock, FarsideWorld

ASKED = Request(FARSIDE, "/bitcoin-etf-flow-all-data/", {})


def page(world: FarsideWorld) -> str:
    return world.answer(ASKED).encoded().decode()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Loopback]:
    with loopback(FarsideWorld(days=[("19 Nov 2026", ("1.0", "2.0", "-"), "3.0")]).services(), tmp_path) as running:
        yield running


@pytest.fixture
def farside(server: Loopback, clock: FakeClock, policy: RetryPolicy) -> Farside:
    return Farside(policy, clock, base_url=server.url(FARSIDE))


def test_printed_numbers_are_read() -> None:
    world = FarsideWorld(days=[("23 Jul 2025", ("(227.2)", "1,234.5", "0.0"), "1,007.3")])
    rows = read_table(page(world))
    assert FundFlows.is_valid(rows)
    assert rows.rows() == [
        ("FBTC", date(2025, 7, 23), 1234.5),
        ("GBTC", date(2025, 7, 23), 0.0),
        ("IBIT", date(2025, 7, 23), -227.2),
        ("TOTAL", date(2025, 7, 23), 1007.3),
    ]


def test_a_pending_day_is_missing_and_not_zero() -> None:
    world = FarsideWorld(days=[("18 Nov 2026", ("1.0", "-", "-"), "1.0"), ("19 Nov 2026", ("-", "-", "-"), "0.0")])
    rows = read_table(page(world))
    assert rows["date"].unique().to_list() == [date(2026, 11, 18)]
    assert rows["fund"].to_list() == ["IBIT", "TOTAL"]


def test_footers_are_no_days_and_new_funds_are_read_by_name() -> None:
    world = FarsideWorld(funds=("IBIT", "NEWF", "GBTC"), days=[("19 Nov 2026", ("1.0", "9.0", "-"), "10.0")])
    rows = read_table(page(world))
    assert dict(rows.select("fund", "net_flow_usd_mn").rows()) == {"IBIT": 1.0, "NEWF": 9.0, "TOTAL": 10.0}


def test_a_bot_wall_is_told_once_and_is_nothing_to_act_on(server: Loopback, farside: Farside) -> None:
    wall = answering("<html><title>Just a moment...</title></html>", "text/html")
    server.script.fail("farside", wall, forever=True)
    fetched = farside.fund_flows(date(2026, 11, 18))
    assert fetched.rows.is_empty()
    assert "bot wall" in fetched.missing[0].reason
    assert fetched.missing[0].remedy.startswith("Nothing to do")
    assert server.count() == 1


def test_tickers_may_stand_under_their_issuers() -> None:
    rows = [("", "Blackrock", "Fidelity", "Total"), ("", "IBIT", "FBTC", ""), ("Fee", "0.25%", "0.25%", "")]
    rows += [("Seed", "-", "20", "20"), ("11 Jan 2024", "111.7", "227.0", "338.7")]
    cells = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    flows = read_table(f"<html><table>{cells}</table></html>").select("fund", "net_flow_usd_mn").rows()
    assert dict(flows) == {"IBIT": 111.7, "FBTC": 227.0, "TOTAL": 338.7}
