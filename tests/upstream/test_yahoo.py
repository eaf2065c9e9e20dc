"""What Yahoo's answers leave unsaid: live bars, holes, damage. Real recordings where they are at hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.catalog import Symbol
from assets.contracts.raw import PriceBars
from assets.upstream import Fetched
from pipelines.sources.http import RetryPolicy
from pipelines.sources.yahoo import (
    SETTLE_MARGIN,
    Yahoo,
    day_ends,
    days_back,
    fed_funds_contracts,
    sessions_between,
)
from tests.upstream.conftest import NIGHTS, Recordings
from tests.upstream.loopback import DROP, Answer, Request, answering, loopback, rewriting, status
from tests.upstream.services import FakeClock, YahooWorld

HOST = "query2.finance.yahoo.com"
THE_RUT = "chart/^RUT?period1"
Columns = dict[str, list[Any]]


def symbol(name: str, frequency: str = "session", role: str = "large_caps", price: str = "close") -> Symbol:
    return Symbol.model_validate(
        {"id": name, "name": name, "source": "yahoo", "unit": "usd", "frequency": frequency, "release_lag_days": 0,
         "role": role, "price": price}
    )  # fmt: skip


RUT, BTC, SPY = symbol("^RUT"), symbol("BTC-USD", "calendar_day", "crypto"), symbol("SPY", price="adj_close")


class Market:
    """A Yahoo on loopback and the source that asks it."""

    def __init__(self, folder: Path, clock: FakeClock, policy: RetryPolicy) -> None:
        self.clock = clock
        self.world = YahooWorld(clock, first_day=date(2026, 10, 1))
        sessions_between(date(2026, 11, 1), date(2026, 11, 20))
        self.server = loopback(self.world.services(), folder)
        self.running = self.server.__enter__()
        self.source = Yahoo(policy, clock, base_url=self.running.url(HOST), cache_dir=folder / "cache")

    def ask(self, *symbols: Symbol, stored: date | None = date(2026, 11, 18)) -> Fetched:
        return self.source.price_bars(symbols, {s.id: stored for s in symbols} if stored else {})

    def change(self, change: Callable[[Columns, list[int]], None]) -> None:
        def rewrite(body: str) -> str:
            document = json.loads(body)
            result = document["chart"]["result"][0]
            change({**result["indicators"]["quote"][0], **result["indicators"]["adjclose"][0]}, result["timestamp"])
            return json.dumps(document)

        self.running.script.fail(THE_RUT, rewriting(rewrite))


@pytest.fixture
def market(tmp_path: Path, clock: FakeClock, policy: RetryPolicy):  # type: ignore[no-untyped-def]
    market = Market(tmp_path, clock, policy)
    yield market
    market.server.__exit__(None, None, None)


def final(fetched: Fetched) -> pl.DataFrame:
    return fetched.rows.filter(~pl.col("provisional"))


# ------------------------------------------------------------------ when is a bar final
@pytest.mark.parametrize(
    ("moment", "last_final"),
    [
        pytest.param("2026-11-20T14:00", date(2026, 11, 19), id="before the open"),
        pytest.param("2026-11-20T15:00", date(2026, 11, 19), id="market open"),
        pytest.param("2026-11-20T21:01", date(2026, 11, 19), id="just closed"),
        pytest.param("2026-11-20T22:42", date(2026, 11, 19), id="1 h 42 min after the close"),
        pytest.param("2026-11-21T01:30", date(2026, 11, 19), id="live stamp, although the margin has passed"),
        pytest.param("2026-11-21T03:30", date(2026, 11, 20), id="settled"),
        pytest.param("2026-11-22T12:00", date(2026, 11, 20), id="on Sunday"),
    ],
)
def test_the_live_bar_stays_provisional_until_it_is_settled(market: Market, moment: str, last_final: date) -> None:
    market.clock.turn_to(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    fetched = market.ask(RUT)
    assert final(fetched)["date"].max() == last_final
    assert fetched.rows["provisional"].sum() <= 1


@pytest.mark.parametrize(
    ("moment", "last_final"),
    [
        pytest.param("2026-11-20T23:59", date(2026, 11, 19), id="before midnight UTC"),
        pytest.param("2026-11-21T00:05", date(2026, 11, 19), id="within the margin"),
        pytest.param("2026-11-21T00:30", date(2026, 11, 20), id="20:30 New York in summer"),
    ],
)
def test_a_crypto_day_ends_at_midnight_utc(market: Market, moment: str, last_final: date) -> None:
    market.clock.turn_to(datetime.fromisoformat(moment).replace(tzinfo=UTC))
    assert final(market.ask(BTC))["date"].max() == last_final


def test_a_settled_looking_bar_waits_for_the_margin_after_the_close(market: Market) -> None:
    market.clock.turn_to(datetime(2026, 11, 20, 22, 30, tzinfo=UTC))
    opening = int(datetime(2026, 11, 20, 14, 30, tzinfo=UTC).timestamp())
    market.change(lambda columns, stamps: stamps.__setitem__(-1, opening))
    assert final(market.ask(RUT))["date"].max() == date(2026, 11, 19)
    market.clock.turn_to(datetime(2026, 11, 20, 23, 1, tzinfo=UTC))
    market.change(lambda columns, stamps: stamps.__setitem__(-1, opening))
    assert final(market.ask(RUT))["date"].max() == date(2026, 11, 20)


def test_days_end_at_early_closes_at_five_for_futures_and_at_midnight_for_crypto() -> None:
    day_after_thanksgiving = date(2025, 11, 28)
    assert day_ends(RUT, day_after_thanksgiving) == datetime(2025, 11, 28, 18, tzinfo=UTC)
    assert day_ends(symbol("GC=F", role="metal"), day_after_thanksgiving) == datetime(2025, 11, 28, 22, tzinfo=UTC)
    assert day_ends(BTC, day_after_thanksgiving) == datetime(2025, 11, 29, tzinfo=UTC)
    assert timedelta(hours=1, minutes=42) < SETTLE_MARGIN  # seen unsettled so long after the close


# ------------------------------------------------------------------ odd rows, each recognised
def set_last(column: str, value: float | None) -> Callable[[Columns, list[int]], None]:
    return lambda columns, stamps: columns[column].__setitem__(-1, value)


def blank_the_bar(columns: Columns, stamps: list[int]) -> None:
    for name in ("open", "high", "low", "close", "adjclose"):
        columns[name][2] = None


def add_live_twin(columns: Columns, stamps: list[int]) -> None:
    for values in columns.values():
        values.append(values[-1])
    stamps.append(stamps[-1] + 23_400)


def add_future(columns: Columns, stamps: list[int]) -> None:
    for values in columns.values():
        values.extend([values[-1], values[-1]])
    stamps.extend([stamps[-1] + 3 * 86_400, stamps[-1] + 4 * 86_400])


@pytest.mark.parametrize(
    ("change", "words", "bars"),
    [
        pytest.param(blank_the_bar, "no close on 2026-11-13", 7, id="NaN close with a volume"),
        pytest.param(add_live_twin, "several bars for 2026-11-20", 8, id="duplicated day"),
        pytest.param(add_future, "bars beyond the end asked for, 2026-11-23", 8, id="bars beyond the end"),
        pytest.param(set_last("low", 9e9), "a high below its low on 2026-11-20", 8, id="high below low"),
        pytest.param(set_last("close", -1.0), "a price of zero or less on 2026-11-20", 7, id="negative close"),
    ],
)
def test_an_odd_row_is_left_out_and_told(
    market: Market, change: Callable[[Columns, list[int]], None], words: str, bars: int
) -> None:
    market.change(change)
    fetched = market.ask(RUT)
    assert fetched.missing == ()
    assert any(words in str(note) for note in fetched.notes), fetched.notes
    assert fetched.rows.height == bars
    assert PriceBars.is_valid(fetched.rows)


def test_a_dividend_without_a_bar_is_no_bar(market: Market) -> None:
    market.world.dividends[("SPY", date(2026, 11, 16))] = 1.5

    def without_the_bar(body: str) -> str:
        document = json.loads(body)
        result = document["chart"]["result"][0]
        place = result["timestamp"].index(max(int(s) for s in result["events"]["dividends"]))
        columns = {**result["indicators"]["quote"][0], **result["indicators"]["adjclose"][0]}
        for values in columns.values():
            values[place] = None
        return json.dumps(document)

    market.running.script.fail("chart/SPY?period1", rewriting(without_the_bar))
    fetched = market.ask(SPY)
    assert date(2026, 11, 16) not in fetched.rows["date"].to_list()
    assert any("a dividend or split without a bar on 2026-11-16" in str(note) for note in fetched.notes)


def test_a_split_is_told_with_its_ratio(market: Market) -> None:
    def split(body: str) -> str:
        document = json.loads(body)
        result = document["chart"]["result"][0]
        stamp = result["timestamp"][-2]
        result["events"] = {"splits": {str(stamp): {"date": stamp, "numerator": 2.0, "denominator": 1.0}}}
        return json.dumps(document)

    market.running.script.fail("chart/SPY?period1", rewriting(split))
    assert market.ask(SPY, stored=date(2026, 11, 18)).splits == {"SPY": (2.0,)}
    market.running.script.fail("chart/SPY?period1", rewriting(split))
    assert market.ask(SPY, stored=date(2026, 11, 30)).splits == {"SPY": ()}  # long in what is stored


def test_arrays_of_unequal_length_are_an_error(market: Market) -> None:
    one_more = rewriting(lambda body: body.replace('"open": [', '"open": [1.0, '))
    market.running.script.fail(THE_RUT, one_more, forever=True)
    (missing,) = market.ask(RUT).missing
    assert "bars that do not fit together" in missing.reason


def test_yahoo_being_down_in_words_is_tried_again(market: Market) -> None:
    market.running.script.fail(THE_RUT, answering("<html>Will be right back...</html>", "text/html"))
    assert market.ask(RUT).missing == ()


@pytest.mark.parametrize("body", ['{"chart":{"result":null,"error":null}}', '{"chart":{"result":[],"error":null}}'])
def test_a_null_result_is_nothing_delivered_and_asked_once(market: Market, body: str) -> None:
    market.ask(RUT)
    market.running.forget()
    market.running.script.fail(THE_RUT, answering(body), forever=True)
    (missing,) = market.ask(RUT).missing
    assert "without any bar" in missing.reason
    assert market.running.count(THE_RUT) == 1


# ------------------------------------------------------------------ cookies and crumbs
@pytest.mark.parametrize("fault", [status(429, body="Too Many Requests\r\n"), status(500), DROP, answering("")])
def test_bars_come_without_a_crumb(market: Market, fault: Any) -> None:
    market.running.script.fail("getcrumb", fault, forever=True)
    fetched = market.ask(RUT, BTC, SPY)
    assert fetched.missing == ()
    assert market.running.count("getcrumb") <= 5
    assert market.running.count("crumb=") == 0


def test_a_stale_crumb_is_renewed_by_the_client(market: Market) -> None:
    stale = json.dumps({"chart": {"result": None, "error": {"code": "Unauthorized", "description": "Invalid Crumb"}}})
    market.running.script.fail(THE_RUT, status(401, body=stale))
    assert market.ask(RUT).missing == ()


def test_a_broken_cache_of_the_client_does_not_stop_a_night(market: Market, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    for name in ("tkr-tz.db", "cookies.db"):
        (broken / name).write_bytes(b"not a database" * 100)
    market.source._cache_dir = broken
    assert market.ask(RUT).missing == ()


# ------------------------------------------------------------------ windows
def test_the_window_starts_five_sessions_before_the_last_stored_one(market: Market) -> None:
    market.ask(RUT, BTC)
    asked = {r.path.rpartition("/")[2]: r.query for r in market.running.requests if "period1" in r.query}
    first_day = {name: datetime.fromtimestamp(int(q["period1"]), UTC).date() for name, q in asked.items()}
    assert first_day == {"^RUT": date(2026, 11, 11), "BTC-USD": date(2026, 11, 13)}
    assert days_back(RUT, date(2026, 11, 30), 5) == date(2026, 11, 20)  # Thanksgiving is no session


def test_a_symbol_read_by_its_adjusted_close_comes_whole_so_that_a_dividend_leaves_no_step(market: Market) -> None:
    before = market.ask(SPY).rows
    market.world.dividends[("SPY", date(2026, 11, 20))] = 1.5
    after = market.ask(SPY).rows
    assert after.height == before.height == 37
    moved = (after["adj_close"] / before["adj_close"])[:-1]
    assert moved.max() < 0.999
    assert after["close"].equals(before["close"])


def test_fed_funds_contracts_reach_eighteen_months_ahead() -> None:
    ids = [contract.id for contract in fed_funds_contracts(date(2026, 11, 22), 18)]
    assert ids == [
        *("ZQX26.CBT", "ZQZ26.CBT", "ZQF27.CBT", "ZQG27.CBT", "ZQH27.CBT", "ZQJ27.CBT", "ZQK27.CBT", "ZQM27.CBT"),
        *("ZQN27.CBT", "ZQQ27.CBT", "ZQU27.CBT", "ZQV27.CBT", "ZQX27.CBT", "ZQZ27.CBT", "ZQF28.CBT", "ZQG28.CBT"),
        *("ZQH28.CBT", "ZQJ28.CBT"),
    ]
    assert fed_funds_contracts(date(2026, 12, 10), 1)[0].id == "ZQX26.CBT"  # expired, but its last bars may be due


def test_a_contract_that_is_not_listed_ends_the_path_and_fails_nothing(market: Market) -> None:
    market.world.unknown.add("ZQJ28.CBT")
    fetched = market.ask(*fed_funds_contracts(date(2026, 11, 22), 18), stored=None)
    assert fetched.missing == ()
    assert fetched.rows["symbol"].n_unique() == 17
    assert [note.id for note in fetched.notes] == ["ZQJ28.CBT"]


# ------------------------------------------------------------------ real recordings
def replay(name: str, recordings: Recordings, market: Market, asked: Symbol, now: datetime) -> Fetched:
    body = recordings.body(f"yahoo/{name}.json")

    def answer(request: Request) -> Answer:
        return Answer(body) if request.path.startswith("/v8/") else Answer("haT3oykhHqZ", content_type="text/plain")

    market.running.services[HOST] = answer
    market.clock.turn_to(now)
    return market.ask(asked, stored=None)


AAPL = symbol("AAPL", role="fund")


def test_replayed_nights_never_call_a_live_bar_final(recordings: Recordings, market: Market) -> None:
    provisional = []
    for name, now in NIGHTS:
        rows = replay(name, recordings, market, AAPL, now).rows
        provisional.append(rows.filter(pl.col("provisional"))["date"].to_list())
    live, settled = date(2025, 8, 15), date(2025, 8, 25)
    assert provisional == [[live], [live], [], [settled], [settled], []]


def test_replayed_nights_are_judged_alike_long_afterwards(recordings: Recordings, market: Market) -> None:
    years_later = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)
    flags = [replay(name, recordings, market, AAPL, years_later).rows["provisional"].sum() for name, _ in NIGHTS]
    assert flags == [1, 1, 0, 1, 1, 0]


def test_replayed_closes_and_lows_end_as_in_the_last_recording(recordings: Recordings, market: Market) -> None:
    stored: dict[date, dict[str, Any]] = {}
    for name, now in NIGHTS:
        for row in final(replay(name, recordings, market, AAPL, now)).to_dicts():
            stored[row["date"]] = row
    last = final(replay(*NIGHTS[-1][:1], recordings, market, AAPL, NIGHTS[-1][1]))
    for row in last.to_dicts():
        assert stored[row["date"]] == row


@pytest.mark.parametrize(
    ("name", "asked", "days"),
    [
        ("chart_BTC-USD_2020-01-01_2020-01-03", BTC, ["2020-01-01", "2020-01-02", "2020-01-03"]),
        ("chart_GC=F_2020-01-01_2020-01-03", symbol("GC=F", role="metal"), ["2020-01-02"]),
    ],
)
def test_recorded_charts_are_read(
    recordings: Recordings, market: Market, name: str, asked: Symbol, days: list[str]
) -> None:
    fetched = replay(name, recordings, market, asked, datetime(2026, 11, 21, 3, 30, tzinfo=UTC))
    assert [day.isoformat() for day in fetched.rows["date"]] == days
    assert PriceBars.is_valid(fetched.rows)
    assert not fetched.rows["provisional"].any()


def test_a_recorded_chart_with_a_dividend_keeps_unadjusted_closes(recordings: Recordings, market: Market) -> None:
    asked = symbol("AAPL", role="fund", price="adj_close")
    name = "chart_AAPL_2020-08-31_2020-11-07_split_div"
    rows = replay(name, recordings, market, asked, datetime(2026, 11, 21, 3, 30, tzinfo=UTC)).rows
    assert rows.height == 49
    assert rows.filter(pl.col("close") > pl.col("adj_close")).height > 40


def test_a_recorded_chart_without_bars_is_nothing_delivered(recordings: Recordings, market: Market) -> None:
    now = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)
    (missing,) = replay("chart_LUCYW_no_bars_null_currency", recordings, market, symbol("LUCYW"), now).missing
    assert "without any bar" in missing.reason


def test_a_split_brings_the_whole_history_because_it_rescales_all_closes(market: Market) -> None:
    stamp = int(datetime(2026, 11, 16, 14, 30, tzinfo=UTC).timestamp())
    split = {str(stamp): {"date": stamp, "numerator": 2, "denominator": 1, "splitRatio": "2:1"}}

    def with_split(body: str) -> str:
        document = json.loads(body)
        document["chart"]["result"][0]["events"] = {"splits": split}
        return json.dumps(document)

    market.running.script.fail(THE_RUT, rewriting(with_split))
    rows = market.ask(RUT).rows
    assert rows.height == 37
    assert market.running.count(THE_RUT) == 2
