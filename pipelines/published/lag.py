"""Who is behind, for how long, and whether that is a decoupling or a delay, in words.

Here: levels, records, the trend gap, the lag beside all lags known by the day. Not here: the daily link
(published.link), the odds of catching up (published.catching_up).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from pipelines.published.facts import Facts, Row
from pipelines.published.link import how_sure
from pipelines.published.words import chance, day, number, percent, plural, signed_percent
from quant.divergence import FAR_BELOW_RECORD

FAR_BELOW = percent(FAR_BELOW_RECORD, 0)
_ENDED = {"follower_recovered": "with a record close of the follower", "leader_fell": "with the leader's fall"}
_STATES = {
    "leading": "unusually far ahead",
    "tracking": "within the usual range",
    "lagging": "unusually far behind",
}


def headline(facts: Facts) -> str:
    """Who is behind in records."""
    lag = facts.open_lag
    if not lag:
        return f"Neither {facts.pair.asset_name} nor the {facts.pair.benchmark_name} lags in records"
    follower = _capital(facts.name(lag["follower"]))
    return f"{follower} has lagged the records of {facts.name(lag['leader'])} since {day(lag['start_session'])}"


def levels(facts: Facts) -> str:
    """Where both closed."""
    pair = facts.pair
    return f"{_level(pair.asset_name, facts.asset)}. {_level(f'The {pair.benchmark_name}', facts.benchmark)}."


def records(facts: Facts) -> str:
    """The open lag as it stands, or how the last one ended."""
    lag = facts.open_lag
    if lag:
        return (
            f"Since {day(lag['start_session'])} {facts.name(lag['leader'])} has set "
            f"{plural(lag['leader_record_closes'], 'record close')} while {facts.name(lag['follower'])} stood "
            f"{FAR_BELOW} or more below its own. This lag has lasted "
            f"{plural(lag['sessions'], 'session')} by {day(lag['session'])}."
        )
    said = f"Neither sets records while the other stands {FAR_BELOW} or more below its own: no lag is open."
    if not facts.lag:
        return said
    return (
        f"{said} The last one, of {facts.name(facts.lag['follower'])}, ended on {day(facts.lag['session'])} after "
        f"{plural(facts.lag['sessions'], 'session')}, {_ENDED[facts.lag['outcome']]}."
    )


def answers(facts: Facts) -> Iterator[str]:
    """Decoupling or delay: what the daily link says, and where this lag stands among all."""
    lag = facts.open_lag
    if not lag:
        return
    if facts.regime:
        label = facts.regime["regime"]
        more = {"coupled": "a delay", "decoupled": "a decoupling", "inverse": "a decoupling"}[label]
        p = facts.regime[f"p_{label}"]
        answer = f"It looks more like {more}" if p > 0.5 else "It is open which"
        yield f"{answer}: daily returns were {how_sure(p)} {label} ({chance(p)})."
    yield _among_lags(lag)
    if lag["explained_share"] is not None:
        yield _explained(facts, lag)


def _among_lags(lag: Row) -> str:
    if not lag["earlier_ended"]:
        return "No other lag of any pair had ended yet to compare it with."
    fell = lag["earlier_ended"] - lag["earlier_recovered"]
    middle = lag["earlier_median_sessions"]
    half = "" if middle is None else f"; half of all lags last no longer than {plural(round(middle), 'session')}"
    still = (
        f" {lag['others_open']} others were still open and are counted as lasting longer." if lag["others_open"] else ""
    )
    return (
        f"Of {lag['earlier_ended']} other lags of all pairs that had ended, {lag['earlier_recovered']} ended with the "
        f"follower's record and {fell} with the leader's fall. {lag['earlier_shorter']} were shorter than these "
        f"{lag['sessions']} sessions, the longest lasted {lag['earlier_longest_sessions']}{half}.{still} "
        f"The pairs overlap: these are fewer cases than they seem."
    )


def _explained(facts: Facts, lag: Row) -> str:
    leader, follower, coupled = (
        signed_percent(math.expm1(lag[f"{c}_return"])) for c in ("leader", "follower", "coupled")
    )
    return (
        f"Since that day {facts.name(lag['leader'])} has moved {leader} and {facts.name(lag['follower'])} {follower}; "
        f"its daily link alone would have moved it {coupled}. Daily coupling explains "
        f"{percent(lag['explained_share'], 0)} of the gap."
    )


def trend(facts: Facts) -> str:
    """The gap of the last 63 sessions, with the z-score explained."""
    row = facts.trend
    gap = math.expm1(row["gap_63d"])
    side = "ahead of" if gap > 0 else "behind"
    said = (
        f"Over the 63 sessions to {day(row['session'])} {facts.pair.asset_name} was {percent(abs(gap))} {side} the "
        f"{facts.pair.benchmark_name}"
    )
    if row["trend_state"] is None:
        return f"{said}; its past is too short to say whether that is usual."
    return (
        f"{said}, {_STATES[row['trend_state']]}: {row['trend_state']}. Its z-score is "
        f"{number(row['gap_63d_zscore'], 1)}: the gap in standard deviations of its own past three years."
    )


def would_change(facts: Facts) -> Iterator[str]:
    """The rules by which the lag ends or begins, and the trend state changes."""
    lag = facts.open_lag
    if lag:
        rows = {facts.pair.asset: facts.asset, facts.pair.benchmark: facts.benchmark}
        follower, leader = rows[lag["follower"]], rows[lag["leader"]]
        yield (
            f"{_capital(facts.name(lag['follower']))} closes above {number(follower['record_close'])}, "
            f"{signed_percent(_to(follower, 1.0))} from its close of {day(follower['session'])}: "
            f"the lag ends, recovered."
        )
        yield (
            f"{_capital(facts.name(lag['leader']))} closes at or below "
            f"{number(leader['far_below_record_at'])}, "
            f"{signed_percent(leader['far_below_record_at'] / leader['close'] - 1)} "
            f"from its close of {day(leader['session'])}: the lag ends with the leader's fall."
        )
    elif facts.asset and facts.benchmark:
        yield (
            f"One of the two sets a record close while the other stands {FAR_BELOW} or more "
            f"below its own: a lag begins. "
            f"{facts.pair.asset_name} stood {percent(facts.asset['drawdown'])} from its record on "
            f"{day(facts.asset['session'])}, the {facts.pair.benchmark_name} {percent(facts.benchmark['drawdown'])} on "
            f"{day(facts.benchmark['session'])}."
        )
    yield from _trend_edges(facts)


def _trend_edges(facts: Facts) -> Iterator[str]:
    if facts.edges is None or facts.trend["trend_state"] is None:
        return
    state = facts.trend["trend_state"]
    lagging, leading = (signed_percent(math.expm1(gap)) for gap in (facts.edges.lagging, facts.edges.leading))
    gap = f"The 63-session gap, {signed_percent(math.expm1(facts.trend['gap_63d']))} on {day(facts.trend['session'])},"
    name = facts.pair.asset_name
    if state != "lagging":
        yield f"{gap} falls to {lagging} or below at the next session: {name} counts as lagging."
    if state != "leading":
        yield f"{gap} rises to {leading} or above at the next session: {name} counts as leading."
    if state == "lagging":
        yield f"{gap} rises above {lagging} at the next session: {name} no longer counts as lagging."
    if state == "leading":
        yield f"{gap} falls below {leading} at the next session: {name} no longer counts as leading."


def _level(name: str, state: Row) -> str:
    closed = f"{name} closed at {number(state['close'])} on {day(state['session'])}"
    if state["drawdown"] == 0:
        return f"{closed}, its record close"
    below = percent(-state["drawdown"])
    return (
        f"{closed}, {below} below its record close of {number(state['record_close'])} ({day(state['record_session'])})"
    )


def _to(state: Row, share_of_record: float) -> float:
    return float(state["record_close"]) * share_of_record / float(state["close"]) - 1


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
