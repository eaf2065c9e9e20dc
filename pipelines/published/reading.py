"""The reading of one run in plain words: what the marts say, what changed, and what would change it.

Here: which sentences and figures make a reading, in what order; the page and the terminal show the same. Not here: the
words of a subject (published.link, lag, catching_up, policy_words, changes), pictures (brief.sections).

Two things are kept apart because they are easily taken for one another: how the two move together from day to day
(the correlation of returns) and which of them is ahead (records and the trend gap). Bitcoin can be far behind and
still move with small caps every day. A sentence may be said only if the marts bear it on every day of history:
published.contradictions holds every reading against them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from pipelines.published import catching_up, changes, lag, link, policy_words
from pipelines.published.facts import HORIZON, WINDOW, Facts, facts
from pipelines.published.marts import Marts
from pipelines.published.trust import cautioned
from pipelines.published.words import bound, chance, day, number, percent, signed, signed_percent

__all__ = ["WINDOW", "Figure", "Reading", "Sentence", "read", "read_history"]


@dataclass(frozen=True)
class Sentence:
    """One statement, what it is about and the mart that backs it."""

    topic: str
    text: str
    mart: str


@dataclass(frozen=True)
class Figure:
    """One number worth knowing by heart, and what it was a week before."""

    label: str
    value: str
    note: str
    before: str = ""


@dataclass(frozen=True)
class Reading:
    """What the marts say on one day."""

    headline: str
    sentences: tuple[Sentence, ...]
    figures: tuple[Figure, ...]
    changes: tuple[str, ...]
    would_change: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


def read(marts: Marts) -> Reading:
    """The reading of one run; where it rests on data that are held back, it begins with that."""
    reading = next(read_history(marts, [marts]))
    if marts.until is not None:  # what was held back then is not written down for each day
        return reading
    return replace(reading, headline=cautioned(marts, reading.headline))


def read_history(marts: Marts, days: list[Marts]) -> Iterator[Reading]:
    """The readings of several days of one run; facts of a day are gathered once for all readings that use them."""
    gathered: dict[Any, Facts] = {}

    def of(view: Marts) -> Facts:
        if view.as_of not in gathered:
            gathered[view.as_of] = facts(view)
        return gathered[view.as_of]

    for view in days:
        now = of(view)
        before = {span: of(marts.at(session)) for span, session in changes.earlier_days(now).items()}
        yield _reading(now, before)


def _reading(now: Facts, before: Mapping[str, Facts]) -> Reading:
    return Reading(
        headline=f"{lag.headline(now)}; {link.headline(now)}",
        sentences=tuple(_sentences(now)),
        figures=tuple(_figures(now, before.get("a week"))),
        changes=tuple(changes.sentences(now, before)),
        would_change=(*lag.would_change(now), *link.would_change(now), *policy_words.would_change(now)),
    )


def _sentences(now: Facts) -> Iterator[Sentence]:
    if now.asset and now.benchmark:
        yield Sentence("Levels", lag.levels(now), "market_state")
    yield Sentence("Records", lag.records(now), "lag_history")
    if answers := list(lag.answers(now)):
        yield Sentence("Decoupling or delay?", " ".join(answers), "lag_history")
    if now.correlation:
        yield Sentence("Day to day", link.sentence(now), "correlation_regimes")
    if now.trend:
        yield Sentence("Trend", lag.trend(now), "relative_strength")
    if odds := list(catching_up.sentences(now)):
        yield Sentence("Catching up", " ".join(odds), "recoupling_signal")
    if now.decision:
        yield Sentence("Fed policy", " ".join(policy_words.policy(now)), "fed_decisions")
    if now.liquidity:
        yield Sentence("Fed liquidity", policy_words.liquidity(now), "fed_liquidity")


def _figures(now: Facts, week: Facts | None) -> Iterator[Figure]:
    for name, mine, theirs in (
        (now.pair.asset_name, now.asset, week.asset if week else None),
        (now.pair.benchmark_name, now.benchmark, week.benchmark if week else None),
    ):
        if mine:
            yield Figure(
                f"{name} from record",
                percent(mine["drawdown"]),
                f"on {day(mine['session'])}; record {day(mine['record_session'])}",
                _before(theirs, lambda row: percent(row["drawdown"])),
            )
    if now.regime:
        label = now.regime["regime"]
        yield Figure(
            "Daily link",
            f"{label} {chance(now.regime[f'p_{label}'])}",
            _interval(now),
            _before(week.regime if week else None, lambda row: f"{row['regime']} {chance(row['p_' + row['regime']])}"),
        )
    elif now.correlation:
        yield Figure(f"Correlation, {WINDOW} sessions", number(now.correlation["correlation"], 2), _interval(now))
    if now.trend:
        yield Figure(
            "Trend gap, 63 sessions",
            signed_percent(math.expm1(now.trend["gap_63d"])),
            f"{now.trend['trend_state'] or 'not rated'} on {day(now.trend['session'])}",
            _before(week.trend if week else None, lambda row: signed_percent(math.expm1(row["gap_63d"]))),
        )
    yield from _odds(now, week)
    yield from _fed(now, week)


def _odds(now: Facts, week: Facts | None) -> Iterator[Figure]:
    row = now.signal
    if row:
        then = week.signal if week else None
        same = then if then and then["follower"] == row["follower"] else None
        yield Figure(
            f"Chance to have caught up at the end of {HORIZON} sessions",
            chance(row["probability_catch_up"]),
            f"{now.pair.names[row['follower']]} on {day(row['session'])}; random walk "
            f"{chance(row['probability_random_walk'])}",
            _before(same, lambda then: chance(then["probability_catch_up"])),
        )


def _fed(now: Facts, week: Facts | None) -> Iterator[Figure]:
    if now.decision:
        row = now.decision
        priced = now.priced.get("priced_change_12m_bp")
        outlook = "" if priced is None else f"; {signed(priced)} bp priced on {day(now.priced['observed_on'])}"
        yield Figure(
            "Fed target",
            _target(row),
            f"{row['action']} on {day(row['meeting_date'])}{outlook}",
            _before(week.decision if week else None, _target),
        )
    if now.liquidity:
        row = now.liquidity
        change = row["net_liquidity_change_13w_usd_bn"]
        since = "" if change is None else f"; {signed(change)} bn in 13 weeks"
        yield Figure(
            "Net liquidity, USD bn",
            number(row["net_liquidity_usd_bn"]),
            f"on {day(row['date'])}{since}",
            _before(week.liquidity if week else None, lambda then: number(then["net_liquidity_usd_bn"])),
        )


def _target(row: Mapping[str, Any]) -> str:
    return f"{number(row['target_lower_pct'], 2)}–{number(row['target_upper_pct'], 2)}%"


def _interval(now: Facts) -> str:
    row = now.correlation
    if not row:
        return ""
    known = "" if row["ci95_low"] is None else f", 95%: {bound(row['ci95_low'])} to {bound(row['ci95_high'])}"
    return f"correlation {number(row['correlation'], 2)}{known}, on {day(row['session'])}"


def _before(row: Mapping[str, Any] | None, write: Callable[[Mapping[str, Any]], str]) -> str:
    return f"a week before: {write(row)}" if row else ""
