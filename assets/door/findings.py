"""What a person should know about single values, in words that name series, day, value, reason and remedy.

Here: one finding, and many findings as few lines. Not here: what is looked for (assets.door.rules,
assets.raw.holes), where the lines are shown (pipelines).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

NIGHTLY = "the nightly"
"""Who holds back, confirms and replaces by itself."""

State = Literal["quarantined", "held", "missing", "noted", "kept"]

ORDER: tuple[State, ...] = ("quarantined", "held", "missing", "noted", "kept")
"""Most important first: not believed, waiting for a second answer, not there, odd but believed, put right by itself."""

_WORDS = {
    "unit_step": "is a power of ten away from the value before it",
    "enormous": "is far beyond anything the series did before",
    "unexplained": "moved far on a day when nothing else did",
    "spike": "jumped and came back the next day",
    "out_of_proportion": "is out of proportion to the rest of its bar",
    "repeated_bar": "comes with a bar that repeats the day before in every price",
    "off_calendar": "falls on a weekday on which this series is never observed",
    "another_unit": "differs from what was known by one factor that all values of the answer share, so the answer is "
    "in another unit or currency",
    "too_large": "replaces a final value that differs by more than corrections do",
    "too_many": "comes in an answer that replaces more final values than corrections do",
    "held_by_hand": "was taken out by a person",
    "another_fact": "comes with another day or kind than it was known with",
    "repeated_day": "comes on a day on which every series repeats the day before",
    "empty": "came empty although the day before had it",
    "repeats": "repeats the value before in a series that never does",
    "left_behind": "repeats the value before although both its neighbours moved the same way",
    "left_out": "has no value on a day on which the others have one",
    "absent": "came empty although it was known; the stored value stays",
    "hole": "has no value although one was due",
    "closure": "has no value for any symbol of the exchange, so either it was closed and its calendar does not know, "
    "or the source failed for all",
}
_REMEDIES: dict[State, str] = {
    "quarantined": "It is in quarantine and asked for again every night; `recouple release {series} {day} --why TEXT` "
    "brings it in",
    "held": "It is held back until another night's answer says the same; `recouple release {series} {day} --why TEXT` "
    "believes it now",
    "missing": "It is asked for again every night for 30 days, then weekly for a year; "
    "`recouple refetch {series} --since {day}` asks now",
    "noted": "It is believed; `recouple hold {series} {day} --why TEXT` takes it out",
    "kept": "Nothing to do",
}
_REMEDIES_OF_RULES = {
    "held_by_hand": "It stays out until `recouple release {series} {day} --why TEXT`, or until another value comes",
    "empty": "Nothing is computed from it; the next nights ask again",
    "left_out": "It is asked for again with the next nights",
    "closure": "If the exchange was closed, acknowledge {series} {day} in assets/catalog.toml; until then it is asked "
    "for again",
}


@dataclass(frozen=True)
class Finding:
    """One value of one series on one day that is not what it should be."""

    series: str
    day: date
    state: State
    rule: str
    field: str = ""
    value: float | None = None
    was: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def reason(self) -> str:
        """What is odd about the value, with the range that was expected."""
        subject = f"{self.field} {amount(self.value)}".strip() if self.value is not None else self.field
        return f"{subject} {self.what}".strip()

    @property
    def what(self) -> str:
        """The reason without the value."""
        expected = "" if self.low is None else f", expected {amount(self.low)} to {amount(self.high)}"
        was = "" if self.was is None else f" (known: {amount(self.was)})"
        return f"{_WORDS.get(self.rule, f'breaks the rule {self.rule}')}{was}{expected}"

    @property
    def remedy(self) -> str:
        """What happens by itself, and what a person can do."""
        words = _REMEDIES_OF_RULES.get(self.rule, _REMEDIES[self.state])
        return words.format(series=self.series, day=self.day)

    def __str__(self) -> str:
        return f"{self.series} {self.day}: {self.reason}. {self.remedy}."


class Line(NamedTuple):
    """One line for people; the lighter comes first."""

    weight: int
    text: str


def lines(findings: Iterable[Finding], required: Collection[str] = ()) -> list[Line]:
    """One line for each series and reason, most important first: what is required, then by state."""
    groups: dict[tuple[int, bool, str, str], list[Finding]] = {}
    for finding in findings:
        of = (ORDER.index(finding.state), finding.series not in required, finding.series, finding.rule)
        groups.setdefault(of, []).append(finding)
    told = sorted(groups.items(), key=lambda item: item[0])
    return [
        Line(2 * state + optional, text)
        for (state, optional, _, _), group in told
        for text in _of_one_kind(sorted(group, key=lambda f: f.day))
    ]


NOTE = 2 * len(ORDER)  # what a source says of itself comes last


def _of_one_kind(findings: Sequence[Finding]) -> tuple[str, ...]:
    if len(findings) <= 2:
        return tuple(map(str, findings))
    oldest, newest = findings[0], findings[-1]
    days = f"{len(findings):,} days from {oldest.day} to {newest.day}"
    remedy = newest.remedy.replace(
        f"release {newest.series} {newest.day}", f"release {newest.series} {oldest.day} --until {newest.day}"
    )
    return (f"{newest.series} {days}: on the last of them {newest.reason}. {remedy}.",)


def amount(value: float | None) -> str:
    """7,730,142 or 0.0043: enough digits to recognize a figure, no more."""
    if value is None:
        return "nothing"
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:,.4g}" if abs(value) < 100 else f"{value:,.2f}"
