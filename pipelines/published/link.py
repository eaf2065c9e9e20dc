"""How the two move together from day to day, in words.

Here: the regime's label with its probability and the interval beside it, and the rule that changes it. Not here: who is
ahead (published.lag).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from pipelines.published.facts import WINDOW, Facts
from pipelines.published.words import bound, chance, day, number
from quant.regime_parameters import RegimeParameters

RULE = RegimeParameters()


def headline(facts: Facts) -> str:
    """The label, how sure it is, and the interval, in half a sentence."""
    if facts.link is None:
        return "there are too few sessions to say how they move from day to day"
    return f"from day to day they are {_label(facts)}"


def sentence(facts: Facts) -> str:
    """The daily link, with the term explained."""
    if facts.link is None:
        return f"There are too few sessions yet to judge how daily returns move together on {day(facts.as_of)}."
    explained = (
        f" Regime: coupled means a correlation of {RULE.upper_border:+.2f} or more, inverse {RULE.lower_border:.2f} or "
        f"less, decoupled between. On simulated markets such labels were right about as often as their chance "
        f"says, or more often."
        if facts.regime
        else ""
    )
    since = f", by the regime in force since {day(facts.regime_since)}" if facts.regime_since else ""
    return (
        f"On {day(_day(facts))} daily returns were {_label(facts)}{since}.{_interval(facts)}{explained} "
        f"This says nothing about who is ahead."
    )


def would_change(facts: Facts) -> Iterator[str]:
    """The filter's own rule."""
    if facts.regime:
        label = facts.regime["regime"]
        yield (
            f"The probability of {label}, {chance(facts.regime[f'p_{label}'])} on {day(facts.regime['session'])}, "
            f"falls below {RULE.leave_below:.0%}: the regime is then whichever is likeliest."
        )


def _label(facts: Facts) -> str:
    if not facts.regime:
        return f"{_unfiltered(facts)} ({_measured(facts)})"
    label = facts.regime["regime"]
    rival = max((r for r in ("coupled", "decoupled", "inverse") if r != label), key=lambda r: facts.regime[f"p_{r}"])
    p, other = facts.regime[f"p_{label}"], facts.regime[f"p_{rival}"]
    contested = f", {rival} {chance(other)}" if other > p else ""
    measured = f"; {_measured(facts)}" if facts.correlation.get("ci95_low") is not None else ""
    return f"{how_sure(p)} {label} ({chance(p)}{contested}{measured})"


def how_sure(probability: float) -> str:
    """The word a probability earns."""
    return (
        "almost certainly"
        if probability >= 0.95
        else "probably"
        if probability >= 2 / 3
        else "more likely than not"
        if probability > 0.5
        else "perhaps still"
    )


def _unfiltered(facts: Facts) -> str:
    return {"coupled": "linked", "inverse": "opposed", "decoupled": "without a link that can be told from none"}[
        str(facts.link)
    ]


def _measured(facts: Facts) -> str:
    row = facts.correlation
    return (
        f"{WINDOW}-session correlation {number(row['correlation'], 2)}, "
        f"95% interval {bound(row['ci95_low'])} to {bound(row['ci95_high'])}"
    )


def _interval(facts: Facts) -> str:
    low, high = facts.correlation.get("ci95_low"), facts.correlation.get("ci95_high")
    if low is None or high is None:
        return ""
    if low > 0:
        weaker = " It may be weaker than coupling." if facts.link == "decoupled" else ""
        return f" The interval, which holds the true correlation in 95 of 100 cases, lies above zero: a link.{weaker}"
    if high < 0:
        return " The interval, which holds the true correlation in 95 of 100 cases, lies below zero: opposed."
    return (
        " The interval, which holds the true correlation in 95 of 100 cases, includes zero: these "
        f"{WINDOW} sessions alone cannot tell a link from none."
    )


def _day(facts: Facts) -> date:
    session: date = (facts.regime or facts.correlation)["session"]
    return session
