"""Recorded days at Yahoo and recorded vintages at ALFRED, replayed through the real clients into the real warehouse."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from pydantic import SecretStr

from assets.catalog import Catalog
from assets.contracts import core, raw
from assets.framework.contract import Table
from assets.framework.table import SQL_FOLDER, asset_key
from assets.reference.fomc_calendar import load_fomc_calendar
from pipelines.build import build_defs
from pipelines.settings import Settings
from pipelines.sources.live import LiveConfig, LiveUpstream
from pipelines.warehouse.revisions import RELATIVE_TOLERANCE
from tests.upstream.conftest import NIGHTS, Recordings
from tests.upstream.live_nights import KEY, POLICY
from tests.upstream.loopback import Answer, Loopback, Request, loopback
from tests.upstream.services import FRED, FakeClock, FredWorld

YAHOO = "query2.finance.yahoo.com"
AAPL = {
    "id": "AAPL", "name": "Apple", "source": "yahoo", "unit": "usd", "frequency": "session", "release_lag_days": 0,
    "role": "fund", "required": True, "price": "adj_close",
}  # fmt: skip
GDP = {
    "id": "GDP", "name": "Gross domestic product", "source": "fred", "unit": "usd_bn", "frequency": "monthly",
    "release_lag_days": 30, "role": "activity", "required": True, "revised": True,
}  # fmt: skip
PRICES: list[type[Table]] = [raw.PriceBars, core.Symbols, core.Sessions, core.DailyPrices]
LAST_NIGHT = datetime(2024, 11, 4, 3, tzinfo=UTC)
MACRO: list[type[Table]] = [raw.MacroObservations, core.CatalogSeries, core.Sessions, core.MacroSeries]


class Nights:
    """A home that lives through recorded nights: the tables asked for, made by the assembled pipeline."""

    def __init__(self, server: Loopback, home: Path) -> None:
        self.server, self.home = server, home
        self.clock = FakeClock(NIGHTS[0][1])
        pair = {"asset": AAPL["id"], "benchmark": "^GSPC"}
        entries = {
            "symbol": [AAPL],
            "series": [GDP],
            "pair": [pair],
            "headline": "AAPL/^GSPC",
            "windows_sessions": [20],
        }
        self.catalog = Catalog.model_validate(entries)

    def run(self, tables: Sequence[type[Table]], now: datetime, as_of: date | None = None) -> None:
        """Materialize the tables on a night."""
        self.clock.turn_to(now)
        config = LiveConfig(
            fred_api_key=SecretStr(KEY), policy=POLICY, cache_dir=self.home / "cache",
            yahoo_url=self.server.url(YAHOO), fred_url=self.server.url(FRED, "/fred"),
        )  # fmt: skip
        upstream = LiveUpstream(config, load_fomc_calendar().meetings(), self.clock)
        settings = Settings(source="live", home=self.home, as_of=as_of)
        defs = build_defs(settings, {"catalog": self.catalog, "upstream": upstream})
        job = defs.resolve_implicit_global_asset_job_def()
        try:
            assert job.execute_in_process(asset_selection=[asset_key(table) for table in tables]).success
        finally:
            upstream.close()

    def read(self, sql: str, as_of: date | None = None) -> pl.DataFrame:
        path = Settings(home=self.home, as_of=as_of).tree / "warehouse.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute("set variable as_of = date '2100-01-01'")
            return connection.sql(sql).pl()


# ------------------------------------------------------------------ Yahoo
@dataclass(frozen=True)
class Replayed:
    """A home that has lived through every recorded night at Yahoo, with the newest day in core after each."""

    nights: Nights
    newest: list[date]
    last: dict[str, Any]


@pytest.fixture(scope="module")
def replayed(recordings: Recordings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replayed]:
    folder, newest = tmp_path_factory.mktemp("replayed"), []
    with loopback({}, folder) as server:
        nights = Nights(server, folder / "home")
        for name, now in NIGHTS:
            document = json.loads(recordings.body(f"yahoo/{name}.json"))
            answers(nights, document)
            nights.run(PRICES, now)
            newest.append(nights.read("select max(date) from core.daily_prices").item())
        yield Replayed(nights, newest, document)


def answers(nights: Nights, document: dict[str, Any]) -> None:
    """From now on Yahoo says this of every symbol."""
    body = json.dumps(document)

    def answer(request: Request) -> Answer:
        return Answer(body) if request.path.startswith("/v8/") else Answer("haT3oykhHqZ", content_type="text/plain")

    nights.server.services[YAHOO] = answer


def settled(document: dict[str, Any]) -> pl.DataFrame:
    """The bars of a chart."""
    result = document["chart"]["result"][0]
    quote, (adjusted,) = result["indicators"]["quote"][0], result["indicators"]["adjclose"]
    days = [datetime.fromtimestamp(stamp, UTC).date() for stamp in result["timestamp"]]
    prices = {name: quote[name] for name in ("open", "high", "low", "close")}
    volume = [float(number) for number in quote["volume"]]
    return pl.DataFrame({"date": days, **prices, "adj_close": adjusted["adjclose"], "volume": volume})


def test_no_provisional_bar_reaches_core_on_any_night(replayed: Replayed) -> None:
    before, live, friday, monday = date(2025, 8, 14), date(2025, 8, 15), date(2025, 8, 22), date(2025, 8, 25)
    assert replayed.newest == [before, before, live, friday, friday, monday]


def test_final_values_are_those_of_the_last_recording(replayed: Replayed) -> None:
    last, nights = settled(replayed.last), replayed.nights
    columns = ", ".join(last.columns)
    stored = nights.read(f"select {columns} from known.price_bars where date >= '{last['date'][0]}' order by date")
    assert_frame_equal(stored, last, rel_tol=RELATIVE_TOLERANCE)
    prices = nights.read("select date, close, return_price from core.daily_prices order by date")
    assert_frame_equal(
        prices.join(last.select("date"), on="date"),
        last.select("date", "close", return_price="adj_close"),
        rel_tol=RELATIVE_TOLERANCE,
    )


def test_only_what_really_changed_is_a_revision(replayed: Replayed) -> None:
    revised = replayed.nights.read("select distinct date from raw.price_bars where revision > 1 order by date")
    volume_corrected, once_live = [date(2025, 8, 14), date(2025, 8, 22)], [date(2025, 8, 15), date(2025, 8, 25)]
    assert revised["date"].to_list() == sorted([*volume_corrected, *once_live])
    restated = replayed.nights.read("select fetched_on from known.restatements order by 1")
    assert restated["fetched_on"].to_list() == [date(2025, 8, 15), date(2025, 8, 25), date(2025, 8, 25)]  # all volume


def test_an_ex_dividend_day_restates_the_adjusted_history_and_nothing_else(replayed: Replayed, tmp_path: Path) -> None:
    shutil.copytree(replayed.nights.home, tmp_path / "home")
    nights, document = Nights(replayed.nights.server, tmp_path / "home"), copy.deepcopy(replayed.last)
    before = nights.read("select count(*) from known.restatements").item()
    adjusted = document["chart"]["result"][0]["indicators"]["adjclose"][0]["adjclose"]
    adjusted[:-1] = [price * (1 - 0.26 / 227.16) for price in adjusted[:-1]]  # as if the last day were the ex-date
    answers(nights, document)
    nights.run(PRICES, datetime(2025, 8, 27, 2, 45, tzinfo=UTC))
    assert nights.read("select count(*) from known.restatements").item() - before == len(adjusted) - 1
    stored = nights.read("select date, close, return_price from core.daily_prices order by date")
    told = settled(document).select("date", "close", return_price="adj_close")
    assert_frame_equal(stored.join(told.select("date"), on="date"), told, rel_tol=RELATIVE_TOLERANCE)


# ------------------------------------------------------------------ FRED
def vintages_of_gdp(recordings: Recordings) -> list[tuple[date, date, float | None]]:
    found = json.loads(recordings.body("fred/observations_GDP_all_vintages.json"))["observations"]
    days = ((date.fromisoformat(o["date"]), date.fromisoformat(o["realtime_start"]), o["value"]) for o in found)
    return [(day, public, None if value == "." else float(value)) for day, public, value in days]


def alfred_said(history: Sequence[tuple[date, date, float | None]], on: date) -> dict[date, float]:
    """The values in force on a day, straight from the recording."""
    newest = {day: value for day, public, value in sorted(history, key=lambda row: row[1]) if public <= on}
    return {day: value for day, value in newest.items() if value is not None}


@dataclass(frozen=True)
class Alfred:
    """A home that has stored all of GDP's vintages, in two nights fourteen years apart."""

    nights: Nights
    history: list[tuple[date, date, float | None]]


@pytest.fixture(scope="module")
def alfred(recordings: Recordings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alfred]:
    folder, history = tmp_path_factory.mktemp("alfred"), vintages_of_gdp(recordings)
    world = FredWorld(key=KEY, vintages={"GDP": history})
    with loopback(world.services(), folder) as server:
        nights = Nights(server, folder / "home")
        world.clock = nights.clock
        for now in (datetime(2010, 6, 1, 3, tzinfo=UTC), LAST_NIGHT):
            nights.run(MACRO, now)
        yield Alfred(nights, history)


def test_core_knows_on_every_vintage_date_what_alfred_said_that_day_and_on_its_eve_what_it_said_before(
    alfred: Alfred,
) -> None:
    select = (SQL_FOLDER / "core" / "macro_series.sql").read_text()
    vintages = sorted({public for _, public, _ in alfred.history})
    assert len(vintages) > 300
    with duckdb.connect(str(alfred.nights.home / "warehouse.duckdb")) as connection:
        connection.execute("set threads = 1; set asof_loop_join_threshold = 0")  # quicker on so few rows
        for on in (day for vintage in vintages for day in (vintage - timedelta(days=1), vintage)):
            connection.execute(f"set variable as_of = date '{on}'")
            known = dict(connection.sql(f"select date, value from ({select})").fetchall())
            assert known == alfred_said(alfred.history, on), on


def test_a_withdrawn_value_is_gone_from_the_day_it_was_withdrawn(alfred: Alfred) -> None:
    day, withdrawn = next((day, public) for day, public, value in alfred.history if value is None and public > day)
    assert day in alfred_said(alfred.history, withdrawn - timedelta(days=1))
    assert day not in alfred_said(alfred.history, withdrawn)


@pytest.mark.parametrize("on", [date(1999, 10, 27), date(1999, 10, 28), date(2013, 7, 31)])
def test_a_run_as_of_a_day_holds_what_was_published_by_then(alfred: Alfred, on: date) -> None:
    alfred.nights.run(MACRO[1:], LAST_NIGHT, as_of=on)
    known = alfred.nights.read("select date, value from core.macro_series", as_of=on)
    assert dict(known.rows()) == alfred_said(alfred.history, on)
