"""The New York Fed's Markets API: the Desk's outright operations, its holdings of bills, its reference rates.

Here: addresses, and answers as rows. Not here: which series are wanted (assets.catalog), which operations belong to
which programme (sql/marts/treasury_purchases.sql), patience and pacing (pipelines.sources.http).

The API answers 400 to a bad path and, reportedly, to a caller in a hurry. Our paths are fixed, so 400 is
tried again.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import polars as pl

from assets.catalog import Series
from assets.contracts.raw import MacroObservations, TreasuryOperations
from assets.upstream import Fetched, Note, Watermarks
from pipelines.sources.answers import arrived, lost, together
from pipelines.sources.errors import (
    BadRequest,
    Malformed,
    NothingDelivered,
    RateLimited,
    SourceError,
    UnknownSeries,
)
from pipelines.sources.http import NEW_YORK, Breaker, Clock, Http, Pace, Patience, RetryPolicy, not_data

log = logging.getLogger(__name__)

SERVICE = "New York Fed"
URL = "https://markets.newyorkfed.org/api"
OPERATIONS = "treasury_operations"
FIRST_DAY = date(2000, 1, 1)  # before the first operation the API knows
FAILURES = 2  # in a row, and the rest is not asked: of four questions, two that hang cost two minutes
Record = dict[str, Any]


@dataclass(frozen=True)
class ReferenceRate:
    """Where a rate is found, and its first day."""

    path: str
    first: date


RATES = {
    "EFFR": ReferenceRate("unsecured/effr", date(2000, 7, 3)),
    "SOFR": ReferenceRate("secured/sofr", date(2018, 4, 2)),
}
BILLS = "SOMA_BILLS"
KNOWN = (*RATES, BILLS)


class NyFed:
    """Four questions asked of the New York Fed, none stopping the others."""

    def __init__(
        self,
        policy: RetryPolicy,
        clock: Clock,
        *,
        lookback_days: int = 14,
        per_minute: int = 30,
        base_url: str | None = None,
    ) -> None:
        """lookback_days: results and rates are corrected for a few days; at least 7."""
        self._policy = policy
        self._clock = clock
        self._breaker = Breaker(SERVICE, min(FAILURES, policy.failures_before_giving_up))  # one for all questions
        self._lookback = timedelta(days=max(7, lookback_days))
        self._http = Http(SERVICE, base_url or URL, policy, Pace(per_minute, clock), clock)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def treasury_operations(self, stored: date | None) -> Fetched:
        """Outright operations since the watermark minus the lookback; a failure becomes Missing."""
        return self._answer(OPERATIONS, TreasuryOperations.create_empty(), stored, self._operations_since)

    def macro_observations(self, series: Sequence[Series], stored: Watermarks) -> Fetched:
        """Observations since the watermark minus the lookback, all without one; never raises for a series."""
        empty = MacroObservations.create_empty()
        return together(empty, [self._series(one.id, stored.get(one.id)) for one in series])

    def bills_held(self) -> pl.DataFrame:
        """Treasury bills in the System Open Market Account, USD mn, one row per week: series SOMA_BILLS."""
        found = self._records("/soma/summary.json", {}, BILLS, ("soma", "summary"))
        return self._observations(BILLS, found, "asOfDate", lambda row: _usd(row.get("bills"), 1e6))

    def reference_rate(self, rate: str, first: date, last: date) -> pl.DataFrame:
        """A reference rate in percent, oldest first, in the columns of raw.macro_observations."""
        params = {"startDate": first.isoformat(), "endDate": last.isoformat()}
        found = self._records(f"/rates/{RATES[rate].path}/search.json", params, rate, ("refRates",))
        own = [row for row in found if row.get("type", rate) == rate]
        return self._observations(rate, own, "effectiveDate", lambda row: _number(row.get("percentRate")))

    def _today(self) -> date:
        return self._clock.now().astimezone(NEW_YORK).date()

    def _answer(
        self, question: str, empty: pl.DataFrame, stored: date | None, since: Callable[[date | None], Fetched]
    ) -> Fetched:
        """What has come since the start of the window, None for all there is; or what is missing without it."""
        start = None if stored is None else stored - self._lookback
        try:
            self._breaker.check(question)
            answer = since(start)
        except SourceError as error:
            failure = error
        else:
            self._breaker.succeeded()
            return answer
        self._breaker.failed(failure)
        return lost(failure, empty, stored, start)

    def _operations_since(self, start: date | None) -> Fetched:
        first = start or FIRST_DAY
        params = {"startDate": first.isoformat(), "endDate": self._today().isoformat()}
        found = self._records("/tsy/all/results/summary/search.json", params, OPERATIONS, ("treasury", "auctions"))
        rows, notes = operations(found)
        for note in notes:
            log.warning("New York Fed %s", note)
        log.info("New York Fed %s: %d operations since %s", OPERATIONS, rows.height, first)
        return Fetched(rows=rows, notes=notes)

    def _series(self, series: str, stored: date | None) -> Fetched:
        empty = MacroObservations.create_empty()
        if series not in KNOWN:
            return lost(_unknown(series), empty, stored, None)

        def since(start: date | None) -> Fetched:
            rows = self._bills_since(start) if series == BILLS else self._rate_since(series, start)
            if rows.is_empty() and stored is None:
                raise NothingDelivered(SERVICE, series, "answered without any observation")
            return arrived(SERVICE, series, rows, stored)

        return self._answer(series, empty, stored, since)

    def _bills_since(self, start: date | None) -> pl.DataFrame:
        """The summary has no window: it comes whole and is cut."""
        held = self.bills_held()
        return held if start is None else held.filter(pl.col("date") >= start)

    def _rate_since(self, rate: str, start: date | None) -> pl.DataFrame:
        return self.reference_rate(rate, start or RATES[rate].first, self._today())

    def _records(self, path: str, params: dict[str, str], series: str, keys: Sequence[str]) -> list[Record]:
        """The list at the end of the keys, with patience."""

        def ask() -> list[Record]:
            try:
                body = self._http.text(path, params, series)
            except BadRequest as error:
                hurry = error
            else:
                return _listed(body, series, keys)
            raise RateLimited(SERVICE, series, f"HTTP {hurry.status}", status=hurry.status)

        return Patience(self._policy, self._clock, self._breaker).call(ask)

    def _observations(
        self, series: str, found: Sequence[Record], day: str, value: Callable[[Record], float | None]
    ) -> pl.DataFrame:
        try:
            pairs = {date.fromisoformat(row[day]): value(row) for row in found}
        except (KeyError, ValueError, TypeError):
            pairs = None
        if pairs is None:
            raise Malformed(SERVICE, series, "answered with rows that cannot be read", status=200)
        schema = {"date": pl.Date, "value": pl.Float64}
        frame = pl.DataFrame({"date": list(pairs), "value": list(pairs.values())}, schema=schema)
        frame = frame.with_columns(series_id=pl.lit(series), realtime_start=pl.lit(None, pl.Date)).drop_nulls("value")
        return frame.sort("date").select(MacroObservations.create_empty().columns)


def _unknown(series: str) -> UnknownSeries:
    remedy = (
        f"The New York Fed is asked for {', '.join(KNOWN)} only: correct the id of the entry in assets/catalog.toml, "
        f'or give it source = "fred"'
    )
    return UnknownSeries(SERVICE, series, "not a series that can be asked for here", remedy=remedy)


def _listed(body: str, series: str, keys: Sequence[str]) -> list[Record]:
    """The list of objects at the end of the keys."""
    try:
        found: Any = json.loads(body)
        for key in keys:
            found = found[key]
    except (ValueError, KeyError, TypeError):
        found = None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise not_data(SERVICE, series, f"JSON with {'.'.join(keys)}", body)
    return found


def operations(found: Sequence[Record]) -> tuple[pl.DataFrame, tuple[Note, ...]]:
    """Auction records as rows of raw.treasury_operations, without system tests and unfinished auctions."""
    rows: dict[str, Record] = {}
    unreadable: list[str] = []
    for record in sorted(found, key=lambda row: str(row.get("lastUpdated") or "")):
        if "small value" in str(record.get("note") or "").lower():
            continue
        if str(record.get("auctionStatus") or "Results") != "Results":
            continue
        try:
            row = _operation(record)
        except (KeyError, ValueError, TypeError):
            unreadable.append(str(record.get("operationId") or "without id"))
        else:
            rows[row["operation_id"]] = row
    schema = TreasuryOperations.create_empty().schema
    frame = pl.DataFrame(list(rows.values()), schema=schema).sort("operation_date", "operation_id")
    if not unreadable:
        return frame, ()
    listed = ", ".join(unreadable[:5])
    return frame, (Note(OPERATIONS, f"{len(unreadable)} operations cannot be read and were left out: {listed}"),)


def _operation(record: Record) -> Record:
    settles = record.get("settlementDate") or None
    return {
        "operation_id": _words(record["operationId"]),
        "operation_date": date.fromisoformat(record["operationDate"]),
        "settlement_date": date.fromisoformat(settles) if settles else None,
        "operation_type": _words(record["operationType"]),
        "submitted_usd_bn": _usd(record.get("totalParAmtSubmitted"), 1e9),
        "accepted_usd_bn": _usd(record.get("totalParAmtAccepted"), 1e9),
        "note": str(record.get("note") or "").strip() or None,
    }


def _words(value: Any) -> str:
    text = " ".join(str(value or "").split())
    if not text:
        raise ValueError("empty")
    return text


def _number(value: Any) -> float | None:
    text = str(value if value is not None else "").replace(",", "").strip()
    return float(text) if text else None


def _usd(value: Any, unit: float) -> float | None:
    """The API writes US dollars as text. unit: dollars in one of what is wanted."""
    number = _number(value)
    return None if number is None else number / unit
