"""What the explorer shows of one pair at the end of one day: a panel per question.

Here: the panels, their rows and their words. Not here: the sentences of the reading (pipelines.published), sections
that the brief shows in the same way (pipelines.brief), the page (explorer.app).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import polars as pl

from pipelines.brief import evidence, policy
from pipelines.brief.charts import Band, Picture, PlottedLine, Span, lines
from pipelines.brief.content import BriefTable, Content, NothingToShow, table
from pipelines.brief.market import OUTCOMES, regime_spans
from pipelines.explorer.choice import Choice
from pipelines.published.catching_up import verdict
from pipelines.published.facts import Facts, facts
from pipelines.published.lag import FAR_BELOW
from pipelines.published.marts import OF_THE_HEADLINE, Marts
from pipelines.published.palette import Ink
from pipelines.published.words import day, number, percent, signed_percent
from quant.divergence import FAR_BELOW_RECORD

Columns: TypeAlias = dict[str, tuple[str, Callable[..., str]]]


@dataclass(frozen=True)
class View:
    """One pair at the end of one day."""

    marts: Marts
    choice: Choice

    @cached_property
    def days(self) -> pl.DataFrame:
        """The pair's rows of pair_day as far back as charts go. Raises NothingToShow."""
        rows = self.marts.of_pair("pair_day").filter(pl.col("session") >= self.choice.since(self.marts.as_of))
        if rows.is_empty():
            raise NothingToShow("There is no session of this pair in the years that were chosen.")
        return rows

    @cached_property
    def regimes(self) -> list[Span]:
        """The regimes behind a chart."""
        return regime_spans(self.days.drop_nulls("regime"))

    @cached_property
    def facts(self) -> Facts:
        """What the marts know at the end of the day."""
        return facts(self.marts)

    def two(self, frame: pl.DataFrame, suffix: str) -> list[PlottedLine]:
        """Both of the pair as lines."""
        pair, dates = self.marts.pair, frame["session"]
        return [
            PlottedLine(pair.benchmark_name, dates, frame[f"benchmark_{suffix}"], Ink.BENCHMARK),
            PlottedLine(pair.asset_name, dates, frame[f"asset_{suffix}"], Ink.ASSET),
        ]


@dataclass(frozen=True)
class PairPanel:
    """One question, the marts that answer it, and how."""

    anchor: str
    title: str
    needs: tuple[str, ...]
    build: Callable[[View], Content]

    def content(self, view: View) -> Content:
        """The answer; where something is missing it says what and why."""
        missing = [mart for mart in self.needs if not view.marts.has(mart)]
        if missing:
            return Content((_why_missing(view, ", ".join(missing)),))
        try:
            return self.build(view)
        except NothingToShow as reason:
            return Content((str(reason),))

    def sql(self, view: View) -> str:
        """Where a reader's own question may begin."""
        pair = f" where pair = '{view.marts.pair.id}'" if self.needs[0] == "pair_day" else ""
        return f"select * from {self.needs[0]}{pair} limit 100"


def _why_missing(view: View, marts: str) -> str:
    if set(marts.split(", ")) <= OF_THE_HEADLINE and not view.marts.is_of_the_headline:
        return "The forecast is made for the pair of the headline alone."
    if view.marts.until is not None:
        wanted = view.marts.until.isoformat()
        return f"{marts}: not kept for every day. `recouple asof {wanted}` computes that day, then it is shown here."
    return f"{marts} is not in this run."


def _prices(view: View) -> Content:
    both = view.days.drop_nulls(["asset_close", "benchmark_close"])
    if both.is_empty():
        raise NothingToShow("There is no session yet on which both have a price.")
    rebased = both.with_columns(
        (100 * pl.col(c) / pl.col(c).first()).alias(c) for c in ("asset_close", "benchmark_close")
    )
    said = f"Both are 100 on {day(both['session'][0])}. Behind: the regime of the daily correlation."
    return _drawn(view, said, lines(view.two(rebased, "close"), spans=view.regimes), ("asset_close", "benchmark_close"))


def _drawdowns(view: View) -> Content:
    both = view.days.drop_nulls(["asset_drawdown", "benchmark_drawdown"])
    if both.is_empty():
        raise NothingToShow("There is no session yet on which both have a price.")
    said = f"Distance from the record close; the dotted line is {FAR_BELOW} below."
    drawing = lines(view.two(both, "drawdown"), format=".0%", levels=[-FAR_BELOW_RECORD])
    return _drawn(view, said, drawing, ("asset_drawdown", "benchmark_drawdown"))


def _correlation(view: View) -> Content:
    column, low, high = (f"{name}_{view.choice.window}d" for name in ("correlation", "ci95_low", "ci95_high"))
    rows = view.days.drop_nulls(column)
    if rows.is_empty():
        raise NothingToShow(f"There are not yet {view.choice.window} sessions of both to correlate.")
    said = "Behind: regimes, green coupled, grey decoupled, red inverse. The band is the 95% interval."
    line = PlottedLine("correlation", rows["session"], rows[column], Ink.THIRD)
    band = Band(rows["session"], rows[low], rows[high], Ink.THIRD)
    drawing = lines([line], format=".1f", band=band, spans=view.regimes, levels=[0.0])
    return _drawn(view, said, drawing, (column, low, high, "regime", "p_coupled", "p_decoupled", "p_inverse"))


def _gap(view: View) -> Content:
    column = f"gap_{view.choice.horizon}d"
    rows = view.days.drop_nulls(column).with_columns(pl.col(column).exp() - 1)
    if rows.is_empty():
        raise NothingToShow(f"There are not yet {view.choice.horizon} sessions of both to compare.")
    said = f"What {view.marts.pair.asset_name} gained more than the {view.marts.pair.benchmark_name}."
    line = PlottedLine("gap", rows["session"], rows[column], Ink.ASSET)
    return _drawn(view, said, lines([line], format="+.0%", levels=[0.0]), (column, "gap_63d_zscore", "trend_state"))


def _drawn(view: View, said: str, drawing: object, columns: tuple[str, ...]) -> Content:
    """A chart over the newest rows behind it, as they stand in pair_day."""
    newest = view.days.tail(20).reverse()
    shown = {c: (c, _plain) for c in columns}
    figures = table("Newest 20 sessions, from pair_day", newest, {"session": ("session", day), **shown})
    return Content((said,), (Picture(drawing, said),), figures)  # type: ignore[arg-type]


def _plain(value: object) -> str:
    return "–" if value is None else f"{value:,.4f}" if isinstance(value, float) else str(value)


def _episodes(view: View) -> Content:
    """From the history of lags, whose rows never change: an episode is told as it stood on the day."""
    both = [view.marts.pair.asset, view.marts.pair.benchmark]
    known = view.marts.scan("lag_history").filter(pl.col("leader").is_in(both), pl.col("follower").is_in(both))
    episode = ["leader", "follower", "start_session"]
    rows = known.sort("session").unique(episode, keep="last").sort("start_session", descending=True).collect()
    if rows.is_empty():
        raise NothingToShow(
            f"There has been none: neither set records with the other {FAR_BELOW} or more below its own."
        )
    names = view.marts.names
    columns: Columns = {
        "start_session": ("From", day),
        "session": ("Until", day),
        "leader": ("Sets records", lambda symbol: names[symbol]),
        "sessions": ("Sessions", number),
        "follower_max_drawdown": ("Follower's low", percent),
        "outcome": ("Outcome", lambda outcome: OUTCOMES[outcome][0]),
    }
    return Content((), (), table("Every divergence of the two, newest first", rows, columns, open=True))


def _breakouts(view: View) -> Content:
    pair = view.marts.pair
    events = view.marts.scan("breakout_events").filter(
        pl.col("benchmark") == pair.benchmark, pl.col("asset") == pair.asset
    )
    newest = events.sort("session", descending=True).head(20).collect()
    study = evidence.breakouts(view.marts)
    columns: Columns = {
        "session": ("Record of the benchmark", day),
        "asset_drawdown": ("Asset from its record", percent),
        **{f"forward_return_{h}d": (f"{h} sessions later", signed_percent) for h in (5, 21, 63, 126)},
        "sessions_to_follow": ("Sessions to its own record", lambda n: "–" if n is None else number(n)),
    }
    return Content(study.text, study.pictures, table("Newest 20 breakouts", newest, columns))


def _signal(view: View) -> Content:
    """The forecast, and what its earlier forecasts were worth by then."""
    made = evidence.signal(view.marts, scored=None)
    newest = view.facts.signal
    return Content((*made.text, *((verdict(newest),) if newest else ())), made.pictures, made.table)


def _quality(view: View) -> Content:
    """The age of every input, and each value that is held, missing or decided by a person."""
    age = evidence.freshness(view.marts)
    doubts = view.marts.scan("data_quality").sort("day", descending=True).head(30).collect()
    columns: Columns = {
        "series": ("Input", str),
        "day": ("Day", day),
        "state": ("State", str),
        "reason": ("Why", lambda text: str(text or "–")),
        "acknowledged": ("Explained", lambda text: str(text or "–")),
    }
    return Content(age.text, (), table("Newest 30 values the door did not simply believe", doubts, columns, open=True))


def _as_in_the_brief(build: Callable[[Marts], Content]) -> Callable[[View], Content]:
    return lambda view: build(view.marts)


PANELS = (
    PairPanel("prices", "Prices", ("pair_day",), _prices),
    PairPanel("drawdowns", "Drawdowns", ("pair_day",), _drawdowns),
    PairPanel("correlation", "Correlation and regimes", ("pair_day",), _correlation),
    PairPanel("gap", "Trend gap", ("pair_day",), _gap),
    PairPanel("episodes", "Episodes", ("lag_history",), _episodes),
    PairPanel("breakouts", "Breakouts", ("breakout_study", "breakout_events"), _breakouts),
    PairPanel("signal", "Signal and its score", ("recoupling_signal",), _signal),
    PairPanel("policy", "Policy", ("fed_decisions",), _as_in_the_brief(policy.policy_rate)),
    PairPanel("liquidity", "Liquidity", ("fed_liquidity",), _as_in_the_brief(policy.liquidity)),
    PairPanel("purchases", "Purchases", ("treasury_purchases",), _as_in_the_brief(policy.purchases)),
    PairPanel("quality", "Data quality", ("data_quality", "series_freshness"), _quality),
)


@dataclass(frozen=True)
class JudgedClaim:
    """One claim with its verdict, and the SELECT that gives the number."""

    statement: str
    measured_on: str
    claimed: str
    measured: str
    verdict: str
    evidence: str


def claims(marts: Marts) -> list[JudgedClaim]:
    """The claims of a run, the newest measurement of each; none where the day was not computed."""
    if not marts.has("claims"):
        return []
    rows = marts.scan("claims").sort("claim_id", "measured_on").unique("claim_id", keep="last", maintain_order=True)
    return [
        JudgedClaim(
            row["statement"],
            day(row["measured_on"]),
            f"{number(row['claimed_value'], 2)} {row['unit']}",
            number(row["measured_value"], 2),
            row["verdict"],
            row["evidence"],
        )
        for row in rows.collect().iter_rows(named=True)
    ]


def beside(tables: list[dict[str, str]]) -> BriefTable | None:
    """Figures of two days side by side, by their labels; None without a second day."""
    if len(tables) < 2:
        return None
    labels = dict.fromkeys(label for figures in tables for label in figures)
    rows = tuple((label, *(figures.get(label, "–") for figures in tables)) for label in labels)
    return BriefTable("Figures of both days", ("Figure", "First day", "Second day"), rows, open=True)
