"""The sections that weigh the reading: breakouts, the chance of catching up, claims, the age of the data.

Here: which rows of the marts a section shows and in which words. Not here: how it is drawn (brief.charts), how the
marts are computed.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from pipelines.brief.charts import Interval, Picture, PlottedLine, intervals, lines
from pipelines.brief.content import HISTORY, Content, NothingToShow, table
from pipelines.published import words
from pipelines.published.facts import HORIZON
from pipelines.published.marts import Marts
from pipelines.published.palette import Ink
from pipelines.published.trust import trust
from pipelines.published.words import day, number, percent, plural, signed_percent

_INTERVALS = 200  # height of a picture of which there are two
_VERDICTS = {"holds": "holds", "close": "close", "fails": "fails", "not_shown": "not shown", "unknown": "unknown"}


def breakouts(marts: Marts) -> Content:
    """After a record of the benchmark following a pause: how often the asset gained, against any day."""
    pair = marts.pair
    rows = marts.breakout_study(pair.asset, pair.benchmark).collect()
    if rows.is_empty():
        raise NothingToShow(f"No breakout of the {pair.benchmark_name} has a known outcome for {pair.asset_name} yet.")
    pictures: list[Picture] = []
    said: list[str] = []
    for (condition,), own in rows.drop_nulls("hit_rate").group_by("condition", maintain_order=True):
        drawn = [
            Interval(f"{row['horizon_sessions']} sessions", row["hit_rate"], low, high, row["baseline_hit_rate"])
            for row in own.iter_rows(named=True)
            if (low := row["hit_rate_ci95_low"]) is not None and (high := row["hit_rate_ci95_high"]) is not None
        ]
        longest = own.row(-1, named=True)
        said.append(
            f"After {words.condition(str(condition))}: {pair.asset_name} gained in "
            f"{percent(longest['hit_rate'], 0)} of cases over "
            f"{longest['horizon_sessions']} sessions; any day: {percent(longest['baseline_hit_rate'], 0)} "
            f"({plural(longest['events'], 'event')}, {number(longest['independent_events'])} of them independent). "
            f"{_by_chance(own)}"
        )
        if drawn and len(pictures) < 2:
            description = f"Hit rate per horizon with its interval, the base rate as a bar. {said[-1]}"
            pictures.append(Picture(intervals(drawn), description, height=_INTERVALS))
    return Content(
        (
            *said,
            "Dot: hit rate, with its 95% interval; short bar: the base rate of any day.",
            "Pictures stand in the order of the text.",
        ),
        tuple(pictures),
        table(
            "Breakout study",
            rows,
            {
                "condition": ("After", words.condition),
                "p_value_family": ("p of all together", lambda v: number(v, 2)),
                "horizon_sessions": ("Sessions", number),
                "events": ("Events", number),
                "independent_events": ("Independent", number),
                "hit_rate": ("Hit rate", lambda v: percent(v, 0)),
                "hit_rate_ci95_low": ("95% from", lambda v: percent(v, 0)),
                "hit_rate_ci95_high": ("95% to", lambda v: percent(v, 0)),
                "baseline_hit_rate": ("Base rate", lambda v: percent(v, 0)),
                "median_return": ("Median return", signed_percent),
                "baseline_median_return": ("Median of any day", signed_percent),
                "mean_return": ("Mean return", signed_percent),
                "baseline_mean_return": ("Mean of any day", signed_percent),
                "p_value": ("p alone", lambda v: number(v, 2)),
            },
        ),
    )


def _by_chance(rows: pl.DataFrame) -> str:
    """How often chance alone looks as good, over everything that was tried."""
    p = rows["p_value_family"][0]
    if p is None:
        return "Too few events to say what chance would give."
    return f"Of all horizons and assets tried, the best looks as good by chance in {percent(p, 0)} of cases."


def signal(marts: Marts, scored: int | None = HORIZON) -> Content:
    """The chance of catching up beside the base rate it has to beat, and how such chances came true."""
    rows = marts.scan("recoupling_signal").drop_nulls("probability_catch_up").sort("session").collect()
    if rows.is_empty():
        raise NothingToShow("There is no forecast yet: the model needs more history.")
    newest = rows.filter(pl.col("session") == pl.col("session").max()).sort("horizon_sessions")
    horizon = newest["horizon_sessions"][0]
    own = rows.filter(pl.col("horizon_sessions") == horizon).tail(HISTORY)
    drawn = [
        PlottedLine("base rate", own["session"], own["base_rate"], Ink.MUTED, dashed=True),
        PlottedLine("chance", own["session"], own["probability_catch_up"], Ink.ASSET),
    ]
    said = tuple(str(row["reading"]) for row in newest.iter_rows(named=True) if row["reading"])
    return Content(
        (*said, *_scores(marts, scored)),
        (
            Picture(
                lines(drawn, format=".0%", zero=True),
                f"Chance to have caught up at the end of {horizon} sessions, with the base rate. {' '.join(said)}",
            ),
        ),
        table(
            "Newest forecasts",
            newest,
            {
                "session": ("Session", day),
                "horizon_sessions": ("Sessions", number),
                "probability_catch_up": ("Chance", lambda v: percent(v, 0)),
                "base_rate": ("Base rate", lambda v: percent(v, 0)),
            },
        ),
    )


def _scores(marts: Marts, horizon: int | None) -> Iterator[str]:
    if not marts.has("signal_scorecard"):
        return
    card = marts.scan("signal_scorecard").filter(model="signal", **({"horizon_sessions": horizon} if horizon else {}))
    for row in card.sort("horizon_sessions").collect().iter_rows(named=True):
        yield f"{row['horizon_sessions']} sessions, {row['forecasts']:,} forecasts scored: {row['reading']}"


def claims(marts: Marts) -> Content:
    """What was claimed, what the marts measure."""
    rows = marts.scan("claims").sort("claim_id", "measured_on").collect()
    if rows.is_empty():
        raise NothingToShow("No claim is recorded.")
    own = rows.unique("claim_id", keep="first", maintain_order=True)
    counted = own.group_by(pl.col("verdict").cast(pl.String)).len().sort("len", "verdict", descending=[True, False])
    said = ", ".join(f"{number} {_VERDICTS[verdict]}" for verdict, number in counted.iter_rows())
    return Content(
        (f"{own.height} claims, each on its own date: {said}.",),
        table=table(
            "Claims against measurements",
            rows,
            {
                "statement": ("Claim", str),
                "measured_on": ("Measured on", day),
                "claimed_value": ("Claimed", lambda v: number(v, 2)),
                "measured_value": ("Measured", lambda v: number(v, 2)),
                "unit": ("Unit", lambda u: str(u or "")),
                "verdict": ("Verdict", _VERDICTS.__getitem__),
            },
            open=True,
        ),
    )


def freshness(marts: Marts) -> Content:
    """How old each input is, and whether that is as it should be."""
    rows = (
        marts.scan("series_freshness").sort("is_stale", "required", "series", descending=[True, True, False]).collect()
    )
    stale = rows.filter("is_stale")["series"].to_list()
    said = (
        f"All {rows.height} inputs are as new as they should be."
        if not stale
        else f"{len(stale)} of {rows.height} inputs {'is' if len(stale) == 1 else 'are'} older than expected: "
        f"{', '.join(stale)}."
    )
    return Content(
        (trust(marts).sentence, said),
        table=table(
            "Newest observation of every input, what is late first",
            rows,
            {
                "series": ("Input", str),
                "source": ("Source", str),
                "last_observation": ("Newest", lambda d: "never" if d is None else day(d)),
                "expected_observation": ("Expected", lambda d: "–" if d is None else day(d)),
                "is_stale": ("State", lambda late: "LATE" if late else "as expected"),
                "revisions_30d": ("Restated in 30 days", number),
            },
        ),
    )
