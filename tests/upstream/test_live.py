"""All services behind one upstream: under their real names, night after night, with faults."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import SecretStr

from assets.catalog import Catalog, Series, load_catalog
from assets.contracts.raw import (
    FomcMeetings,
    FundFlows,
    FuturesSettlements,
    MacroObservations,
    PriceBars,
    TreasuryOperations,
)
from assets.upstream import Fetched, Upstream
from pipelines.sources.http import RetryPolicy
from pipelines.sources.live import LiveConfig, LiveUpstream
from pipelines.sources.yahoo import sessions_between
from tests.upstream.loopback import FAULTS, Loopback, loopback
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

MEETINGS = pl.DataFrame({"meeting_date": [date(2026, 12, 9)], "scheduled": [True]})
CATALOG = load_catalog()
NYFED_SERIES = ("EFFR", "SOFR", "SOMA_BILLS")
FIRST_NIGHT = datetime(2026, 10, 6, 2, 30, tzinfo=UTC)


def small(catalog: Catalog) -> tuple[list[Any], list[Series]]:
    """Enough of the catalog to have one of each kind."""
    symbols = [s for s in catalog.symbol if s.id in ("BTC-USD", "^RUT", "SPY", "GC=F")]
    series = [s for s in catalog.series if s.id in ("WALCL", "DFF", "NFCI", "M2SL", *NYFED_SERIES)]
    return symbols, series


class Services:
    """All of them on one loopback internet, as functions of one clock."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.yahoo = YahooWorld(clock, first_day=date(2026, 9, 1))
        self.fred = FredWorld(clock=clock)
        friday, wednesday, day = date(2026, 6, 5), date(2026, 6, 3), timedelta(days=1)
        weeks = range(26)
        self.fred.vintages = {
            "DFF": [(date(2026, 8, 1) + day * n, date(2026, 8, 2) + day * n, 3.5 + n / 100) for n in range(110)],
            "WALCL": [(wednesday + day * 7 * n, wednesday + day * (7 * n + 1), 6.5e6 + n) for n in weeks],
            "NFCI": [  # restated every week for the ten weeks before
                (friday + day * 7 * k, friday + day * (7 * n + 5), n - k / 10)
                for n in weeks
                for k in range(max(0, n - 10), n + 1)
            ],
            "M2SL": [(date(2026, m, 1), date(2026, m + 1, 25), 22_000.0 + m) for m in range(1, 11)],
        }
        purchases = [bill_purchase(25, date(2026, 9, 1) + day * n, 4.0 + n / 100) for n in range(0, 80, 3)]
        rate = [(date(2026, 8, 3) + day * n, date(2026, 8, 4) + day * n, 3.6 + n / 100) for n in range(110)]
        held = [(wednesday + day * 7 * n, wednesday + day * (7 * n + 1), 200_000.0 + n) for n in weeks]
        self.desk = NyFedWorld(purchases, {"EFFR": rate, "SOFR": rate[5:], "SOMA_BILLS": held}, clock)

    def all(self) -> dict[str, Any]:
        flows = FarsideWorld(days=[(f"{n} Oct 2026", ("10.0", "(2.5)", "-"), "7.5") for n in range(1, 6)])
        return {**self.yahoo.services(), **self.fred.services(), **self.desk.services(), **flows.services()}


@pytest.fixture
def services(clock: FakeClock) -> Services:
    sessions_between(date(2026, 11, 1), date(2026, 11, 20))
    return Services(clock)


@pytest.fixture
def server(services: Services, tmp_path: Path) -> Iterator[Loopback]:
    with loopback(services.all(), tmp_path) as running:
        yield running


def fetch_all(upstream: Upstream) -> dict[str, Fetched]:
    symbols, series = small(CATALOG)
    return {
        "prices": upstream.price_bars(symbols, {}),
        "futures": upstream.futures_settlements(CATALOG.futures, {}),
        "macro": upstream.macro_observations(series, {}),
        "desk": upstream.treasury_operations(None),
        "flows": upstream.fund_flows(None),
        "meetings": upstream.fomc_meetings(),
    }


@pytest.mark.parametrize("keyed", [True, False])
def test_every_client_reaches_its_service_under_its_real_name(
    services: Services, server: Loopback, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keyed: bool
) -> None:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    key = SecretStr(services.fred.key) if keyed else None
    upstream: Upstream = LiveUpstream(
        LiveConfig(fred_api_key=key, cache_dir=tmp_path / "cache", futures_months=2), MEETINGS, services.clock
    )
    fetched = fetch_all(upstream)
    assert [m for answer in fetched.values() for m in answer.missing] == []
    assert {r.host for r in server.requests} == {
        *("fc.yahoo.com", "query1.finance.yahoo.com", "query2.finance.yahoo.com", NYFED, FARSIDE),
        FRED if keyed else GRAPH,
    }
    contracts = (PriceBars, FuturesSettlements, MacroObservations, TreasuryOperations, FundFlows, FomcMeetings)
    for contract, answer in zip(contracts, fetched.values(), strict=True):
        assert contract.is_valid(answer.rows), contract
        assert answer.rows.height > 0
    assert (fetched["macro"].rows["realtime_start"].null_count() > 0) is True
    assert {"ZQX26.CBT", "ZQZ26.CBT"} <= set(fetched["futures"].rows["contract"])


def series_of(fetched: Fetched) -> list[str]:
    return list(dict.fromkeys(fetched.rows["series_id"]))


def test_each_series_is_asked_of_its_source_only(
    services: Services, server: Loopback, tmp_path: Path, policy: RetryPolicy
) -> None:
    asked = [s for s in CATALOG.series if s.id in ("EFFR", "WALCL", "SOMA_BILLS", "DFF")]
    fetched = on_loopback(services, server, tmp_path, policy).macro_observations(asked, {})
    assert fetched.missing == ()
    assert series_of(fetched) == ["DFF", "WALCL", "EFFR", "SOMA_BILLS"]  # FRED's first, each source's in order
    assert [server.count(part) for part in ("/series?", "/series/observations", NYFED)] == [2, 2, 2]


def test_a_source_that_is_not_asked_has_nothing_to_say(
    services: Services, server: Loopback, tmp_path: Path, policy: RetryPolicy
) -> None:
    upstream = on_loopback(services, server, tmp_path, policy, keyed=False)
    own, freds = ([s for s in CATALOG.series if s.id == name] for name in ("SOFR", "DFF"))
    assert upstream.macro_observations(own, {}).notes == ()
    assert [server.count(host) for host in (FRED, GRAPH, NYFED)] == [0, 0, 1]
    (note,) = upstream.macro_observations([*own, *freds], {}).notes
    assert "keyless" in str(note)


def test_live_says_what_it_is_and_what_time_it_is(clock: FakeClock) -> None:
    upstream = LiveUpstream(LiveConfig(), MEETINGS, clock)
    assert (upstream.name, upstream.simulated) == ("live", False)
    assert upstream.now() == datetime(2026, 11, 21, 3, 30, tzinfo=UTC)
    assert upstream.today() == date(2026, 11, 20)


def test_the_configuration_does_not_show_the_key() -> None:
    assert "secret" not in repr(LiveConfig(fred_api_key=SecretStr("secret")))


def test_progress_is_said_per_series(
    services: Services, server: Loopback, tmp_path: Path, policy: RetryPolicy, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="pipelines.sources")
    fetch_all(on_loopback(services, server, tmp_path, policy))
    said = [record.getMessage() for record in caplog.records]
    symbols, series = small(CATALOG)
    assert all(any(entry.id in line for line in said) for entry in (*symbols, *series))


# ------------------------------------------------------------------ nights
def on_loopback(
    services: Services, server: Loopback, folder: Path, policy: RetryPolicy, *, keyed: bool = True
) -> LiveUpstream:
    config = LiveConfig(
        fred_api_key=SecretStr(services.fred.key) if keyed else None, futures_months=0, policy=policy, cache_dir=folder / "cache",
        yahoo_url=server.url("query2.finance.yahoo.com"), fred_url=server.url(FRED, "/fred"),
        fredgraph_url=server.url(GRAPH), nyfed_url=server.url(NYFED, "/api"), farside_url=server.url(FARSIDE),
    )  # fmt: skip
    return LiveUpstream(config, MEETINGS, services.clock)


class Store:
    """What a history keeps: the newest value per key, final rows only, and where each series ends."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], tuple[Any, ...]] = {}

    def watermarks(self, kind: str) -> dict[str, date]:
        marks: dict[str, date] = {}
        for stored, series, day, *_ in self.rows:
            if stored == kind:
                marks[series] = max(day, marks.get(series, day))
        return marks

    def keep(self, kind: str, rows: pl.DataFrame, key: list[str]) -> None:
        if "provisional" in rows.columns:
            rows = rows.filter(~pl.col("provisional"))
        values = [column for column in rows.columns if column not in key]
        for row in rows.to_dicts():
            self.rows[(kind, *(row[k] for k in key))] = tuple(row[v] for v in values)


def night(upstream: LiveUpstream, store: Store) -> int:
    """One night's fetching; returns how many series did not come."""
    symbols, series = small(CATALOG)
    prices = upstream.price_bars(symbols, store.watermarks("prices"))
    macro = upstream.macro_observations(series, store.watermarks("macro"))
    desk = upstream.treasury_operations(max(store.watermarks("desk").values(), default=None))
    store.keep("prices", prices.rows, ["symbol", "date"])
    store.keep("macro", macro.rows, ["series_id", "date", "realtime_start"])
    store.keep("desk", desk.rows, ["operation_type", "operation_date", "operation_id"])
    return len(prices.missing) + len(macro.missing) + len(desk.missing)


def live_through(
    nights: int, services: Services, server: Loopback, folder: Path, policy: RetryPolicy, *, share: float, seed: int
) -> tuple[Store, int]:
    store, lost = Store(), 0
    server.script.clear()
    if share:
        server.script.fail_at_random(share, seed, FAULTS)
    for number in range(nights):
        services.clock.turn_to(FIRST_NIGHT + timedelta(days=number))
        lost += night(on_loopback(services, server, folder, policy), store)
    server.script.clear()
    services.clock.turn_to(FIRST_NIGHT + timedelta(days=nights))
    lost += night(on_loopback(services, server, folder, policy), store)
    return store, lost


def test_nights_with_faults_end_like_nights_without_once_the_services_recover(
    services: Services, server: Loopback, tmp_path: Path, policy: RetryPolicy
) -> None:
    calm, nothing_lost = live_through(8, services, server, tmp_path, policy, share=0.0, seed=0)
    rough, lost = live_through(8, services, server, tmp_path, policy, share=0.5, seed=20261120)
    assert nothing_lost == 0
    assert lost > 0  # half of all requests failed: some series missed some nights
    assert rough.rows == calm.rows
