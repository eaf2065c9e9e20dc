"""Yahoo Finance's daily bars, through yfinance.

Here: one `Ticker.history` per symbol, what its answer leaves unsaid, and the bars of raw.price_bars. Not
here: which symbols exist (assets.catalog), patience and pacing (pipelines.sources.http), revisions
(pipelines.warehouse.store).

Why not `yfinance.download`: it never raises, so a night of 429s looks like a night without trading. And why
a session of our own: `history` turns most failures into one exception without a status, drops the time of
day of each bar, and on any 4xx or 5xx asks again at once and changes its cookies. The session sees the
answer first: it paces, caps the timeout, raises the typed error, and remembers the stamps.

When is a bar final? Yahoo stamps the live bar with the last trade's time and goes on doing so after the
close; open, high, low and volume still change. Recorded answers show it unsettled 1 h 42 min after the close
and settled, stamped like every other bar, after 6 h. So a bar stays provisional until SETTLE_MARGIN after its
day ended and, whatever the clock says, while it carries a live stamp. A crypto day has no closing auction and
ends when the next one begins; its margin only covers clocks that disagree.
"""

from __future__ import annotations

import functools
import itertools
import json
import logging
import re
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import curl_cffi.requests as curl
import exchange_calendars
import pandas as pd
import polars as pl
import yfinance as yf
from curl_cffi.requests.exceptions import RequestException
from peewee import PeeweeException
from yfinance.data import YfData
from yfinance.exceptions import YFException, YFRateLimitError, YFTickerMissingError

from assets.catalog import Symbol
from assets.contracts.raw import PriceBars
from assets.upstream import Fetched, Note, Watermarks
from pipelines.sources.answers import lost, together
from pipelines.sources.errors import (
    Malformed,
    NothingDelivered,
    RateLimited,
    ServiceDown,
    SourceError,
    UnknownSeries,
    Unreachable,
)
from pipelines.sources.http import (
    NEW_YORK,
    Breaker,
    Clock,
    Pace,
    Patience,
    Policy,
    error_for_status,
    not_data,
    retry_after_seconds,
)

log = logging.getLogger(__name__)
warnings.filterwarnings("ignore", module=r"yfinance\.")  # what pandas has to say to yfinance, once per symbol

SERVICE = "Yahoo"
FIRST_DAY = date(1927, 1, 1)  # before the S&P 500's first bar: all there is
CALENDAR_STARTS = date(1990, 1, 1)  # sessions before this are not compared with the exchange calendar
SETTLE_MARGIN = timedelta(hours=2)
SETTLE_MARGIN_UTC_DAY = timedelta(minutes=15)
FED_FUNDS = "fed_funds_future"
TRADES_UNTIL_FIVE = ("metal", "dollar", FED_FUNDS)
CHART = "/v8/finance/chart/"
CRUMB = re.compile(r"[^\s<>]{1,64}")
COOKIE_HOSTS = ("fc.yahoo.com", "guce.yahoo.com")
COOKIE_TRIES = 2
COOKIE_SECONDS = 10.0
UNREADABLE = (ValueError, KeyError, TypeError, IndexError, AttributeError)  # yfinance, given an odd answer
CORRECT_IT = "Check the symbol on finance.yahoo.com; correct or remove its entry in assets/catalog.toml"
LOOK_IT_UP = "The next run asks again; if it repeats, look the symbol up on finance.yahoo.com"
MONTH_CODES = "FGHJKMNQUVXZ"
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
    )


# ------------------------------------------------------------------ the session yfinance speaks through
@dataclass
class Seen:
    """What the session saw during one symbol's request and yfinance does not pass on."""

    status: int | None = None
    error: SourceError | None = None
    stamps: list[datetime] = field(default_factory=list)  # exchange time, as answered
    opens_at: time | None = None  # time of day of the regular open, where the service says it


class PoliteSession(curl.Session):  # type: ignore[type-arg]
    """The browser-like session of yfinance, which paces requests and turns failures into typed errors."""

    def __init__(self, policy: Policy, pace: Pace, clock: Clock, base_url: str | None) -> None:
        """base_url: sends every request there instead of to Yahoo, for tests."""
        super().__init__(impersonate="chrome")
        self._policy = policy
        self._pace = pace
        self._clock = clock
        self._base = base_url.rstrip("/") if base_url else None
        self._local = threading.local()
        self._cookie_failures = 0
        self._cookie_answers: dict[str, Any] = {}

    def watch(self, symbol: str) -> Seen:
        """Begin one symbol's request on this thread."""
        self._local.symbol = symbol
        self._local.seen = Seen()
        return self._local.seen  # type: ignore[no-any-return]

    def request(self, method: Any, url: str, *args: Any, **kwargs: Any) -> Any:
        """One request of the client: paced, capped, inspected."""
        parts = urlsplit(url)
        if self._base is not None:
            url = self._base + parts.path + (f"?{parts.query}" if parts.query else "")
        kwargs["timeout"] = self._policy.timeout_seconds
        if not parts.path.startswith(CHART):
            kwargs["timeout"] = min(COOKIE_SECONDS, self._policy.timeout_seconds)
            send = functools.partial(super().request, method, url, *args, **kwargs)
            return self._fetch_cookie(parts.netloc + parts.path, send)
        self._pace.wait()
        response = super().request(method, url, *args, **kwargs)
        self._inspect(response)
        return response

    def _fetch_cookie(self, place: str, send: Callable[[], Any]) -> Any:
        """The client's own calls for cookies and crumbs, which bars can do without; each place is asked once.

        The client keeps whatever text came as its crumb, and asks anew for every symbol where nothing came:
        so a bad crumb becomes a failed call, and after a few of those the calls stop.
        """
        if place in self._cookie_answers:
            return self._cookie_answers[place]
        if self._cookie_failures >= COOKIE_TRIES:
            raise curl.exceptions.ConnectionError("no cookie to be had in this run")
        try:
            response = send()
        except RequestException:
            self._cookie_failures += 1
            raise
        if place.endswith("getcrumb") and (response.status_code != 200 or not CRUMB.fullmatch(response.text)):
            self._cookie_failures += 1
            raise curl.exceptions.ConnectionError("no usable crumb")
        if place.startswith(COOKIE_HOSTS):
            self._cookie_answers[place] = response
        return response

    def _inspect(self, response: Any) -> None:
        seen: Seen = self._local.seen
        seen.status = response.status_code
        symbol: str = self._local.symbol
        chart = _chart(response.text)
        said = str((chart.get("error") or {}).get("description") or "")[:200]
        retry_after = retry_after_seconds(response.headers.get("retry-after"), self._clock.now())
        error = error_for_status(SERVICE, symbol, response.status_code, retry_after=retry_after, said=said)
        if error is None and said:
            error = _complaint(symbol, said)
        elif error is None and chart and not chart.get("result"):
            error = NothingDelivered(SERVICE, symbol, "answered without any bar", remedy=LOOK_IT_UP, status=200)
        if error is None:
            _read_stamps(seen, chart)
        elif response.status_code != 401:  # a stale crumb: the client fetches a new one and asks once more
            seen.error = error
            raise error


def _chart(body: str) -> dict[str, Any]:
    """The one object of a chart answer; empty where the body is something else."""
    try:
        chart = json.loads(body)["chart"]
    except (ValueError, KeyError, TypeError):
        return {}
    return chart if isinstance(chart, dict) else {}


def _complaint(symbol: str, said: str) -> SourceError:
    """An error that came with 200."""
    if "delisted" in said.lower() or "not found" in said.lower() or "doesn't exist" in said.lower():
        return UnknownSeries(SERVICE, symbol, f"unknown symbol ({said})", status=200, remedy=CORRECT_IT)
    return Malformed(SERVICE, symbol, f"answered with an error: {said}", status=200)


def _read_stamps(seen: Seen, chart: Mapping[str, Any]) -> None:
    """Keep the bars' times of day, which say whether the last one is live."""
    try:
        result = chart["result"][0]
        zone = ZoneInfo(result["meta"]["exchangeTimezoneName"])
        seen.stamps = sorted(datetime.fromtimestamp(stamp, zone) for stamp in result.get("timestamp", ()))
        opening = result["meta"].get("currentTradingPeriod", {}).get("regular", {}).get("start")
        seen.opens_at = datetime.fromtimestamp(opening, zone).time() if opening is not None else None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OSError, OverflowError):
        return  # yfinance reads the same body next and says what is wrong with it


# ------------------------------------------------------------------ the source
class Yahoo:
    """Daily bars of many symbols: a few at a time, each on its own, none stopping the others."""

    def __init__(
        self,
        policy: Policy,
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
        self._pace = Pace(per_minute, clock, apart_seconds)
        self._breaker = Breaker(SERVICE, policy.failures_before_giving_up)  # one for prices and futures
        self._base_url = base_url
        self._cache_dir = cache_dir

    def price_bars(self, symbols: Sequence[Symbol], stored: Watermarks) -> Fetched:
        """Bars since the watermark minus the lookback, all history without one; never raises for a symbol."""
        yf.config.debug.hide_exceptions = False
        self._open_caches()
        session = PoliteSession(self._policy, self._pace, self._clock, self._base_url)
        YfData(session=session).__init__(session)  # one per process: forget the last run's cookie and crumb
        try:
            with ThreadPoolExecutor(self._threads, thread_name_prefix="yahoo") as pool:
                ask = functools.partial(self._one, session, stored)
                answers = list(pool.map(ask, symbols))
        finally:
            session.close()
        return together(PriceBars.create_empty(), answers)

    def _open_caches(self) -> None:
        """Open yfinance's caches once, before several threads would."""
        try:
            _use_caches(self._cache_dir)
        except (PeeweeException, OSError) as error:
            log.warning(
                "Yahoo: the client's cache cannot be used (%s), a temporary one is; if it repeats, delete %s",
                type(error).__name__,
                self._cache_dir,
            )
            _use_caches(Path(tempfile.mkdtemp(prefix="recouple-yahoo-")))

    def _one(self, session: PoliteSession, stored: Watermarks, symbol: Symbol) -> Fetched:
        watermark = stored.get(symbol.id)
        start = self._start(symbol, watermark)
        try:
            self._breaker.check(symbol.id)
            bars = self._bars(session, symbol, start)
        except SourceError as error:
            failure = error
        else:
            self._breaker.succeeded()
            return self._judge(symbol, watermark, start, bars)
        self._breaker.failed(failure)
        if symbol.role == FED_FUNDS and isinstance(failure, UnknownSeries | NothingDelivered):
            log.info("%s", failure)
            note = Note(symbol.id, "not listed at Yahoo; the rate path ends before it")
            return Fetched(rows=PriceBars.create_empty(), notes=(note,))
        return self._lost(symbol, watermark, failure)

    def _bars(self, session: PoliteSession, symbol: Symbol, start: date) -> Answer:
        """The answer; a second one for the whole history on the nights after a split, which rescales all of it."""
        patience = Patience(self._policy, self._clock, self._breaker)
        answer = patience.call(lambda: self._ask(session, symbol, start))
        if start == FIRST_DAY or not (answer.frame.get("Stock Splits", pd.Series()) != 0).any():
            return answer
        return patience.call(lambda: self._ask(session, symbol, FIRST_DAY))

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

    def _ask(self, session: PoliteSession, symbol: Symbol, start: date) -> Answer:
        """One try: yfinance's frame and what the session saw, or a typed error."""
        YfData.cache_get.cache_clear()  # it keeps error bodies too, and a retry would be served from it
        seen = session.watch(symbol.id)
        end = self._today(symbol) + timedelta(days=1)
        failure: SourceError | None
        try:
            frame = yf.Ticker(symbol.id, session=session).history(
                start=start,
                end=end,
                interval="1d",
                auto_adjust=False,
                actions=True,
                timeout=self._policy.timeout_seconds,
            )
        except SourceError as error:
            failure = error
        except (YFException, RequestException, PeeweeException, *UNREADABLE) as error:
            failure = seen.error or self._translate(symbol.id, seen, error)
        else:
            return Answer(frame, seen)
        raise failure

    def _translate(self, symbol: str, seen: Seen, error: Exception) -> SourceError:
        """What a client's exception means."""
        if isinstance(error, YFRateLimitError):
            return RateLimited(SERVICE, symbol, "HTTP 429", status=429)
        if isinstance(error, curl.exceptions.Timeout):
            return Unreachable(SERVICE, symbol, f"no answer within {self._policy.timeout_seconds:g} s")
        if isinstance(error, PeeweeException):
            return Unreachable(SERVICE, symbol, f"the client's cache failed ({type(error).__name__})")
        if isinstance(error, RequestException) and not isinstance(error, curl.exceptions.HTTPError):
            return Unreachable(SERVICE, symbol, "the connection failed or was dropped")
        refused = error_for_status(SERVICE, symbol, seen.status or 0)
        if refused is not None:
            return refused
        if isinstance(error, YFTickerMissingError):
            return NothingDelivered(SERVICE, symbol, "answered without any bar", remedy=LOOK_IT_UP, status=200)
        if isinstance(error, json.JSONDecodeError):
            return not_data(SERVICE, symbol, "JSON", error.doc)
        if isinstance(error, YFException):
            return ServiceDown(SERVICE, symbol, f"answered that it cannot: {error}"[:200], status=seen.status)
        what = f"answered with bars that do not fit together ({type(error).__name__})"
        return Malformed(SERVICE, symbol, what, status=seen.status)

    def _today(self, symbol: Symbol) -> date:
        zone: tzinfo = UTC if symbol.frequency == "calendar_day" else NEW_YORK
        return self._clock.now().astimezone(zone).date()

    def _judge(self, symbol: Symbol, watermark: date | None, start: date, answer: Answer) -> Fetched:
        """Bars in the contract's columns, what was odd about them, and Missing where none are left."""
        remarks = Remarks()
        frame = _in_contract_columns(symbol, answer.frame)
        frame = _without_damage(frame, self._today(symbol), answer, remarks)
        over = functools.partial(self._is_over, symbol)
        frame = _flag_provisional(frame, over, is_live(answer.seen))
        self._compare_with_calendar(symbol, frame, start, remarks)
        notes = tuple(Note(symbol.id, text) for text in remarks)
        for note in notes:
            log.warning("Yahoo %s", note)
        if frame.is_empty():
            empty = NothingDelivered(SERVICE, symbol.id, f"answered without a usable bar since {start.isoformat()}")
            return Fetched(rows=frame, missing=self._lost(symbol, watermark, empty).missing, notes=notes)
        log.info(
            "Yahoo %s: %d bars, %s to %s%s",
            symbol.id,
            frame.height,
            frame["date"][0],
            frame["date"][-1],
            ", the last one provisional" if frame["provisional"].any() else "",
        )
        return Fetched(rows=frame, notes=notes)

    def _is_over(self, symbol: Symbol, day: date) -> bool:
        margin = SETTLE_MARGIN_UTC_DAY if symbol.frequency == "calendar_day" else SETTLE_MARGIN
        return self._clock.now() >= day_ends(symbol, day) + margin

    def _compare_with_calendar(self, symbol: Symbol, frame: pl.DataFrame, start: date, remarks: Remarks) -> None:
        """Note the days on which there must be a bar and is none."""
        if frame.is_empty():
            return
        days: Iterable[date]
        first_bar: date = frame["date"][0]
        first, last = max(start, first_bar), self._today(symbol)
        if symbol.frequency == "calendar_day":
            days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        else:
            days = sessions_between(first, last)
        present = set(frame["date"])
        absent = [day for day in days if day not in present and self._is_over(symbol, day)]
        if absent and symbol.role != FED_FUNDS:
            kind = "days" if symbol.frequency == "calendar_day" else "sessions"
            remarks.add(f"no bar for {kind}", absent, "asked for again while inside the lookback")


def _use_caches(folder: Path | None) -> None:
    """Make yfinance keep its cookies and time zones in a folder; None leaves the choice to it."""
    if folder is not None and yf.cache._TzDBManager.get_location() != str(folder):
        folder.mkdir(parents=True, exist_ok=True)
        yf.set_tz_cache_location(str(folder))
        yf.cache._TzCacheManager._initialise()  # it would go on using the files of the former place
        yf.cache._CookieCacheManager._initialise()
    yf.cache.get_tz_cache().lookup("SPY")
    yf.cache.get_cookie_cache().lookup("curlCffi")


@dataclass(frozen=True)
class Answer:
    """A frame of yfinance, and what the session saw while it was fetched."""

    frame: pd.DataFrame
    seen: Seen


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


def _without_damage(frame: pl.DataFrame, today: date, answer: Answer, remarks: Remarks) -> pl.DataFrame:
    """Rows a reader can use; what is left out is said."""
    close = pl.coalesce("close", "adj_close")
    empty, event = close.is_null(), pl.col("event")
    remarks.add("a dividend or split without a bar on", _days(frame, empty & event), "left out")
    remarks.add("no close on", _days(frame, empty & ~event), "left out, asked for again while inside the lookback")
    remarks.add("a price of zero or less on", _days(frame, close <= 0), "left out")
    remarks.add("bars beyond the end asked for,", _days(frame, pl.col("date") > today), "left out")
    remarks.add("several bars for", _repeated(answer.seen.stamps), "one kept")
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
