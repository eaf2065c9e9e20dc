"""Yahoo Finance's daily bars: which are asked for, and what they are worth.

Here: the days and contracts asked for, identity and damage of what came, the bars of raw.price_bars. Not here: yfinance
(pipelines.sources.yfinance_client), which symbols exist and who they are (assets.catalog), patience and pacing
(pipelines.sources.http), revisions (pipelines.warehouse.store).

When is a bar final? Yahoo stamps the live bar with the last trade's time and goes on doing so after the
close; open, high, low and volume still change. Recorded answers show it unsettled 1 h 42 min after the close
and settled, stamped like every other bar, after 6 h. So a bar stays provisional until SETTLE_MARGIN after its
day ended and, whatever the clock says, while it carries a live stamp. A crypto day has no closing auction and
ends when the next one begins; its margin only covers clocks that disagree.
"""

from __future__ import annotations

import functools
import itertools
import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any

import exchange_calendars
import pandas as pd
import polars as pl

from assets.catalog import Symbol
from assets.contracts.raw import PriceBars
from assets.upstream import Fetched, Note, Watermarks
from pipelines.sources.answers import lost, together
from pipelines.sources.errors import NothingDelivered, SourceError, UnknownSeries
from pipelines.sources.http import NEW_YORK, Breaker, Clock, Pace, Patience, RetryPolicy
from pipelines.sources.identity import OtherIdentity, coarser, recognised, symbol_traits
from pipelines.sources.yfinance_client import SERVICE, Connection, DailyBars, Seen, YfinanceClient

log = logging.getLogger(__name__)

FIRST_DAY = date(1927, 1, 1)  # before the S&P 500's first bar: all there is
CALENDAR_STARTS = date(1990, 1, 1)  # sessions before this are not compared with the exchange calendar
SETTLE_MARGIN = timedelta(hours=2)
SETTLE_MARGIN_UTC_DAY = timedelta(minutes=15)
FED_FUNDS = "fed_funds_future"
TRADES_UNTIL_FIVE = ("metal", "dollar", FED_FUNDS)
MONTH_CODES = "FGHJKMNQUVXZ"
OTHER_ONE = (
    "If finance.yahoo.com shows it rightly, the next run takes it; if it has really changed, correct its entry in "
    "assets/catalog.toml"
)
WATERMARK_GRACE = timedelta(days=20)  # an expired contract is still asked for, so that two missed weeks heal


# ------------------------------------------------------------------ which days, which contracts
@functools.cache
def calendar() -> exchange_calendars.ExchangeCalendar:
    """The New York Stock Exchange's sessions."""
    return exchange_calendars.get_calendar("XNYS", start=CALENDAR_STARTS.isoformat())


def sessions_between(first: date, last: date) -> list[date]:
    """NYSE sessions from first to last, both included; none before CALENDAR_STARTS."""
    first = max(first, calendar().first_session.date())
    last = min(last, calendar().last_session.date())
    if first > last:
        return []
    return [day.date() for day in calendar().sessions_in_range(first.isoformat(), last.isoformat())]


def day_ends(symbol: Symbol, day: date) -> datetime:
    """The moment after which a day's bar no longer trades, in UTC.

    A session ends at the NYSE's close, early closes included; for futures and the dollar, and on days without
    a session, at 17:00 New York. A calendar day ends at midnight UTC.
    """
    if symbol.frequency == "calendar_day":
        return datetime.combine(day + timedelta(days=1), time(), UTC)
    if symbol.role not in TRADES_UNTIL_FIVE and day >= CALENDAR_STARTS and calendar().is_session(day.isoformat()):
        return calendar().session_close(day.isoformat()).to_pydatetime()  # type: ignore[no-any-return]
    return datetime.combine(day, time(17), NEW_YORK).astimezone(UTC)


def newest_settled_session(now: datetime) -> date:
    """The last session whose futures have settled."""
    today = now.astimezone(NEW_YORK).date()
    recent = sessions_between(today - timedelta(days=14), today)
    closed = [day for day in recent if datetime.combine(day, time(17), NEW_YORK) + SETTLE_MARGIN <= now]
    return closed[-1]


def days_back(symbol: Symbol, stored: date, lookback: int) -> date:
    """The stored day minus the lookback, in sessions, or in UTC days for what trades every day."""
    if symbol.frequency == "calendar_day":
        return stored - timedelta(days=lookback)
    recent = sessions_between(stored - timedelta(days=2 * lookback + 14), stored)
    return recent[-lookback - 1] if len(recent) > lookback else stored - timedelta(days=2 * lookback)


def fed_funds_contracts(today: date, months: int) -> tuple[Symbol, ...]:
    """30-day fed funds futures for delivery in the coming months, in Yahoo's notation (ZQZ25.CBT)."""
    if months == 0:
        return ()
    begin = today - WATERMARK_GRACE
    first = begin.year * 12 + begin.month - 1
    last = today.year * 12 + today.month - 1 + months
    return tuple(_contract(index // 12, index % 12) for index in range(first, last))


def _contract(year: int, month: int) -> Symbol:
    return Symbol(
        id=f"ZQ{MONTH_CODES[month]}{year % 100:02d}.CBT",
        name=f"30-day fed funds future, {year}-{month + 1:02d}",
        source="yahoo",
        unit="index_points",
        frequency="session",
        release_lag_days=0,
        role=FED_FUNDS,
        instrument="FUTURE",
    )


# ------------------------------------------------------------------ the source
class Yahoo:
    """Daily bars of many symbols: a few at a time, each on its own, none stopping the others."""

    def __init__(
        self,
        policy: RetryPolicy,
        clock: Clock,
        *,
        lookback_sessions: int = 5,
        threads: int = 4,
        per_minute: int = 100,
        apart_seconds: float = 0.2,
        base_url: str | None = None,
        cache_dir: Path | None = None,
    ) -> None:
        """threads: symbols asked for at once. cache_dir: where yfinance keeps cookies and time zones."""
        self._policy = policy
        self._clock = clock
        self._lookback = max(5, lookback_sessions)
        self._threads = threads
        pace = Pace(per_minute, clock, apart_seconds)
        self._client = YfinanceClient(policy, pace, clock, base_url=base_url, cache_dir=cache_dir)
        self._breaker = Breaker(SERVICE, policy.failures_before_giving_up)  # one for prices and futures

    def price_bars(self, symbols: Sequence[Symbol], stored: Watermarks) -> Fetched:
        """Bars since the watermark minus the lookback, all history without one; never raises for a symbol."""
        workers = ThreadPoolExecutor(self._threads, thread_name_prefix="yahoo")
        with self._client.connected() as connection, workers as pool:
            answers = list(pool.map(functools.partial(self._one, connection, stored), symbols))
        return together(PriceBars.create_empty(), answers)

    def _one(self, connection: Connection, stored: Watermarks, symbol: Symbol) -> Fetched:
        watermark = stored.get(symbol.id)
        start = self._start(symbol, watermark)
        try:
            self._breaker.check(symbol.id)
            answer = self._bars(connection, symbol, start)
        except SourceError as error:
            failure = error
        else:
            self._breaker.succeeded()
            return self._judge(symbol, watermark, start, answer)
        self._breaker.failed(failure)
        if symbol.role == FED_FUNDS and isinstance(failure, UnknownSeries | NothingDelivered):
            log.info("%s", failure)
            note = Note(symbol.id, "not listed at Yahoo; the rate path ends before it")
            return Fetched(rows=PriceBars.create_empty(), notes=(note,))
        return self._lost(symbol, watermark, failure)

    def _bars(self, connection: Connection, symbol: Symbol, start: date) -> DailyBars:
        """The answer; a second one for the whole history on the nights after a split, which rescales all of it."""
        patience = Patience(self._policy, self._clock, self._breaker)
        ask = functools.partial(connection.daily_bars, symbol.id, end=self._today(symbol) + timedelta(days=1))
        answer = patience.call(lambda: ask(start))
        if start == FIRST_DAY or not (answer.frame.get("Stock Splits", pd.Series()) != 0).any():
            return answer
        return patience.call(lambda: ask(FIRST_DAY))

    def _start(self, symbol: Symbol, watermark: date | None) -> date:
        """Where to ask from.

        A dividend shifts the adjusted close of all history, so a symbol read by its adjusted close is asked
        for whole, in the same single request: a few days of it would leave a step where they meet what is
        stored. The adjusted close of the other symbols is not used, and correct only since the lookback.
        """
        if watermark is None or symbol.price == "adj_close":
            return FIRST_DAY
        return days_back(symbol, watermark, self._lookback)

    def _lost(self, symbol: Symbol, watermark: date | None, error: SourceError) -> Fetched:
        resumes = days_back(symbol, watermark, self._lookback) if watermark is not None else None
        return lost(error, PriceBars.create_empty(), watermark, resumes)

    def _today(self, symbol: Symbol) -> date:
        zone: tzinfo = UTC if symbol.frequency == "calendar_day" else NEW_YORK
        return self._clock.now().astimezone(zone).date()

    def _judge(self, symbol: Symbol, watermark: date | None, start: date, answer: DailyBars) -> Fetched:
        """Bars in the contract's columns, what was odd about them, and Missing where none are left."""
        remarks = Remarks()
        frame = _in_contract_columns(symbol, answer.frame)
        frame = _without_damage(frame, self._today(symbol), answer.seen, remarks)
        try:
            unsaid = self._recognise(symbol, start, answer, frame)
        except OtherIdentity as error:
            other = error
        else:
            return self._accepted(symbol, watermark, start, answer, frame, remarks, unsaid)
        return self._lost(symbol, watermark, other)

    def _recognise(self, symbol: Symbol, start: date, answer: DailyBars, frame: pl.DataFrame) -> tuple[Note, ...]:
        """What the answer leaves unsaid of itself; raises OtherIdentity where it is about something else."""
        unsaid = recognised(SERVICE, symbol.id, symbol_traits(symbol, answer.said), remedy=OTHER_ONE)
        if symbol.role != FED_FUNDS and not frame.is_empty():  # far contracts do not trade every day
            bars = coarser(frame["date"], self._expected(symbol, start, frame))
            if bars is not None:
                raise OtherIdentity(
                    SERVICE, symbol.id, f"answered with {bars}; none of it was stored", status=200, remedy=OTHER_ONE
                )
        return unsaid

    def _accepted(
        self,
        symbol: Symbol,
        watermark: date | None,
        start: date,
        answer: DailyBars,
        bars: pl.DataFrame,
        remarks: Remarks,
        unsaid: tuple[Note, ...],
    ) -> Fetched:
        frame = _flag_provisional(bars, functools.partial(self._is_over, symbol), is_live(answer.seen))
        notes = (*unsaid, *(Note(symbol.id, text) for text in remarks))
        for note in notes:
            log.warning("Yahoo %s", note)
        if frame.is_empty():
            empty = NothingDelivered(SERVICE, symbol.id, f"answered without a usable bar since {start.isoformat()}")
            return Fetched(frame, self._lost(symbol, watermark, empty).missing, notes)
        log.info(
            "Yahoo %s: %d bars, %s to %s%s",
            symbol.id,
            frame.height,
            frame["date"][0],
            frame["date"][-1],
            ", the last one provisional" if frame["provisional"].any() else "",
        )
        return Fetched(rows=frame, notes=notes, splits=self._splits(symbol, watermark, answer.frame))

    def _splits(self, symbol: Symbol, watermark: date | None, frame: pd.DataFrame) -> dict[str, tuple[float, ...]]:
        """New shares per old, of the splits since what is stored; older ones are in it already."""
        if watermark is None or "Stock Splits" not in frame.columns:
            return {}
        since = days_back(symbol, watermark, self._lookback)
        days = [stamp.date() for stamp in frame.index]
        ratios = zip(days, frame["Stock Splits"].fillna(0.0), strict=True)
        return {symbol.id: tuple(float(ratio) for day, ratio in ratios if ratio != 0 and day >= since)}

    def _is_over(self, symbol: Symbol, day: date) -> bool:
        margin = SETTLE_MARGIN_UTC_DAY if symbol.frequency == "calendar_day" else SETTLE_MARGIN
        return self._clock.now() >= day_ends(symbol, day) + margin

    def _expected(self, symbol: Symbol, start: date, frame: pl.DataFrame) -> list[date]:
        """The days on which there must be a bar, today's and those before the first one that came left out."""
        if frame.is_empty():
            return []
        first_bar: date = frame["date"][0]
        first, last = max(start, first_bar), self._today(symbol)
        if symbol.frequency == "calendar_day":
            days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        else:
            days = sessions_between(first, last)
        return [day for day in days if self._is_over(symbol, day)]


class Remarks(list[str]):
    """Sentences about days."""

    def add(self, what: str, days: Iterable[date], then: str) -> None:
        """Say it with the first days and the number of the rest."""
        listed = sorted(set(days))
        if not listed:
            return
        shown = ", ".join(day.isoformat() for day in listed[:5])
        more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
        self.append(f"{what} {shown}{more}; {then}")


def _in_contract_columns(symbol: Symbol, frame: pd.DataFrame) -> pl.DataFrame:
    """yfinance's frame as rows of the contract, still with its damage, plus the event columns."""
    columns = {"open": "Open", "high": "High", "low": "Low", "close": "Close", "adj_close": "Adj Close"}
    events = [name for name in ("Dividends", "Stock Splits", "Capital Gains") if name in frame.columns]
    data: dict[str, Any] = {"date": [stamp.date() for stamp in frame.index]}
    for ours, theirs in {**columns, "volume": "Volume"}.items():
        data[ours] = frame[theirs].to_numpy(dtype="float64") if theirs in frame.columns else None
    data["event"] = (frame[events].fillna(0) != 0).any(axis=1).to_numpy() if events else False
    schema = {"date": pl.Date, **dict.fromkeys([*columns, "volume"], pl.Float64), "event": pl.Boolean}
    rows = pl.DataFrame(data, schema=schema, strict=False)
    finite = pl.when(pl.col(list(columns)).is_finite()).then(pl.col(list(columns)))
    return rows.with_columns(finite, symbol=pl.lit(symbol.id))


def _without_damage(frame: pl.DataFrame, today: date, seen: Seen, remarks: Remarks) -> pl.DataFrame:
    """Rows a reader can use; what is left out is said."""
    close = pl.coalesce("close", "adj_close")
    empty, event = close.is_null(), pl.col("event")
    remarks.add("a dividend or split without a bar on", _days(frame, empty & event), "left out")
    remarks.add("no close on", _days(frame, empty & ~event), "left out, asked for again while inside the lookback")
    remarks.add("a price of zero or less on", _days(frame, close <= 0), "left out")
    remarks.add("bars beyond the end asked for,", _days(frame, pl.col("date") > today), "left out")
    remarks.add("several bars for", _repeated(seen.stamps), "one kept")
    frame = frame.filter(~empty & (close > 0) & (pl.col("date") <= today))
    frame = frame.unique("date", keep="last", maintain_order=True).sort("date")
    remarks.add("a high below its low on", _days(frame, pl.col("high") < pl.col("low")), "both left empty")
    sane = (pl.col("low") > 0) & (pl.col("high") >= pl.col("low"))
    return frame.with_columns(
        open=pl.when(pl.col("open") > 0).then("open"),  # Yahoo writes 0 where old indices have no open
        high=pl.when(sane).then("high"),
        low=pl.when(sane).then("low"),
        adj_close=pl.when(pl.col("adj_close") > 0).then("adj_close"),
        close=pl.when(pl.col("close") > 0).then("close"),
        volume=pl.when(pl.col("volume") >= 0).then("volume"),
    )


def _days(frame: pl.DataFrame, condition: pl.Expr) -> list[date]:
    return frame.filter(condition)["date"].to_list()


def _repeated(stamps: Sequence[datetime]) -> list[date]:
    days = [stamp.date() for stamp in stamps]
    return [day for day, following in itertools.pairwise(days) if day == following]


def is_live(seen: Seen) -> date | None:
    """The day of the last bar if it carries a trade's time instead of the time its day begins, else None.

    Settled bars are all stamped with the same time of day; the service's own opening time serves where
    there is one bar.
    """
    if not seen.stamps:
        return None
    last, before = seen.stamps[-1], seen.stamps[-3:-1]
    usual = {stamp.time() for stamp in before} | ({seen.opens_at} if seen.opens_at is not None else set())
    as_before_in_utc = any(stamp.astimezone(UTC).time() == last.astimezone(UTC).time() for stamp in before)
    if last.time() in usual or as_before_in_utc or (not usual and last.timestamp() % 1800 == 0):
        return None
    return last.date()


def _flag_provisional(frame: pl.DataFrame, over: Callable[[date], bool], live: date | None) -> pl.DataFrame:
    """Flag bars whose day is not over, and the live one; only the newest days can be either."""
    newest = frame["date"].tail(5)
    open_days = [day for day in newest if day == live or not over(day)]
    flagged = frame.with_columns(provisional=pl.col("date").is_in(open_days))
    return flagged.select(PriceBars.create_empty().columns)
