"""Farside's table of flows into US spot bitcoin ETFs.

Here: one page, its table as rows of raw.fund_flows. Not here: cumulative flows (assets.marts). The page
stands behind a bot wall; everything that depends on it is optional, so a failure is told and never fails a
run.

A dash is a day without a report, not a day without a flow: a pending day is all dashes with a total of 0.0,
and is left out whole. Columns are read by their headings because new funds keep arriving and columns move; so is the
total, and the funds must add up to it.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from html.parser import HTMLParser

import polars as pl

from assets.contracts.raw import FundFlows
from assets.upstream import Fetched
from pipelines.sources.answers import lost
from pipelines.sources.errors import Malformed, Refused, SourceError
from pipelines.sources.http import Clock, Http, Pace, Patience, RetryPolicy

log = logging.getLogger(__name__)

SERVICE = "Farside"
SERIES = "etf_flows"
URL = "https://farside.co.uk"
PATH = "/bitcoin-etf-flow-all-data/"
TOTAL = "TOTAL"
ROUNDING_USD_MN = 0.6  # a dozen funds, each rounded to a tenth
PRINTED = str.maketrans({"\u2212": "-", "\u2013": "-", "$": None, ",": None, "\u00a0": " "})
LOOKBACK = timedelta(days=14)
OPTIONAL = "Nothing to do: ETF flows are optional and the next run asks again"


class Farside:
    """The one page."""

    def __init__(self, policy: RetryPolicy, clock: Clock, *, base_url: str | None = None) -> None:
        """base_url: a loopback server in tests."""
        self._policy = policy
        self._clock = clock
        self._http = Http(SERVICE, base_url or URL, policy, Pace(10, clock), clock)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def fund_flows(self, stored: date | None) -> Fetched:
        """Daily net flows since the watermark minus a lookback; a failure becomes Missing."""
        try:
            rows = Patience(self._policy, self._clock).call(lambda: read_table(self._http.text(PATH, {}, SERIES)))
        except SourceError as error:
            failure = error
        else:
            if stored is not None:
                rows = rows.filter(pl.col("date") >= stored - LOOKBACK)
            log.info("Farside %s: %d flows", SERIES, rows.height)
            return Fetched(rows=rows)
        failure.remedy = OPTIONAL
        return lost(failure, FundFlows.create_empty(), stored, None)


class _Cells(HTMLParser):
    """Every table of a page as rows of cell texts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.rows: list[list[str]] = []
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th") and self.rows:
            self.rows[-1].append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th", "tr"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.rows[-1][-1] += data


def read_table(page: str) -> pl.DataFrame:
    """The page's flows as rows of raw.fund_flows; raises a typed error where there is no such table."""
    cells = _Cells()
    cells.feed(page)
    rows = [[" ".join(cell.split()) for cell in row] for row in cells.rows]
    heading = next((row for row in rows if "IBIT" in row and len(row) > 3), None)
    if heading is None:
        raise _no_table(page)
    funds = _columns(heading, [row for row in rows if len(row) == len(heading)])
    flows = [flow for row in rows if len(row) == len(heading) for flow in _day(funds, row)]
    if not flows:
        raise Malformed(SERVICE, SERIES, "the table has no day that can be read", status=200)
    if "</table" not in page.lower():
        raise Malformed(SERVICE, SERIES, "the page is cut off inside its table", status=200)
    _check_sums(flows)
    frame = pl.DataFrame(flows, schema=FundFlows.create_empty().schema, orient="row")
    return frame.unique(["fund", "date"], keep="last", maintain_order=True).sort("date", "fund")


def _columns(heading: list[str], rows: list[list[str]]) -> list[str]:
    """What each column holds: tickers by their heading, TOTAL where a heading says so, in this row or another."""
    titles = [row for row in rows if _date(row[0]) is None and not any(_flow(cell) is not None for cell in row[1:])]
    totals = {n for row in titles for n, cell in enumerate(row) if n and cell.strip().upper() == TOTAL}
    if len(totals) != 1:
        raise Malformed(SERVICE, SERIES, f"{len(totals)} columns say that they are the total", status=200)
    columns = ["" if n == 0 or not cell else cell.upper() for n, cell in enumerate(heading)]
    columns[totals.pop()] = TOTAL
    named = [name for name in columns if name]
    if twice := sorted({name for name in named if named.count(name) > 1}):
        raise Malformed(SERVICE, SERIES, f"two columns are headed {', '.join(twice)}", status=200)
    return columns


def _check_sums(flows: list[tuple[str, date, float]]) -> None:
    """Columns that add up to the total on most days are the ones their headings say."""
    days = pl.DataFrame(flows, schema=["fund", "date", "flow"], orient="row").group_by("date").agg(
        parts=pl.col("flow").filter(pl.col("fund") != TOTAL).sum(),
        total=pl.col("flow").filter(pl.col("fund") == TOTAL).sum(),
    )  # fmt: skip
    apart = days.filter((pl.col("parts") - pl.col("total")).abs() > ROUNDING_USD_MN)
    if 2 * apart.height > days.height:
        what = f"on {apart.height} of {days.height} days the funds do not add up to the total"
        raise Malformed(SERVICE, SERIES, f"{what}; its columns are not what their headings say", status=200)


def _no_table(page: str) -> SourceError:
    walls = ("just a moment", "attention required", "verify you are human", "captcha")
    if any(words in page.lower() for words in walls):
        return Refused(SERVICE, SERIES, "a bot wall answered instead of the table", status=200)
    return Malformed(SERVICE, SERIES, "answered 200 with a page without the table", status=200)


def _day(funds: list[str], row: list[str]) -> list[tuple[str, date, float]]:
    """One row's flows; none for footers and for pending days."""
    day = _date(row[0])
    if day is None:
        return []
    flows = [(fund, day, flow) for fund, text in zip(funds[1:], row[1:], strict=True)
             if fund and (flow := _flow(text)) is not None]  # fmt: skip
    return flows if any(fund != TOTAL for fund, _, _ in flows) else []


def _date(text: str) -> date | None:
    for form in ("%d %b %Y", "%d %B %Y"):
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None


def _flow(text: str) -> float | None:
    """`(227.2)` and a minus sign of either kind are negative, `$1,234.5` is a number, a dash alone is nothing."""
    bare = text.translate(PRINTED).strip()
    negative = bare.startswith("(") and bare.endswith(")")
    try:
        value = float(bare.strip("()"))
    except ValueError:
        return None
    return -value if negative else value
