"""yfinance, as Yahoo is asked through it: everything that works around the package, and nothing else.

Here: the session it speaks through, its caches and its one-per-process state, its exceptions as typed errors, what its
answer says of itself. Not here: which bars are wanted and what they are worth (pipelines.sources.yahoo).

Why not `yfinance.download`: it never raises, so a night of 429s looks like a night without trading. And why a session
of our own: `history` turns most failures into one exception without a status, drops the time of day of each bar, and on
any 4xx or 5xx asks again at once and changes its cookies. The session sees the answer first: it paces, caps the
timeout, raises the typed error, and remembers the stamps.

What this rests on is not promised by the package; tests/upstream/test_yfinance_client.py fails when it changes.
"""

from __future__ import annotations

import functools
import json
import logging
import re
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import curl_cffi.requests as curl
import pandas as pd
import yfinance as yf
from curl_cffi.requests.exceptions import RequestException
from peewee import PeeweeException
from yfinance.data import YfData
from yfinance.exceptions import YFException, YFRateLimitError, YFTickerMissingError

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
    Clock,
    Pace,
    RetryPolicy,
    error_for_status,
    not_data,
    retry_after_seconds,
)

log = logging.getLogger(__name__)
warnings.filterwarnings("ignore", module=r"yfinance\.")  # what pandas has to say to yfinance, once per symbol

SERVICE = "Yahoo"
CHART = "/v8/finance/chart/"
CRUMB = re.compile(r"[^\s<>]{1,64}")
COOKIE_HOSTS = ("fc.yahoo.com", "guce.yahoo.com")
COOKIE_TRIES = 2
COOKIE_SECONDS = 10.0
UNREADABLE = (ValueError, KeyError, TypeError, IndexError, AttributeError)  # yfinance, given an odd answer
SAID = ("symbol", "currency", "dataGranularity", "exchangeTimezoneName", "instrumentType")
CORRECT_IT = "Check the symbol on finance.yahoo.com; correct or remove its entry in assets/catalog.toml"
LOOK_IT_UP = "The next run asks again; if it repeats, look the symbol up on finance.yahoo.com"


@dataclass
class Seen:
    """What the session saw during one symbol's request and yfinance does not pass on."""

    status: int | None = None
    error: SourceError | None = None
    stamps: list[datetime] = field(default_factory=list)  # exchange time, as answered
    opens_at: time | None = None  # time of day of the regular open, where the service says it


@dataclass(frozen=True)
class DailyBars:
    """A frame of yfinance, what the answer says of itself, and what the session saw while it was fetched."""

    frame: pd.DataFrame
    said: Mapping[str, str]
    seen: Seen


class YfinanceClient:
    """The package, for as long as one run asks it; its state is one per process."""

    def __init__(
        self, policy: RetryPolicy, pace: Pace, clock: Clock, *, base_url: str | None, cache_dir: Path | None
    ) -> None:
        """cache_dir: where yfinance keeps cookies and time zones."""
        self._policy = policy
        self._pace = pace
        self._clock = clock
        self._base_url = base_url
        self._cache_dir = cache_dir

    @contextmanager
    def connected(self) -> Iterator[Connection]:
        """A session for many symbols, closed afterwards."""
        yf.config.debug.hide_exceptions = False
        self._open_caches()
        session = PoliteSession(self._policy, self._pace, self._clock, self._base_url)
        YfData(session=session).__init__(session)  # one per process: forget the last run's cookie and crumb
        try:
            yield Connection(session, self._policy)
        finally:
            session.close()

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


def _use_caches(folder: Path | None) -> None:
    """Make yfinance keep its cookies and time zones in a folder; None leaves the choice to it."""
    if folder is not None and yf.cache._TzDBManager.get_location() != str(folder):
        folder.mkdir(parents=True, exist_ok=True)
        yf.set_tz_cache_location(str(folder))
        yf.cache._TzCacheManager._initialise()  # it would go on using the files of the former place
        yf.cache._CookieCacheManager._initialise()
    yf.cache.get_tz_cache().lookup("SPY")
    yf.cache.get_cookie_cache().lookup("curlCffi")


# ------------------------------------------------------------------ asking
class Connection:
    """An open session; symbols may be asked for from several threads."""

    def __init__(self, session: PoliteSession, policy: RetryPolicy) -> None:
        self._session = session
        self._policy = policy

    def daily_bars(self, symbol: str, start: date, end: date) -> DailyBars:
        """One try: the days from start until before end, or a typed error."""
        YfData.cache_get.cache_clear()  # it keeps error bodies too, and a retry would be served from it
        seen = self._session.watch(symbol)
        ticker = yf.Ticker(symbol, session=self._session)
        failure: SourceError | None
        try:
            frame = ticker.history(
                start=start,
                end=end,
                interval="1d",
                auto_adjust=False,
                actions=True,
                timeout=self._policy.timeout_seconds,
            )
            said = ticker.get_history_metadata()  # of the same answer: no request
            return DailyBars(frame, {name: said[name] for name in SAID if isinstance(said.get(name), str)}, seen)
        except SourceError as error:
            failure = error
        except (YFException, RequestException, PeeweeException, *UNREADABLE) as error:
            failure = seen.error or self._translate(symbol, seen, error)
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


# ------------------------------------------------------------------ the session yfinance speaks through
class PoliteSession(curl.Session):  # type: ignore[type-arg]
    """The browser-like session of yfinance, which paces requests and turns failures into typed errors."""

    def __init__(self, policy: RetryPolicy, pace: Pace, clock: Clock, base_url: str | None) -> None:
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
