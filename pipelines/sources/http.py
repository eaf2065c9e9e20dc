"""How every source speaks to a service: politely, patiently, and never without end.

Here: timeouts, pacing, backoff with jitter, Retry-After, the breaker for a dead service, and one HTTP
client that turns what it meets into typed errors. Not here: what is asked (one module per service), Yahoo's
and FRED's transports, which belong to their client libraries and use the same pieces.
"""

from __future__ import annotations

import functools
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Protocol, TypeVar
from zoneinfo import ZoneInfo

import httpx
from tenacity import RetryCallState, Retrying, retry_if_exception
from tenacity.wait import wait_random_exponential

from pipelines.sources.errors import (
    BadRequest,
    Malformed,
    NotAsked,
    RateLimited,
    Refused,
    ServiceDown,
    SourceError,
    UnknownSeries,
    Unreachable,
)

T = TypeVar("T")

USER_AGENT = "recouple/0.1 (nightly research pipeline; one request per series and night)"
NEW_YORK = ZoneInfo("America/New_York")  # whose days the markets and the Fed count
BODY_LIMIT = 64 * 2**20  # bytes; the largest real answer is a few MB


class Clock(Protocol):
    """The time, and a way to let it pass; tests bring one that does not sleep."""

    def now(self) -> datetime:
        """The moment, in UTC."""

    def monotonic(self) -> float:
        """Seconds since some fixed point; never goes back."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some fixed point."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


@dataclass(frozen=True)
class RetryPolicy:
    """How long to wait, how often to try, when to stop.

    timeout_seconds bounds one request from connection to last byte. tries and budget_seconds bound one
    series, whichever ends first. A Retry-After beyond retry_after_limit_seconds is not waited for: coming
    back early would be rude, so the series ends there. After failures_before_giving_up series in a row have
    failed for the service's fault, the rest are not asked; once one was not answered at all, the next get one
    try each. So a service that hangs costs 3 tries and twice one more: two and a half minutes.
    """

    timeout_seconds: float = 30.0
    tries: int = 4
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 30.0
    budget_seconds: float = 90.0
    retry_after_limit_seconds: float = 60.0
    failures_before_giving_up: int = 3


class Pace:
    """At most so many requests in any minute, and a breath between two."""

    def __init__(self, per_minute: int, clock: Clock, apart_seconds: float = 0.0) -> None:
        """per_minute: the most requests in any 60 seconds; apart_seconds: least time between two."""
        self._per_minute = per_minute
        self._apart = apart_seconds
        self._clock = clock
        self._booked: deque[float] = deque(maxlen=per_minute)
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Return when the next request may be sent."""
        with self._lock:
            now = self._clock.monotonic()
            slot = now
            if self._booked:
                slot = max(slot, self._booked[-1] + self._apart)
            if len(self._booked) == self._per_minute:
                slot = max(slot, self._booked[0] + 60.0)
            self._booked.append(slot)
        if slot > now:
            self._clock.sleep(slot - now)


class Breaker:
    """Counts failures a whole service is to blame for, and opens for the rest of the run when they do not stop."""

    def __init__(self, service: str, failures: int) -> None:
        """failures: how many in a row open it."""
        self._service = service
        self._limit = failures
        self._lock = threading.Lock()
        self._row = 0
        self._last: SourceError | None = None
        self._hopeless = False

    def check(self, series: str) -> None:
        """Raise NotAsked while open."""
        with self._lock:
            last, row = self._last, self._row
            closed = last is None or not (self._hopeless or row >= self._limit)
        if closed or last is None:
            return
        failed = "1 series" if row == 1 else f"{row} series in a row"
        raise NotAsked(
            self._service, series, f"not asked, {failed} had failed before it (last: {last.what})",
            remedy=last.remedy, status=last.status,
        )  # fmt: skip

    @property
    def doubtful(self) -> bool:
        """The series before was not answered at all: patience with this one would be wasted."""
        with self._lock:
            return self._row > 0 and isinstance(self._last, Unreachable)

    def succeeded(self) -> None:
        """The service answered."""
        with self._lock:
            self._row = 0

    def failed(self, error: SourceError, *, hopeless: bool = False) -> None:
        """One series ended in an error; hopeless opens the breaker at once."""
        with self._lock:
            if not error.service_level:
                self._row = 0
            elif not isinstance(error, NotAsked):
                self._row += 1
                self._last = error
                self._hopeless = self._hopeless or hopeless


class Patience:
    """Tries again where another try can help: exponential backoff with jitter, bounded in number and time."""

    def __init__(self, policy: RetryPolicy, clock: Clock, breaker: Breaker | None = None) -> None:
        """clock: what sleeps between tries. breaker: what is known of the service from other series."""
        self._policy = policy
        self._clock = clock
        self._breaker = breaker

    def call(self, attempt: Callable[[], T]) -> T:
        """The attempt's result, or its last SourceError with the tries made and the seconds spent."""
        started = self._clock.monotonic()
        tries = 1 if self._breaker is not None and self._breaker.doubtful else self._policy.tries
        backoff = wait_random_exponential(
            multiplier=self._policy.first_wait_seconds,
            min=min(0.5, self._policy.first_wait_seconds) if self._policy.first_wait_seconds else 0,
            max=self._policy.longest_wait_seconds,
        )

        def wait(state: RetryCallState) -> float:
            return max(backoff(state), _asked_for(state))

        def stop(state: RetryCallState) -> bool:
            spent = self._clock.monotonic() - started
            return (
                state.attempt_number >= tries
                or spent + state.upcoming_sleep > self._policy.budget_seconds
                or _asked_for(state) > self._policy.retry_after_limit_seconds
            )

        retrying = Retrying(
            sleep=self._clock.sleep,
            wait=wait,
            stop=stop,
            reraise=True,
            retry=retry_if_exception(_worth_another_try),
        )
        try:
            return retrying(attempt)
        except SourceError as error:
            last = error
        made = int(retrying.statistics.get("attempt_number", 1))
        raise self._explained(last).after(made, self._clock.monotonic() - started)

    def _explained(self, error: SourceError) -> SourceError:
        wanted = error.retry_after
        if wanted is not None and wanted > self._policy.retry_after_limit_seconds:
            error.what += f", asking for a pause of {wanted:.0f} s"
        return error


def _worth_another_try(error: BaseException) -> bool:
    return isinstance(error, SourceError) and error.transient


def _asked_for(state: RetryCallState) -> float:
    """The pause a service asked for in its last answer, in seconds."""
    error = state.outcome.exception() if state.outcome is not None else None
    return (error.retry_after or 0.0) if isinstance(error, SourceError) else 0.0


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """A Retry-After header, given in seconds or as a date, in seconds; None where it says nothing usable."""
    if not value:
        return None
    text = value.strip()
    if text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def error_for_status(
    service: str, series: str, status: int, *, retry_after: float | None = None, said: str = ""
) -> SourceError | None:
    """The typed error an HTTP status means, None for success. said: the service's own words, if any."""
    if status < 400:
        return None
    what = f"HTTP {status}" + (f" ({said})" if said else "")
    if status == 429:
        return RateLimited(service, series, what, status=status, retry_after=retry_after)
    if status >= 500:
        return ServiceDown(service, series, what, status=status, retry_after=retry_after)
    if status == 408:
        return Unreachable(service, series, what, status=status)
    if status in (401, 403, 407, 423, 451):
        remedy = f"Open {service} in a browser from this machine; a proxy or a bot wall may stand between"
        return Refused(service, series, what, status=status, remedy=remedy)
    if status in (404, 410):
        remedy = f"Check the id at {service}; correct or remove its entry in assets/catalog.toml"
        return UnknownSeries(service, series, what, status=status, remedy=remedy)
    remedy = f"Check the id in assets/catalog.toml; if it is right, {service} has changed its interface"
    return BadRequest(service, series, what, status=status, remedy=remedy)


def looks_like_html(body: str) -> bool:
    """True for a page where data was expected, such as a login form or a maintenance notice."""
    start = body.lstrip("\ufeff \t\r\n")[:200].lower()
    return start.startswith(("<!doctype html", "<html", "<head", "<body", "<script"))


class Http:
    """One service over httpx: paced, with a deadline for the whole answer."""

    def __init__(self, service: str, base_url: str, policy: RetryPolicy, pace: Pace, clock: Clock) -> None:
        """base_url: where the service lives; a loopback server in tests."""
        self._service = service
        self._policy = policy
        self._pace = pace
        self._clock = clock
        self._base_url = base_url
        self.told_time: str | None = None  # the service's clock in its last answer, good or bad

    @functools.cached_property
    def _client(self) -> httpx.Client:
        """Made when first used: reading the machine's certificates takes a while."""
        return httpx.Client(
            base_url=self._base_url,
            timeout=self._policy.timeout_seconds,
            follow_redirects=True,
            headers={"user-agent": USER_AGENT},
        )

    def close(self) -> None:
        """Close the connections."""
        if "_client" in self.__dict__:
            self._client.close()

    def text(self, path: str, params: Mapping[str, str], series: str) -> str:
        """The body of one GET; raises the typed error of whatever went wrong."""
        self._pace.wait()
        reply = self._exchange(path, params)
        if isinstance(reply, str):
            raise Unreachable(self._service, series, reply)
        status, headers, body = reply
        self.told_time = headers.get("date")
        retry_after = retry_after_seconds(headers.get("retry-after"), self._clock.now())
        error = error_for_status(self._service, series, status, retry_after=retry_after)
        if error is not None:
            raise error
        return body

    def _exchange(self, path: str, params: Mapping[str, str]) -> tuple[int, httpx.Headers, str] | str:
        """Status, headers and body, or in words why there are none."""
        deadline = time.monotonic() + self._policy.timeout_seconds
        chunks: list[bytes] = []
        size = 0
        try:
            with self._client.stream("GET", path, params=dict(params)) as response:
                for chunk in response.iter_bytes():
                    chunks.append(chunk)
                    size += len(chunk)
                    if time.monotonic() > deadline:
                        return f"no complete answer within {self._policy.timeout_seconds:g} s"
                    if size > BODY_LIMIT:
                        return f"an answer of more than {BODY_LIMIT // 2**20} MB"
                return response.status_code, response.headers, b"".join(chunks).decode("utf-8", "replace")
        except httpx.TimeoutException:
            return f"no answer within {self._policy.timeout_seconds:g} s"
        except httpx.RemoteProtocolError:
            return "the connection was dropped before the answer was complete"
        except httpx.DecodingError:
            return "the answer could not be decompressed"
        except httpx.TooManyRedirects:
            return "redirected in a circle"
        except httpx.HTTPError as error:
            return f"could not be reached ({type(error).__name__})"


def not_data(service: str, series: str, expected: str, body: str) -> Malformed:
    """The error for an answer that came with 200 and is not what was asked for."""
    found = "something else, or only a part of it,"
    if looks_like_html(body) or not body.strip():
        found = "an HTML page" if body.strip() else "nothing"
    return Malformed(
        service, series, f"answered 200 with {found} where {expected} belongs", status=200,
        remedy=TRY_AGAIN_OR_LOOK.format(service=service),
    )  # fmt: skip


TRY_AGAIN_OR_LOOK = "The next run asks again; if it repeats, open {service} in a browser from this machine"
