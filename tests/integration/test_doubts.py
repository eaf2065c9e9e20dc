"""Holding, releasing, confirming and healing on real DuckDB files, night by night."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest

from assets.contracts.raw import PriceBars
from assets.door.judgement import admitted
from assets.framework.rows import Rows
from assets.upstream import Fetched
from pipelines.warehouse.decisions import Decision, NothingToDecide
from pipelines.warehouse.opening import open_warehouse
from pipelines.warehouse.revisions import Revisions
from pipelines.warehouse.store import Warehouse

FIRST = date(2025, 1, 6)
DAYS = [FIRST + timedelta(days=n) for n in range(80)]
TONIGHT = DAYS[-1]


def closes(seed: int = 1) -> list[float]:
    return (100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, len(DAYS))))).round(2).tolist()


def bars(symbol: str = "BTC-USD", seed: int = 1, until: date = TONIGHT, since: date = FIRST) -> pl.DataFrame:
    """A symbol's bars from a day to a day, the same whenever they are asked for."""
    close = pl.Series(closes(seed))
    frame = pl.DataFrame({"symbol": symbol, "date": DAYS, "close": close, "adj_close": close})
    frame = frame.with_columns(open=close, high=close * 1.01, low=close * 0.99, volume=1.0, provisional=False)
    return frame.filter(pl.col("date").is_between(since, until)).select(PriceBars.column_names())


def times(frame: pl.DataFrame, factor: float, *days: date, symbol: str = "BTC-USD") -> pl.DataFrame:
    """The same bars with the prices of some days, or of all, multiplied."""
    hit = (pl.col("symbol") == symbol) & (pl.col("date").is_in(days) if days else pl.lit(True))
    prices = ("open", "high", "low", "close", "adj_close")
    return frame.with_columns(pl.when(hit).then(pl.col(p) * factor).otherwise(p).alias(p) for p in prices)


@dataclass
class Home:
    """A warehouse that lives through nights."""

    folder: Path
    nights: list[Rows] = field(default_factory=list)

    @contextmanager
    def open(self, on: date) -> Iterator[Warehouse]:
        with open_warehouse(self.folder / "w.duckdb", as_of=on, simulated=False, lock_wait_seconds=0) as opened:
            yield opened

    def night(self, on: date, answer: pl.DataFrame, **told: dict[str, tuple[float, ...]]) -> Revisions:
        """What a night's answer leaves in the warehouse."""
        with self.open(on) as opened:
            rows = admitted(PriceBars, Fetched(answer, **told), ["BTC-USD"], opened, on)
            self.nights.append(rows)
            at = datetime.combine(on, time(23), UTC)
            return opened.append_revisions(
                PriceBars, rows, source="test", fetched_at=at, fetched_on=on, run_id=f"night of {on}"
            )

    def known(self, as_of: date = TONIGHT) -> dict[date, float]:
        with self.open(as_of) as opened:
            return dict(opened.query("select date, close from known.price_bars where symbol = 'BTC-USD'").iter_rows())

    def rules(self) -> list[str]:
        return [finding.rule for finding in self.nights[-1].findings]

    def decide(self, what: str, *days: date, on: date = TONIGHT) -> int:
        with self.open(on) as opened:
            decision = Decision("BTC-USD", min(days), max(days), on, "Ada", "looked it up")
            return int(getattr(opened, what)(decision))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


RIGHT = dict(zip(DAYS, closes(), strict=True))


# ---------------------------------------------------------------------- quarantine, and how it ends
def test_a_hundredfold_day_is_kept_out_with_its_payload_and_comes_in_once_it_is_right(home: Home) -> None:
    bad, later = DAYS[70], DAYS[72]
    home.night(bad, times(bars(until=bad), 100, bad))
    assert home.rules() == ["unit_step"]
    assert home.known(bad) == {d: c for d, c in RIGHT.items() if d < bad}
    home.night(later, bars(until=later, since=DAYS[66]))
    assert home.rules() == []
    assert home.known(later) == {d: c for d, c in RIGHT.items() if d <= later}
    with home.open(later) as opened:
        query = "select payload->>'close', closed_on, closed_by from quarantine.rows"
        assert opened.query(query).rows() == [(str(RIGHT[bad] * 100), later, "the nightly")]


def test_a_damaged_high_leaves_the_close_and_is_filled_in_later(home: Home) -> None:
    wild = bars().with_columns(high=pl.when(pl.col("date") == DAYS[60]).then(pl.col("high") * 100).otherwise("high"))
    home.night(TONIGHT, wild)
    assert home.rules() == ["out_of_proportion"]
    assert home.known() == RIGHT
    with home.open(TONIGHT) as opened:
        assert opened.query(f"select high from known.price_bars where date = '{DAYS[60]}'").item() is None
    home.night(TONIGHT, bars())
    with home.open(TONIGHT) as opened:
        assert opened.query(f"select high from known.price_bars where date = '{DAYS[60]}'").item() is not None
        assert opened.open_findings(PriceBars) == []


def test_what_is_released_counts_from_its_release_and_says_who_and_why(home: Home) -> None:
    bad, now = DAYS[70], DAYS[75]
    home.night(now, times(bars(until=now), 100, bad))
    assert home.decide("release", bad, on=now) == 1
    assert home.known(now)[bad] == RIGHT[bad] * 100
    assert bad not in home.known(now - timedelta(days=1))
    with home.open(now) as opened:
        trace = opened.query("select closed_on, closed_by, closed_why from known.doubts where state = 'quarantined'")
        assert trace.rows() == [(now, "Ada", "looked it up")]
    home.night(now, times(bars(until=now), 100, bad))
    assert home.rules() == []


# ---------------------------------------------------------------------- holding by hand
def test_a_held_day_is_unknown_from_its_hold_to_its_release_and_known_before(home: Home) -> None:
    day, held_on, back_on = DAYS[50], DAYS[70], DAYS[75]
    home.night(DAYS[60], bars(until=DAYS[60]))
    assert home.decide("hold", day, on=held_on) == 1
    home.night(held_on, bars(until=held_on, since=day))
    assert day not in home.known(held_on)
    assert day in home.known(held_on - timedelta(days=1))
    assert home.decide("release", day, on=back_on) == 1
    assert [day in home.known(on) for on in (held_on, back_on - timedelta(days=1), back_on)] == [False, False, True]


def test_another_value_takes_the_place_of_a_held_one(home: Home) -> None:
    day, after = DAYS[50], DAYS[61]
    home.night(DAYS[60], bars(until=DAYS[60]))
    home.decide("hold", day, on=DAYS[60])
    home.night(after, times(bars(until=after), 1.001, day))
    assert home.known(after)[day] == pytest.approx(RIGHT[day] * 1.001)


def test_a_decision_about_nothing_is_refused_by_name(home: Home) -> None:
    home.night(TONIGHT, bars())
    with pytest.raises(NothingToDecide, match=r"BTC-USD 2024-01-01: nothing is stored"):
        home.decide("hold", date(2024, 1, 1))
    with pytest.raises(NothingToDecide, match=r"BTC-USD 2025-01-06 to 2025-01-07: nothing is held back"):
        home.decide("release", DAYS[0], DAYS[1])


# ---------------------------------------------------------------------- restatements
def test_a_small_correction_passes_at_once(home: Home) -> None:
    home.night(DAYS[60], bars(until=DAYS[60]))
    assert home.night(DAYS[61], times(bars(until=DAYS[61]), 1.0005, DAYS[59])).revised == 1
    assert home.rules() == []
    assert home.known(DAYS[61])[DAYS[59]] == pytest.approx(RIGHT[DAYS[59]] * 1.0005)


@pytest.mark.parametrize(
    ("restated", "rule"),
    [(times(bars(), 1.02, DAYS[58]), "too_large"), (times(bars(), 1.0005, *DAYS[50:55]), "too_many")],
)
def test_many_or_large_corrections_wait_for_another_night(home: Home, restated: pl.DataFrame, rule: str) -> None:
    first, second, third = DAYS[60], DAYS[61], DAYS[62]
    until = {day: restated.filter(pl.col("date") <= day) for day in (second, third)}
    home.night(first, bars(until=first))
    home.night(second, until[second])
    assert set(home.rules()) == {rule}
    assert home.known(second).items() <= RIGHT.items()
    again = home.night(second, until[second])  # the same night is no second answer
    assert (again.confirmed, home.known(second).items() <= RIGHT.items()) == (0, True)
    assert home.night(third, until[third]).confirmed > 0
    assert home.rules() == []
    assert home.known(third) == dict(until[third].select("date", "close").iter_rows())
    assert home.known(second).items() <= RIGHT.items()


def test_a_restatement_taken_back_leaves_everything_as_it_was(home: Home) -> None:
    home.night(DAYS[60], bars(until=DAYS[60]))
    home.night(DAYS[61], times(bars(until=DAYS[61]), 1.02, DAYS[58]))
    home.night(DAYS[62], bars(until=DAYS[62]))
    assert home.known(DAYS[62]) == {d: c for d, c in RIGHT.items() if d <= DAYS[62]}
    with home.open(DAYS[62]) as opened:
        assert opened.open_findings(PriceBars) == []


def test_another_currency_is_refused_with_what_is_new_in_it_however_often_it_comes(home: Home) -> None:
    home.night(DAYS[60], bars(until=DAYS[60]))
    for night in (DAYS[61], DAYS[62]):
        home.night(night, times(bars(until=night, since=DAYS[56]), 0.86))
        assert set(home.rules()) == {"another_unit"}
    assert home.known(DAYS[62]) == {d: c for d, c in RIGHT.items() if d <= DAYS[60]}


def test_another_scale_that_the_last_bar_does_not_share_leaves_the_stored_history(home: Home) -> None:
    home.night(DAYS[60], bars(until=DAYS[60]))
    home.night(DAYS[61], times(bars(until=DAYS[61]), 0.0015, *DAYS[:61]))
    assert home.known(DAYS[61]) == {d: c for d, c in RIGHT.items() if d <= DAYS[61]}


def test_a_split_that_the_source_reports_passes_at_once(home: Home) -> None:
    home.night(DAYS[60], bars(until=DAYS[60]))
    home.night(DAYS[61], times(bars(until=DAYS[61]), 0.5), splits={"BTC-USD": (2.0,)})
    assert home.rules() == []
    assert home.known(DAYS[61]) == {d: c / 2 for d, c in RIGHT.items() if d <= DAYS[61]}


def test_a_dividend_passes_at_once(home: Home) -> None:
    home.night(DAYS[60], bars(until=DAYS[60]))
    paid = pl.when(pl.col("date") < DAYS[61]).then(pl.col("adj_close") * 0.995).otherwise("adj_close")
    assert home.night(DAYS[61], bars(until=DAYS[61]).with_columns(adj_close=paid)).revised == 61
    assert home.rules() == []


def test_an_absent_field_replaces_nothing_and_is_said(home: Home) -> None:
    home.night(DAYS[60], bars(until=DAYS[60]))
    gone = [pl.when(pl.col("date") == DAYS[58]).then(None).otherwise(c).alias(c) for c in ("high", "adj_close")]
    assert home.night(DAYS[61], bars(until=DAYS[61]).with_columns(gone)).revised == 0
    assert home.rules() == ["absent", "absent"]


# ---------------------------------------------------------------------- homes of before
def test_a_home_from_before_the_door_opens_and_gains_what_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "w.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema quarantine")
        columns = "table_name varchar, rule varchar, payload json, run_id varchar, as_of date"
        connection.execute(f"create table quarantine.rows ({columns})")
        row = "('raw.price_bars', 'high_is_not_below_low', '{}', 'old run', date '2025-01-01')"
        connection.execute(f"insert into quarantine.rows values {row}")
    home = Home(tmp_path)
    home.night(TONIGHT, times(bars(), 100, DAYS[70]))
    with home.open(TONIGHT) as opened:
        assert opened.query("select count(*) from quarantine.rows").item() == 2
        assert [f.rule for f in opened.open_findings(PriceBars)] == ["unit_step"]
