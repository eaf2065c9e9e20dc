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
from dataclasses import dataclass, replace
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
from pipelines.sources.identity import OtherIdentity

log = logging.getLogger(__name__)

SERVICE = "New York Fed"
URL = "https://markets.newyorkfed.org/api"
OPERATIONS = "treasury_operations"
FIRST_DAY = date(2000, 1, 1)  # before the first operation the API knows
FAILURES = 2  # in a row, and the rest is not asked: of four questions, two that hang cost two minutes
DIRECTIONS = {"P": "Purchase", "S": "Sale"}
AMOUNTS = ("submitted_usd_bn", "accepted_usd_bn")
LEAST_PAR_USD_BN, MOST_PAR_USD_BN = 1e-3, 1e3
HOLDINGS = ("mbs", "cmbs", "tips", "frn", "notesbonds", "bills", "agencies")
OTHER_UNIT = (
    "Compare it with newyorkfed.org/markets; if the API has changed its unit, pipelines/sources/nyfed.py follows"
)
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
        return self._observations(BILLS, [row for row in found if _adds_up(row)], "asOfDate", _bills_usd_mn)

    def reference_rate(self, rate: str, first: date, last: date) -> pl.DataFrame:
        """A reference rate in percent, oldest first, in the columns of raw.macro_observations."""
        params = {"startDate": first.isoformat(), "endDate": last.isoformat()}
        found = self._records(f"/rates/{RATES[rate].path}/search.json", params, rate, ("refRates",))
        own = [row for row in found if row.get("type", rate) == rate]
        if found and not own:
            others = ", ".join(sorted({str(row["type"]) for row in found})[:3])
            what = f"answered with rates of {others} where {rate} belongs; none of it was stored"
            raise OtherIdentity(SERVICE, rate, what, status=200, remedy=OTHER_UNIT)
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
        """Rows of a series; a revised value wins over the one it revises, and a day given two others is left out."""
        try:
            told = [(date.fromisoformat(row[day]), bool(row.get("revisionIndicator")), value(row)) for row in found]
        except (KeyError, ValueError, TypeError):
            told = None
        if told is None:
            raise Malformed(SERVICE, series, "answered with rows that cannot be read", status=200)
        schema = {"date": pl.Date, "revised": pl.Boolean, "value": pl.Float64}
        frame = pl.DataFrame(told, schema=schema, orient="row").drop_nulls("value").unique()
        frame = frame.filter(pl.col("revised") == pl.col("revised").max().over("date"))
        contradicted = frame.filter(pl.len().over("date") > 1)["date"].unique().sort()
        for conflict in contradicted:
            log.warning("New York Fed %s: %s came with two values, neither is taken", series, conflict)
        frame = frame.filter(~pl.col("date").is_in(contradicted.to_list()))
        frame = frame.with_columns(series_id=pl.lit(series), realtime_start=pl.lit(None, pl.Date))
        return frame.sort("date").select(MacroObservations.create_empty().columns)


def _bills_usd_mn(row: Record) -> float | None:
    return _usd(row.get("bills"), 1e6)


def _adds_up(row: Record) -> bool:
    """The parts of a week's holdings make its total, where it gives them all; otherwise one of them is wrong."""
    parts = [_number(row.get(name)) for name in HOLDINGS]
    total = _number(row.get("total"))
    if total is None or any(part is None for part in parts):
        return True
    agrees = abs(sum(part for part in parts if part is not None) - total) <= 1e-3 * abs(total)
    if not agrees:
        log.warning("New York Fed %s: the parts of %s do not add up to its total; left out", BILLS, row.get("asOfDate"))
    return agrees


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


# ------------------------------------------------------------------ operations
def operations(found: Sequence[Record]) -> tuple[pl.DataFrame, tuple[Note, ...]]:
    """Auction records as rows of raw.treasury_operations, without system tests and unfinished auctions.

    An amount that cannot be dollars, or contradicts itself, is unknown: sums over it are unknown too, not smaller.
    Raises OtherIdentity when most amounts are in another unit.
    """
    rows: dict[str, Operation] = {}
    remarks: list[str] = []
    unreadable: list[str] = []
    for record in sorted(found, key=lambda row: str(row.get("lastUpdated") or "")):
        if "small value" in str(record.get("note") or "").lower():
            continue
        if str(record.get("auctionStatus") or "Results") != "Results":
            continue
        try:
            operation = Operation.of(record)
        except (KeyError, ValueError, TypeError):
            unreadable.append(str(record.get("operationId") or "without id"))
            continue
        before = rows.get(operation.id)
        if before is None:
            rows[operation.id] = operation
        elif before.row != operation.row:
            rows[operation.id], remark = before.or_else(operation)
            remarks.append(remark)
    _check_unit(list(rows.values()))
    believed = [operation.believed() for operation in rows.values()]
    remarks += [remark for _, remark in believed if remark]
    if unreadable:
        remarks.append(f"{len(unreadable)} operations cannot be read and were left out: {', '.join(unreadable[:5])}")
    schema = TreasuryOperations.create_empty().schema
    frame = pl.DataFrame([row for row, _ in believed], schema=schema).sort("operation_date", "operation_id")
    return frame, tuple(Note(OPERATIONS, remark) for remark in remarks)


@dataclass(frozen=True)
class Operation:
    """One operation as answered."""

    row: Record
    updated: str

    @classmethod
    def of(cls, record: Record) -> Operation:
        """Raises ValueError, KeyError or TypeError for a record that is none."""
        settles = record.get("settlementDate") or None
        row: Record = {
            "operation_id": _words(record["operationId"]),
            "operation_date": date.fromisoformat(record["operationDate"]),
            "settlement_date": date.fromisoformat(settles) if settles else None,
            "operation_type": _words(record["operationType"]),
            "submitted_usd_bn": _usd(record.get("totalParAmtSubmitted"), 1e9),
            "accepted_usd_bn": _usd(record.get("totalParAmtAccepted"), 1e9),
            "note": str(record.get("note") or "").strip() or None,
        }
        direction = str(record.get("operationDirection") or "").upper()
        if direction in DIRECTIONS and not row["operation_type"].endswith(DIRECTIONS[direction]):
            raise ValueError(f"{row['operation_type']} in direction {direction}")
        return cls(row, str(record.get("lastUpdated") or ""))

    @property
    def id(self) -> str:
        """The Desk's identifier."""
        return str(self.row["operation_id"])

    def or_else(self, other: Operation) -> tuple[Operation, str]:
        """Which of two answers under one id counts, and what to say of it."""
        own, its = (f"{o.row['operation_type']} of {o.row['operation_date']}" for o in (self, other))
        if own != its:
            told = f"{self.id} stands for two operations, {own} and {its}: a conflict"
            return self, f"{told}; the first is kept, the other left out"
        if other.updated > self.updated:
            return other, f"{self.id} came twice; the answer updated last, at {other.updated}, is taken"
        unknown = replace(self, row={**self.row, **dict.fromkeys(AMOUNTS)})
        told = f"{self.id} came twice with different amounts: a conflict"
        return unknown, f"{told}; they are unknown until the Desk gives one"

    def believed(self) -> tuple[Record, str]:
        """The row with amounts that can be dollars, and what to say of those that cannot."""
        submitted, accepted = self.row["submitted_usd_bn"], self.row["accepted_usd_bn"]
        wrong = [name for name in AMOUNTS if not _can_be_usd_bn(self.row[name])]
        if not wrong and submitted is not None and accepted is not None and accepted > submitted * (1 + 1e-9):
            wrong = list(AMOUNTS)
        if not wrong:
            return self.row, ""
        amounts = " and ".join(f"{self.row[name] * 1e9:,.0f}" for name in wrong)
        told = f"{self.id} of {self.row['operation_date']}: {amounts} cannot be its par amounts in dollars"
        return {**self.row, **dict.fromkeys(wrong)}, f"{told}; unknown until corrected"


def _can_be_usd_bn(amount: float | None) -> bool:
    """The Desk deals in whole millions, and never in a trillion at once."""
    return amount is None or amount == 0 or LEAST_PAR_USD_BN <= amount <= MOST_PAR_USD_BN


def _check_unit(found: Sequence[Operation]) -> None:
    amounts = [o.row[name] for o in found for name in AMOUNTS if o.row[name]]
    wrong = [amount for amount in amounts if not _can_be_usd_bn(amount)]
    if len(wrong) > 1 and 2 * len(wrong) > len(amounts):
        what = f"answered with amounts such as {wrong[0] * 1e9:,.0f}, which are not dollars; none of it was stored"
        raise OtherIdentity(SERVICE, OPERATIONS, what, status=200, remedy=OTHER_UNIT)


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
