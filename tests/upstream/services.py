"""The services when they are well: small worlds that speak the real wire formats.

Here: a clock that tests turn, and Yahoo, FRED, FRED's graph, the New York Fed and Farside as functions of it.
Not here: faults (tests.upstream.loopback).
"""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from xml.sax.saxutils import quoteattr
from zoneinfo import ZoneInfo

from assets.catalog import load_catalog
from pipelines.sources.yahoo import sessions_between
from tests.upstream.loopback import HTML, Answer, Request, Service

NEW_YORK = ZoneInfo("America/New_York")
YAHOO_HOSTS = ("query1.finance.yahoo.com", "query2.finance.yahoo.com")
FRED, GRAPH = "api.stlouisfed.org", "fred.stlouisfed.org"
NYFED, FARSIDE = "markets.newyorkfed.org", "farside.co.uk"


class FakeClock:
    """Stands still, except that sleeping moves it."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._slept = 0.0
        self._lock = threading.Lock()
        self.pauses: list[float] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._slept

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.pauses.append(seconds)
            self._slept += seconds

    def turn_to(self, moment: datetime) -> None:
        self._now = moment


# ------------------------------------------------------------------ Yahoo
def _instrument(symbol: str) -> str:
    """What Yahoo calls it, told from its notation."""
    if symbol.endswith("-USD"):
        return "CRYPTOCURRENCY"
    if symbol.endswith(("=F", ".CBT")):
        return "FUTURE"
    return "INDEX" if symbol.startswith("^") or symbol.endswith(".NYB") else "ETF"


@dataclass
class YahooWorld:
    """Bars of any symbol from `first_day` on, made by a formula; the newest one is live while its day is open.

    closes: overrides by (symbol, day). absent: days without a bar. unknown: symbols that do not exist.
    """

    clock: FakeClock
    first_day: date
    closes: dict[tuple[str, date], float] = field(default_factory=dict)
    absent: set[tuple[str, date]] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    dividends: dict[tuple[str, date], float] = field(default_factory=dict)

    def services(self) -> dict[str, Service]:
        return {
            **dict.fromkeys(YAHOO_HOSTS, self.answer),
            "fc.yahoo.com": self.cookie,
            "guce.yahoo.com": self.cookie,
        }

    def cookie(self, request: Request) -> Answer:
        headers = {"set-cookie": "A3=d=AQABBA; Max-Age=31557600; Domain=.yahoo.com; Path=/; Secure"}
        return Answer("", 404, "text/html", headers)

    def answer(self, request: Request) -> Answer:
        if request.path.endswith("/getcrumb"):
            return Answer("haT3oykhHqZ", content_type="text/plain;charset=utf-8")
        if not request.path.startswith("/v8/finance/chart/"):
            return Answer(HTML, 404, "text/html")
        symbol = request.path.rpartition("/")[2]
        if symbol in self.unknown:
            error = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
            return Answer(json.dumps({"chart": {"result": None, "error": error}}), 404)
        return Answer(json.dumps({"chart": {"result": [self._result(symbol, request.query)], "error": None}}))

    def close_of(self, symbol: str, day: date) -> float:
        """The settled close."""
        wave = 20 * math.sin(day.toordinal() / 17 + len(symbol)) + 5 * math.sin(day.toordinal() / 3)
        if symbol.startswith("ZQ"):  # fed funds futures stand below 100
            return self.closes.get((symbol, day), round(95 + wave / 20, 4))
        return self.closes.get((symbol, day), round(200 + sum(map(ord, symbol)) % 90 + wave, 4))

    def _days(self, symbol: str) -> list[date]:
        now = self.clock.now()
        if symbol.endswith("-USD"):
            today = now.date()
            days = [self.first_day + timedelta(days=n) for n in range((today - self.first_day).days + 1)]
        else:
            days = sessions_between(self.first_day, now.astimezone(NEW_YORK).date())
            days = [day for day in days if self._opening(symbol, day) <= now]
        return [day for day in days if (symbol, day) not in self.absent]

    def _opening(self, symbol: str, day: date) -> datetime:
        if symbol.endswith("-USD"):
            return datetime.combine(day, time(), UTC)
        opens = time() if "=F" in symbol or symbol.endswith((".CBT", ".NYB")) else time(9, 30)
        return datetime.combine(day, opens, NEW_YORK)

    def _result(self, symbol: str, query: Mapping[str, str]) -> dict[str, Any]:
        days = self._days(symbol)
        if "period1" in query:
            first, last = int(query["period1"]), int(query["period2"])
            days = [d for d in days if first <= self._opening(symbol, d).timestamp() <= last]
        else:
            days = days[-1:]
        bars = [self._bar(symbol, day) for day in days]
        crypto = symbol.endswith("-USD")
        meta = {
            "currency": "USD",
            "symbol": symbol,
            "instrumentType": _instrument(symbol),
            "exchangeTimezoneName": "UTC" if crypto else "America/New_York",
            "timezone": "UTC" if crypto else "EST",
            "gmtoffset": 0,
            "priceHint": 2,
            "dataGranularity": "1d",
            "validRanges": ["1d", "5d", "max"],
            "regularMarketTime": int(self.clock.now().timestamp()),
        }
        columns = ("open", "high", "low", "close", "volume")
        quote = {name: [bar[name] for bar in bars] for name in columns}
        result: dict[str, Any] = {
            "meta": meta,
            "indicators": {"quote": [quote if bars else {}], "adjclose": [{}]},
        }
        if bars:
            result["timestamp"] = [bar["stamp"] for bar in bars]
            result["indicators"]["adjclose"] = [{"adjclose": [bar["adj_close"] for bar in bars]}]
        paid = {d: amount for (s, d), amount in self.dividends.items() if s == symbol and d in days}
        if paid:
            stamps = {d: int(self._opening(symbol, d).timestamp()) for d in paid}
            result["events"] = {
                "dividends": {str(stamps[d]): {"amount": a, "date": stamps[d]} for d, a in paid.items()}
            }
        return result

    def _bar(self, symbol: str, day: date) -> dict[str, Any]:
        close = self.close_of(symbol, day)
        opening = self._opening(symbol, day)
        day_length = timedelta(hours=24 if symbol.endswith("-USD") else 12)
        settled = self.clock.now() >= opening + day_length
        later = [a for (s, d), a in self.dividends.items() if s == symbol and day < d <= self.clock.now().date()]
        factor = math.prod(1 - amount / close for amount in later)
        shown = close if settled else round(close * 1.01, 4)
        last_trade = min(self.clock.now(), opening + timedelta(hours=6.5)) + timedelta(seconds=1)
        return {
            "stamp": int((opening if settled else last_trade).timestamp()),
            "open": shown * 0.99,
            "high": shown * 1.02,
            "low": shown * 0.98,
            "close": shown,
            "adj_close": shown * factor,
            "volume": 1000 + day.day if settled else 500,
        }


# ------------------------------------------------------------------ FRED
def _as_expected(series: str) -> dict[str, str]:
    """Unit, frequency and adjustment of a catalog series, in FRED's words; nothing for another one."""
    entry = next((s for s in load_catalog().series if s.id == series), None)
    if entry is None:
        return {}
    adjusted = "adjusted" if entry.seasonally_adjusted else "not_adjusted"
    words = {
        "usd_mn": "Millions of U.S. Dollars",
        "usd_bn": "Billions of US Dollars" if series == "RRPONTSYD" else "Billions of Dollars",
        "percent": "Percent",
        "index_points": "Index",
        "calendar_day": "Daily, 7-Day",
        "business_day": "Daily, Close" if series == "VIXCLS" else "Daily",
        "weekly_wednesday": "Weekly, As of Wednesday" if series == "WALCL" else "Weekly, Ending Wednesday",
        "weekly_friday": "Weekly, Ending Friday",
        "monthly": "Monthly",
        "adjusted": "Seasonally Adjusted",
        "not_adjusted": "Not Seasonally Adjusted",
    }
    said = {"units": entry.unit, "frequency": entry.frequency, "seasonal_adjustment": adjusted}
    return {name: words[value] for name, value in said.items()}


@dataclass
class FredWorld:
    """Series as (date, first public day, value) triples, value None where withdrawn; keyed API and keyless CSV.

    described: what a series says of itself where it is not what the catalog expects.
    """

    key: str = "abcdef0123456789abcdef0123456789"
    vintages: dict[str, list[tuple[date, date, float | None]]] = field(default_factory=dict)
    clock: FakeClock | None = None
    row_limit: int = 100_000
    described: dict[str, dict[str, str]] = field(default_factory=dict)
    vintage_limit: int = 2_000

    def services(self) -> dict[str, Service]:
        return {FRED: self.api, GRAPH: self.graph}

    def api(self, request: Request) -> Answer:
        if request.query.get("api_key") != self.key:
            return _xml_error("Bad Request.  The value for variable api_key is not registered.")
        series = request.query.get("series_id", "")
        if series not in self.vintages:
            return _xml_error("Bad Request.  The series does not exist.")
        if request.path.endswith("/series/vintagedates"):
            dates = "".join(f"<vintage_date>{day}</vintage_date>" for day in self._vintage_dates(series))
            return _xml(f'<vintage_dates count="{len(self._vintage_dates(series))}">{dates}</vintage_dates>')
        if request.path.endswith("/series/observations"):
            return self._observations(series, request.query)
        said = {"id": series, "title": "A series", **_as_expected(series), **self.described.get(series, {})}
        return _xml(f"<seriess><series {' '.join(f'{k}={quoteattr(v)}' for k, v in said.items())}/></seriess>")

    def graph(self, request: Request) -> Answer:
        series = request.query.get("id", "")
        if series not in self.vintages:
            return Answer(HTML, 404, "text/html")
        first = date.fromisoformat(request.query.get("cosd", "1776-07-04"))
        rows = [(day, value) for day, _, _, value in self._in_force(series, self._today()) if day >= first]
        lines = "".join(f"{day},{'' if value is None else value}\n" for day, value in rows)
        return Answer(f"observation_date,{series}\n{lines}", content_type="application/csv")

    def _today(self) -> date:
        return self.clock.now().date() if self.clock is not None else date(9999, 12, 31)

    def _vintage_dates(self, series: str) -> list[date]:
        return sorted({public for _, public, _ in self.vintages[series] if public <= self._today()})

    def _periods(self, series: str) -> Iterable[tuple[date, date, date, float | None]]:
        """Date, first and last public day, value."""
        by_day: dict[date, list[tuple[date, float | None]]] = {}
        for day, public, value in self.vintages[series]:
            if public <= self._today():
                by_day.setdefault(day, []).append((public, value))
        for day, history in sorted(by_day.items()):
            history.sort()
            for (public, value), later in zip(history, [*history[1:], None], strict=True):
                yield day, public, later[0] - timedelta(days=1) if later else date(9999, 12, 31), value

    def _in_force(self, series: str, on: date) -> list[tuple[date, date, date, float | None]]:
        return [p for p in self._periods(series) if p[1] <= on <= p[2]]

    def _observations(self, series: str, query: Mapping[str, str]) -> Answer:
        first = date.fromisoformat(query.get("observation_start", "1600-01-01"))
        if "realtime_start" not in query:
            today = self._today()
            rows = [(d, today, today, v) for d, _, _, v in self._in_force(series, today)]
        else:
            start, end = (
                date.fromisoformat(query["realtime_start"]),
                date.fromisoformat(query["realtime_end"]),
            )
            inside = [day for day in self._vintage_dates(series) if start <= day <= end]
            if len(inside) > self.vintage_limit:
                return _xml_error(
                    f"Bad Request.  There are {len(inside)} vintage dates in the specified real-time period: "
                    f"{start} to {end}.  This exceeds the maximum number of vintage dates allowed "
                    f"({self.vintage_limit})."
                )
            rows = [
                (d, max(f, start), min(t, end), v)
                for d, f, t, v in self._periods(series)
                if f <= end and t >= start
            ]  # fmt: skip
        rows = [row for row in rows if row[0] >= first]
        items = "".join(
            f'<observation realtime_start="{f}" realtime_end="{t}" date="{d}" value="{"." if v is None else v}"/>'
            for d, f, t, v in rows[: self.row_limit]
        )
        return _xml(f'<observations count="{len(rows)}" offset="0" limit="{self.row_limit}">{items}</observations>')


def _xml(body: str) -> Answer:
    return Answer(f'<?xml version="1.0" encoding="utf-8" ?>\n{body}', content_type="text/xml; charset=UTF-8")


def _xml_error(message: str, code: int = 400) -> Answer:
    body = f'<?xml version="1.0" encoding="utf-8" ?>\n<error code="{code}" message={quoteattr(message)} />\n\n\n\n'
    return Answer(body, code, "text/xml; charset=UTF-8")


# ------------------------------------------------------------------ New York Fed, Farside
@dataclass
class NyFedWorld:
    """The Desk's operations as the API's own records; series as (date, first public day, value) triples.

    Values are in the catalog's units: the bills held in USD millions, which the API writes in dollars.
    """

    auctions: list[dict[str, Any]] = field(default_factory=list)
    series: dict[str, list[tuple[date, date, float | None]]] = field(default_factory=dict)
    clock: FakeClock | None = None

    def services(self) -> dict[str, Service]:
        return {NYFED: self.answer}

    def answer(self, request: Request) -> Answer:
        match request.path.removeprefix("/api").split("/"):
            case ["", "tsy", "all", "results", "summary", "search.json"]:
                return self._operations(request.query)
            case ["", "rates", "unsecured", "effr" as rate, "search.json"]:
                return self._rates(rate.upper(), request.query)
            case ["", "rates", "secured", "sofr" as rate, "search.json"]:
                return self._rates(rate.upper(), request.query)
            case ["", "soma", "summary.json"]:
                return self._summary()
        return Answer('{"error": "Bad Request"}', 400)

    def _operations(self, query: Mapping[str, str]) -> Answer:
        inside = [a for a in self.auctions if query["startDate"] <= a["operationDate"] <= query["endDate"]]
        return Answer(json.dumps({"treasury": {"auctions": inside}}))

    def _rates(self, rate: str, query: Mapping[str, str]) -> Answer:
        """Newest first, as the API has them."""
        first, last = query["startDate"], query["endDate"]
        inside = [(d, v) for d, v in reversed(self._public(rate)) if first <= d.isoformat() <= last]
        rows = [
            {"effectiveDate": d.isoformat(), "type": rate, "percentRate": v, "revisionIndicator": ""} for d, v in inside
        ]
        return Answer(json.dumps({"refRates": rows}))

    def _summary(self) -> Answer:
        held = [(d, "" if v is None else f"{v * 1e6:.2f}") for d, v in self._public("SOMA_BILLS")]
        rows = [{"asOfDate": d.isoformat(), "mbs": "2518385276066.40", "bills": bills} for d, bills in held]
        return Answer(json.dumps({"soma": {"summary": rows}}))

    def _public(self, series: str) -> list[tuple[date, float | None]]:
        today = self.clock.now().date() if self.clock is not None else date.max
        return [(day, value) for day, public, value in self.series.get(series, []) if public <= today]


def bill_purchase(number: int, day: date, accepted: float, **other: Any) -> dict[str, Any]:
    """A record of the API."""
    return {
        "operationId": f"OR {day:%m%d%y} {number}",
        "auctionStatus": "Results",
        "operationType": "Outright Bill Purchase",
        "operationDate": day.isoformat(),
        "settlementDate": (day + timedelta(days=1)).isoformat(),
        "operationDirection": "P",
        "totalParAmtSubmitted": str(int(accepted * 9e9)),
        "totalParAmtAccepted": str(int(accepted * 1e9)),
        "note": "",
        "lastUpdated": f"{day} 09:20:55",
        **other,
    }


@dataclass
class FarsideWorld:
    """The table, one row per day: funds' cells as printed."""

    funds: tuple[str, ...] = ("IBIT", "FBTC", "GBTC")
    days: list[tuple[str, tuple[str, ...], str]] = field(default_factory=list)

    def services(self) -> dict[str, Service]:
        return {FARSIDE: self.answer}

    def answer(self, request: Request) -> Answer:
        header = "".join(f"<th>{name}</th>" for name in ("Date", *self.funds, "Total"))
        rows = "".join(
            "<tr>" + "".join(f"<td><span>{cell}</span></td>" for cell in (day, *cells, total)) + "</tr>"
            for day, cells, total in self.days
        )
        footer = "".join(
            f"<tr><td>{name}</td>{'<td>1,000.0</td>' * (len(self.funds) + 1)}</tr>" for name in ("Total", "Average")
        )
        page = f"<!DOCTYPE html><html><body><table><thead><tr>{header}</tr></thead>{rows}{footer}</table></body></html>"
        return Answer(page, content_type="text/html; charset=UTF-8")
