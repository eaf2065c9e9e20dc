"""What the work around yfinance rests on: each of these failing means that the package has changed there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import yfinance as yf
from yfinance.data import YfData
from yfinance.exceptions import YFException, YFRateLimitError, YFTickerMissingError

from pipelines.sources.errors import ServiceDown
from pipelines.sources.http import Pace, RetryPolicy
from pipelines.sources.yfinance_client import SAID, Connection, YfinanceClient
from tests.upstream.loopback import Loopback, loopback, status
from tests.upstream.services import FakeClock, YahooWorld

HOST = "query2.finance.yahoo.com"
START, END = date(2026, 10, 1), date(2026, 10, 20)


@pytest.fixture
def server(tmp_path: Path, clock: FakeClock) -> Iterator[Loopback]:
    with loopback(YahooWorld(clock, first_day=date(2026, 9, 1)).services(), tmp_path) as running:
        yield running


@pytest.fixture
def client(server: Loopback, tmp_path: Path, clock: FakeClock, policy: RetryPolicy) -> YfinanceClient:
    pace = Pace(1000, clock)
    return YfinanceClient(policy, pace, clock, base_url=server.url(HOST), cache_dir=tmp_path / "cache")


@pytest.fixture
def connection(client: YfinanceClient) -> Iterator[Connection]:
    with client.connected() as connection:
        yield connection


def test_one_symbol_costs_one_request_once_its_time_zone_is_known(server: Loopback, connection: Connection) -> None:
    connection.daily_bars("^RUT", START, END)
    asked = server.count("chart/^RUT")
    connection.daily_bars("^RUT", START, END)
    assert server.count("chart/^RUT") - asked == 1  # what the answer says of itself costs none


def test_the_answer_says_who_it_is(connection: Connection) -> None:
    said = connection.daily_bars("^RUT", START, END).said
    assert tuple(said) == SAID
    assert said["symbol"] == "^RUT"


def test_the_cache_keeps_failures_and_clearing_it_asks_anew(server: Loopback, connection: Connection) -> None:
    server.script.fail("chart/^RUT?period1", status(500))
    with pytest.raises(ServiceDown):
        connection.daily_bars("^RUT", START, END)
    assert connection.daily_bars("^RUT", START, END).frame.shape[0] > 0


def test_the_one_object_of_a_process_forgets_when_it_is_made_anew() -> None:
    first = YfData()
    first._crumb = "old"
    assert YfData() is first
    first.__init__()  # type: ignore[misc]
    assert first._crumb is None
    assert callable(YfData.cache_get.cache_clear)


def test_the_caches_can_be_moved(tmp_path: Path) -> None:
    before = yf.cache._TzDBManager.get_location()
    for manager in (yf.cache._TzCacheManager, yf.cache._CookieCacheManager):
        assert callable(manager._initialise)
    assert isinstance(before, str)


def test_failures_can_be_shown_and_are_told_apart() -> None:
    assert hasattr(yf.config.debug, "hide_exceptions")
    assert issubclass(YFRateLimitError, YFException)
    assert issubclass(YFTickerMissingError, YFException)
