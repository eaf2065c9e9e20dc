"""A reading held against the marts: nothing that they do not bear may be said.

Here: matching each text with the grammar of what may be said, comparing every slot with the mart's value, and words
that may not be said at all. A text that no sentence of the grammar matches is itself a contradiction. Not here: the
sentences that may be said (published.grammar), the values (published.truth).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

from pipelines.published.grammar import CHANGES, FIGURES, GRAMMAR, HEADLINE, WOULD_CHANGE, Kind, Said
from pipelines.published.reading import Reading
from pipelines.published.truth import Truth, Values

_NUMBER = r"[-+]?[\d,]+(?:\.\d+)?"
_DATE = r"\d{1,2} [A-Z][a-z]+ \d{4}"
_SURE = {
    "almost certainly": (0.95, 1.0),
    "probably": (2 / 3, 0.95),
    "more likely than not": (0.5, 2 / 3),
    "perhaps still": (0, 0.5),
}
_FORMS = {
    "number": _NUMBER,
    "percent": f"{_NUMBER}%",
    "move": f"{_NUMBER}%",
    "chance": r"(?:less than 1|more than 99|\d+)%",
    "bound": rf"(?:{_NUMBER}|just above 0|just below 0)",
    "date": _DATE,
    "since": _DATE,
    "word": "[a-z]+",
    "words": "[a-z ]+?",
    "sure": f"(?:{'|'.join(_SURE)})",
    "name": r"(?:[Tt]he )?[A-Z&][\w&]*(?: (?:[A-Z][\w-]*|\d+))*(?:, front future)?",
}
_SLOT = re.compile(r"\{([\w.]+):(\w+)\}")
_BOUNDARY = re.compile(r"(?:\. |; |$)")

_FORBIDDEN = (
    (Kind.TENSE, re.compile(r"\b([Tt]oday|now|currently|yesterday|tonight|tomorrow|this (?:week|month|session))\b")),
    (Kind.WITHIN, re.compile(r"within \d+ sessions(?!, which is easier)|which is easier: \S+ by the model")),
    (Kind.NAME, re.compile(r"\b[a-z]+_[a-z0-9_]+\b")),
)
_NO_LINK = re.compile(r"no (?:daily )?link|told? (?:a link )?from none|includes zero")
_LABELS = re.compile(r"\b(coupled|decoupled|inverse)\b")
_DATED = {
    "Levels": ("asset.session", "benchmark.session"),
    "Day to day": ("regime.session", "correlation.session"),
    "Trend": ("trend.session",),
    "Catching up": ("signal.session",),
    "Fed policy": ("decision.meeting_date",),
    "Fed liquidity": ("liquidity.date",),
}


@dataclass(frozen=True)
class Contradiction:
    """One text that the marts do not bear, and why."""

    kind: Kind
    text: str
    why: str


def contradictions(reading: Reading, truth: Truth) -> list[Contradiction]:
    """Everything a reading says that the marts do not bear."""
    texts: list[tuple[str, tuple[Said, ...]]] = [
        (reading.headline, HEADLINE),
        *((s.text, GRAMMAR.get(s.topic, ())) for s in reading.sentences),
        *((line.removesuffix("."), CHANGES) for line in reading.changes),
        *((line, WOULD_CHANGE) for line in reading.would_change),
        *((f"{f.label} | {f.value} | {f.note} | {f.before}", FIGURES) for f in reading.figures),
    ]
    found = [c for text, grammar in texts for c in (*_forbidden(text, truth), *_unspoken(text, grammar, truth))]
    return [*found, *_left_out(reading, truth.values)]


def _forbidden(text: str, truth: Truth) -> Iterator[Contradiction]:
    for kind, words in _FORBIDDEN:
        for match in words.finditer(text):
            yield Contradiction(kind, text, f"says {match[0]!r}")
    for word in re.findall(r"[\w^=.\-]+", text):
        bare = word.rstrip(".")
        if bare in truth.ids and bare not in truth.names.values():
            yield Contradiction(Kind.NAME, text, f"says {bare!r}")
    low, high = truth.values["correlation.ci95_low"], truth.values["correlation.ci95_high"]
    if low is not None and not low <= 0 <= high:
        for match in _NO_LINK.finditer(text):
            yield Contradiction(Kind.INTERVAL, text, f"says {match[0]!r} of an interval from {low:.3f} to {high:.3f}")


def _unspoken(text: str, grammar: tuple[Said, ...], truth: Truth) -> Iterator[Contradiction]:
    """What of a text no sentence of the grammar says, or says with other values."""
    position = 0
    while position < len(text):
        spoken = [
            (list(_wrong(said, match, truth)), -match.end(), match)
            for said in grammar
            if (match := _pattern(said.words).match(text, position)) and match.end() > position
        ]
        if spoken:
            wrong, _, match = min(spoken, key=lambda each: (len(each[0]), each[1]))
            yield from wrong
            position = match.end()
        else:
            boundary = _BOUNDARY.search(text, position)
            end = boundary.end() if boundary else len(text)
            yield Contradiction(Kind.UNBACKED, text, f"{text[position:end]!r} is in no grammar")
            position = end
        position += len(text[position:]) - len(text[position:].lstrip("; "))


def _wrong(said: Said, match: re.Match[str], truth: Truth) -> Iterator[Contradiction]:
    v = truth.values
    if not _may_be_said(said, v):
        yield Contradiction(said.kind, match[0], "may not be said on this day")
    for (name, form), written in zip(_SLOT.findall(said.words), match.groups(), strict=True):
        if written is not None and not _agrees(form, written, v[name], truth):
            yield Contradiction(_kind(name, form), match[0], f"{name} is {v[name]!r}, not {written}")


def _may_be_said(said: Said, values: Values) -> bool:
    try:
        return bool(said.when(values))
    except TypeError:  # a comparison with a value that no mart holds
        return False


def _kind(name: str, form: str) -> Kind:
    if form == "since":
        return Kind.SINCE
    if "within" in name or name.endswith("signal.probability_catch_up"):
        return Kind.WITHIN
    if "signal.reference" in name or name.endswith(("signal.follower", "signal.leader")):
        return Kind.REFERENCE
    if "regime." in name:
        return Kind.LABEL
    return Kind.INTERVAL if "ci95" in name or name.startswith("correlation.") else Kind.NUMBER


def _agrees(form: str, written: str, value: Any, truth: Truth) -> bool:
    if value is None:
        return False
    if form in ("date", "since"):
        return bool(_day(written) == value)
    if form == "name":
        return bool(written.removeprefix("the ").removeprefix("The ") == truth.names.get(value))
    if form in ("word", "words"):
        return bool(written == value)
    if form == "sure":
        low, high = _SURE[written]
        return bool(low <= value <= high)
    if form == "chance" and written.startswith(("less", "more")):
        return bool(value <= 0.01 if written.startswith("less") else value >= 0.99)
    if form == "bound" and written.startswith("just"):
        return bool(0 < value < 0.0005) if "above" in written else bool(-0.0005 < value < 0)
    scale = 100 if form in ("percent", "chance", "move") else 1
    return _close(written, scale * (math.expm1(value) if form == "move" else value))


def _close(written: str, value: float) -> bool:
    """Whether the figure is the value rounded to the digits it is written with."""
    figure = written.rstrip("%").replace(",", "")
    digits = len(figure.partition(".")[2])
    if written.startswith("+") and value < -(10**-digits) / 2:
        return False
    return bool(abs(float(figure) - value) <= 0.5 * 10.0**-digits + 1e-9 * max(1.0, abs(value)))


def _day(written: str) -> date | None:
    try:
        return datetime.strptime(written, "%d %B %Y").date()
    except ValueError:
        return None


def _left_out(reading: Reading, v: Values) -> Iterator[Contradiction]:
    """What may not be said without: an input's date, a label's probability and interval, a chance's worth."""
    for sentence in reading.sentences:
        for name in _DATED.get(sentence.topic, ()):
            if v[name] is not None and f"{v[name].day} {v[name]:%B %Y}" not in sentence.text:
                yield Contradiction(Kind.STALE, sentence.text, f"does not say {name}, {v[name]}")
        for part in re.split(r"(?<=\.) ", sentence.text):
            if sentence.topic != "Trend" and _LABELS.search(part) and "%" not in part and "means" not in part:
                yield Contradiction(Kind.LABEL, part, "a label without its probability")
        if sentence.topic == "Catching up" and not re.search(r"foresight|did better|cannot be told yet", sentence.text):
            yield Contradiction(Kind.REFERENCE, sentence.text, "a chance without what such chances have been worth")
    for figure in reading.figures:
        if not re.search(_DATE, figure.note):
            yield Contradiction(Kind.STALE, figure.label, "a figure without its date")
    if "regime.regime" in v:
        if not re.search(r"\d%", reading.headline):
            yield Contradiction(Kind.LABEL, reading.headline, "a label without its probability")
        if v["correlation.ci95_low"] is not None and "95% interval" not in reading.headline:
            yield Contradiction(Kind.INTERVAL, reading.headline, "a label without the interval")
        if v["regime.p_rival"] > v["regime.p"] and v["regime.rival"] not in reading.headline:
            yield Contradiction(Kind.LABEL, reading.headline, f"does not say that {v['regime.rival']} is likelier")


@cache
def _pattern(words: str) -> re.Pattern[str]:
    """A sentence's words as a pattern with one group per slot."""
    parts = re.split(r"(\{[\w.]+:\w+\}|\[\?|\?\])", words)
    return re.compile("".join(_part(part) for part in parts))


def _part(part: str) -> str:
    if part == "[?":
        return "(?:"
    if part == "?]":
        return ")?"
    slot = _SLOT.fullmatch(part)
    return f"({_FORMS[slot[2]]})" if slot else re.escape(part)
