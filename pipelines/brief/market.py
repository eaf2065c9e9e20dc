"""The sections about prices: levels, drawdowns, daily link, trend, divergences.

Here: which rows of the marts a section shows and in which words. Not here: how it is drawn (brief.charts), how the
marts are computed.
"""

from __future__ import annotations

import polars as pl

from pipelines.brief.charts import Band, Bar, Picture, PlottedLine, Span, lines, timeline
from pipelines.brief.content import HISTORY, Content, NothingToShow, month_ends, table
from pipelines.published.lag import FAR_BELOW
from pipelines.published.marts import Marts
from pipelines.published.palette import Ink
from pipelines.published.reading import WINDOW
from pipelines.published.words import bound, day, number, percent, plural, signed, signed_percent
from quant.divergence import FAR_BELOW_RECORD

_ROW = 60  # height of a row of bars
REGIMES = {"coupled": Ink.COUPLED, "decoupled": Ink.DECOUPLED, "inverse": Ink.INVERSE}
OUTCOMES = {
    "open": ("open", Ink.WARNING),
    "follower_recovered": ("the follower recovered", Ink.COUPLED),
    "leader_fell": ("the leader fell", Ink.DECOUPLED),
}


def levels(marts: Marts) -> Content:
    """Both rebased to 100 at the start of the window, over the regimes where they are known."""
    both = _both(marts, "close")
    rebased = both.with_columns(
        (100 * pl.col(c) / pl.col(c).first()).alias(c) for c in (marts.pair.asset, marts.pair.benchmark)
    )
    first, last = rebased["session"][0], rebased.row(-1, named=True)
    asset, benchmark = last[marts.pair.asset], last[marts.pair.benchmark]
    spans, legend = _regimes(marts)
    said = (
        f"100 on {day(first)} has become {number(asset)} in {marts.pair.asset_name} and {number(benchmark)} in the "
        f"{marts.pair.benchmark_name}."
    )
    drawing = lines(_two(marts, rebased), spans=spans)
    return Content(
        (said, legend),
        (Picture(drawing, f"Lines of both, rebased to 100 on {day(first)}. {said} {legend}"),),
        table(
            f"Rebased to 100 on {day(first)}, last session of each month",
            month_ends(rebased, "session"),
            {"session": ("Session", day), **{c: (marts.pair.names[c], number) for c in rebased.columns[1:]}},
        ),
    )


def _regimes(marts: Marts) -> tuple[list[Span], str]:
    if not marts.has("correlation_regimes"):
        return [], "Regimes of correlation are not in this run: correlation_regimes was not published."
    rows = marts.of_pair("correlation_regimes").tail(HISTORY)
    return regime_spans(
        rows
    ), "Background: regime of the daily correlation, green coupled, grey decoupled, red inverse."


def regime_spans(rows: pl.DataFrame) -> list[Span]:
    """The regimes behind a chart, each until the next begins. rows: session, spell_id, regime, in order of session."""
    spells = rows.group_by("spell_id", maintain_order=True).agg(pl.first("session"), pl.first("regime"))
    starts = spells["session"].to_list()
    ends = [*starts[1:], rows["session"][-1]] if starts else []
    bands = zip(starts, ends, spells["regime"], strict=True)
    return [Span(start, end, REGIMES[regime]) for start, end, regime in bands]


def drawdowns(marts: Marts) -> Content:
    """How far each stands below its own record close."""
    both = _both(marts, "drawdown")
    last = both.row(-1, named=True)
    said = (
        f"On {day(last['session'])} {marts.pair.asset_name} stood {percent(-last[marts.pair.asset])} below its record "
        f"close, the {marts.pair.benchmark_name} {percent(-last[marts.pair.benchmark])}. The dotted line is "
        f"{FAR_BELOW} below."
    )
    drawing = lines(_two(marts, both), format=".0%", levels=[-FAR_BELOW_RECORD])
    return Content(
        (said,),
        (Picture(drawing, f"Distance of both from their record closes. {said}"),),
        table(
            "Distance from the record close, last session of each month",
            month_ends(both, "session"),
            {"session": ("Session", day), **{c: (marts.pair.names[c], percent) for c in both.columns[1:]}},
        ),
    )


def correlation(marts: Marts) -> Content:
    """How closely daily returns move together, with the interval the data leave open."""
    rows = marts.of_pair("rolling_correlations").filter(pl.col("window_sessions") == WINDOW).tail(HISTORY)
    if rows.is_empty():
        raise NothingToShow(f"There are not yet {WINDOW} sessions of both to correlate.")
    last = rows.row(-1, named=True)
    said = (
        f"{WINDOW}-session correlation of daily returns: {last['correlation']:.2f}, 95% interval "
        f"{_end(last['ci95_low'])} to {_end(last['ci95_high'])}. Where the band holds zero, the data "
        f"cannot tell a link from none. It says nothing about who is ahead."
    )
    line = PlottedLine("correlation", rows["session"], rows["correlation"], Ink.THIRD)
    band = Band(rows["session"], rows["ci95_low"], rows["ci95_high"], Ink.THIRD)
    drawing = lines([line], format=".1f", band=band, levels=[0.0])
    return Content(
        (said,),
        (Picture(drawing, f"Rolling correlation with its confidence band. {said}"),),
        table(
            f"{WINDOW}-session correlation, last session of each month",
            month_ends(rows, "session"),
            {
                "session": ("Session", day),
                "correlation": ("Correlation", _two_digits),
                "ci95_low": ("95% from", _end),
                "ci95_high": ("95% to", _end),
            },
        ),
    )


def trend_gap(marts: Marts) -> Content:
    """Who has gained more over 63 sessions."""
    rows = marts.of_pair("relative_strength").drop_nulls("gap_63d").tail(HISTORY)
    if rows.is_empty():
        raise NothingToShow("There are not yet 63 sessions of both to compare.")
    rows = rows.with_columns(ahead=pl.col("gap_63d").exp() - 1)
    last = rows.row(-1, named=True)
    said = (
        f"{marts.pair.asset_name} against the {marts.pair.benchmark_name} over 63 sessions: "
        f"{signed_percent(last['ahead'])}, {last['trend_state'] or 'not rated'}. It says nothing about how the days "
        f"move together."
    )
    line = PlottedLine("gap", rows["session"], rows["ahead"], Ink.ASSET)
    drawing = lines([line], format="+.0%", levels=[0.0])
    return Content(
        (said,),
        (Picture(drawing, f"Trend gap over two years. {said}"),),
        table(
            "Trend gap over 63 sessions, last session of each month",
            month_ends(rows, "session"),
            {
                "session": ("Session", day),
                "ahead": ("Gap", signed_percent),
                "gap_63d_zscore": ("z-score", lambda z: signed(z, 1)),
                "trend_state": ("State", lambda state: str(state or "–")),
            },
        ),
    )


def divergences(marts: Marts) -> Content:
    """Every time one set records while the other stood far below its own."""
    both = [marts.pair.asset, marts.pair.benchmark]
    rows = (
        marts.scan("divergence_episodes")
        .filter(pl.col("leader").is_in(both), pl.col("follower").is_in(both))
        .sort("start_session", descending=True)
        .collect()
    )
    if rows.is_empty():
        raise NothingToShow(
            f"There has been none: neither set records with the other {FAR_BELOW} or more below its own."
        )
    ended = rows.filter(pl.col("outcome") != "open")
    recovered = ended.filter(pl.col("outcome") == "follower_recovered").height
    said = (
        f"{plural(rows.height, 'episode')} since {day(rows['start_session'][-1])}, {rows.height - ended.height} open. "
        f"Of the {ended.height} that ended, the follower recovered in {recovered}. So few cases are history, not odds."
    )
    names = marts.pair.names
    bars = [
        Bar(
            names[row["leader"]],
            row["start_session"],
            row["end_session"] or marts.as_of,
            OUTCOMES[row["outcome"]][1],
            OUTCOMES[row["outcome"]][0],
        )
        for row in rows.iter_rows(named=True)
    ]
    leaders = rows["leader"].n_unique()
    legend = "A row per leader. Green: the follower recovered; grey: the leader fell; red: open."
    return Content(
        (said, legend),
        (Picture(timeline(bars), f"Bars over time, one per episode. {said} {legend}", height=_ROW * (1 + leaders)),),
        table(
            "All episodes of the two, newest first",
            rows,
            {
                "start_session": ("From", day),
                "end_session": ("To", lambda end: "open" if end is None else day(end)),
                "leader": ("Sets records", lambda symbol: names[symbol]),
                "leader_record_closes": ("Record closes", number),
                "follower_max_drawdown": ("Follower's low", percent),
                "outcome": ("Outcome", lambda outcome: OUTCOMES[outcome][0]),
                "sessions": ("Sessions", number),
            },
        ),
    )


def _both(marts: Marts, column: str) -> pl.DataFrame:
    """One column of both, side by side, on the sessions that both have."""
    asset, benchmark = (
        marts.states(symbol).select("session", pl.col(column).alias(symbol))
        for symbol in (marts.pair.asset, marts.pair.benchmark)
    )
    joint = asset.join(benchmark, on="session", maintain_order="left").tail(HISTORY)
    if joint.is_empty():
        raise NothingToShow("There is no session yet on which both have a price.")
    return joint


def _two(marts: Marts, frame: pl.DataFrame) -> list[PlottedLine]:
    pair = marts.pair
    return [
        PlottedLine(pair.benchmark_name, frame["session"], frame[pair.benchmark], Ink.BENCHMARK),
        PlottedLine(pair.asset_name, frame["session"], frame[pair.asset], Ink.ASSET),
    ]


def _end(value: float | None) -> str:
    return "–" if value is None else bound(value)


def _two_digits(value: float | None) -> str:
    return number(value, 2)
