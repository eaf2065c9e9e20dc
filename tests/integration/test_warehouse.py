"""The warehouse on real DuckDB files, with a second process where one is needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.contracts.core import Sessions
from assets.contracts.market import DivergenceEpisodes
from assets.contracts.raw import MacroObservations, PriceBars
from assets.framework.errors import KnownFault
from assets.framework.rows import ContractError, Rows, hold_to_contract
from pipelines.warehouse.opening import WarehouseLocked, open_warehouse
from pipelines.warehouse.raw_history import OriginMismatch
from pipelines.warehouse.revisions import Revisions
from pipelines.warehouse.schema_diff import LossySchemaChange
from pipelines.warehouse.store import EmptyResult, Warehouse

DAY = date(2025, 12, 11)
FETCHED = datetime(2025, 12, 11, 23, 59, 59, tzinfo=UTC)


@contextmanager
def warehouse(folder: Path, as_of: date = DAY, home: Path | None = None) -> Iterator[Warehouse]:
    with open_warehouse(
        folder / "warehouse.duckdb",
        as_of=as_of,
        simulated=False,
        home_path=None if home is None else home / "warehouse.duckdb",
        lock_wait_seconds=0,
    ) as opened:
        yield opened


def bar(day: date = DAY, close: float | None = 100.0, provisional: bool = False, **other: float) -> dict[str, object]:
    prices = {"open": close, "high": close, "low": close, "close": close, "adj_close": close, "volume": 1.0, **other}
    return {"symbol": "^RUT", "date": day, **prices, "provisional": provisional}


def append(to: Warehouse, *bars: dict[str, object], fetched_on: date = DAY) -> Revisions:
    frame = pl.DataFrame(bars, schema_overrides={"close": pl.Float64})
    rows = hold_to_contract(PriceBars, frame, fetched=("^RUT",))
    return to.append_revisions(PriceBars, rows, source="test", fetched_at=FETCHED, fetched_on=fetched_on, run_id="run")


def sessions(*days: date) -> Rows:
    return hold_to_contract(Sessions, pl.DataFrame({"session": days, "session_number": range(len(days))}))


# ---------------------------------------------------------------------- raw is a history
def test_the_same_payload_twice_adds_nothing(tmp_path: Path) -> None:
    with warehouse(tmp_path) as opened:
        assert append(opened, bar()) == Revisions(first=1, revised=0, unchanged=0)
        assert append(opened, bar()) == Revisions(first=0, revised=0, unchanged=1)


def test_a_restated_value_is_a_new_revision_and_the_old_one_stays(tmp_path: Path) -> None:
    with warehouse(tmp_path) as opened:
        append(opened, bar(close=100))
        assert append(opened, bar(close=101)).revised == 1
        stored = opened.query("select close, revision from raw.price_bars order by revision")
        assert stored.rows() == [(100.0, 1), (101.0, 2)]
        assert opened.query("select close from known.price_bars").item() == 101


@pytest.mark.parametrize(("change", "revised"), [(6e-8, 0), (9e-7, 0), (2e-6, 1), (-2e-6, 1)])
def test_a_flicker_is_no_revision(tmp_path: Path, change: float, revised: int) -> None:
    with warehouse(tmp_path) as opened:
        append(opened, bar(adj_close=100.0))
        assert append(opened, bar(adj_close=100.0 * (1 + change))).revised == revised


def test_a_value_that_goes_missing_or_comes_back_is_a_revision(tmp_path: Path) -> None:
    with warehouse(tmp_path) as opened:
        append(opened, bar(volume=5.0))
        assert append(opened, {**bar(), "volume": None}).revised == 1
        assert append(opened, bar(volume=5.0)).revised == 1


def test_a_provisional_bar_never_leaves_raw(tmp_path: Path) -> None:
    with warehouse(tmp_path) as opened:
        append(opened, bar(close=100, provisional=True))
        assert opened.query("from known.price_bars").is_empty()
        assert opened.watermarks(PriceBars, "symbol", "date") == {}
        append(opened, bar(close=103))
        assert opened.query("select close from known.price_bars").item() == 103


def test_a_restatement_is_known_from_its_fetch_on_and_not_before(tmp_path: Path) -> None:
    later = DAY + timedelta(days=9)
    with warehouse(tmp_path) as opened:
        append(opened, bar(close=100), fetched_on=DAY)
    with warehouse(tmp_path, as_of=later) as opened:
        append(opened, bar(close=101), fetched_on=later)
        assert opened.query("select close from known.price_bars").item() == 101
    with warehouse(tmp_path, as_of=DAY) as opened:
        assert opened.query("select close from known.price_bars").item() == 100


def test_vintages_of_one_observation_stand_side_by_side(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "series_id": ["M2SL", "M2SL"],
            "date": [date(2025, 10, 1)] * 2,
            "realtime_start": [date(2025, 11, 25), date(2025, 12, 23)],
            "value": [100.0, 101.0],
        }
    )
    with warehouse(tmp_path) as opened:
        rows = hold_to_contract(MacroObservations, frame)
        done = opened.append_revisions(
            MacroObservations, rows, source="test", fetched_at=FETCHED, fetched_on=DAY, run_id="run"
        )
        assert done.first == 2


values = st.lists(st.tuples(st.integers(0, 4), st.sampled_from([1.0, 2.0, 3.0])), min_size=1, max_size=12)


@settings(max_examples=15, deadline=None)
@given(values)
def test_the_newest_revision_is_always_the_last_value_fetched(
    tmp_path_factory: pytest.TempPathFactory, values: list[tuple[int, float]]
) -> None:
    last: dict[date, float] = {}
    with warehouse(tmp_path_factory.mktemp("w")) as opened:
        for offset, close in values:
            day = DAY - timedelta(days=offset)
            append(opened, bar(day, close))
            last[day] = close
        stored = dict(opened.query("select date, close from known.price_bars").iter_rows())
        changes = opened.query("select count(*) from raw.price_bars").item()
    assert stored == last
    assert changes <= len(values)


# ------------------------------------------------------------ derived tables are replaced, whole or not at all
def test_columns_are_matched_by_name_not_by_position(tmp_path: Path) -> None:
    with warehouse(tmp_path) as opened:
        rows = sessions(DAY)
        opened.replace(Sessions, Rows(rows.good.select("session_number", "session")), "run")
        assert opened.load(Sessions).rows() == [(DAY, 0)]


def test_a_table_that_must_have_rows_is_never_emptied(tmp_path: Path) -> None:
    with warehouse(tmp_path) as opened:
        opened.replace(Sessions, sessions(DAY), "run")
        with pytest.raises(EmptyResult, match="nothing was written"):
            opened.replace(Sessions, Rows(sessions(DAY).good.clear()), "run")
        assert opened.load(Sessions).height == 1


def test_a_table_that_may_be_empty_becomes_empty(tmp_path: Path) -> None:
    with warehouse(tmp_path) as opened:
        columns = DivergenceEpisodes.columns()
        empty = pl.DataFrame(schema={c: columns[c].dtype for c in DivergenceEpisodes.ordered_columns()})
        opened.replace(DivergenceEpisodes, Rows(empty), "run")
        assert opened.load(DivergenceEpisodes).is_empty()


def test_a_failing_write_leaves_the_table_as_it_was(tmp_path: Path) -> None:
    with warehouse(tmp_path) as opened:
        opened.replace(Sessions, sessions(DAY), "run")
        with_a_null = pl.DataFrame({"session": [DAY, None], "session_number": [0, 1]})
        with pytest.raises(duckdb.ConstraintException):
            opened.replace(Sessions, Rows(with_a_null), "run")
        assert opened.load(Sessions).rows() == [(DAY, 0)]


def test_a_lossy_schema_change_is_refused_with_its_diff(tmp_path: Path) -> None:
    with warehouse(tmp_path) as opened:
        opened.replace(Sessions, sessions(DAY), "run")
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("alter table core.sessions add column holiday varchar")
        connection.execute("update core.sessions set holiday = 'none'")
    with warehouse(tmp_path) as opened:
        with pytest.raises(LossySchemaChange, match=r"- holiday VARCHAR[\s\S]*recouple drop core.sessions"):
            opened.replace(Sessions, sessions(DAY), "run")
        assert opened.query("select holiday from core.sessions").item() == "none"
        opened.drop("core.sessions")
        opened.replace(Sessions, sessions(DAY), "run")


def test_raw_tables_cannot_be_dropped(tmp_path: Path) -> None:
    with warehouse(tmp_path) as opened, pytest.raises(KnownFault, match="no derived table"):
        opened.drop("raw.price_bars")


def test_columns_carry_their_comments(tmp_path: Path) -> None:
    with warehouse(tmp_path) as opened:
        opened.replace(Sessions, sessions(DAY), "run")
        comments = opened.query(
            "select comment from duckdb_columns() where table_name = 'sessions' and schema_name = 'core'"
        )
    assert comments["comment"].to_list() == [Sessions.column_comment(c) for c in Sessions.ordered_columns()]


# ---------------------------------------------------------------------- quarantine
def test_rows_that_break_a_rule_go_to_quarantine_with_rule_and_payload(tmp_path: Path) -> None:
    with warehouse(tmp_path) as opened:
        append(opened, bar(), bar(DAY - timedelta(days=1), high=1.0), bar(DAY - timedelta(days=2), close=-5.0))
        kept = opened.query(
            "select table_name, rule, payload->>'date' as day, run_id from quarantine.rows order by day"
        )
        assert opened.query("select count(*) from raw.price_bars").item() == 1
    assert kept.rows() == [
        ("raw.price_bars", "prices_are_positive", "2025-12-09", "run"),
        ("raw.price_bars", "high_is_not_below_low", "2025-12-10", "run"),
    ]


def test_a_row_that_stays_broken_is_quarantined_once(tmp_path: Path) -> None:
    with warehouse(tmp_path) as opened:
        for _ in range(3):
            append(opened, bar(), bar(DAY - timedelta(days=1), high=1.0))
        assert opened.query("select count(*) from quarantine.rows").item() == 1


def test_a_frame_without_a_promised_column_is_refused_by_name() -> None:
    with pytest.raises(ContractError, match=r"core.sessions: the result lacks session_number and has unknown number"):
        hold_to_contract(Sessions, pl.DataFrame({"session": [DAY], "number": [1]}))


def test_nan_becomes_null() -> None:
    rows = hold_to_contract(PriceBars, pl.DataFrame([bar(high=float("nan"))]))
    assert rows.good["high"].to_list() == [None]


# ---------------------------------------------------------------------- opening
def test_a_locked_warehouse_names_who_holds_it(tmp_path: Path) -> None:
    with warehouse(tmp_path):
        pass
    path = str(tmp_path / "warehouse.duckdb")
    code = f"import duckdb; held = duckdb.connect({path!r}); print('open', flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(WarehouseLocked, match=rf"PID {holder.pid}\).*let that process finish"), warehouse(tmp_path):
            pass
        holder.communicate(b"\n")
    with warehouse(tmp_path):
        pass


def test_simulated_and_real_data_never_share_a_home(tmp_path: Path) -> None:
    with warehouse(tmp_path):
        pass
    with (
        pytest.raises(OriginMismatch, match="set RECOUPLE_HOME to another folder"),
        open_warehouse(tmp_path / "warehouse.duckdb", as_of=DAY, simulated=True),
    ):
        pass


def test_an_as_of_warehouse_reads_the_homes_raw_and_leaves_its_tables_alone(tmp_path: Path) -> None:
    home, tree = tmp_path / "home", tmp_path / "tree"
    with warehouse(home) as opened:
        append(opened, bar())
        opened.replace(Sessions, sessions(DAY), "run")
    with warehouse(tree, home=home) as opened:
        assert opened.query("select close from known.price_bars").item() == 100
        opened.replace(Sessions, sessions(DAY - timedelta(days=1), DAY), "run")
    with warehouse(home) as opened:
        assert opened.load(Sessions).height == 1


def test_a_new_contract_column_reaches_old_raw_tables(tmp_path: Path) -> None:
    with warehouse(tmp_path) as opened:
        append(opened, bar())
    with duckdb.connect(str(tmp_path / "warehouse.duckdb")) as connection:
        connection.execute("drop schema known cascade")
        connection.execute("alter table raw.price_bars drop column volume")
    with warehouse(tmp_path) as opened:
        assert opened.query("select volume from raw.price_bars").item() is None
