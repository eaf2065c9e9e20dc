"""fredapi, with manners: everything that works around the package, and nothing else.

Here: one documented seam that replaces its fetching, and FRED's answers as documents or typed errors. Not here: which
observations are asked for and what they mean (pipelines.sources.fred).

Why its fetching is replaced: it has neither timeout nor retry, turns every error into a ValueError without its status,
can read an HTML page as an empty series, and leaves the key in the exception's context. What replaces it speaks
urllib, not httpx, because httpx logs every address it asks and the key is part of FRED's. The address with the key
exists in one function only, which returns what happened and never raises, so that no traceback can hold it.

What this rests on is not promised by the package; tests/upstream/test_fredapi_client.py fails when it changes.
"""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import fredapi
from pydantic import SecretStr

from pipelines.sources.errors import BadRequest, KeyRejected, Malformed, SourceError, UnknownSeries, Unreachable
from pipelines.sources.http import (
    BODY_LIMIT,
    USER_AGENT,
    Clock,
    Pace,
    RetryPolicy,
    error_for_status,
    not_data,
    retry_after_seconds,
)

SERVICE = "FRED"
FETCH = "_Fred__fetch_data"
ROWS_PER_REQUEST = 90_000  # FRED sends 100,000 and no hint in fredapi that there were more
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


@dataclass(frozen=True)
class Exchange:
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

    def _document(self, url: str) -> ET.Element:
        """The document behind a keyless address."""
        series = parse_qs(urlsplit(url).query).get("series_id", ["?"])[0]
        self._pace.wait()
        reply = self._without_key(self._exchange(url))
        if reply.trouble:
            raise Unreachable(SERVICE, series, reply.trouble)
        return self._understood(series, url, reply)

    def _exchange(self, url: str) -> Exchange:
        """One GET; whatever happens is returned, because the address holds the key."""
        deadline = time.monotonic() + self._policy.timeout_seconds
        slow = f"no complete answer within {self._policy.timeout_seconds:g} s"
        address = f"{url}&api_key={quote(self._key.get_secret_value(), safe='')}"
        try:
            with self._opener.open(address, timeout=self._policy.timeout_seconds) as response:
                body = _read(response, deadline)
                if body is None:
                    return Exchange(trouble=slow)
                return Exchange(response.status, dict(response.headers.items()), body)
        except urllib.error.HTTPError as error:
            with error:
                return Exchange(error.code, dict(error.headers.items()), _read_quietly(error, deadline))
        except TimeoutError:
            return Exchange(trouble=slow)
        except urllib.error.URLError as error:
            timed_out = isinstance(error.reason, TimeoutError)
            return Exchange(trouble=slow if timed_out else f"could not be reached ({type(error.reason).__name__})")
        except http.client.IncompleteRead:
            return Exchange(trouble="the connection was dropped before the answer was complete")
        except (http.client.HTTPException, OSError, ValueError) as error:
            return Exchange(trouble=f"the connection failed ({type(error).__name__})")

    def _without_key(self, reply: Exchange) -> Exchange:
        """The reply, should the service repeat our address in it."""
        return replace(reply, body=reply.body.replace(self._key.get_secret_value().encode(), b"[key]"))

    def _understood(self, series: str, url: str, reply: Exchange) -> ET.Element:
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

    def _refused(self, series: str, status: int, message: str, reply: Exchange) -> SourceError:
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


# The one seam: fredapi reads every document through this private method of its own, and offers no other way in.
if not hasattr(fredapi.Fred, FETCH):
    raise ImportError(f"fredapi no longer reads through {FETCH}; install the version that pyproject.toml names")
setattr(KeyedFred, FETCH, KeyedFred._document)


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
