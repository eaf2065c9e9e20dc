"""The Fed's policy, what futures price of it, and its liquidity, in words.

Here: the last decision, the time since the last change, the cycle, the priced path, net liquidity. Not here: prices of
the two (published.lag).
"""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.published.facts import Facts
from pipelines.published.words import day, months_between, number, plural, signed
from quant.policy import HOLD_AFTER

_DID = {"cut": "cut", "hold": "held", "hike": "raised"}


def policy(facts: Facts) -> Iterator[str]:
    """The last decision, how long the target has stood, and what is priced."""
    row = facts.decision
    target = f"{number(row['target_lower_pct'], 2)} to {number(row['target_upper_pct'], 2)}%"
    yield f"The Fed {_DID[row['action']]} on {day(row['meeting_date'])}: target {target}."
    yield from _stance(facts)
    yield from _priced(facts)


def _stance(facts: Facts) -> Iterator[str]:
    row, change = facts.decision, facts.last_change
    if change:
        passed = months_between(change["meeting_date"], facts.as_of)
        moved = "cut" if change["change_bp"] < 0 else "hike"
        yield (
            f"The last change was a {moved} on {day(change['meeting_date'])}, "
            f"{plural(passed, 'full month') if passed else 'less than a month'} before {day(facts.as_of)}."
        )
    if row["cycle"] != "hold":
        yield (
            f"The policy cycle is {row['cycle']} since {day(row['cycle_start'])}, "
            f"{signed(row['cumulative_change_bp'])} bp in all."
        )


def _priced(facts: Facts) -> Iterator[str]:
    row = facts.priced
    if row and row["priced_change_12m_bp"] is not None:
        yield (
            f"Futures of {day(row['observed_on'])} price {signed(row['priced_change_12m_bp'])} bp over the 12 months "
            f"after."
        )


def liquidity(facts: Facts) -> str:
    """Net liquidity, with the term explained."""
    row = facts.liquidity
    change = row["net_liquidity_change_13w_usd_bn"]
    since = "" if change is None else f", {signed(change)} bn in 13 weeks"
    return (
        f"Net liquidity, the Fed's assets less the Treasury's account and reverse repo, was USD "
        f"{number(row['net_liquidity_usd_bn'])} bn on {day(row['date'])}{since}."
    )


def would_change(facts: Facts) -> Iterator[str]:
    """A decision against the cycle, or none for so long that it becomes a hold."""
    if not facts.decision:
        return
    if facts.decision["cycle"] == "hold":
        yield "The Fed changes its target: the policy cycle is no longer hold."
        return
    opposite = {"easing": "a hike", "tightening": "a cut"}[facts.decision["cycle"]]
    until = facts.last_change["meeting_date"] + HOLD_AFTER
    yield f"The Fed decides on {opposite}, or on nothing until after {day(until)}: the policy cycle ends."
