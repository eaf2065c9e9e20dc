"""The odds that the laggard catches up, in words, and how much such odds have been worth.

Here: what is to be made up, at the end and at any close within, each beside the days it may be compared with. Not here:
the model (quant.forecasts).
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from pipelines.published.facts import HORIZON, Facts, Row
from pipelines.published.words import chance, day, number, percent, plural, signed_percent


def sentences(facts: Facts) -> Iterator[str]:
    """Who, what, how likely, and what it is worth."""
    row = facts.signal
    if row:
        yield _what(facts, row)
        yield _at_the_end(facts, row)
        yield _within(facts, row)
        yield verdict(row)


def verdict(row: Row) -> str:
    """What the scores of earlier forecasts allow to be said; foresight needs an interval above zero."""
    low, high = row["skill_so_far_ci95_low"], row["skill_so_far_ci95_high"]
    scored = plural(row["forecasts_scored"], "earlier forecast")
    if low is None or high is None:
        return f"Whether the model knows more than the size of the gap cannot be told yet from {scored}."
    skill = f"skill {signed_percent(row['skill_so_far'])}, 95% interval {signed_percent(low)} to {signed_percent(high)}"
    if low > 0:
        return f"{_capital(scored)} at this horizon did better than the size of the gap alone ({skill})."
    if high < 0:
        return f"No foresight: {scored} at this horizon did worse than the size of the gap alone ({skill})."
    return f"No foresight beyond the size of the gap: {scored} here cannot be told from a random walk ({skill})."


def _what(facts: Facts, row: Row) -> str:
    follower, leader = facts.name(row["follower"]), facts.name(row["leader"])
    return (
        f"On {day(row['session'])} {follower} was the laggard over 63 sessions. To catch up is to make up half of the "
        f"gap: to beat {leader} by {percent(math.expm1(row['to_make_up']))}, which is a price of "
        f"{number(row['price_to_reach'])} while {leader} stays where it was."
    )


def _at_the_end(facts: Facts, row: Row) -> str:
    return (
        f"At the end of {HORIZON} sessions: {chance(row['probability_catch_up'])} by the model, "
        f"{chance(row['probability_random_walk'])} by a random walk, that is by the size of the gap alone, and "
        f"{_alike(facts, row)}."
    )


def _within(facts: Facts, row: Row) -> str:
    return (
        f"At any close within {HORIZON} sessions, which is easier: "
        f"{chance(row['probability_within_random_walk'])} by a random walk{_of_the_same_days(row)}."
    )


def _of_the_same_days(row: Row) -> str:
    rate = row["reference_rate_within"]
    return "" if rate is None else f" and {percent(rate, 0)} of the same earlier days"


def _alike(facts: Facts, row: Row) -> str:
    if row["reference_rate"] is None:
        return (
            f"no rate of earlier days, since only {plural(row['reference_days'], 'day')} had "
            f"{facts.name(row['follower'])} behind by a like gap"
        )
    return (
        f"{percent(row['reference_rate'], 0)} of {row['reference_days']} earlier days with "
        f"{facts.name(row['follower'])} behind by "
        f"between half and twice as much, which is history and no chance ({row['reference_independent']} of them "
        f"further apart than the horizon)"
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
