"""FRED's series: with a key through fredapi, vintages included; without one from the keyless CSV endpoint.

Here: one series at a time, the realtime axis in pieces, and the rows of raw.macro_observations. Not here:
which series exist and which are revised (assets.catalog), patience and pacing (pipelines.sources.http).

Why fredapi's fetching is replaced: it has neither timeout nor retry, turns every error into a ValueError
without its status, can read an HTML page as an empty series, and leaves the key in the exception's context.
What replaces it speaks urllib, not httpx, because httpx logs every address it asks and the key is part of
FRED's. The address with the key exists in one function only, which returns what happened and never raises,
so that no traceback can hold it.

Why vintages are read as they are: ALFRED clips realtime_start to the first day asked for. A row that begins
on that day says nothing new; it is the value in force by then. Where two requests meet, such a row is
dropped if it repeats the value before it; where a request continues what is stored, all of them are,
because the day is chosen before the last stored observation was published. An observation withdrawn in a
later vintage comes as a null value.
"""

from __future__ import annotations

import csv
import http.client
import logging
import re
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import fredapi
import numpy as np
import pandas as pd
import polars as pl
from pydantic import SecretStr

from assets.catalog import Series
from assets.contracts.raw import MacroObservations
from assets.upstream import Fetched, Note, Watermarks
from pipelines.sources.answers import arrived, lost, together
from pipelines.sources.errors import (
    BadRequest,
    KeyRejected,
    Malformed,
    NothingDelivered,
    SourceError,
    UnknownSeries,
    Unreachable,
)
from pipelines.sources.http import (
    BODY_LIMIT,
    USER_AGENT,
    Breaker,
    Clock,
    Http,
    Pace,
    Patience,
    RetryPolicy,
    error_for_status,
    not_data,
    retry_after_seconds,
)

log = logging.getLogger(__name__)

SERVICE = "FRED"
CSV_URL = "https://fred.stlouisfed.org"
SERIES_ID = re.compile(r"[A-Za-z0-9_]{1,64}")
VINTAGES_PER_REQUEST = 1000  # FRED allows 2,000
ROWS_PER_REQUEST = 90_000  # FRED sends 100,000 and no hint in fredapi that there were more
EARLIEST = date(1776, 7, 4)
ROOTS = {
    "/series/observations": "observations",
    "/series/vintagedates": "vintage_dates",
    "/series": "seriess",
}
CORRECT_IT = "Check the id on fred.stlouisfed.org; correct or remove its entry in assets/catalog.toml"
GET_A_KEY = (
    "Put a valid key into FRED_API_KEY (fred.stlouisfed.org, My Account, API Keys), or unset it to use the "
    "keyless CSV endpoint"
)


class TooMuch(BadRequest):
    """One request cannot carry what was asked for; share says which part of it would fit."""

    def __init__(self, service: str, series: str, what: str, share: float = 0.5) -> None:
        """share: between 0 and 1."""
        super().__init__(service, series, what)
        self.share = share


# ------------------------------------------------------------------ fredapi, with manners
@dataclass(frozen=True)
class Reply:
    """What came back: a status with headers and body, or words for why nothing did."""

    status: int = 0
    headers: Mapping[str, str] | None = None
    body: bytes = b""
    trouble: str = ""


class KeyedFred(fredapi.Fred):  # type: ignore[misc]
    """fredapi, asking with a timeout, at a measured pace, in typed errors, and without showing its key."""

    def __init__(self, key: SecretStr, policy: RetryPolicy, pace: Pace, clock: Clock, base_url: str | None) -> None:
        """The parent's set-up is skipped: it keeps the key in plain sight and sets a process-wide proxy."""
        self.api_key = ""
        self.proxies = None
        self._key = key
        self._policy = policy
        self._pace = pace
        self._clock = clock
        self._opener = urllib.request.build_opener()
        self._opener.addheaders = [("User-Agent", USER_AGENT)]
        if base_url is not None:
            self.root_url = base_url.rstrip("/")

    def _Fred__fetch_data(self, url: str) -> ET.Element:  # noqa: N802
        """The document behind a keyless address, in place of the parent's private method of this name."""
        series = parse_qs(urlsplit(url).query).get("series_id", ["?"])[0]
        self._pace.wait()
        reply = self._without_key(self._exchange(url))
        if reply.trouble:
            raise Unreachable(SERVICE, series, reply.trouble)
        return self._understood(series, url, reply)

    def _exchange(self, url: str) -> Reply:
        """One GET; whatever happens is returned, because the address holds the key."""
        deadline = time.monotonic() + self._policy.timeout_seconds
        slow = f"no complete answer within {self._policy.timeout_seconds:g} s"
        address = f"{url}&api_key={quote(self._key.get_secret_value(), safe='')}"
        try:
            with self._opener.open(address, timeout=self._policy.timeout_seconds) as response:
                body = _read(response, deadline)
                if body is None:
                    return Reply(trouble=slow)
                return Reply(response.status, dict(response.headers.items()), body)
        except urllib.error.HTTPError as error:
            with error:
                return Reply(error.code, dict(error.headers.items()), _read_quietly(error, deadline))
        except TimeoutError:
            return Reply(trouble=slow)
        except urllib.error.URLError as error:
            timed_out = isinstance(error.reason, TimeoutError)
            return Reply(trouble=slow if timed_out else f"could not be reached ({type(error.reason).__name__})")
        except http.client.IncompleteRead:
            return Reply(trouble="the connection was dropped before the answer was complete")
        except (http.client.HTTPException, OSError, ValueError) as error:
            return Reply(trouble=f"the connection failed ({type(error).__name__})")

    def _without_key(self, reply: Reply) -> Reply:
        """The reply, should the service repeat our address in it."""
        return replace(reply, body=reply.body.replace(self._key.get_secret_value().encode(), b"[key]"))

    def _understood(self, series: str, url: str, reply: Reply) -> ET.Element:
        """The document, if it is the one asked for; else the typed error it amounts to."""
        text = reply.body.decode("utf-8", "replace")
        root = _parsed(text)
        if root is not None and root.tag == "error":
            raise self._refused(series, int(root.get("code", reply.status)), root.get("message", ""), reply)
        if reply.status >= 400:
            raise self._refused(series, reply.status, "", reply)
        expected = next(tag for end, tag in ROOTS.items() if urlsplit(url).path.endswith(end))
        if root is None or root.tag != expected:
            raise not_data(SERVICE, series, f"XML with <{expected}>", text)
        count = int(root.get("count", len(root)))
        if count > len(root):
            what = f"{count} rows asked for, {len(root)} sent"
            raise TooMuch(SERVICE, series, what, share=ROWS_PER_REQUEST / count)
        return root

    def _refused(self, series: str, status: int, message: str, reply: Reply) -> SourceError:
        said = " ".join(message.split())[:300]
        if "api_key" in said:
            return KeyRejected(
                SERVICE,
                series,
                f"the API key was not accepted (HTTP {status})",
                status=status,
                remedy=GET_A_KEY,
            )
        if "does not exist" in said:
            what = f"unknown series (HTTP {status}: {said})"
            return UnknownSeries(SERVICE, series, what, status=status, remedy=CORRECT_IT)
        if "exceeds the maximum number of vintage dates" in said:
            return TooMuch(SERVICE, series, said, share=0.5)
        header = next((v for k, v in (reply.headers or {}).items() if k.lower() == "retry-after"), None)
        retry_after = retry_after_seconds(header, self._clock.now())
        error = error_for_status(SERVICE, series, status, retry_after=retry_after, said=said)
        return error or Malformed(SERVICE, series, f"answered with an error: {said}", status=status)


def _read(response: Any, deadline: float) -> bytes | None:
    """The body, or None when it takes too long."""
    chunks: list[bytes] = []
    while sum(map(len, chunks)) < BODY_LIMIT:
        chunk: bytes = response.read1(1 << 20)
        if not chunk:
            if response.length:  # http.client does not object to a body shorter than announced
                raise http.client.IncompleteRead(b"", response.length)
            return b"".join(chunks)
        chunks.append(chunk)
        if time.monotonic() > deadline:
            return None
    return None


def _read_quietly(response: Any, deadline: float) -> bytes:
    """As much of an error's body as can be had; the status already says enough."""
    try:
        return _read(response.fp, deadline) or b""
    except (http.client.HTTPException, OSError, ValueError, AttributeError):
        return b""


def _parsed(text: str) -> ET.Element | None:
    try:
        return ET.fromstring(text)
    except ET.ParseError:
        return None


# ------------------------------------------------------------------ the source
class Fred:
    """Observations of many series, one after the other, none stopping the others."""

    def __init__(
        self,
        policy: RetryPolicy,
        clock: Clock,
        *,
        key: SecretStr | None = None,
        lookback: int = 5,
        per_minute: int = 100,
        apart_seconds: float = 0.1,
        base_url: str | None = None,
        csv_url: str | None = None,
    ) -> None:
        """lookback: observations before the last stored one that are asked for again, at least 5."""
        self._policy = policy
        self._clock = clock
        self._lookback = max(5, lookback)
        self._breaker = Breaker(SERVICE, policy.failures_before_giving_up)
        pace = Pace(per_minute, clock, apart_seconds)
        self._client = KeyedFred(key, policy, pace, clock, base_url) if key is not None else None
        self._csv = Http(SERVICE, csv_url or CSV_URL, policy, pace, clock)

    def close(self) -> None:
        """Close the connections."""
        self._csv.close()

    def macro_observations(self, series: Sequence[Series], stored: Watermarks) -> Fetched:
        """Observations since the watermark minus the lookback, all without one; never raises for a series."""
        answers = [self._one(one, stored.get(one.id)) for one in series]
        fetched = together(MacroObservations.create_empty(), answers)
        if self._client is not None:
            return fetched
        note = Note(SERVICE, "no FRED_API_KEY: the keyless CSV endpoint was used, without vintages")
        log.info("%s", note)
        return replace(fetched, notes=(note, *fetched.notes))

    def _one(self, series: Series, watermark: date | None) -> Fetched:
        try:
            self._breaker.check(series.id)
            rows = self._rows(series, watermark)
            if rows.is_empty() and watermark is None:
                raise NothingDelivered(SERVICE, series.id, "answered without any observation", remedy=CORRECT_IT)
        except SourceError as error:
            failure = error
        else:
            self._breaker.succeeded()
            return arrived(SERVICE, series.id, rows, watermark)
        self._breaker.failed(failure, hopeless=isinstance(failure, KeyRejected))
        resumes = None if watermark is None else days_back(series, watermark, self._lookback)
        return lost(failure, MacroObservations.create_empty(), watermark, resumes)

    def _rows(self, series: Series, watermark: date | None) -> pl.DataFrame:
        if not SERIES_ID.fullmatch(series.id):
            raise UnknownSeries(SERVICE, series.id, "not an id FRED could know", remedy=CORRECT_IT)
        start = None if watermark is None else days_back(series, watermark, self._lookback)
        if self._client is None:
            return self._from_csv(series, start)
        if not series.revised:
            return self._latest(self._client, series, start)
        return self._vintages(self._client, series, start)

    # -------------------------------------------------------------- without a key
    def _from_csv(self, series: Series, start: date | None) -> pl.DataFrame:
        """Today's values; a revised series whole, because without vintages a part would mix two truths."""
        params = {"id": series.id}
        if start is not None and not series.revised:
            params["cosd"] = start.isoformat()

        def ask() -> pl.DataFrame:
            return read_csv(series.id, self._csv.text("/graph/fredgraph.csv", params, series.id))

        return Patience(self._policy, self._clock, self._breaker).call(ask)

    # -------------------------------------------------------------- with a key
    def _latest(self, client: KeyedFred, series: Series, start: date | None) -> pl.DataFrame:
        found = self._ask(series.id, lambda: client.get_series(series.id, observation_start=start))
        return _rows(series.id, found.index, [None] * len(found), found.to_numpy()).drop_nulls("value")

    def _vintages(self, client: KeyedFred, series: Series, start: date | None) -> pl.DataFrame:
        """Every value with the first day it was public; in one request where that is surely enough."""
        if start is None or (self._clock.now().date() - start).days >= 2 * VINTAGES_PER_REQUEST - 1:
            dates = self._ask(series.id, lambda: client.get_series_vintage_dates(series.id))
            known = sorted({day.date() for day in dates if start is None or day.date() > start})
            return join_vintages(self._in_pieces(client, series.id, known, start), since=start)
        return join_vintages([(start, self._releases(client, series.id, start, None))], since=start)

    def _in_pieces(
        self, client: KeyedFred, series: str, vintages: Sequence[date], since: date | None
    ) -> list[tuple[date, pl.DataFrame]]:
        """The realtime axis piece by piece, each small enough for one answer."""
        pieces: list[tuple[date, pl.DataFrame]] = []
        position, size = 0, VINTAGES_PER_REQUEST
        while position < len(vintages):
            following = position + size
            first = vintages[position] if position else (since or EARLIEST)
            last = vintages[following] - timedelta(days=1) if following < len(vintages) else None
            try:
                pieces.append((first, self._releases(client, series, first, last)))
            except TooMuch as error:
                if size == 1:
                    raise
                size = max(1, int(min(size, len(vintages) - position) * min(error.share, 0.5)))
                continue
            position = following
        return pieces

    def _releases(self, client: KeyedFred, series: str, first: date, last: date | None) -> pl.DataFrame:
        def ask() -> Any:
            return client.get_series_all_releases(
                series, realtime_start=first.isoformat(), realtime_end=last.isoformat() if last else None
            )

        found = self._ask(series, ask)
        if found.empty:
            return MacroObservations.create_empty()
        values = pd.to_numeric(found["value"], errors="coerce").to_numpy(dtype="float64")
        return _rows(series, found["date"], [day.date() for day in found["realtime_start"]], values)

    def _ask(self, series: str, request: Callable[[], Any]) -> Any:
        """fredapi's answer, with patience; what it cannot read is an error with a name."""

        def attempt() -> Any:
            try:
                return request()
            except (ValueError, TypeError, KeyError) as error:
                kind = type(error).__name__
            raise Malformed(SERVICE, series, f"answered with observations that cannot be read ({kind})", status=200)

        return Patience(self._policy, self._clock, self._breaker).call(attempt)


def days_back(series: Series, stored: date, lookback: int) -> date:
    """The stored date minus so many observations of the series' frequency."""
    if series.frequency == "business_day":
        moved: date = np.busday_offset(stored, -lookback, roll="backward").astype(date)
        return moved
    days = {"calendar_day": 1, "weekly_wednesday": 7, "weekly_friday": 7, "monthly": 31}[series.frequency]
    return stored - timedelta(days=days * lookback)


def _rows(series: str, dates: Any, realtime: Sequence[date | None], values: Any) -> pl.DataFrame:
    data = {
        "date": [stamp.date() for stamp in dates],
        "realtime_start": realtime,
        "value": np.asarray(values, dtype="float64"),
    }
    schema = {"date": pl.Date, "realtime_start": pl.Date, "value": pl.Float64}
    frame = pl.DataFrame(data, schema=schema).with_columns(
        pl.lit(series).alias("series_id"), pl.when(pl.col("value").is_finite()).then("value").alias("value")
    )
    frame = frame.unique(["date", "realtime_start"], keep="last", maintain_order=True)
    return frame.sort("date", "realtime_start").select(MacroObservations.create_empty().columns)


def join_vintages(pieces: Sequence[tuple[date, pl.DataFrame]], since: date | None) -> pl.DataFrame:
    """Pieces of the realtime axis, each with the first day it was asked for, as one history without seams.

    since: the first day asked for when continuing what is stored; None for a whole history. A row that
    begins on the first day of its piece may have begun earlier: it is dropped where it repeats the value
    before it, or where it is surely stored. A null value stays only where it withdraws a value.
    """
    if not pieces:
        return MacroObservations.create_empty()
    marked = [frame.with_columns(seam=pl.col("realtime_start") <= first) for first, frame in pieces]
    joined = pl.concat(marked).sort("date", "realtime_start", "seam", descending=[False, False, True])
    joined = joined.unique(["date", "realtime_start"], keep="last", maintain_order=True)
    before = pl.col("value").shift(1).over("date")
    repeated = pl.col("seam") & pl.col("value").eq_missing(before) & (pl.int_range(pl.len()).over("date") > 0)
    joined = joined.filter(~repeated)
    withdrawn_or_known = pl.col("value").is_not_null() | before.is_not_null()
    joined = joined.filter(withdrawn_or_known)
    if since is not None:
        joined = joined.filter(pl.col("realtime_start") > since)
    return joined.drop("seam")


def read_csv(series: str, body: str) -> pl.DataFrame:
    """Rows of fredgraph.csv, either header; raises Malformed for anything else."""
    lines = list(csv.reader(body.splitlines()))
    if not lines or len(lines[0]) != 2 or lines[0][0] not in ("observation_date", "DATE") or lines[0][1] != series:
        raise not_data(SERVICE, series, f"CSV with a column {series}", body)
    if not body.endswith("\n"):
        raise Malformed(SERVICE, series, "the CSV is cut off in its last line", status=200)
    try:
        observed = [(pd.Timestamp(day), float(value)) for day, value in lines[1:] if value not in ("", ".")]
    except ValueError:
        observed = None
    if observed is None:
        raise Malformed(SERVICE, series, "the CSV has lines that are not a date and a number", status=200)
    dates, values = [day for day, _ in observed], [value for _, value in observed]
    return _rows(series, dates, [None] * len(dates), values)
