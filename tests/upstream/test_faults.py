"""Every service, every way to fail: the right data in the end, or an error that says which, what and what to do.

One table for all services; a service differs only in how it is asked, what its own unknown id and empty
window look like, and where it tries more or less often. The server counts the requests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from pydantic import SecretStr

from assets.catalog import Series, Symbol, load_catalog
from assets.upstream import Fetched
from pipelines.sources.http import RetryPolicy
from pipelines.sources.live import LiveConfig, LiveUpstream
from pipelines.sources.yahoo import sessions_between
from tests.upstream.loopback import (
    CUT,
    DROP,
    HANG,
    HTML_200,
    SHORT,
    Fault,
    Loopback,
    answering,
    loopback,
    rewriting,
    status,
)
from tests.upstream.services import (
    FARSIDE,
    FRED,
    GRAPH,
    NYFED,
    FakeClock,
    FarsideWorld,
    FredWorld,
    NyFedWorld,
    YahooWorld,
    bill_purchase,
)

CATALOG = load_catalog()
FREDS = tuple(entry for entry in CATALOG.series if entry.source == "fred")
DESKS = tuple(entry for entry in CATALOG.series if entry.source == "nyfed")
MEETINGS = pl.DataFrame({"meeting_date": [date(2026, 12, 9)], "scheduled": [True]})
LAST_STORED = date(2026, 11, 18)


def symbol(name: str) -> Symbol:
    return next(entry for entry in CATALOG.symbol if entry.id == name)


def series(name: str) -> Series:
    return next(entry for entry in CATALOG.series if entry.id == name)


# ------------------------------------------------------------------ the services, each with its own words
@dataclass(frozen=True)
class Service:
    """How a service is asked for one thing, and which of its requests carries it."""

    name: str
    id: str
    needle: str
    ask: Callable[[LiveUpstream], Fetched]
    unknown: Fault
    empty: Fault
    empty_is_missing: bool
    duplicated: Callable[[str], str]
    unordered: Callable[[str], str]
    keyed: bool = False
    exact: dict[str, int] = field(default_factory=dict)  # requests where this service differs from the table
    per_try: int = 1  # curl sends a request again by itself when a kept connection turns out dead


def _chart(change: Callable[[dict[str, list[float]], list[int]], None]) -> Callable[[str], str]:
    """Change the columns and stamps of a Yahoo chart."""

    def rewrite(body: str) -> str:
        document = json.loads(body)
        result = document["chart"]["result"][0]
        columns = {**result["indicators"]["quote"][0], **result["indicators"]["adjclose"][0]}
        change(columns, result["timestamp"])
        return json.dumps(document)

    return rewrite


def _double_second(columns: dict[str, list[float]], stamps: list[int]) -> None:
    for values in (*columns.values(), stamps):
        values.insert(1, values[1])


def _backwards(columns: dict[str, list[float]], stamps: list[int]) -> None:
    for values in (*columns.values(), stamps):
        values.reverse()


def _double_line(pattern: str) -> Callable[[str], str]:
    return lambda body: re.sub(pattern, lambda found: found.group(0) * 2, body, count=1)


def _reverse_lines(pattern: str) -> Callable[[str], str]:
    def rewrite(body: str) -> str:
        lines = re.findall(pattern, body)
        return body.replace("".join(lines), "".join(reversed(lines)))

    return rewrite


def _listed(change: Callable[[list[object]], list[object]], *keys: str) -> Callable[[str], str]:
    """Change the list at the end of a document's keys."""

    def rewrite(body: str) -> str:
        document = json.loads(body)
        holder = document
        for key in keys[:-1]:
            holder = holder[key]
        holder[keys[-1]] = change(holder[keys[-1]])
        return json.dumps(document)

    return rewrite


def _first_again(found: list[object]) -> list[object]:
    return [*found, found[0]]


def _turned(found: list[object]) -> list[object]:
    return list(reversed(found))


NO_BARS = {
    "chart": {
        "result": [
            {
                "meta": {"symbol": "^RUT", "exchangeTimezoneName": "America/New_York", "currency": None},
                "indicators": {"quote": [{}], "adjclose": [{}]},
            }
        ],
        "error": None,
    }
}
NOT_FOUND = json.dumps(
    {"chart": {"result": None, "error": {"code": "Not Found", "description": "No data found, symbol may be delisted"}}}
)
NO_SERIES = '<?xml version="1.0" ?><error code="400" message="Bad Request.  The series does not exist." />'
XML_LINE, CSV_LINE, ROW = r"<observation [^>]*/>", r"\d{4}-\d\d-\d\d,[^\n]*\n", r"<tr><td><span>.*?</tr>"

SERVICES = [
    Service(
        name="Yahoo", id="^RUT", needle="chart/^RUT?period1",
        ask=lambda up: up.price_bars([symbol("^RUT"), symbol("BTC-USD")], {"^RUT": LAST_STORED}),
        unknown=status(404, body=NOT_FOUND), empty=answering(json.dumps(NO_BARS)), empty_is_missing=True,
        duplicated=_chart(_double_second), unordered=_chart(_backwards),
        exact={"401 page": 2}, per_try=2,
    ),
    Service(
        name="FRED", id="WALCL", needle="observations?series_id=WALCL", keyed=True,
        ask=lambda up: up.macro_observations([series("WALCL"), series("DFF")], {"WALCL": LAST_STORED}),
        unknown=status(400, body=NO_SERIES), empty=answering('<observations count="0"/>'), empty_is_missing=False,
        duplicated=_double_line(XML_LINE), unordered=_reverse_lines(XML_LINE),
    ),
    Service(
        name="FRED", id="NFCI", needle="observations?series_id=NFCI", keyed=True,
        ask=lambda up: up.macro_observations([series("NFCI"), series("DFF")], {"NFCI": LAST_STORED}),
        unknown=status(400, body=NO_SERIES), empty=answering('<observations count="0"/>'), empty_is_missing=False,
        duplicated=_double_line(XML_LINE), unordered=_reverse_lines(XML_LINE),
    ),
    Service(
        name="FRED", id="WALCL", needle="fredgraph.csv?id=WALCL",
        ask=lambda up: up.macro_observations([series("WALCL"), series("DFF")], {"WALCL": LAST_STORED}),
        unknown=status(404), empty=answering("observation_date,WALCL\n", "application/csv"), empty_is_missing=False,
        duplicated=_double_line(CSV_LINE), unordered=_reverse_lines(CSV_LINE),
    ),
    Service(
        name="New York Fed", id="treasury_operations", needle="results/summary/search.json",
        ask=lambda up: up.treasury_operations(LAST_STORED),
        unknown=status(404), empty=answering('{"treasury": {"auctions": []}}'), empty_is_missing=False,
        duplicated=_listed(_first_again, "treasury", "auctions"), unordered=_listed(_turned, "treasury", "auctions"),
        exact={"400": 3},
    ),
    Service(
        name="New York Fed", id="EFFR", needle="unsecured/effr/search.json",
        ask=lambda up: up.macro_observations([series("EFFR"), series("SOMA_BILLS")], {"EFFR": LAST_STORED}),
        unknown=status(404), empty=answering('{"refRates": []}'), empty_is_missing=False,
        duplicated=_listed(_first_again, "refRates"), unordered=_listed(_turned, "refRates"),
        exact={"400": 3},
    ),
    Service(
        name="New York Fed", id="SOMA_BILLS", needle="soma/summary.json",
        ask=lambda up: up.macro_observations([series("SOMA_BILLS"), series("SOFR")], {"SOMA_BILLS": LAST_STORED}),
        unknown=status(404), empty=answering('{"soma": {"summary": []}}'), empty_is_missing=False,
        duplicated=_listed(_first_again, "soma", "summary"), unordered=_listed(_turned, "soma", "summary"),
        exact={"400": 3},
    ),
    Service(
        name="Farside", id="etf_flows", needle="/bitcoin-etf-flow-all-data/",
        ask=lambda up: up.fund_flows(LAST_STORED),
        unknown=status(404), empty=rewriting(lambda page: re.sub(ROW, "", page)), empty_is_missing=True,
        duplicated=_double_line(ROW), unordered=_reverse_lines(ROW),
        exact={"empty window": 3},
    ),
]  # fmt: skip
NAMES = ["yahoo", "fred", "fred-vintages", "fred-csv", "nyfed", "nyfed-rate", "nyfed-bills", "farside"]


# ------------------------------------------------------------------ a world for all of them
@dataclass
class World:
    server: Loopback
    clock: FakeClock
    folder: Path
    policy: RetryPolicy  # a test of hanging shortens its timeout
    fred: FredWorld
    desk: NyFedWorld
    yahoo: YahooWorld

    def expect(self, fault: Fault) -> None:
        """Do not wait long for an answer that never comes."""
        if fault == HANG:
            self.policy = replace(self.policy, timeout_seconds=0.75)

    def upstream(self, *, keyed: bool = False, futures: int = 0) -> LiveUpstream:
        key = SecretStr(self.fred.key) if keyed else None
        config = LiveConfig(
            fred_api_key=key, futures_months=futures, policy=self.policy, cache_dir=self.folder / "cache",
            yahoo_url=self.server.url("query2.finance.yahoo.com"), fred_url=self.server.url(FRED, "/fred"),
            fredgraph_url=self.server.url(GRAPH), nyfed_url=self.server.url(NYFED, "/api"),
            farside_url=self.server.url(FARSIDE),
        )  # fmt: skip
        return LiveUpstream(config, MEETINGS, self.clock)


def weekly(first: date, count: int) -> list[tuple[date, date, float | None]]:
    days = [first + timedelta(weeks=n) for n in range(count)]
    return [(day, day + timedelta(days=5), 6_500_000.0 + 100 * n) for n, day in enumerate(days)]


@pytest.fixture
def world(tmp_path: Path, clock: FakeClock, policy: RetryPolicy) -> Iterator[World]:
    yahoo = YahooWorld(clock, first_day=date(2026, 10, 1))
    fred = FredWorld(clock=clock)
    fred.vintages = {
        "WALCL": weekly(date(2026, 9, 2), 11),
        "NFCI": weekly(date(2026, 9, 4), 11),
        "DFF": [(date(2026, 11, n), date(2026, 11, n + 1), 3.63) for n in range(1, 20)],
    }
    desk = NyFedWorld([bill_purchase(25, date(2026, 11, day), 4.0 + day / 10) for day in (5, 12, 17, 19)], clock=clock)
    desk.series = {
        "EFFR": [(date(2026, 11, n), date(2026, 11, n + 1), 3.63 + n / 100) for n in range(1, 20)],
        "SOFR": [(date(2026, 11, n), date(2026, 11, n + 1), 3.66 + n / 100) for n in range(1, 20)],
        "SOMA_BILLS": weekly(date(2026, 9, 2), 11),
    }
    flows = FarsideWorld(days=[(f"{n} Nov 2026", ("10.0", "(2.5)", "-"), "7.5") for n in (16, 17, 18, 19)])
    services = {**yahoo.services(), **fred.services(), **desk.services(), **flows.services()}
    sessions_between(date(2026, 11, 1), date(2026, 11, 20))  # the exchange calendar takes a second to build
    with loopback(services, tmp_path) as server:
        yield World(server, clock, tmp_path, policy, fred, desk, yahoo)


def rows_of(service: Service, fetched: Fetched) -> pl.DataFrame:
    column = next((c for c in ("symbol", "series_id") if c in fetched.rows.columns), None)
    return fetched.rows if column is None else fetched.rows.filter(pl.col(column) == service.id)


@pytest.fixture
def healthy(world: World, request: pytest.FixtureRequest) -> pl.DataFrame:
    """What the service delivers when nothing is wrong; also warms the client's caches."""
    service: Service = request.getfixturevalue("service")
    fetched = service.ask(world.upstream(keyed=service.keyed))
    world.server.forget()
    world.clock.pauses.clear()
    return rows_of(service, fetched)


every_service = pytest.mark.parametrize("service", SERVICES, ids=NAMES)


# ------------------------------------------------------------------ healed by trying again
@pytest.mark.parametrize(
    ("fault", "pause"),
    [
        pytest.param(status(429), 0, id="429"),
        pytest.param(status(429, retry_after="7"), 7, id="429 with Retry-After"),
        pytest.param(status(429, retry_after="Sat, 21 Nov 2026 03:30:20 GMT"), 20, id="429 with a date"),
        pytest.param(status(500), 0, id="500"),
        pytest.param(status(502), 0, id="502"),
        pytest.param(status(503, retry_after="3"), 3, id="503"),
        pytest.param(HANG, 0, id="hang"),
        pytest.param(DROP, 0, id="dropped connection"),
        pytest.param(CUT, 0, id="dropped in the body"),
        pytest.param(SHORT, 0, id="truncated"),
        pytest.param(HTML_200, 0, id="HTML with 200"),
    ],
)
@every_service
def test_one_bad_answer_is_healed_by_one_more_try(
    service: Service, fault: Fault, pause: float, world: World, healthy: pl.DataFrame
) -> None:
    world.server.script.fail(service.needle, fault)
    world.expect(fault)
    fetched = service.ask(world.upstream(keyed=service.keyed))
    assert fetched.missing == ()
    assert rows_of(service, fetched).equals(healthy)
    assert healthy.height > 0
    assert world.server.count(service.needle) == 2
    assert max(world.clock.pauses, default=0) >= pause
    assert sum(world.clock.pauses) <= 8 + pause


# ------------------------------------------------------------------ not healed: said, bounded, and alone
@pytest.mark.parametrize(
    ("case", "fault", "words", "requests"),
    [
        ("400", status(400), "HTTP 400", 1),
        ("401 page", status(401), "HTTP 401", 1),
        ("403 page", status(403), "HTTP 403", 1),
        ("404", status(404), "HTTP 404", 1),
        ("429", status(429), "HTTP 429 after 3 tries", 3),
        ("429 with a long Retry-After", status(429, retry_after="3600"), "asking for a pause of 3600 s", 1),
        ("500", status(500), "HTTP 500 after 3 tries", 3),
        ("503", status(503), "HTTP 503 after 3 tries", 3),
        ("hang", HANG, "within 0.75 s after 3 tries", 3),
        ("drop", DROP, "after 3 tries", 3),
        ("cut", CUT, "after 3 tries", 3),
        ("truncated", SHORT, "after 3 tries", 3),
        ("HTML with 200", HTML_200, "after 3 tries", 3),
    ],
)
@every_service
def test_a_fault_that_stays_is_told_with_series_reason_and_remedy(
    service: Service, case: str, fault: Fault, words: str, requests: int, world: World, healthy: pl.DataFrame
) -> None:
    world.server.script.fail(service.needle, fault, forever=True)
    world.expect(fault)
    fetched = service.ask(world.upstream(keyed=service.keyed))
    assert [missing.id for missing in fetched.missing] == [service.id]
    told = str(fetched.missing[0])
    assert service.id in told
    assert service.name in told
    assert words in told or (service.name, case) == ("New York Fed", "400")
    assert len(fetched.missing[0].remedy) > 20
    assert rows_of(service, fetched).is_empty()
    expected = service.exact.get(case, requests)
    assert expected <= world.server.count(service.needle) <= expected * (service.per_try if fault == DROP else 1)


@every_service
def test_one_dead_series_does_not_stop_the_others(service: Service, world: World, healthy: pl.DataFrame) -> None:
    world.server.script.fail(service.needle, status(500), forever=True)
    fetched = service.ask(world.upstream(keyed=service.keyed))
    alone = service.id in ("treasury_operations", "etf_flows")
    assert fetched.rows.is_empty() == alone


@every_service
def test_an_unknown_id_is_asked_for_once_and_told(service: Service, world: World, healthy: pl.DataFrame) -> None:
    world.server.script.fail(service.needle, service.unknown, forever=True)
    missing = service.ask(world.upstream(keyed=service.keyed)).missing
    assert [m.id for m in missing] == [service.id]
    assert "optional" in missing[0].remedy or "atalog.toml" in missing[0].remedy
    assert world.server.count(service.needle) == 1


@every_service
def test_an_empty_window_is_no_row_and_never_an_invented_one(
    service: Service, world: World, healthy: pl.DataFrame
) -> None:
    world.server.script.fail(service.needle, service.empty, forever=True)
    fetched = service.ask(world.upstream(keyed=service.keyed))
    assert rows_of(service, fetched).is_empty()
    assert bool(fetched.missing) == service.empty_is_missing
    assert world.server.count(service.needle) == service.exact.get("empty window", 1)


@every_service
def test_duplicated_rows_count_once(service: Service, world: World, healthy: pl.DataFrame) -> None:
    world.server.script.fail(service.needle, rewriting(service.duplicated))
    fetched = service.ask(world.upstream(keyed=service.keyed))
    assert fetched.missing == ()
    assert rows_of(service, fetched).equals(healthy)


@every_service
def test_rows_in_any_order_arrive_sorted(service: Service, world: World, healthy: pl.DataFrame) -> None:
    world.server.script.fail(service.needle, rewriting(service.unordered))
    fetched = service.ask(world.upstream(keyed=service.keyed))
    assert fetched.missing == ()
    assert rows_of(service, fetched).equals(healthy)


@every_service
def test_a_message_names_what_is_kept_and_where_the_next_run_starts(
    service: Service, world: World, healthy: pl.DataFrame
) -> None:
    world.server.script.fail(service.needle, status(500), forever=True)
    told = str(service.ask(world.upstream(keyed=service.keyed)).missing[0])
    assert "kept 2026-11-18 as the last observation" in told
    assert service.name == "Farside" or re.search(r"The next run fetches from 2026-1[01]-\d\d$", told)


@every_service
def test_the_first_night_says_nothing_of_a_last_observation(service: Service, world: World) -> None:
    world.server.script.fail("", status(503), forever=True)
    upstream = world.upstream(keyed=service.keyed)
    answers = {
        "^RUT": lambda: upstream.price_bars([symbol("^RUT")], {}),
        "treasury_operations": lambda: upstream.treasury_operations(None),
        "etf_flows": lambda: upstream.fund_flows(None),
    }
    answer = answers.get(service.id, lambda: upstream.macro_observations([series(service.id)], {}))
    told = str(answer().missing[0])
    assert "HTTP 503 after 3 tries" in told
    assert "kept" not in told


# ------------------------------------------------------------------ a service that is gone
def test_a_dead_yahoo_is_given_up_after_a_few_symbols(world: World) -> None:
    world.server.script.fail("chart", status(503), forever=True)
    fetched = world.upstream().price_bars(CATALOG.symbol, {})
    assert {m.id for m in fetched.missing} == {s.id for s in CATALOG.symbol}
    assert sum("not asked" in m.reason for m in fetched.missing) >= len(CATALOG.symbol) - 7
    assert world.server.count("chart") <= 7 * 3


def test_a_dead_fred_is_given_up_after_three_series(world: World) -> None:
    world.server.script.fail("", DROP, forever=True)
    fetched = world.upstream(keyed=True).macro_observations(FREDS, {})
    assert len(fetched.missing) == len(FREDS)
    assert sum("not asked" in m.reason for m in fetched.missing) == len(FREDS) - 3
    assert world.server.count() == 3 + 1 + 1  # one try each, once a series was not answered at all


def test_a_dead_new_york_fed_is_given_up_after_two_of_its_questions(world: World) -> None:
    world.server.script.fail("", status(503), forever=True)
    upstream = world.upstream()
    missing = [*upstream.macro_observations(DESKS, {}).missing, *upstream.treasury_operations(None).missing]
    assert [m.id for m in missing] == ["EFFR", "SOFR", "SOMA_BILLS", "treasury_operations"]
    assert ["not asked" in m.reason for m in missing] == [False, False, True, True]
    assert world.server.count() == 2 * world.policy.tries


def test_a_dead_new_york_fed_costs_fred_nothing(world: World) -> None:
    world.server.script.fail(NYFED, DROP, forever=True)
    fetched = world.upstream(keyed=True).macro_observations([*DESKS, series("DFF")], {})
    assert {m.id for m in fetched.missing} == {entry.id for entry in DESKS}
    assert set(fetched.rows["series_id"]) == {"DFF"}


def test_one_series_that_is_never_answered_does_not_stop_the_others(world: World) -> None:
    world.server.script.fail("series_id=DFF", HANG, forever=True)
    world.expect(HANG)
    asked = [series(name) for name in ("DFF", "WALCL", "NFCI")]
    fetched = world.upstream(keyed=True).macro_observations(asked, {})
    assert [m.id for m in fetched.missing] == ["DFF"]


def test_services_that_all_hang_cost_a_night_a_few_tries_each(world: World) -> None:
    world.server.script.fail("", HANG, forever=True)
    world.policy = replace(world.policy, timeout_seconds=0.3)
    upstream = world.upstream(keyed=True, futures=18)
    answers = {
        "Yahoo prices": upstream.price_bars(CATALOG.symbol, {}),
        "Yahoo futures": upstream.futures_settlements(CATALOG.futures, {}),
        "macro series": upstream.macro_observations(CATALOG.series, {}),
        "New York Fed": upstream.treasury_operations(None),
        "Farside": upstream.fund_flows(None),
    }
    told = {name: [str(missing) for missing in answer.missing] for name, answer in answers.items()}
    assert all(fetched.rows.is_empty() for fetched in answers.values())
    assert [len(told[name]) for name in ("Yahoo prices", "macro series")] == [len(CATALOG.symbol), len(CATALOG.series)]
    assert all(
        "no answer within 0.3 s" in line or "no complete answer" in line for lines in told.values() for line in lines
    )
    tries, threads = world.policy.tries, 4
    assert world.server.count("chart") <= threads * (tries + 1)  # prices and futures together
    assert world.server.count(FRED) == tries + 1 + 1
    assert world.server.count(NYFED) == tries + 1  # rates, bills and operations together
    assert world.server.count(FARSIDE) == tries


def test_a_rejected_key_is_told_once_and_not_tried_on_every_series(world: World) -> None:
    world.fred.key = "another"
    upstream = world.upstream(keyed=True)
    world.fred.key = "fedcba9876543210fedcba9876543210"
    fetched = upstream.macro_observations(FREDS, {})
    assert len(fetched.missing) == len(FREDS)
    assert all("FRED_API_KEY" in m.remedy for m in fetched.missing)
    assert world.server.count() == 1


def test_a_service_that_recovers_is_asked_again(world: World) -> None:
    world.server.script.fail("series_id=DFF", status(500), forever=True)
    asked = [series(name) for name in ("DFF", "WALCL", "NFCI")]
    fetched = world.upstream(keyed=True).macro_observations(asked, {})
    assert [m.id for m in fetched.missing] == ["DFF"]


def test_no_series_takes_longer_than_its_budget(world: World) -> None:
    world.server.script.fail("", status(429, retry_after="100"), forever=True)
    world.upstream(keyed=True).macro_observations([series("DFF")], {})
    assert sum(world.clock.pauses) <= world.policy.budget_seconds


def test_fred_is_never_asked_more_than_its_limit_in_any_minute(world: World) -> None:
    moments: list[float] = []
    answer = world.server.services[FRED]

    def watched(request: object) -> object:
        moments.append(world.clock.monotonic())
        return answer(request)  # type: ignore[arg-type]

    world.server.services[FRED] = watched  # type: ignore[assignment]
    world.fred.vintages = {f"S{n}": [(date(2026, 11, 1), date(2026, 11, 2), 1.0)] for n in range(150)}
    many = [series("DFF").model_copy(update={"id": f"S{n}"}) for n in range(150)]
    fetched = world.upstream(keyed=True).macro_observations(many, {})
    assert fetched.missing == ()
    busiest = max(sum(start <= m < start + 60 for m in moments) for start in moments)
    assert busiest <= 100


# ------------------------------------------------------------------ restated rows
def test_a_restated_price_inside_the_lookback_arrives(world: World) -> None:
    day = date(2026, 11, 13)
    stored = {"^RUT": LAST_STORED}
    before = world.upstream().price_bars([symbol("^RUT")], stored).rows
    world.yahoo.closes[("^RUT", day)] = 2222.0
    after = world.upstream().price_bars([symbol("^RUT")], stored).rows
    assert after.filter(pl.col("date") == day)["close"].to_list() == [2222.0]
    assert before.filter(pl.col("date") != day).equals(after.filter(pl.col("date") != day))


def test_a_restated_observation_arrives_with_the_day_it_became_public(world: World) -> None:
    day = date(2026, 10, 2)
    world.fred.vintages["NFCI"].append((day, date(2026, 11, 19), -0.5))
    rows = world.upstream(keyed=True).macro_observations([series("NFCI")], {"NFCI": date(2026, 11, 13)}).rows
    assert (day, date(2026, 11, 19), -0.5) in rows.select("date", "realtime_start", "value").rows()


def test_a_corrected_operation_replaces_the_first_report(world: World) -> None:
    day = date(2026, 11, 19)
    corrected = bill_purchase(25, day, 4.4, lastUpdated="2026-11-20 10:00:00")
    world.server.services[NYFED] = NyFedWorld([corrected, bill_purchase(25, day, 4.2)]).answer
    rows = world.upstream().treasury_operations(LAST_STORED).rows
    assert rows["accepted_usd_bn"].to_list() == [4.4]


def test_a_restated_rate_arrives(world: World) -> None:
    day = date(2026, 11, 13)
    told = [(d, p, 9.99 if d == day else v) for d, p, v in world.desk.series["EFFR"]]
    world.desk.series["EFFR"] = told
    rows = world.upstream().macro_observations([series("EFFR")], {"EFFR": LAST_STORED}).rows
    assert rows.filter(pl.col("date") == day)["value"].to_list() == [9.99]


def test_two_missed_weeks_heal_in_one_run(world: World) -> None:
    stored = {"^RUT": date(2026, 11, 5), "BTC-USD": date(2026, 11, 5)}
    rows = world.upstream().price_bars([symbol("^RUT"), symbol("BTC-USD")], stored).rows
    final = rows.filter(~pl.col("provisional"))
    assert final.filter(pl.col("symbol") == "^RUT", pl.col("date") > date(2026, 11, 5)).height == 11
    assert final.filter(pl.col("symbol") == "BTC-USD", pl.col("date") > date(2026, 11, 5)).height == 15


def test_after_the_first_night_each_symbol_and_series_costs_one_request(world: World) -> None:
    moment = datetime(2026, 11, 17, 3, 30, tzinfo=UTC)
    world.fred.vintages = {s.id: weekly(date(2026, 9, 2), 11) for s in FREDS}
    for night in range(3):
        world.clock.turn_to(moment + timedelta(days=night))
        upstream = world.upstream(keyed=True)
        stored = {} if night == 0 else dict.fromkeys((e.id for e in (*CATALOG.symbol, *CATALOG.series)), LAST_STORED)
        world.server.forget()
        prices = upstream.price_bars(CATALOG.symbol, stored)
        macro = upstream.macro_observations(CATALOG.series, stored)
        assert prices.missing == macro.missing == ()
    assert all(world.server.count(f"chart/{s.id}?") == 1 for s in CATALOG.symbol)
    assert all(world.server.count(f"/series?series_id={s.id}&") == 1 for s in FREDS)  # who it says it is
    assert all(world.server.count(f"/series/observations?series_id={s.id}&") == 1 for s in FREDS)
    assert world.server.count(NYFED) == len(DESKS)
    assert world.server.count() <= len(CATALOG.symbol) + len(CATALOG.series) + len(FREDS) + 2
