"""CME's daily settlements of 30-day fed funds futures, for the contracts that Yahoo does not list.

Here: one page of settlements as bars with nothing but a close. Not here: what the market expects (quant.fedwatch).
The page often stands behind a bot wall: it is asked once, and a failure is a note, because a rate path that ends
earlier is still right.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from datetime import date, datetime
from typing import Any

import polars as pl

from assets.contracts.raw import PriceBars
from assets.upstream import Fetched, Note
from pipelines.sources.errors import NothingDelivered, SourceError
from pipelines.sources.http import Clock, Http, Pace, RetryPolicy, not_data
from pipelines.sources.yahoo import MONTH_CODES

log = logging.getLogger(__name__)

SERVICE = "CME"
SERIES = "fed_funds_settlements"
URL = "https://www.cmegroup.com"
PATH = "/CmeWS/mvc/Settlements/Futures/Settlements/305/FUT"


class Cme:
    """The one page."""

    def __init__(self, policy: RetryPolicy, clock: Clock, *, base_url: str | None = None) -> None:
        """base_url: a loopback server in tests."""
        self._http = Http(SERVICE, base_url or URL, policy, Pace(10, clock), clock)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def settlements(self, contracts: Collection[str], day: date) -> Fetched:
        """The day's settlements of these contracts, in Yahoo's notation; a failure becomes a note."""
        try:
            body = self._http.text(PATH, {"tradeDate": day.strftime("%m/%d/%Y")}, SERIES)
            rows = read_settlements(body, day)
        except SourceError as error:
            failure = error
        else:
            return Fetched(rows=rows.filter(pl.col("symbol").is_in(list(contracts))))
        log.info("%s", failure)
        note = Note(SERIES, f"{SERVICE}: {failure.what}; the rate path ends where Yahoo's contracts do")
        return Fetched(rows=PriceBars.create_empty(), notes=(note,))


def read_settlements(body: str, day: date) -> pl.DataFrame:
    """The page's contracts as rows of raw.price_bars; settlements that are not final yet are provisional."""
    try:
        page: dict[str, Any] = json.loads(body)
        told = datetime.strptime(page["tradeDate"], "%m/%d/%Y").date()
        lines = [(str(line["month"]), str(line["settle"])) for line in page["settlements"]]
    except (ValueError, KeyError, TypeError):
        lines, told = [], None
    if told is None:
        raise not_data(SERVICE, SERIES, "JSON with settlements", body)
    if told != day:
        raise NothingDelivered(SERVICE, SERIES, f"settlements of {told}, not of {day}", status=200)
    bars = [(contract, price) for month, settle in lines
            if (contract := _contract(month)) and (price := _price(settle)) is not None]  # fmt: skip
    frame = pl.DataFrame(bars, schema={"symbol": pl.String, "close": pl.Float64}, orient="row")
    frame = frame.with_columns(
        date=pl.lit(day), adj_close="close", provisional=pl.lit(page.get("reportType") != "Final")
    )
    return pl.concat([PriceBars.create_empty(), frame], how="diagonal").unique("symbol", maintain_order=True)


def _contract(month: str) -> str | None:
    """`SEP 26` is ZQU26.CBT; the Total line is none."""
    try:
        delivery = datetime.strptime(month.title(), "%b %y")
    except ValueError:
        return None
    return f"ZQ{MONTH_CODES[delivery.month - 1]}{delivery:%y}.CBT"


def _price(settle: str) -> float | None:
    """CME marks preliminary prices with a letter and absent ones with a dash."""
    try:
        price = float(settle.strip("ABP "))
    except ValueError:
        return None
    return price if price > 0 else None
