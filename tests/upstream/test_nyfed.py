"""The New York Fed's answers as rows; real recordings where they are at hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from assets.contracts.raw import MacroObservations, TreasuryOperations
from pipelines.sources.errors import Malformed
from pipelines.sources.http import Policy
from pipelines.sources.nyfed import NyFed, operations
from tests.upstream.conftest import Recordings
from tests.upstream.loopback import Answer, Loopback, answering, loopback
from tests.upstream.services import NYFED, FakeClock, NyFedWorld, bill_purchase

DAY = date(2026, 11, 19)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Loopback]:
    with loopback(NyFedWorld([bill_purchase(25, DAY, 4.2)]).services(), tmp_path) as running:
        yield running


@pytest.fixture
def desk(server: Loopback, clock: FakeClock, policy: Policy) -> NyFed:
    return NyFed(policy, clock, base_url=server.url(NYFED, "/api"))


def test_a_recorded_bill_purchase_is_read(server: Loopback, desk: NyFed, recordings: Recordings) -> None:
    body = recordings.body("nyfed/tsy_all_results_summary_row_2026-08-31.json")
    server.services[NYFED] = lambda request: Answer(body)
    rows = desk.treasury_operations(None, DAY).rows
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


def test_recorded_holdings_of_bills_are_in_billions(server: Loopback, desk: NyFed, recordings: Recordings) -> None:
    body = recordings.body("nyfed/soma_summary_row_2021-10-27.json")
    server.services[NYFED] = lambda request: Answer(body)
    assert desk.bills_held().select("date", "value").rows() == [(date(2021, 10, 27), 326.044)]


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
    desk.treasury_operations(date(2026, 11, 17), DAY)
    assert dict(server.requests[0].query) == {"startDate": "2026-11-03", "endDate": "2026-11-19"}
