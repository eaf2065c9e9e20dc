"""An answer about something else is refused by name and never stored, however well formed it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from assets.catalog import Symbol, load_catalog
from assets.upstream import Fetched
from pipelines.sources.http import RetryPolicy
from pipelines.sources.identity import coarser
from pipelines.sources.yahoo import Yahoo, fed_funds_contracts, sessions_between
from tests.upstream.loopback import Loopback, loopback, rewriting
from tests.upstream.services import FakeClock, YahooWorld

CATALOG = load_catalog()
HOST = "query2.finance.yahoo.com"
Chart = dict[str, Any]


def symbol(name: str) -> Symbol:
    return next(s for s in CATALOG.symbol if s.id == name)


class Market:
    """A Yahoo on loopback and the source that asks it."""

    def __init__(self, server: Loopback, world: YahooWorld, source: Yahoo) -> None:
        self.server, self.world, self.source = server, world, source

    def answer_with(self, name: str, change: Callable[[Chart], None]) -> None:
        """Every answer for the symbol is changed."""

        def rewrite(body: str) -> str:
            document = json.loads(body)
            change(document["chart"]["result"][0])
            return json.dumps(document)

        self.server.script.fail(f"chart/{name}?period1", rewriting(rewrite), forever=True)

    def ask(self, *names: str, stored: date = date(2026, 11, 18)) -> Fetched:
        return self.source.price_bars([symbol(n) for n in names], dict.fromkeys(names, stored))


@pytest.fixture
def market(tmp_path: Path, clock: FakeClock, policy: RetryPolicy) -> Iterator[Market]:
    world = YahooWorld(clock, first_day=date(2026, 10, 1))
    sessions_between(date(2026, 11, 1), date(2026, 11, 20))
    with loopback(world.services(), tmp_path) as server:
        yield Market(server, world, Yahoo(policy, clock, base_url=server.url(HOST), cache_dir=tmp_path / "cache"))


def says(**meta: str) -> Callable[[Chart], None]:
    return lambda chart: chart["meta"].update(meta)


@pytest.mark.parametrize(
    ("name", "change", "reason"),
    [
        ("^RUT", says(symbol="^GSPC"), "answered with bars of ^GSPC where ^RUT belongs"),
        ("BTC-USD", says(currency="EUR"), "prices in EUR where USD belongs"),
        ("IBIT", says(currency="USX"), "prices in USX where USD belongs"),
        ("^GSPC", says(dataGranularity="1wk"), "bars of granularity 1wk where 1d belongs"),
        ("SPY", says(exchangeTimezoneName="Europe/London"), "days of Europe/London where America/New_York"),
        ("BTC-USD", says(exchangeTimezoneName="America/New_York"), "days of America/New_York where UTC belongs"),
        ("IWM", says(instrumentType="MUTUALFUND"), "an instrument of type MUTUALFUND where ETF belongs"),
        ("GC=F", says(instrumentType="EQUITY"), "an instrument of type EQUITY where FUTURE belongs"),
    ],
)
def test_bars_of_something_else_are_refused_by_name(
    market: Market, name: str, change: Callable[[Chart], None], reason: str
) -> None:
    market.answer_with(name, change)
    fetched = market.ask(name)
    assert fetched.rows.is_empty()
    (missing,) = fetched.missing
    assert missing.id == name
    assert reason in missing.reason
    assert "none of it was stored" in missing.reason
    assert "assets/catalog.toml" in missing.remedy


def test_another_identity_is_not_asked_for_again_until_it_suits(market: Market) -> None:
    market.answer_with("^RUT", says(symbol="^GSPC"))
    market.ask("^RUT")
    assert market.server.count("chart/^RUT?period1") == 1


def test_one_symbol_of_another_identity_does_not_stop_the_others(market: Market) -> None:
    market.answer_with("^RUT", says(symbol="^GSPC"))
    fetched = market.ask("^RUT", "^GSPC", "^DJI", "^NDX")
    assert [m.id for m in fetched.missing] == ["^RUT"]
    assert set(fetched.rows["symbol"]) == {"^GSPC", "^DJI", "^NDX"}


def test_every_catalog_symbol_and_contract_is_recognised(market: Market) -> None:
    contracts = fed_funds_contracts(date(2026, 11, 20), 2)
    fetched = market.source.price_bars([*CATALOG.symbol, *contracts], {})
    assert (fetched.missing, fetched.notes) == ((), ())


def test_what_an_answer_does_not_say_is_noted(market: Market) -> None:
    market.answer_with("^RUT", lambda chart: chart["meta"].pop("symbol"))
    (note,) = market.ask("^RUT").notes
    assert str(note) == "^RUT: the answer does not say its symbol (^RUT is taken for granted)"


# ------------------------------------------------------------------ coarser bars
def every(days: int) -> Callable[[Chart], None]:
    """Only every so many bars, the last one live."""

    def thin(chart: Chart) -> None:
        columns = [*chart["indicators"]["quote"], *chart["indicators"]["adjclose"], chart]
        for column in columns:
            for name, values in column.items():
                if isinstance(values, list):
                    column[name] = values[::-1][::days][::-1]

    return thin


@pytest.mark.parametrize(
    ("name", "days", "stored"),
    [
        ("^RUT", 5, date(2026, 11, 18)),
        ("^RUT", 5, date(2026, 10, 5)),
        ("BTC-USD", 7, date(2026, 11, 10)),
        ("^RUT", 21, date(2026, 10, 5)),
    ],
)
def test_weekly_and_monthly_bars_in_answer_to_a_daily_request_are_refused(
    market: Market, name: str, days: int, stored: date
) -> None:
    market.answer_with(name, every(days))
    fetched = market.ask(name, stored=stored)
    assert fetched.rows.is_empty()
    assert "days apart where daily ones belong" in fetched.missing[0].reason


def test_a_hole_of_two_days_is_a_hole_and_no_other_granularity(market: Market) -> None:
    market.world.absent = {("^RUT", date(2026, 11, 17)), ("^RUT", date(2026, 11, 18))}
    fetched = market.ask("^RUT")
    assert fetched.missing == ()
    assert not fetched.rows.is_empty()


def test_too_few_days_are_not_judged() -> None:
    days = [date(2026, 11, 2) + timedelta(days=n) for n in range(10)]
    assert coarser([days[0], days[2]], days) is None
    assert coarser([days[0], days[7]], days) == "bars about 7 days apart where daily ones belong"
