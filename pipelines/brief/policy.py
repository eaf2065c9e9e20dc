"""The sections about the Fed: policy rate and the path priced for it, net liquidity, bills and purchases.

Here: which rows of the marts a section shows and in which words. Not here: how it is drawn (brief.charts), how the
marts are computed.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from pipelines.brief.charts import Picture, PlottedLine, lines
from pipelines.brief.content import Content, NothingToShow, month_ends, table
from pipelines.published.marts import Marts
from pipelines.published.palette import Ink
from pipelines.published.words import day, number, signed

_DECISIONS = 64  # about eight years of meetings
_WEEKS = 261  # five years


def policy_rate(marts: Marts) -> Content:
    """The target after each meeting, and what the market expects next."""
    decisions = marts.scan("fed_decisions").sort("meeting_date").tail(_DECISIONS).collect()
    if decisions.is_empty():
        raise NothingToShow("No decision is known on this date.")
    last = decisions.row(-1, named=True)
    said = (
        f"Target since {day(last['meeting_date'])}: {last['target_lower_pct']:.2f} to {last['target_upper_pct']:.2f}%, "
        f"{signed(last['cumulative_change_bp'])} bp since the cycle began on {day(last['cycle_start'])}."
    )
    drawn = [
        PlottedLine(
            "target",
            _until(decisions["meeting_date"], marts),
            _held(decisions["target_upper_pct"]),
            Ink.BENCHMARK,
            step=True,
        )
    ]
    priced = "The path priced by the market is not in this run: rate_path was not published."
    if marts.has("rate_path"):
        path = marts.scan("rate_path").filter(pl.col("observed_on") == pl.col("observed_on").max()).collect()
        if path.height:
            reached = path.drop_nulls("expected_rate_pct").sort("meeting_date")
            if reached.height:
                priced_line = reached["meeting_date"], reached["expected_rate_pct"]
                drawn.append(PlottedLine("priced", *priced_line, Ink.ASSET, dashed=True))
            priced = " ".join((*_last_priced(reached), *_end_of_path(path)))
    return Content(
        (said, priced),
        (
            Picture(
                lines(drawn, format=".2f", zero=True), f"Steps of the target's upper end in percent. {said} {priced}"
            ),
        ),
        table(
            "Newest 16 meetings",
            decisions.sort("meeting_date", descending=True).head(16),
            {
                "meeting_date": ("Meeting", day),
                "action": ("Action", str),
                "change_bp": ("Change, bp", signed),
                "target_lower_pct": ("From, %", lambda v: number(v, 2)),
                "target_upper_pct": ("To, %", lambda v: number(v, 2)),
                "cycle": ("Cycle", str),
            },
        ),
    )


def _last_priced(reached: pl.DataFrame) -> Iterator[str]:
    for final in reached.tail(1).iter_rows(named=True):
        yield (
            f"Priced on {day(final['observed_on'])}: {final['expected_rate_pct']:.2f}% after the meeting of "
            f"{day(final['meeting_date'])}."
        )


def _end_of_path(path: pl.DataFrame) -> Iterator[str]:
    """Why no later meeting is priced, where a contract is missing."""
    for end in path.filter(pl.col("expected_rate_pct").is_null()).iter_rows(named=True):
        yield f"The path of {day(end['observed_on'])} ends before {day(end['meeting_date'])}: {end['path_ends']}."


def liquidity(marts: Marts) -> Content:
    """What of the Fed's balance sheet reaches markets."""
    rows = marts.scan("fed_liquidity").sort("date").tail(_WEEKS).collect()
    known = rows.drop_nulls("net_liquidity_usd_bn")
    if known.is_empty():
        raise NothingToShow(
            "Net liquidity needs total assets, the Treasury's account and reverse repo; one is missing."
        )
    last = known.row(-1, named=True)
    said = (
        f"Net liquidity on {day(last['date'])}: USD {number(last['net_liquidity_usd_bn'])} bn, "
        f"{signed(last['net_liquidity_change_4w_usd_bn'])} bn in 4 weeks, "
        f"{signed(last['net_liquidity_change_13w_usd_bn'])} bn in 13. It is total assets less the Treasury's account "
        f"and reverse repo; public since {day(last['available_on'])}."
    )
    net = PlottedLine("net liquidity", known["date"], known["net_liquidity_usd_bn"], Ink.BENCHMARK)
    total = PlottedLine("total assets", known["date"], known["total_assets_usd_bn"], Ink.MUTED)
    return Content(
        (said,),
        (Picture(lines([total, net]), f"Net liquidity and total assets in USD bn over five years. {said}"),),
        table(
            "USD bn, last Wednesday of each month",
            month_ends(rows, "date"),
            {
                "date": ("Wednesday", day),
                "total_assets_usd_bn": ("Total assets", number),
                "treasury_general_account_usd_bn": ("Treasury account", number),
                "reverse_repo_usd_bn": ("Reverse repo", number),
                "net_liquidity_usd_bn": ("Net liquidity", number),
            },
        ),
    )


def bills(marts: Marts) -> Content:
    """Treasury bills the Fed holds."""
    rows = marts.scan("fed_liquidity").drop_nulls("bills_usd_bn").sort("date").tail(_WEEKS).collect()
    if rows.is_empty():
        raise NothingToShow("No observation of the Fed's bill holdings (WSHOBL) is known on this date.")
    last, before = rows.row(-1, named=True), rows.row(max(-14, -rows.height), named=True)
    said = (
        f"Bills held on {day(last['date'])}: USD {number(last['bills_usd_bn'])} bn, "
        f"{signed(last['bills_usd_bn'] - before['bills_usd_bn'])} bn since {day(before['date'])}."
    )
    newest = marts.scan("fed_liquidity").select(pl.col("date").max()).collect().item()
    late = (
        f"This series ends {(newest - last['date']).days // 7} weeks before the other balance-sheet figures; "
        f"what came after is not known here."
        if newest > last["date"]
        else ""
    )
    line = PlottedLine("bills", rows["date"], rows["bills_usd_bn"], Ink.THIRD)
    return Content(
        tuple(filter(None, (said, late))),
        (Picture(lines([line]), f"Treasury bills held by the Fed in USD bn. {said} {late}"),),
        table(
            "Bills held, USD bn, last Wednesday of each month",
            month_ends(rows, "date"),
            {
                "date": ("Wednesday", day),
                "bills_usd_bn": ("Bills", number),
                "treasuries_usd_bn": ("Treasuries", number),
            },
        ),
    )


def purchases(marts: Marts) -> Content:
    """What the Desk bought, programme by programme."""
    rows = marts.scan("treasury_purchases").drop_nulls("program").sort("operation_date").collect()
    if rows.is_empty():
        raise NothingToShow("No purchase of the Desk is known on this date.")
    whole = rows.filter("is_complete")
    if whole.is_empty():
        raise NothingToShow("Of no programme are all purchases known; a part is not drawn as a whole.")
    newest = (
        whole.group_by("program")
        .agg(pl.col("operation_date").max())
        .sort("operation_date", "program")["program"]
        .tail(3)
    )
    drawn = [
        PlottedLine(_programme(marts, program), own["operation_date"], own["program_cumulative_usd_bn"], ink, step=True)
        for program, ink in zip(reversed(newest.to_list()), (Ink.ASSET, Ink.BENCHMARK, Ink.THIRD), strict=False)
        for own in (whole.filter(pl.col("program") == program).drop_nulls("program_cumulative_usd_bn"),)
    ]
    last = rows.row(-1, named=True)
    so_far = last["program_cumulative_usd_bn"]
    part = "" if last["is_complete"] else ", as far as its operations are known"
    bought = (
        f"USD {number(so_far, 1)} bn by then{part}"
        if so_far is not None
        else "more than is known: an amount is missing"
    )
    said = (
        f"Newest operation: {last['operation_type']} on {day(last['operation_date'])}, USD "
        f"{number(last['accepted_usd_bn'], 2)} bn accepted; {_programme(marts, last['program'])} had bought {bought}."
    )
    return Content(
        (said,),
        (Picture(lines(drawn, zero=True), f"Cumulative purchases per programme in USD bn. {said}"),),
        table(
            "Newest 20 operations",
            rows.sort("operation_date", descending=True).head(20),
            {
                "operation_date": ("Operation", day),
                "operation_type": ("Type", str),
                "program": ("Programme", lambda program: _programme(marts, program)),
                "submitted_usd_bn": ("Submitted, USD bn", lambda v: number(v, 2)),
                "accepted_usd_bn": ("Accepted, USD bn", lambda v: number(v, 2)),
                "program_cumulative_usd_bn": ("Programme so far", lambda v: number(v, 1)),
            },
        ),
    )


def _programme(marts: Marts, program: str) -> str:
    return marts.programmes.get(program, program.replace("_", " "))


def _until(dates: pl.Series, marts: Marts) -> pl.Series:
    """A step holds until today."""
    return pl.concat([dates, pl.Series([marts.as_of], dtype=pl.Date)])


def _held(values: pl.Series) -> pl.Series:
    return pl.concat([values, values.tail(1)])
