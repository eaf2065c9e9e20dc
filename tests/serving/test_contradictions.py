"""What goes out in words is held against the marts on every day of history, and the check itself is checked."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from pipelines.published.contradictions import contradictions
from pipelines.published.grammar import Kind
from pipelines.published.marts import Marts
from pipelines.published.reading import Reading, read, read_history
from pipelines.published.truth import Truth, truths
from pipelines.settings import Settings
from tests.conftest import AsOfRun

DAYS, OF_THE_LAST, SEED = 150, 2500, 20_260_821


@pytest.fixture(scope="module")
def marts(history_home: Settings) -> Marts:
    return Marts.current(history_home.tree)


def of_day(marts: Marts, day: date) -> tuple[Reading, Truth]:
    return read(marts.at(day)), next(truths(marts, [day]))


def test_no_reading_of_any_day_says_what_its_marts_do_not_bear(marts: Marts) -> None:
    sessions = marts.states(marts.pair.benchmark)["session"].tail(OF_THE_LAST).to_list()
    days = sorted(random.Random(SEED).sample(sessions, DAYS))
    readings = read_history(marts, [marts.at(day) for day in days])
    found = [c for r, t in zip(readings, truths(marts, days), strict=True) for c in contradictions(r, t)]
    assert found == []


@pytest.mark.parametrize("home", ["sample_home", "history_home"])
def test_the_reading_of_the_run_itself_contradicts_nothing(home: str, request: pytest.FixtureRequest) -> None:
    marts = Marts.current(request.getfixturevalue(home).tree)
    assert contradictions(read(marts), next(truths(marts, [marts.as_of]))) == []


def test_the_reading_of_an_earlier_day_is_that_of_a_run_as_of_it(
    article: Settings, history_home: Settings, sample_home: Settings, as_of_run: AsOfRun
) -> None:
    simulated = as_of_run(sample_home, date(2025, 12, 12))
    for earlier, later in ((article, history_home), (simulated, sample_home)):
        then = Marts.current(earlier.tree)
        assert then.historical and not Marts.current(later.tree).historical
        assert read(Marts.current(later.tree).at(then.as_of)) == read(then)


def headline(old: str, new: str) -> Callable[[Reading], Reading]:
    return lambda r: replace(r, headline=_replaced(r.headline, old, new))


def topic(name: str, old: str, new: str) -> Callable[[Reading], Reading]:
    return lambda r: replace(
        r,
        sentences=tuple(replace(s, text=_replaced(s.text, old, new)) if s.topic == name else s for s in r.sentences),
    )


def figure(label: str, old: str, new: str) -> Callable[[Reading], Reading]:
    def planted(r: Reading) -> Reading:
        return replace(
            r,
            figures=tuple(
                replace(
                    f, value=f.value.replace(old, new), note=f.note.replace(old, new), before=f.before.replace(old, new)
                )
                if f.label.startswith(label)
                else f
                for f in r.figures
            ),
        )

    return planted


def change(old: str, new: str) -> Callable[[Reading], Reading]:
    return lambda r: replace(r, changes=tuple(line.replace(old, new) for line in r.changes))


def rule(old: str, new: str) -> Callable[[Reading], Reading]:
    return lambda r: replace(r, would_change=tuple(line.replace(old, new) for line in r.would_change))


def overclaimed(r: Reading) -> Reading:
    """Foresight said of a skill whose interval holds zero."""
    claim = r"No foresight .*: (\S+ earlier forecasts) here cannot be told from a random walk"
    said = r"\1 at this horizon did better than the size of the gap alone"
    return replace(r, sentences=tuple(replace(s, text=re.sub(claim, said, s.text)) for s in r.sentences))


def _replaced(text: str, old: str, new: str) -> str:
    assert old in text, f"{old!r} is not in {text!r}"
    return text.replace(old, new)


DAY = date(2025, 12, 12)
PLANTED = [
    (
        Kind.INTERVAL,
        topic(
            "Day to day",
            "lies above zero: a link",
            "includes zero: these 60 sessions alone cannot tell a link from none",
        ),
    ),
    (Kind.INTERVAL, headline("95% interval 0.", "95% interval -0.")),
    (Kind.INTERVAL, headline("they are", "no daily link can be told from none, they are")),
    (Kind.INTERVAL, overclaimed),
    (Kind.LABEL, headline("coupled", "decoupled")),
    (Kind.LABEL, headline("almost certainly", "perhaps still")),
    (Kind.LABEL, topic("Decoupling or delay?", "a delay", "a decoupling")),
    (Kind.LABEL, topic("Day to day", "This says nothing", "They are coupled. This says nothing")),
    (Kind.LABEL, figure("Daily link", "coupled", "inverse")),
    (Kind.WITHIN, topic("Catching up", "At the end of 63 sessions", "Within 63 sessions".lower())),
    (
        Kind.WITHIN,
        topic("Catching up", "At any close within 63 sessions, which is easier", "Chance within 63 sessions"),
    ),
    (Kind.SINCE, headline("4 December 2025", "5 December 2025")),
    (Kind.SINCE, topic("Fed policy", "easing since 18 September 2024", "easing since 17 September 2025")),
    (
        Kind.SINCE,
        topic(
            "Fed policy",
            "The last change was a cut on 10 December 2025",
            "The last change was a cut on 29 October 2025",
        ),
    ),
    (Kind.SINCE, topic("Day to day", "in force since 29 August 2024", "in force since 4 December 2025")),
    (
        Kind.REFERENCE,
        topic("Catching up", "earlier days with Bitcoin behind", "earlier days with the Russell 2000 behind"),
    ),
    (Kind.REFERENCE, topic("Catching up", "Bitcoin was the laggard", "the Russell 2000 was the laggard")),
    (Kind.NUMBER, topic("Levels", "Bitcoin closed at 90,", "Bitcoin closed at 91,")),
    (Kind.NUMBER, topic("Records", "has set ", "has set 1")),
    (Kind.NUMBER, topic("Decoupling or delay?", "Daily coupling explains ", "Daily coupling explains 5")),
    (Kind.NUMBER, topic("Fed policy", "target 3.50 to 3.75%", "target 3.75 to 4.00%")),
    (Kind.NUMBER, figure("Net liquidity", "a week before: ", "a week before: 1")),
    (Kind.NUMBER, rule("closes above 124,753", "closes above 126,198")),
    (Kind.NUMBER, change("63-session gap -", "63-session gap -1")),
    (Kind.NAME, headline("Bitcoin", "BTC-USD")),
    (Kind.NAME, headline("the Russell 2000", "^RUT")),
    (Kind.NAME, topic("Trend", "unusually far behind", "quiet_20")),
    (Kind.NAME, topic("Fed liquidity", "Net liquidity", "Under covid net liquidity")),
    (Kind.NAME, topic("Fed liquidity", "Net liquidity", "Under reserve_management_2025 net liquidity")),
    (Kind.TENSE, topic("Levels", " on 12 December 2025", " today")),
    (Kind.TENSE, topic("Trend", "Bitcoin was", "Bitcoin is now")),
    (Kind.STALE, topic("Fed liquidity", " on 10 December 2025", "")),
    (Kind.STALE, figure("Net liquidity", "on 10 December 2025; ", "")),
    (Kind.UNBACKED, topic("Records", "This lag", "Bitcoin will catch up soon. This lag")),
    (Kind.UNBACKED, rule("the policy cycle ends", "the Fed is worried")),
]


@pytest.mark.parametrize(("kind", "plant"), PLANTED, ids=[f"{k.name.lower()}-{n}" for n, (k, _) in enumerate(PLANTED)])
def test_a_planted_contradiction_is_found(marts: Marts, kind: Kind, plant: Callable[[Reading], Reading]) -> None:
    reading, truth = of_day(marts, DAY)
    assert contradictions(reading, truth) == []
    planted = plant(reading)
    assert planted != reading, "nothing was planted"
    assert kind in {c.kind for c in contradictions(planted, truth)}


def test_every_kind_of_contradiction_is_planted() -> None:
    assert {kind for kind, _ in PLANTED} == set(Kind)


def test_yesterdays_reading_contradicts_todays_marts(marts: Marts) -> None:
    sessions = marts.states(marts.pair.benchmark)["session"].tail(60).to_list()
    for before, day in itertools.pairwise(sessions):
        assert contradictions(read(marts.at(before)), next(truths(marts, [day])))


def test_a_view_of_an_earlier_day_holds_no_mart_that_cannot_tell_the_day(marts: Marts) -> None:
    earlier = marts.at(DAY)
    assert not earlier.has("signal_scorecard") and earlier.has("market_state")
    assert "made_up" not in earlier.scan("recoupling_signal").collect_schema()
    assert earlier.rows("fed_liquidity")["available_on"].max() <= DAY  # type: ignore[operator]
