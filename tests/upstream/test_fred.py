"""FRED: vintages without seams, the keyless CSV, and a key that nobody sees."""

from __future__ import annotations

import gc
import json
import logging
import traceback
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import SecretStr

from assets.catalog import Series, load_catalog
from assets.upstream import Fetched
from pipelines.sources import fred as module
from pipelines.sources.errors import (
    KeyRejected,
    Malformed,
    RateLimited,
    ServiceDown,
    SourceError,
    UnknownSeries,
    Unreachable,
)
from pipelines.sources.fred import Fred, days_back, join_vintages, read_csv
from pipelines.sources.http import RetryPolicy
from tests.upstream.conftest import Recordings
from tests.upstream.loopback import CUT, DROP, HTML_200, Answer, Fault, Loopback, answering, loopback, status
from tests.upstream.services import FRED, GRAPH, FakeClock, FredWorld

KEY = "abcdef0123456789abcdef0123456789"


def series(name: str, *, revised: bool = False, frequency: str = "monthly") -> Series:
    return Series.model_validate(
        {"id": name, "name": name, "source": "fred", "unit": "usd_bn", "frequency": frequency, "release_lag_days": 1,
         "role": "money", "revised": revised}
    )  # fmt: skip


class Office:
    """A FRED on loopback and the source that asks it."""

    def __init__(self, server: Loopback, world: FredWorld, clock: FakeClock, policy: RetryPolicy) -> None:
        self.server, self.world, self.clock, self.policy = server, world, clock, policy

    def source(self, key: str | None = KEY) -> Fred:
        secret = None if key is None else SecretStr(key)
        return Fred(
            self.policy, self.clock, key=secret, base_url=self.server.url(FRED, "/fred"), csv_url=self.server.url(GRAPH)
        )

    def ask(self, asked: Series, stored: date | None = None, key: str | None = KEY) -> Fetched:
        return self.source(key).macro_observations([asked], {asked.id: stored} if stored else {})


@pytest.fixture
def office(tmp_path: Path, clock: FakeClock, policy: RetryPolicy) -> Iterator[Office]:
    world = FredWorld(key=KEY, clock=clock)
    with loopback(world.services(), tmp_path) as server:
        yield Office(server, world, clock, policy)


def revised_every_month(months: int, observations: int) -> list[tuple[date, date, float | None]]:
    """A series restated in full with every vintage, as NFCI is."""
    first = date(2016, 1, 5)
    vintages = [first + timedelta(days=30 * n) for n in range(months)]
    return [
        (date(2015, 1, 1) + timedelta(days=7 * k), vintage, float(k) + n / 1000)
        for n, vintage in enumerate(vintages)
        for k in range(observations)
    ]


def triples(rows: pl.DataFrame) -> list[tuple[Any, ...]]:
    return rows.sort("date", "realtime_start").select("date", "realtime_start", "value").rows()


def as_of(rows: pl.DataFrame, day: date) -> dict[date, float]:
    """What a reader knew on a day."""
    known = rows.filter(pl.col("realtime_start") <= day).sort("realtime_start").unique("date", keep="last")
    return {d: v for d, v in known.select("date", "value").rows() if v is not None}


# ------------------------------------------------------------------ vintages
def test_a_whole_history_in_pieces_has_no_seams(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.world.vintages["X"] = sorted(revised_every_month(60, 20))
    monkeypatch.setattr(module, "VINTAGES_PER_REQUEST", 7)
    rows = office.ask(series("X", revised=True)).rows
    assert triples(rows) == office.world.vintages["X"]
    assert office.server.count("realtime_start=") == 9  # 60 vintages by 7


def test_pieces_shrink_when_fred_would_cut_them_off_without_a_word(office: Office) -> None:
    office.world.vintages["X"] = sorted(revised_every_month(60, 20))
    office.world.row_limit = 300
    rows = office.ask(series("X", revised=True)).rows
    assert triples(rows) == office.world.vintages["X"]


def test_pieces_shrink_when_there_are_more_vintages_than_allowed(office: Office) -> None:
    office.world.vintages["X"] = sorted(revised_every_month(60, 4))
    office.world.vintage_limit = 10
    assert triples(office.ask(series("X", revised=True)).rows) == office.world.vintages["X"]


def test_a_later_night_brings_the_new_vintages_in_one_request(office: Office) -> None:
    office.world.vintages["X"] = sorted(revised_every_month(133, 20))
    everything = office.world.vintages["X"]
    office.server.forget()
    rows = office.ask(series("X", revised=True, frequency="weekly_wednesday"), stored=date(2026, 10, 1)).rows
    since = date(2026, 10, 1) - timedelta(weeks=5)
    assert triples(rows) == [row for row in everything if since < row[1] <= office.clock.now().date()]
    assert office.server.count("/series/observations") == 1


def test_nights_appended_to_each_other_equal_one_whole_history(office: Office) -> None:
    office.world.vintages["X"] = sorted(revised_every_month(133, 12))
    asked = series("X", revised=True, frequency="weekly_wednesday")
    stored: set[tuple[Any, ...]] = set()
    watermark: date | None = None
    for day in (date(2026, 1, 10), date(2026, 1, 11), date(2026, 4, 2), date(2026, 11, 20)):
        office.clock.turn_to(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))
        stored |= set(triples(office.ask(asked, watermark).rows))
        watermark = max(row[0] for row in stored)
    office.server.forget()
    assert sorted(stored) == triples(office.ask(asked).rows)


def test_a_value_withdrawn_later_is_unknown_from_that_day_on(office: Office) -> None:
    day, first, second = date(2020, 1, 1), date(2020, 2, 1), date(2021, 2, 1)
    office.world.vintages["X"] = [(day, first, 5.0), (day, second, None), (date(2020, 4, 1), second, None)]
    rows = office.ask(series("X", revised=True)).rows
    assert triples(rows) == [(day, first, 5.0), (day, second, None)]
    assert as_of(rows, date(2020, 12, 31)) == {day: 5.0}
    assert as_of(rows, date(2021, 12, 31)) == {}


def test_a_row_that_repeats_the_value_at_a_seam_is_one_vintage() -> None:
    day, columns = date(2020, 1, 1), ["series_id", "date", "realtime_start", "value"]
    first = pl.DataFrame([("X", day, date(2020, 2, 1), 5.0)], schema=columns, orient="row")
    second = pl.DataFrame(
        [("X", day, date(2021, 1, 1), 5.0), ("X", day, date(2021, 3, 1), 6.0)], schema=columns, orient="row"
    )
    joined = join_vintages([(date(1776, 7, 4), first), (date(2021, 1, 1), second)], since=None)
    assert triples(joined) == [(day, date(2020, 2, 1), 5.0), (day, date(2021, 3, 1), 6.0)]


def gdp(recordings: Recordings) -> list[tuple[date, date, float | None]]:
    found = json.loads(recordings.body("fred/observations_GDP_all_vintages.json"))["observations"]
    return [
        (
            date.fromisoformat(o["date"]),
            date.fromisoformat(o["realtime_start"]),
            None if o["value"] == "." else float(o["value"]),
        )
        for o in found
    ]


def published_by(day: date, history: list[tuple[date, date, float | None]]) -> dict[date, float]:
    newest: dict[date, tuple[date, float | None]] = {}
    for observed, public, value in history:
        if public <= day and (observed not in newest or newest[observed][0] < public):
            newest[observed] = (public, value)
    return {observed: value for observed, (_, value) in newest.items() if value is not None}


@pytest.mark.parametrize("vintages_per_request", [1000, 40])
def test_gdp_read_as_of_any_vintage_is_what_was_published_by_then(
    office: Office, recordings: Recordings, monkeypatch: pytest.MonkeyPatch, vintages_per_request: int
) -> None:
    history = gdp(recordings)
    office.world.vintages["GDP"] = history
    monkeypatch.setattr(module, "VINTAGES_PER_REQUEST", vintages_per_request)
    rows = office.ask(series("GDP", revised=True)).rows
    vintage_dates = json.loads(recordings.body("fred/vintagedates_GDP.json"))["vintage_dates"]
    for vintage in map(date.fromisoformat, vintage_dates):
        assert as_of(rows, vintage) == published_by(vintage, history)


# ------------------------------------------------------------------ latest values
def test_a_series_that_is_not_revised_has_no_vintage_date(office: Office) -> None:
    office.world.vintages["X"] = [(date(2026, 11, n), date(2026, 11, n + 1), n / 10) for n in range(1, 19)]
    rows = office.ask(series("X", frequency="business_day"), stored=date(2026, 11, 18)).rows
    assert rows["realtime_start"].null_count() == rows.height == 8  # since the 11th
    assert rows["date"].min() == date(2026, 11, 11)


@pytest.mark.parametrize(
    ("frequency", "start"),
    [
        ("calendar_day", date(2026, 11, 13)),
        ("business_day", date(2026, 11, 11)),
        ("weekly_wednesday", date(2026, 10, 14)),
        ("monthly", date(2026, 6, 16)),
    ],
)
def test_the_lookback_counts_observations(frequency: str, start: date) -> None:
    assert days_back(series("X", frequency=frequency), date(2026, 11, 18), 5) == start


@pytest.mark.parametrize(
    ("name", "id", "observations"),
    [("xml_observations_SP500_2024-09", "SP500", 3), ("xml_observations_GNPCA", "GNPCA", 84)],
)
def test_recorded_documents_are_read(
    office: Office, recordings: Recordings, name: str, id: str, observations: int
) -> None:
    body = recordings.body(f"fred/{name}.json")
    office.world.vintages[id] = []
    office.server.script.fail("/series/observations", answering(body, "text/xml"))
    rows = office.ask(series(id)).rows
    assert rows.height == observations
    assert rows["value"].null_count() == 0


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("xml_error_400_key_not_registered", KeyRejected),
        ("xml_error_400_key_not_set", KeyRejected),
        ("xml_error_400_series_does_not_exist", UnknownSeries),
    ],
)
def test_recorded_errors_have_their_type_and_status(
    office: Office, recordings: Recordings, name: str, kind: type[SourceError]
) -> None:
    body = recordings.body(f"fred/{name}.json")
    office.server.services[FRED] = lambda request: Answer(body, 400, "text/xml")
    with pytest.raises(kind) as caught:
        office.source()._rows(series("X"), None)
    assert (caught.value.status, caught.value.service, caught.value.series) == (400, "FRED", "X")


def test_an_id_fred_could_not_know_is_not_asked_for(office: Office) -> None:
    asked = Series.model_construct(id="A B&api_key=x", frequency="monthly", revised=False)
    (missing,) = office.ask(asked).missing
    assert "not an id" in missing.reason
    assert office.server.count() == 0


# ------------------------------------------------------------------ without a key
@pytest.mark.parametrize(
    ("name", "id", "first", "last"),
    [
        ("DFEDTARL_oldheader", "DFEDTARL", (date(2023, 11, 11), 5.25), (date(2023, 11, 12), 5.25)),
        ("DFEDTARU_2026-09", "DFEDTARU", (date(2026, 9, 1), 3.75), (date(2026, 9, 20), 4.0)),
        ("WALCL", "WALCL", (date(2002, 12, 18), 719542.0), (date(2025, 12, 31), 6640618.0)),
    ],
)
def test_recorded_csv_is_read(
    recordings: Recordings, name: str, id: str, first: tuple[date, float], last: tuple[date, float]
) -> None:
    rows = read_csv(id, recordings.body(f"fredgraph/{name}.json")).select("date", "value").rows()
    assert (rows[0], rows[-1]) == (first, last)


@pytest.mark.parametrize("missing", ["", "."])
def test_a_csv_cell_without_a_value_is_no_observation(missing: str) -> None:
    rows = read_csv("X", f"observation_date,X\n2026-11-02,1.5\n2026-11-03,{missing}\n")
    assert rows["value"].to_list() == [1.5]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("<!DOCTYPE html><html></html>", id="HTML"),
        pytest.param("", id="nothing"),
        pytest.param("observation_date,Y\n2026-11-02,1.5\n", id="another series"),
        pytest.param("observation_date,X\n2026-11-02,1.5\n2026-11-03,1.", id="cut off"),
        pytest.param("observation_date,X\n2026-11-02,abc\n", id="words"),
        pytest.param("observation_date,X\n2026-11-02\n", id="a column lost"),
    ],
)
def test_csv_that_is_none_is_an_error(body: str) -> None:
    with pytest.raises(Malformed, match="FRED X: "):
        read_csv("X", body)


def test_without_a_key_the_run_says_so_and_uses_no_key(office: Office) -> None:
    office.world.vintages["X"] = [(date(2026, 11, n), date(2026, 11, n + 1), n / 10) for n in range(1, 19)]
    fetched = office.ask(series("X", frequency="business_day"), stored=date(2026, 11, 18), key=None)
    assert any("without vintages" in str(note) for note in fetched.notes)
    assert [str(r) for r in office.server.requests] == [f"{GRAPH}/graph/fredgraph.csv?id=X&cosd=2026-11-11"]


def test_without_vintages_a_revised_series_is_read_whole(office: Office) -> None:
    office.world.vintages["X"] = [(date(2026, m, 1), date(2026, m, 25), m / 10) for m in range(1, 11)]
    fetched = office.ask(series("X", revised=True), stored=date(2026, 10, 1), key=None)
    assert fetched.rows.height == 10


# ------------------------------------------------------------------ the key
KEY_FAULTS: list[tuple[str, Fault, type[SourceError]]] = [
    ("rejected", status(400, body=f'<error code="400" message="api_key {KEY} is not registered"/>'), KeyRejected),
    ("echoed", status(500, body=f'<error code="500" message="cannot serve {KEY}"/>'), ServiceDown),
    ("rate limit", status(429), RateLimited),
    ("dropped", DROP, Unreachable),
    ("cut", CUT, Unreachable),
    ("page", HTML_200, Malformed),
    ("page with the address", answering(f"<html>/fred?api_key={KEY}</html>", "text/html"), Malformed),
    ("not a number", answering('<observations count="1"><observation date="2026-11-02" value="x"/></observations>'),
     Malformed),
    ("not a date", answering('<observations count="1"><observation date="x" value="1"/></observations>'),
     Malformed),
]  # fmt: skip


def everything_said(error: BaseException) -> str:
    """All a log, a debugger's report or an event record could hold of an exception, save this test's own frame."""
    frames = error.__traceback__.tb_next if error.__traceback__ is not None else None
    told = traceback.TracebackException(type(error), error, frames, capture_locals=True)
    words = ["".join(told.format()), repr(error), str(error), repr(vars(error))]
    for linked in (error.__cause__, error.__context__):
        if linked is not None:
            words.append(everything_said(linked))
    return "\n".join(words)


@pytest.mark.parametrize(("fault", "kind"), [f[1:] for f in KEY_FAULTS], ids=[f[0] for f in KEY_FAULTS])
@pytest.mark.parametrize("revised", [False, True])
def test_the_key_is_in_no_exception_and_no_log_line(
    office: Office, fault: Fault, kind: type[SourceError], revised: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    office.world.vintages["X"] = [(date(2026, 10, 1), date(2026, 11, 2), 1.0)]
    office.server.script.fail("api_key=", fault, forever=True)
    source = office.source()
    with pytest.raises(kind) as caught:
        source._rows(series("X", revised=revised), date(2026, 10, 1))
    assert KEY not in everything_said(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    fetched = source.macro_observations([series("X", revised=revised)], {"X": date(2026, 10, 1)})
    assert fetched.missing
    assert KEY not in repr(fetched)
    assert KEY not in caplog.text
    assert office.server.count(KEY) > 0  # it was used


def test_the_key_is_in_no_representation_of_the_client(office: Office) -> None:
    source = office.source()
    assert source._client is not None
    assert KEY not in f"{source!r} {vars(source)!r} {source._client!r} {vars(source._client)!r}"


def test_no_object_with_the_key_in_its_address_outlives_a_failure(office: Office) -> None:
    office.server.script.fail("api_key=", status(500), forever=True)
    office.ask(series("X"))
    gc.collect()
    kept = [o for o in gc.get_objects() if type(o).__name__ == "HTTPError" and KEY in str(getattr(o, "filename", ""))]
    assert kept == []


def test_an_unreachable_fred_is_told_without_the_key(clock: FakeClock, policy: RetryPolicy) -> None:
    source = Fred(policy, clock, key=SecretStr(KEY), base_url="http://127.0.0.1:9/fred")
    (missing,) = source.macro_observations([series("X")], {}).missing
    assert "could not be reached" in missing.reason
    assert KEY not in str(missing)


# ------------------------------------------------------------------ who a series says it is
CATALOG = load_catalog()


def published(office: Office, name: str, **said: str) -> Series:
    """A catalog series with observations on FRED, described as given."""
    office.world.vintages[name] = [(date(2026, 11, 18), date(2026, 11, 19), 953.6)]
    office.world.described[name] = said
    return next(s for s in CATALOG.series if s.id == name)


@pytest.mark.parametrize(
    ("name", "said", "reason"),
    [
        ("WTREGEN", {"units": "Billions of U.S. Dollars"}, "values in Billions of U.S. Dollars where Millions of U.S."),
        ("RRPONTSYD", {"units": "Millions of Dollars"}, "values in Millions of Dollars where Billions of U.S. Dollars"),
        ("DFF", {"units": "Basis Points"}, "values in Basis Points where Percent belongs"),
        ("NFCI", {"frequency": "Monthly"}, "observations of frequency Monthly where Weekly, Friday belongs"),
        ("WALCL", {"frequency": "Weekly, Ending Friday"}, "frequency Weekly, Ending Friday where Weekly, Wednesday"),
        ("M2SL", {"seasonal_adjustment": "Not Seasonally Adjusted"}, "Not Seasonally Adjusted where Seasonally Adj"),
        ("WALCL", {"id": "WSHOMCB"}, "the series WSHOMCB where WALCL belongs"),
    ],
)
def test_a_series_in_another_unit_frequency_or_adjustment_is_refused_by_name(
    office: Office, name: str, said: dict[str, str], reason: str
) -> None:
    fetched = office.ask(published(office, name, **said))
    assert fetched.rows.is_empty()
    (missing,) = fetched.missing
    assert missing.id == name
    assert reason in missing.reason
    assert "assets/catalog.toml" in missing.remedy
    assert office.server.count("/series/observations") == 0


@pytest.mark.parametrize("units", ["Millions of U.S. Dollars", "Millions of US Dollars", "Mil. of U.S. $"])
def test_a_unit_may_be_worded_in_another_way(office: Office, units: str) -> None:
    fetched = office.ask(published(office, "WTREGEN", units=units))
    assert (fetched.missing, fetched.notes, fetched.rows.height) == ((), (), 1)


def test_every_series_of_the_catalog_is_recognised(office: Office) -> None:
    wanted = [published(office, s.id) for s in CATALOG.series if s.source == "fred"]
    fetched = office.source().macro_observations(wanted, {})
    assert (fetched.missing, fetched.notes, fetched.rows.height) == ((), (), len(wanted))


def test_a_series_that_says_nothing_of_itself_is_taken_and_noted(office: Office) -> None:
    office.world.vintages["X"] = [(date(2026, 11, 18), date(2026, 11, 19), 1.0)]
    (note,) = office.ask(series("X")).notes
    assert "does not say its unit (Billions of U.S. Dollars is taken for granted), frequency (Monthly" in note.text
