"""Farside's table: printed numbers, pending days, funds that come later."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from assets.contracts.raw import FundFlows
from pipelines.sources.errors import Malformed
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


# ------------------------------------------------------------------ columns by their headings
def table(*rows: tuple[str, ...]) -> str:
    cells = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<html><table>{cells}</table></html>"


def flows(page: str) -> dict[str, float]:
    return dict(read_table(page).select("fund", "net_flow_usd_mn").rows())


def test_the_total_is_the_column_that_says_so_wherever_it_stands() -> None:
    moved = table(("Date", "Total", "FBTC", "IBIT"), ("19 Nov 2026", "7.5", "(2.5)", "10.0"))
    assert flows(moved) == {"TOTAL": 7.5, "FBTC": -2.5, "IBIT": 10.0}
    added = table(("Date", "IBIT", "Total", "NEWF"), ("19 Nov 2026", "10.0", "11.0", "1.0"))
    assert flows(added) == {"IBIT": 10.0, "TOTAL": 11.0, "NEWF": 1.0}


@pytest.mark.parametrize("printed", ["(2.5)", "-2.5", "\u22122.5", "\u2212$2.5", "($2.5)", "$-2.5"])
def test_a_minus_and_a_dollar_sign_are_part_of_a_number(printed: str) -> None:
    assert flows(table(("Date", "IBIT", "FBTC", "Total"), ("19 Nov 2026", "$1,010.0", printed, "1,007.5"))) == {
        "IBIT": 1010.0, "FBTC": -2.5, "TOTAL": 1007.5,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("heading", "reason"),
    [
        (("Date", "IBIT", "FBTC", "GBTC"), "0 columns say that they are the total"),
        (("Date", "IBIT", "Total", "Total"), "2 columns say that they are the total"),
        (("Date", "IBIT", "IBIT", "Total"), "two columns are headed IBIT"),
    ],
)
def test_a_table_whose_headings_do_not_tell_is_refused(heading: tuple[str, ...], reason: str) -> None:
    with pytest.raises(Malformed, match=reason):
        read_table(table(heading, ("19 Nov 2026", "1.0", "2.0", "3.0")))


def test_columns_that_do_not_add_up_to_the_total_are_not_what_their_headings_say() -> None:
    days = [(f"{n} Nov 2026", "10.0", "7.5", "(2.5)") for n in (17, 18, 19)]
    with pytest.raises(Malformed, match="on 3 of 3 days the funds do not add up to the total"):
        read_table(table(("Date", "IBIT", "FBTC", "Total"), *days))


def test_one_day_that_does_not_add_up_is_kept_for_the_cross_check() -> None:
    days = [(f"{n} Nov 2026", "10.0", "(2.5)", "7.5") for n in (17, 18)] + [("19 Nov 2026", "10.0", "(2.5)", "9.0")]
    assert read_table(table(("Date", "IBIT", "FBTC", "Total"), *days)).height == 9
