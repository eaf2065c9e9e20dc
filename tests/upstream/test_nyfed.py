"""The New York Fed's answers as rows; real recordings where they are at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from assets.catalog import Series, load_catalog
from assets.contracts.raw import MacroObservations, TreasuryOperations
from pipelines.sources.errors import Malformed
from pipelines.sources.http import RetryPolicy
from pipelines.sources.identity import OtherIdentity
from pipelines.sources.nyfed import NyFed, operations
from tests.upstream.conftest import Recordings
from tests.upstream.loopback import Answer, Loopback, Request, answering, loopback
from tests.upstream.services import NYFED, FakeClock, NyFedWorld, bill_purchase

CATALOG = load_catalog()
DAY = date(2026, 11, 19)
DAYS = [DAY - timedelta(days=n) for n in reversed(range(39))]
WEDNESDAYS = [date(2026, 10, 14) + timedelta(weeks=n) for n in range(6)]


def wanted(name: str) -> Series:
    return next(entry for entry in CATALOG.series if entry.id == name)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Loopback]:
    world = NyFedWorld([bill_purchase(25, DAY, 4.2)])
    world.series = {rate: [(day, day, 3.6 + day.day / 100) for day in DAYS] for rate in ("EFFR", "SOFR")}
    world.series["SOMA_BILLS"] = [(day, day, 200_000.25 + n) for n, day in enumerate(WEDNESDAYS)]
    with loopback(world.services(), tmp_path) as running:
        yield running


@pytest.fixture
def desk(server: Loopback, clock: FakeClock, policy: RetryPolicy) -> NyFed:
    return NyFed(policy, clock, base_url=server.url(NYFED, "/api"))


def test_a_recorded_bill_purchase_is_read(server: Loopback, desk: NyFed, recordings: Recordings) -> None:
    body = recordings.body("nyfed/tsy_all_results_summary_row_2026-08-31.json")
    server.services[NYFED] = lambda request: Answer(body)
    rows = desk.treasury_operations(None).rows
    assert TreasuryOperations.is_valid(rows)
    assert rows.rows() == [
        ("OR 083126 25", date(2026, 8, 31), date(2026, 9, 1), "Outright Bill Purchase", 39.346, 4.243, None)
    ]


def test_recorded_reference_rates_come_oldest_first(server: Loopback, desk: NyFed, recordings: Recordings) -> None:
    body = recordings.body("nyfed/rates_unsecured_effr_search_2023-01-01_2023-06-06.json")
    server.services[NYFED] = lambda request: Answer(body)
    rows = desk.reference_rate("EFFR", date(2023, 1, 1), date(2023, 6, 6))
    assert MacroObservations.is_valid(rows)
    assert (rows["date"][0], rows["value"][0]) == (date(2023, 1, 3), 4.33)
    assert (rows["date"][-1], rows["value"][-1]) == (date(2023, 6, 6), 5.08)


def test_recorded_holdings_of_bills_are_in_the_catalog_s_unit(
    server: Loopback, desk: NyFed, recordings: Recordings
) -> None:
    body = recordings.body("nyfed/soma_summary_row_2021-10-27.json")
    server.services[NYFED] = lambda request: Answer(body)
    assert desk.bills_held().select("date", "value").rows() == [(date(2021, 10, 27), 326_044.0)]
    assert wanted("SOMA_BILLS").unit == "usd_mn"


def test_an_empty_amount_is_unknown_not_zero(server: Loopback, desk: NyFed) -> None:
    server.script.fail("summary.json", answering('{"soma":{"summary":[{"asOfDate":"2026-11-18","bills":""}]}}'))
    assert desk.bills_held().is_empty()
    rows, _ = operations([bill_purchase(25, DAY, 4.2, totalParAmtSubmitted="", settlementDate="")])
    assert rows.select("submitted_usd_bn", "settlement_date").row(0) == (None, None)


@pytest.mark.parametrize(
    "other",
    [{"note": "Small Value Exercise"}, {"note": "small value exercise of the desk"}, {"auctionStatus": "Announced"}],
)
def test_system_tests_and_unfinished_auctions_are_no_operations(other: dict[str, str]) -> None:
    assert operations([bill_purchase(25, DAY, 0.001, **other)])[0].is_empty()


def test_one_unreadable_operation_is_told_and_does_not_hide_the_others() -> None:
    broken = bill_purchase(26, DAY, 1.0, operationDate="soon")
    rows, (note,) = operations([bill_purchase(25, DAY, 4.2), broken])
    assert rows["operation_id"].to_list() == ["OR 111926 25"]
    assert "OR 111926 26" in str(note)


def test_rates_that_are_none_are_an_error(server: Loopback, desk: NyFed) -> None:
    server.services[NYFED] = lambda request: Answer('{"refRates":[{"effectiveDate":"x","percentRate":1}]}')
    with pytest.raises(Malformed, match="New York Fed EFFR"):
        desk.reference_rate("EFFR", DAY, DAY)


def test_the_window_starts_before_the_last_stored_operation(server: Loopback, desk: NyFed) -> None:
    desk.treasury_operations(date(2026, 11, 17))
    assert dict(server.requests[0].query) == {"startDate": "2026-11-03", "endDate": "2026-11-20"}


# ------------------------------------------------------------------ as series of the catalog
@pytest.mark.parametrize(("rate", "first"), [("EFFR", "2000-07-03"), ("SOFR", "2018-04-02")])
def test_a_rate_comes_whole_once_and_then_from_two_weeks_before_its_last_day(
    server: Loopback, desk: NyFed, rate: str, first: str
) -> None:
    whole = desk.macro_observations([wanted(rate)], {})
    since = desk.macro_observations([wanted(rate)], {rate: date(2026, 11, 18)})
    assert [request.query["startDate"] for request in server.requests] == [first, "2026-11-04"]
    assert {request.query["endDate"] for request in server.requests} == {"2026-11-20"}
    assert MacroObservations.is_valid(whole.rows)
    assert (whole.rows["date"].min(), whole.rows["date"].max()) == (date(2026, 10, 12), DAY)
    assert since.rows.equals(whole.rows.filter(pl.col("date") >= date(2026, 11, 4)))


def test_the_summary_of_holdings_is_cut_to_the_window(server: Loopback, desk: NyFed) -> None:
    whole = desk.macro_observations([wanted("SOMA_BILLS")], {})
    since = desk.macro_observations([wanted("SOMA_BILLS")], {"SOMA_BILLS": date(2026, 11, 11)})
    assert whole.rows.select("series_id", "date", "value").rows() == [
        ("SOMA_BILLS", date(2026, 10, 14) + timedelta(weeks=n), 200_000.25 + n) for n in range(6)
    ]
    assert since.rows["date"].to_list() == [date(2026, 10, 28) + timedelta(weeks=n) for n in range(4)]


def test_every_series_the_catalog_wants_of_the_new_york_fed_is_known(desk: NyFed) -> None:
    fetched = desk.macro_observations([s for s in CATALOG.series if s.source == "nyfed"], {})
    assert fetched.missing == ()
    assert set(fetched.rows["series_id"]) == {"EFFR", "SOFR", "SOMA_BILLS"}


def test_an_unknown_series_is_not_asked_for_and_told_with_what_to_do(server: Loopback, desk: NyFed) -> None:
    obfr = wanted("EFFR").model_copy(update={"id": "OBFR"})
    fetched = desk.macro_observations([obfr, wanted("SOFR")], {})
    (missing,) = fetched.missing
    assert missing.id == "OBFR"
    assert "EFFR, SOFR, SOMA_BILLS" in missing.remedy
    assert "assets/catalog.toml" in missing.remedy
    assert set(fetched.rows["series_id"]) == {"SOFR"}
    assert len(server.requests) == 1


def test_a_first_answer_without_any_observation_is_missing(server: Loopback, desk: NyFed) -> None:
    server.script.fail("effr", answering('{"refRates":[]}'))
    (missing,) = desk.macro_observations([wanted("EFFR")], {}).missing
    assert "without any observation" in missing.reason


def test_a_window_without_any_observation_is_noted(server: Loopback, desk: NyFed) -> None:
    server.script.fail("effr", answering('{"refRates":[]}'))
    fetched = desk.macro_observations([wanted("EFFR")], {"EFFR": DAY})
    assert fetched.missing == ()
    assert [str(note) for note in fetched.notes] == [f"EFFR: nothing newer than {DAY}, and nothing since the lookback"]


def test_a_new_york_fed_that_hangs_costs_two_minutes_in_all(server: Loopback, clock: FakeClock) -> None:
    desk = NyFed(RetryPolicy(), clock, base_url=server.url(NYFED, "/api"))

    def silent_until_the_timeout(request: Request) -> Answer:
        clock.sleep(RetryPolicy().timeout_seconds)
        return Answer("", 408)

    server.services[NYFED] = silent_until_the_timeout
    missing = [
        *desk.macro_observations([wanted(name) for name in ("EFFR", "SOFR", "SOMA_BILLS")], {}).missing,
        *desk.treasury_operations(None).missing,
    ]
    assert len(missing) == 4
    assert clock.monotonic() < 130


# ------------------------------------------------------------------ identity: ids, units, days given twice
def accepted(*records: dict[str, object]) -> tuple[dict[str, tuple[str, float | None]], list[str]]:
    rows, notes = operations(list(records))
    found = {r["operation_id"]: (r["operation_type"], r["accepted_usd_bn"]) for r in rows.to_dicts()}
    return found, [note.text for note in notes]


def test_two_operations_under_one_id_are_a_conflict_and_no_replacement() -> None:
    coupon = bill_purchase(31, DAY, 1.5, operationType="Outright Coupon Purchase")
    found, (note,) = accepted(bill_purchase(31, DAY, 4.0), coupon)
    assert found == {"OR 111926 31": ("Outright Bill Purchase", 4.0)}
    assert "OR 111926 31 stands for two operations" in note
    assert "Outright Coupon Purchase" in note


def test_one_operation_with_two_amounts_is_unknown_until_one_is_newer() -> None:
    found, (note,) = accepted(bill_purchase(31, DAY, 4.0), bill_purchase(31, DAY, 5.0))
    assert found == {"OR 111926 31": ("Outright Bill Purchase", None)}
    assert "a conflict" in note
    newer = bill_purchase(31, DAY, 5.0, lastUpdated=f"{DAY} 12:00:00")
    found, (note,) = accepted(newer, bill_purchase(31, DAY, 4.0))
    assert found == {"OR 111926 31": ("Outright Bill Purchase", 5.0)}
    assert "updated last" in note


def test_the_same_record_twice_is_one() -> None:
    assert accepted(bill_purchase(31, DAY, 4.0), bill_purchase(31, DAY, 4.0))[1] == []


@pytest.mark.parametrize(
    "amounts",
    [
        {"totalParAmtAccepted": "4000", "totalParAmtSubmitted": "36000"},
        {"totalParAmtAccepted": "4000000000000000", "totalParAmtSubmitted": "36000000000000000"},
        {"totalParAmtAccepted": "36000000000", "totalParAmtSubmitted": "4000000000"},
    ],
)
def test_an_amount_that_cannot_be_dollars_is_unknown_and_not_small(amounts: dict[str, str]) -> None:
    others = [bill_purchase(n, DAY, 4.0) for n in range(3)]
    found, (note,) = accepted(*others, bill_purchase(25, DAY, 4.0, **amounts))
    assert found["OR 111926 25"] == ("Outright Bill Purchase", None)
    assert "OR 111926 25 of 2026-11-19" in note


def test_amounts_in_another_unit_throughout_are_refused() -> None:
    millions = [bill_purchase(n, DAY, 4.0, totalParAmtAccepted="4000", totalParAmtSubmitted="36000") for n in range(3)]
    with pytest.raises(OtherIdentity, match="New York Fed treasury_operations: answered with amounts such as 36,000"):
        operations(millions)


def test_an_operation_in_the_other_direction_than_its_type_is_left_out_and_told() -> None:
    found, (note,) = accepted(bill_purchase(25, DAY, 4.0, operationDirection="S"))
    assert found == {}
    assert "OR 111926 25" in note


def rates(*rows: dict[str, object]) -> Answer:
    return Answer(json.dumps({"refRates": rows}))


@pytest.mark.parametrize("order", [1, -1])
def test_a_revised_rate_wins_over_the_one_it_revises_whatever_their_order(
    server: Loopback, desk: NyFed, order: int
) -> None:
    day = {"effectiveDate": "2026-08-31", "type": "SOFR"}
    both = [
        {**day, "percentRate": 3.66, "revisionIndicator": "[r]"},
        {**day, "percentRate": 4.66, "revisionIndicator": ""},
    ]
    server.services[NYFED] = lambda request: rates(*both[::order])
    assert desk.reference_rate("SOFR", DAY, DAY)["value"].to_list() == [3.66]


def test_a_day_with_two_rates_and_no_word_which_is_revised_is_left_out(server: Loopback, desk: NyFed) -> None:
    day = {"effectiveDate": "2026-08-31", "type": "SOFR", "revisionIndicator": ""}
    other = {**day, "effectiveDate": "2026-09-01", "percentRate": 3.7}
    server.services[NYFED] = lambda request: rates({**day, "percentRate": 3.66}, {**day, "percentRate": 4.66}, other)
    assert desk.reference_rate("SOFR", DAY, DAY)["value"].to_list() == [3.7]


def test_rates_of_another_kind_are_refused_by_name(server: Loopback, desk: NyFed) -> None:
    server.services[NYFED] = lambda request: rates({"effectiveDate": "2026-08-31", "type": "OBFR", "percentRate": 3.6})
    (missing,) = desk.macro_observations([wanted("EFFR")], {}).missing
    assert "rates of OBFR where EFFR belongs" in missing.reason


def test_holdings_that_do_not_add_up_are_left_out(server: Loopback, desk: NyFed, recordings: Recordings) -> None:
    body = recordings.body("nyfed/soma_summary_row_2021-10-27.json").replace('"326044000000"', '"326044000"')
    server.services[NYFED] = lambda request: Answer(body)
    assert desk.bills_held().is_empty()
