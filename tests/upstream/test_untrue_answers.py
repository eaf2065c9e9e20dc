"""Well-formed answers that are untrue, through whole nights: what is stored, what is published, what a person reads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from pipelines.cli.runs import RunReport
from tests.conftest import succeed
from tests.upstream.live_nights import LiveWorld
from tests.upstream.loopback import Loopback, rewriting
from tests.upstream.services import bill_purchase

NULL_AMOUNT, TWICE, MILLIONS = date(2026, 8, 26), date(2026, 8, 27), date(2026, 8, 28)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> LiveWorld:
    """A world whose Desk has an unknown amount, two operations under one id, and an amount in millions."""
    world = LiveWorld(tmp_path_factory.mktemp("server"))
    world.desk.auctions += [
        bill_purchase(25, NULL_AMOUNT, 4.0, totalParAmtAccepted=None),
        bill_purchase(31, TWICE, 4.0),
        bill_purchase(31, TWICE, 1.5, operationType="Outright Coupon Purchase"),
        bill_purchase(25, MILLIONS, 4.0, totalParAmtAccepted="4000", totalParAmtSubmitted="36000"),
    ]
    return world


@pytest.fixture(scope="module")
def server(world: LiveWorld) -> Iterator[Loopback]:
    with world.served() as running:
        yield running


@pytest.fixture(scope="module")
def home(world: LiveWorld, server: Loopback, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One published night."""
    home = tmp_path_factory.mktemp("nights") / "home"
    succeed(world.night(0, server, home))
    return home


@pytest.fixture(scope="module")
def untrue_night(world: LiveWorld, server: Loopback, home: Path) -> RunReport:
    """The night after it: ^RUT answered with ^GSPC's chart, BTC-USD in euros, WTREGEN in billions."""

    def other_symbol(body: str) -> str:
        tomorrow = int(world.clock.now().timestamp()) + 86400
        asked = {"period1": str(int(datetime(2026, 8, 20, tzinfo=UTC).timestamp())), "period2": str(tomorrow)}
        return json.dumps({"chart": {"result": [world.yahoo._result("^GSPC", asked)], "error": None}})

    def in_euros(body: str) -> str:
        document: dict[str, Any] = json.loads(body)
        result = document["chart"]["result"][0]
        result["meta"]["currency"] = "EUR"
        quote = result["indicators"]["quote"][0]
        for name in ("open", "high", "low", "close"):
            quote[name] = [price * 0.86 for price in quote[name]]
        return json.dumps(document)

    server.script.fail("chart/^RUT?period1", rewriting(other_symbol))
    server.script.fail("chart/BTC-USD?period1", rewriting(in_euros))
    account = world.fred.vintages["WTREGEN"]
    world.fred.vintages["WTREGEN"] = [(d, p, None if v is None else v / 1000) for d, p, v in account]
    world.fred.described["WTREGEN"] = {"units": "Billions of U.S. Dollars"}
    return world.night(9, server, home, "ingest")


@contextmanager
def warehouse(home: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(home / "warehouse.duckdb")) as connection:
        connection.execute("set variable as_of = date '2100-01-01'")
        yield connection


@pytest.mark.parametrize(
    ("id", "reason"),
    [
        ("^RUT", "answered with bars of ^GSPC where ^RUT belongs"),
        ("BTC-USD", "answered with prices in EUR where USD belongs"),
        ("WTREGEN", "answered with values in Billions of U.S. Dollars where Millions of U.S. Dollars belongs"),
    ],
)
def test_a_required_input_of_another_identity_fails_the_night_by_name(
    untrue_night: RunReport, id: str, reason: str
) -> None:
    assert not untrue_night.success
    assert any(f"required {id}" in failure and reason in failure for failure in untrue_night.failures)


def test_nothing_of_it_is_stored_and_the_last_good_marts_stay(untrue_night: RunReport, home: Path) -> None:
    with warehouse(home) as connection:
        bars = connection.sql(
            "select symbol, max(revision), max(date) from raw.price_bars "
            "where symbol in ('^RUT', 'BTC-USD') and not provisional group by symbol order by symbol"
        ).fetchall()
        (account,) = connection.sql(
            "select min(value) from known.macro_observations where series_id = 'WTREGEN'"
        ).fetchall()
    assert bars == [("BTC-USD", 1, date(2026, 9, 1)), ("^RUT", 1, date(2026, 9, 1))]
    assert account[0] >= 100
    published = pl.read_parquet(home / "marts" / "current" / "market_state.parquet")
    assert published["as_of"].max() == date(2026, 9, 1)


def test_an_unknown_amount_is_no_smaller_sum(home: Path) -> None:
    purchases = pl.read_parquet(home / "marts" / "current" / "treasury_purchases.parquet").sort("operation_date")
    amounts = dict(
        purchases.select("operation_date", "accepted_usd_bn")
        .filter(pl.col("operation_date") > date(2026, 8, 25))
        .rows()
    )
    assert amounts[NULL_AMOUNT] is None
    assert amounts[MILLIONS] is None
    before, after = (
        purchases.filter(condition)["program_cumulative_usd_bn"]
        for condition in (pl.col("operation_date") < NULL_AMOUNT, pl.col("operation_date") >= NULL_AMOUNT)
    )
    assert before.null_count() == 0
    assert before[-1] == pytest.approx(4.0 * before.len())
    assert after.null_count() == after.len() > 2
    programs = pl.read_parquet(home / "marts" / "current" / "fed_programs.parquet")
    assert programs.filter(program="reserve_management_2025")["accepted_usd_bn"].to_list() == [None]


def test_two_operations_under_one_id_leave_the_first_where_it_was(home: Path) -> None:
    with warehouse(home) as connection:
        stored = connection.sql(
            "select operation_type, accepted_usd_bn from known.treasury_operations where operation_id = 'OR 082726 31'"
        ).fetchall()
    assert stored == [("Outright Bill Purchase", 4.0)]
