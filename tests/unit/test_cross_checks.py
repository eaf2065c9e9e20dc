"""Parts and totals, and two sources of one thing, are held against each other as the catalog declares it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from assets.catalog import PATH, Catalog, CatalogError, CrossCheck, load_catalog
from assets.contracts.cross_checks import CrossChecks
from assets.framework.table import FUNCTIONS
from assets.marts.cross_checks import cross_checks

TODAY = date(2026, 8, 21)
SQL = Path(__file__).parents[2] / "sql" / "marts"


@dataclass(frozen=True)
class Day:
    as_of: date = TODAY
    simulated: bool = False


def compared(
    series: dict[str, list[float | None]], *checks: CrossCheck, flows: pl.DataFrame | None = None
) -> pl.DataFrame:
    """The asset on series with one value a day, the last one today."""
    rows = [
        {"series_id": id, "date": TODAY - timedelta(days=len(values) - 1 - n), "value": value}
        for id, values in series.items()
        for n, value in enumerate(values)
    ]
    schema = {"series_id": pl.String, "date": pl.Date, "value": pl.Float64}
    prices = pl.DataFrame(schema={"symbol": pl.String, "date": pl.Date, "close": pl.Float64})
    flows = (
        pl.DataFrame(schema={"fund": pl.String, "date": pl.Date, "net_flow_usd_mn": pl.Float64})
        if flows is None
        else flows
    )
    catalog: Catalog = load_catalog().model_copy(update={"cross_check": checks})
    return FUNCTIONS[cross_checks.key.path[-1]](prices, pl.DataFrame(rows, schema=schema), flows, catalog, Day())  # type: ignore[no-any-return]


def check(**fields: object) -> CrossCheck:
    return CrossCheck.model_validate({"id": "they agree", "tolerance": 0.1, **fields})


@pytest.mark.parametrize(
    ("relation", "right", "breached"),
    [
        ("equal", 1.1, False), ("equal", 1.2, True), ("equal", 0.8, True),
        ("at_most", 0.95, False), ("at_most", 0.8, True), ("at_most", 5.0, False),
        ("at_least", 1.05, False), ("at_least", 1.2, True), ("at_least", 0.1, False),
    ],
)  # fmt: skip
def test_a_side_may_differ_by_its_tolerance_in_the_direction_declared(
    relation: str, right: float, breached: bool
) -> None:
    (found,) = compared({"A": [1.0], "B": [right]}, check(left="A", right="B", relation=relation)).to_dicts()
    assert found["is_breached"] == breached


def test_sides_are_sums_and_a_day_with_a_part_missing_is_not_compared() -> None:
    found = compared({"A": [5.0, 6.0], "B": [2.0, None], "C": [3.0, 1.0]}, check(left="A - B", right="C"))
    assert found.select("left_value", "right_value", "is_breached").rows() == [(3.0, 3.0, False)]


def test_returns_are_compared_day_by_day() -> None:
    moved = check(left="A", right="B", measure="daily_return")
    found = compared({"A": [100.0, 101.0, 80.0], "B": [10.0, 10.1, 10.2]}, moved)
    assert found["is_breached"].to_list() == [False, True]


def test_only_the_window_is_compared() -> None:
    assert compared({"A": [9.0] * 30, "B": [1.0] * 30}, check(left="A", right="B", window_days=10)).height == 11


def test_funds_are_held_against_their_total() -> None:
    flows = pl.DataFrame(
        {"fund": ["IBIT", "FBTC", "TOTAL"] * 2, "date": [TODAY - timedelta(days=1)] * 3 + [TODAY] * 3,
         "net_flow_usd_mn": [10.0, -2.5, 7.5, 10.0, -2.5, 12.5]}
    )  # fmt: skip
    adds_up = next(c for c in load_catalog().cross_check if c.id == "fund flows add up to the total")
    found = compared({}, adds_up, flows=flows)
    assert found["is_breached"].to_list() == [False, True]
    (concern,) = CrossChecks.concerns(found)
    assert concern.startswith("fund flows add up to the total: not on 2026-08-21, etf_flows.FUNDS is 7.5 and")
    assert "look both up" in concern


def test_a_rate_in_another_unit_breaches_the_target_range() -> None:
    checks = [c for c in load_catalog().cross_check if "EFFR" in c.ids()]
    found = compared({"EFFR": [363.0], "DFF": [3.63], "DFEDTARL": [3.5], "DFEDTARU": [3.75]}, *checks)
    assert set(found.filter("is_breached")["cross_check"]) == {
        "the effective rate is not above the target range",
        "FRED and the New York Fed agree on the effective rate",
    }


def test_a_balance_sheet_in_another_unit_breaches_its_parts() -> None:
    checks = [c for c in load_catalog().cross_check if "WALCL" in c.ids() or "WSHOBL" in c.ids()]
    good = {"WALCL": 6746.0, "TREAST": 4542.0, "WSHOMCB": 1931.0, "WSHOBL": 420.0, "SOMA_BILLS": 420.1,
            "WRESBAL": 2935.0, "WTREGEN": 954.0, "RRPONTSYD": 0.3}  # fmt: skip
    assert not compared({id: [value] for id, value in good.items()}, *checks)["is_breached"].any()
    for id in ("WALCL", "TREAST", "SOMA_BILLS", "WSHOBL"):
        for factor in (1000.0, 0.001):
            wrong = compared({**{i: [v] for i, v in good.items()}, id: [good[id] * factor]}, *checks)
            assert wrong["is_breached"].any(), (id, factor)


def test_a_typo_in_a_cross_check_is_named_with_its_line(tmp_path: Path) -> None:
    broken = tmp_path / "catalog.toml"
    broken.write_text(PATH.read_text().replace('left = "DGS10 - DGS2"', 'left = "DGS10 - DSG2"'))
    with pytest.raises(CatalogError, match=r"catalog\.toml, line \d+: cross_check the yield curve .* names DSG2"):
        load_catalog(broken)


# ------------------------------------------------------------------ sums over unknown parts
def test_a_running_sum_is_unknown_from_an_unknown_amount_on() -> None:
    amounts = [4.0, None, 5.0]
    operations = pl.DataFrame(
        {"operation_id": ["a", "b", "c"], "operation_date": [TODAY - timedelta(days=3 - n) for n in range(3)],
         "settlement_date": [TODAY] * 3, "operation_type": ["Outright Bill Purchase"] * 3,
         "submitted_usd_bn": [30.0] * 3, "accepted_usd_bn": amounts}
    )  # fmt: skip
    programs = pl.DataFrame(
        {"program": ["p"], "first_operation": [date(2025, 12, 12)], "last_operation": [None],
         "operation_types": ["Outright Bill Purchase"], "includes_agency_reinvestment": [True]},
        schema_overrides={"last_operation": pl.Date},
    )  # fmt: skip
    with duckdb.connect() as connection:
        connection.execute("set variable as_of = date '2026-08-21'")
        connection.execute("create schema known; create schema core")
        connection.register("operations", operations)
        connection.register("programs", programs)
        connection.execute("create table known.treasury_operations as from operations")
        connection.execute("create table core.programs as from programs")
        found = connection.sql((SQL / "treasury_purchases.sql").read_text()).pl().sort("operation_date")
    assert found["program_cumulative_usd_bn"].to_list() == [4.0, None, None]


def test_a_cumulative_flow_is_unknown_from_a_missing_day_on() -> None:
    days = [date(2026, 8, 17), date(2026, 8, 18), date(2026, 8, 20)]  # the 19th is missing
    flows = pl.DataFrame({"fund": ["IBIT"] * 3, "date": days, "net_flow_usd_mn": [1.0, 2.0, 3.0]})
    week = [date(2026, 8, 17) + timedelta(days=n) for n in range(5)]
    sessions = pl.DataFrame({"session": week}).with_row_index("session_number")
    with duckdb.connect() as connection:
        connection.execute("set variable as_of = date '2026-08-21'")
        connection.execute("create schema known; create schema core")
        connection.register("flows", flows)
        connection.register("sessions", sessions)
        connection.execute("create table known.fund_flows as from flows")
        connection.execute(
            "create table core.sessions as select session_number::bigint as session_number, session from sessions"
        )
        found = connection.sql((SQL / "etf_flows.sql").read_text()).pl().sort("date")
    assert found["cumulative_usd_mn"].to_list() == [1.0, 3.0, None]
