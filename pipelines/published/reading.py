"""Today's reading in plain words, and what would change it.

Here: sentences made from the marts, with the figures they rest on; the page and the terminal show the same. Not here:
pictures (brief.sections), figures the marts do not hold.

Two things are kept apart because they are easily taken for one another: how the two move together from day to day
(the correlation of returns) and which of them is ahead (records and the trend gap). Bitcoin can be far behind and
still move with small caps every day.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

import polars as pl

from pipelines.published.marts import Marts
from pipelines.published.trust import cautioned
from pipelines.published.words import day, number, percent, plural, signed, signed_percent

WINDOW = 60  # sessions of the correlation that is quoted
FAR_BELOW = (
    -0.20
)  # from the record: where a divergence begins and a leader has fallen, see the contract of divergence_episodes
_WEAK = 0.3  # below this a correlation explains less than a tenth of the daily variance
_LINKS = {"coupled": "together", "decoupled": "apart", "inverse": "against"}

Link = Literal["together", "apart", "against"]


@dataclass(frozen=True)
class Sentence:
    """One statement, what it is about and the mart that backs it."""

    topic: str
    text: str
    mart: str


@dataclass(frozen=True)
class Figure:
    """One number worth knowing by heart."""

    label: str
    value: str
    note: str


@dataclass(frozen=True)
class Reading:
    """What the marts say today."""

    headline: str
    sentences: tuple[Sentence, ...]
    figures: tuple[Figure, ...]
    would_change: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return asdict(self)


def read(marts: Marts) -> Reading:
    """The reading of one run."""
    facts = _Facts(marts)
    return Reading(
        headline=cautioned(marts, _headline(facts)),
        sentences=tuple(_sentences(facts)),
        figures=tuple(_figures(facts)),
        would_change=tuple(_would_change(facts)),
    )


class _Facts:
    """The newest rows that the reading rests on."""

    def __init__(self, marts: Marts) -> None:
        self.marts = marts
        self.pair = marts.pair
        self.asset = _last(marts.states(self.pair.asset))
        self.benchmark = _last(marts.states(self.pair.benchmark))
        correlations = marts.of_pair("rolling_correlations").filter(pl.col("window_sessions") == WINDOW)
        self.correlation = _last(correlations)
        self.trend = marts.of_pair("relative_strength").drop_nulls("gap_63d")
        self.episode = self._open_episode()
        self.decision = _last(marts.scan("fed_decisions").sort("meeting_date").collect())
        liquidity = marts.scan("fed_liquidity").drop_nulls("net_liquidity_usd_bn").sort("date").collect()
        self.liquidity = _last(liquidity)
        self.regime = _last(marts.of_pair("correlation_regimes")) if marts.has("correlation_regimes") else {}
        self.signal = (
            marts.scan("recoupling_signal").sort("session", "horizon_sessions").collect()
            if marts.has("recoupling_signal")
            else pl.DataFrame()
        )

    @property
    def link(self) -> Link | None:
        """How the daily returns move: the filtered regime where there is one, else the confidence interval."""
        if self.regime:
            return _LINKS[self.regime["regime"]]  # type: ignore[return-value]
        low, high = self.correlation.get("ci95_low"), self.correlation.get("ci95_high")
        if low is None or high is None:
            return None
        return "together" if low > 0 else "against" if high < 0 else "apart"

    def _open_episode(self) -> dict[str, Any]:
        both = pl.col("leader").is_in([self.pair.asset, self.pair.benchmark]) & pl.col("follower").is_in(
            [self.pair.asset, self.pair.benchmark]
        )
        episodes = self.marts.scan("divergence_episodes").filter(both, pl.col("outcome") == "open")
        return _last(episodes.sort("start_session").collect())


def _headline(facts: _Facts) -> str:
    asset, benchmark = facts.pair.asset_name, facts.pair.benchmark_name
    weakly = "weakly " if facts.correlation and abs(facts.correlation["correlation"]) < _WEAK else ""
    daily, verdict = {
        "together": (f"the two still move {weakly}together from day to day", "behind, not decoupled"),
        "apart": ("no daily link can be told from none", "behind, and perhaps decoupled"),
        "against": (f"the two move {weakly}against each other from day to day", "behind and decoupled"),
        None: ("there are too few sessions to say how they move from day to day", "behind"),
    }[facts.link]
    if not facts.episode:
        return f"No open divergence between {asset} and the {benchmark}; {daily}"
    if facts.episode["leader"] == facts.pair.benchmark:
        return f"{asset} is behind the {benchmark} in records; {daily}: {verdict}"
    return f"The {benchmark} is behind {asset} in records; {daily}: {verdict}"


def _sentences(facts: _Facts) -> Iterator[Sentence]:
    asset, benchmark = facts.pair.asset_name, facts.pair.benchmark_name
    if facts.asset and facts.benchmark:
        levels = f"{_level(asset, facts.asset)}. {_level(f'The {benchmark}', facts.benchmark)}."
        yield Sentence("Levels", levels, "market_state")
    if facts.episode:
        behind = facts.episode["leader"] == facts.pair.benchmark
        leader, follower = (f"the {benchmark}", asset) if behind else (asset, f"the {benchmark}")
        yield Sentence(
            "Records",
            f"Since {day(facts.episode['start_session'])} {leader} has set "
            f"{plural(facts.episode['leader_record_closes'], 'record close')} while {follower} stood 20% or more below "
            f"its own. The divergence has been open for {plural(facts.episode['sessions'], 'session')}.",
            "divergence_episodes",
        )
    else:
        yield Sentence(
            "Records",
            "Neither of the two sets records while the other stands 20% or more below its own.",
            "divergence_episodes",
        )
    if facts.correlation:
        yield Sentence("Day to day", _day_to_day(facts), "rolling_correlations")
    if facts.trend.height:
        yield Sentence("Trend", _trend(facts), "relative_strength")
    if facts.signal.height:
        yield from _signal(facts)
    if facts.decision:
        yield Sentence("Fed policy", _policy(facts.decision), "fed_decisions")
    if facts.liquidity:
        change = facts.liquidity["net_liquidity_change_13w_usd_bn"]
        since = "" if change is None else f", {signed(change)} bn in 13 weeks"
        yield Sentence(
            "Fed liquidity",
            f"Net liquidity was USD {number(facts.liquidity['net_liquidity_usd_bn'])} bn on "
            f"{day(facts.liquidity['date'])}{since}.",
            "fed_liquidity",
        )


def _level(name: str, state: dict[str, Any]) -> str:
    closed = f"{name} closed at {number(state['close'])} on {day(state['session'])}"
    if state["drawdown"] == 0:
        return f"{closed}, its record close"
    below = percent(-state["drawdown"])
    return (
        f"{closed}, {below} below its record close of {number(state['record_close'])} ({day(state['record_session'])})"
    )


def _day_to_day(facts: _Facts) -> str:
    row = facts.correlation
    words = {
        "together": "Daily returns move together",
        "apart": "Daily returns show no link that can be told from none",
        "against": "Daily returns move against each other",
        None: "Daily returns",
    }[facts.link]
    if row["ci95_low"] is None:
        return f"{words}: {WINDOW}-session correlation {row['correlation']:.2f} on {day(row['session'])}."
    regime = f" The filter calls the regime {facts.regime['regime']}." if facts.regime else ""
    return (
        f"{words}: {WINDOW}-session correlation {row['correlation']:.2f}, 95% interval {number(row['ci95_low'], 2)} to "
        f"{number(row['ci95_high'], 2)}, on {day(row['session'])}.{regime}"
    )


def _trend(facts: _Facts) -> str:
    row = facts.trend.row(-1, named=True)
    gap = math.expm1(row["gap_63d"])
    side = "ahead of" if gap > 0 else "behind"
    said = f"Over 63 sessions {facts.pair.asset_name} is {percent(abs(gap))} {side} the {facts.pair.benchmark_name}"
    if row["gap_63d_zscore"] is None:
        return f"{said}."
    measure = {
        "leading": "unusually far ahead by its own past",
        "tracking": "within its usual range",
        "lagging": "unusually far behind by its own past",
    }[row["trend_state"]]
    return f"{said}, {measure} (z-score {row['gap_63d_zscore']:+.1f}): {row['trend_state']}."


def _signal(facts: _Facts) -> Iterator[Sentence]:
    newest = facts.signal.filter(pl.col("session") == pl.col("session").max()).drop_nulls("probability_catch_up")
    chances = [
        f"{row['horizon_sessions']} sessions {percent(row['probability_catch_up'], 0)} "
        f"({percent(row['base_rate'], 0)} on any day)"
        for row in newest.iter_rows(named=True)
    ]
    if chances:
        yield Sentence("Catching up", f"Chance of catching up within {', '.join(chances)}.", "recoupling_signal")


def _policy(row: dict[str, Any]) -> str:
    did = {"cut": "cut", "hold": "held", "hike": "raised"}[row["action"]]
    target = f"{row['target_lower_pct']:.2f} to {row['target_upper_pct']:.2f}%"
    stance = {"easing": "easing", "tightening": "tightening", "hold": "on hold"}[row["cycle"]]
    return (
        f"The Fed {did} on {day(row['meeting_date'])}: target {target}, {stance} since {day(row['cycle_start'])} "
        f"({signed(row['cumulative_change_bp'])} bp); {plural(row['cuts_this_year'], 'cut')} and "
        f"{plural(row['hikes_this_year'], 'hike')} that year."
    )


def _figures(facts: _Facts) -> Iterator[Figure]:
    for name, state in ((facts.pair.asset_name, facts.asset), (facts.pair.benchmark_name, facts.benchmark)):
        if state:
            yield Figure(f"{name} from record", percent(state["drawdown"]), f"record {day(state['record_session'])}")
    if facts.correlation:
        row = facts.correlation
        interval = (
            "–" if row["ci95_low"] is None else f"95%: {number(row['ci95_low'], 2)} to {number(row['ci95_high'], 2)}"
        )
        yield Figure(f"Correlation, {WINDOW} sessions", f"{row['correlation']:.2f}", interval)
    if facts.trend.height:
        row = facts.trend.row(-1, named=True)
        yield Figure("Trend gap, 63 sessions", signed_percent(math.expm1(row["gap_63d"])), row["trend_state"] or "")
    if facts.decision:
        row = facts.decision
        target = f"{row['target_lower_pct']:.2f}–{row['target_upper_pct']:.2f}%"
        yield Figure("Fed target", target, f"{row['action']} on {day(row['meeting_date'])}")
    if facts.liquidity:
        row = facts.liquidity
        change = f"{signed(row['net_liquidity_change_13w_usd_bn'])} bn in 13 weeks"
        yield Figure("Net liquidity, USD bn", number(row["net_liquidity_usd_bn"]), change)


def _would_change(facts: _Facts) -> Iterator[str]:
    """Levels that are near enough to be watched, each computed from the newest rows."""
    asset, benchmark = facts.pair.asset_name, facts.pair.benchmark_name
    if facts.episode and facts.asset and facts.benchmark:
        behind = facts.episode["leader"] == facts.pair.benchmark
        follower, leader = (facts.asset, facts.benchmark) if behind else (facts.benchmark, facts.asset)
        follower_name, leader_name = (asset, f"The {benchmark}") if behind else (f"The {benchmark}", asset)
        yield (
            f"{follower_name} closes above {number(follower['record_close'])}, "
            f"{signed_percent(_to(follower, 1.0))} from here: it has recovered and the divergence ends."
        )
        yield (
            f"{leader_name} closes at or below {number(leader['record_close'] * (1 + FAR_BELOW))}, "
            f"{signed_percent(_to(leader, 1 + FAR_BELOW))} from here: the leader has fallen and the divergence ends "
            f"without a recovery."
        )
    elif facts.asset and facts.benchmark:
        yield (
            f"One of the two sets a record close while the other stands 20% or more below its own: now "
            f"{asset} is {percent(facts.asset['drawdown'])} from its record, the {benchmark} "
            f"{percent(facts.benchmark['drawdown'])}."
        )
    if facts.correlation and facts.correlation["ci95_low"] is not None:
        low, high = facts.correlation["ci95_low"], facts.correlation["ci95_high"]
        if low > 0:
            yield f"The 95% interval of the {WINDOW}-session correlation, now from {low:.2f}, reaches zero."
        elif high < 0:
            yield f"The 95% interval of the {WINDOW}-session correlation, now up to {high:.2f}, reaches zero."
        else:
            yield (
                f"The 95% interval of the {WINDOW}-session correlation, now {number(low, 2)} to {number(high, 2)}, "
                f"comes to lie on one side of zero."
            )
    yield from _trend_thresholds(facts)
    if facts.decision:
        opposite = {"easing": "a hike", "tightening": "a cut", "hold": "any change of the target"}
        yield f"The Fed decides on {opposite[facts.decision['cycle']]}: the policy cycle turns."


def _trend_thresholds(facts: _Facts) -> Iterator[str]:
    """The gaps at which the trend state changes at the next session, from the past it will then be held against."""
    gaps = facts.trend["gap_63d"].tail(756)
    deviation = gaps.std()
    if gaps.len() < 252 or not isinstance(deviation, float) or deviation == 0:
        return
    mean = gaps.mean()
    if not isinstance(mean, float):
        return
    now = facts.trend["gap_63d"][-1]
    for state, sign in (("lagging", -1), ("leading", +1)):
        edge = mean + sign * deviation
        if (now - edge) * sign < 0:
            yield (
                f"The 63-session gap goes {'below' if sign < 0 else 'above'} {signed_percent(math.expm1(edge))} "
                f"(now {signed_percent(math.expm1(now))}): {facts.pair.asset_name} counts as {state}."
            )


def _to(state: dict[str, Any], share_of_record: float) -> float:
    return float(state["record_close"]) * share_of_record / float(state["close"]) - 1


def _last(frame: pl.DataFrame) -> dict[str, Any]:
    return frame.row(-1, named=True) if frame.height else {}
