"""What changed since the last session, the week and the month before, in words.

Here: the facts of one day beside those of earlier days, changes of state first. Not here: the facts (published.facts).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import date

from pipelines.published.facts import HORIZON, Facts
from pipelines.published.words import chance, day, signed, signed_percent

BACK = {"the last session": 1, "a week": 5, "a month": 21}
"""How many sessions before; a month has about 21."""

ARROW = "→"


def earlier_days(facts: Facts) -> dict[str, date]:
    """The sessions that the day is compared with, as far as there are."""
    known = facts.sessions
    return {span: known[-1 - back] for span, back in BACK.items() if len(known) > back}


def sentences(now: Facts, before: Mapping[str, Facts]) -> Iterator[str]:
    """One line on states, the first; then a line per span."""
    yield _states(now, before)
    for span, then in before.items():
        yield f"Since {_span(span)} ({day(_session(then))}): {'; '.join(_moves(now, then))}."


def _span(span: str) -> str:
    return span if span.startswith("the") else f"{span} ago"


def _states(now: Facts, before: Mapping[str, Facts]) -> str:
    for span, then in before.items():
        changed = list(_state_changes(now, then))
        if changed:
            return f"State change since {_span(span)} ({day(_session(then))}): {'; '.join(changed)}."
    return (
        "No state differs from those of the sessions compared below." if before else "There is no earlier session yet."
    )


def _state_changes(now: Facts, then: Facts) -> Iterator[str]:
    for what, mine, theirs in (
        ("regime", now.regime.get("regime"), then.regime.get("regime")),
        ("trend", now.trend.get("trend_state"), then.trend.get("trend_state")),
        ("policy cycle", now.decision.get("cycle"), then.decision.get("cycle")),
    ):
        if mine is not None and theirs is not None and mine != theirs:
            yield f"{what} {theirs} {ARROW} {mine}"
    yield from _lag_changes(now, then)


def _lag_changes(now: Facts, then: Facts) -> Iterator[str]:
    started, open_before = now.open_lag.get("start_session"), then.open_lag.get("start_session")
    if open_before is not None and open_before != started:
        yield f"the lag of {then.name(then.open_lag['follower'])} ended"
    if started is not None and started != open_before:
        yield f"a lag of {now.name(now.open_lag['follower'])} began on {day(started)}"


def _moves(now: Facts, then: Facts) -> Iterator[str]:
    for name, mine, theirs in (
        (now.pair.asset_name, now.asset, then.asset),
        (now.pair.benchmark_name, now.benchmark, then.benchmark),
    ):
        if mine and theirs:
            yield f"{name} {signed_percent(mine['close'] / theirs['close'] - 1)}"
    if now.gap() is not None and then.gap() is not None:
        yield f"63-session gap {_gap(then)} {ARROW} {_gap(now)}"
    yield from _probabilities(now, then)
    yield _policy(now, then)
    yield from _liquidity(now, then)


def _gap(facts: Facts) -> str:
    return signed_percent(math.expm1(facts.trend["gap_63d"]))


def _probabilities(now: Facts, then: Facts) -> Iterator[str]:
    if now.regime and then.regime:
        yield f"coupled {chance(then.regime['p_coupled'])} {ARROW} {chance(now.regime['p_coupled'])}"
    if now.signal and then.signal:
        if now.signal["follower"] == then.signal["follower"]:
            yield (
                f"chance of {now.name(now.signal['follower'])} to have caught up at the end of {HORIZON} sessions "
                f"{chance(then.signal['probability_catch_up'])} {ARROW} {chance(now.signal['probability_catch_up'])}"
            )
        else:
            yield f"laggard {then.name(then.signal['follower'])} {ARROW} {now.name(now.signal['follower'])}"


def _policy(now: Facts, then: Facts) -> str:
    mine, theirs = now.decision.get("target_upper_pct"), then.decision.get("target_upper_pct")
    if mine is None or theirs is None or mine == theirs:
        return "Fed target unchanged"
    return f"Fed target {signed(100 * (mine - theirs))} bp"


def _liquidity(now: Facts, then: Facts) -> Iterator[str]:
    if not now.liquidity or not then.liquidity:
        return
    if now.liquidity["date"] == then.liquidity["date"]:
        yield "no new figure of net liquidity"
    else:
        moved = now.liquidity["net_liquidity_usd_bn"] - then.liquidity["net_liquidity_usd_bn"]
        yield f"net liquidity {signed(moved)} bn from {day(then.liquidity['date'])} to {day(now.liquidity['date'])}"


def _session(facts: Facts) -> date:
    last: date = facts.sessions[-1]
    return last
