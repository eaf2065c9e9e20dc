"""What is served changes as a whole, for every reader, in every query."""

from __future__ import annotations

import csv
import time
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines.publishing import copies, in_force
from tests.serving import world

HOUR_US = 3_600_000_000


def connect(tree: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(tree / "serving.duckdb"), read_only=True)


def as_of(connection: duckdb.DuckDBPyConnection) -> date:
    """The date of the run that both marts show, in one query."""
    ((first, second),) = connection.execute(
        "select (select any_value(as_of) from market_state), (select any_value(as_of) from fed_decisions)"
    ).fetchall()
    assert first == second
    return first


def publish(tree: Path, *days: int) -> list[date]:
    dates = [world.AS_OF + timedelta(days=n) for n in days]
    for day in dates:
        world.publish(tree, f"run-{day}", as_of=day)
    return dates


def runs(tree: Path) -> list[str]:
    return sorted(path.name for path in (tree / "marts").glob("[0-9]*"))


def move_history(tree: Path, by_us: int, entries: slice = slice(None)) -> None:
    """Let entries of the log take effect earlier or later than they did."""
    log = tree / "marts" / "published.csv"
    rows = list(csv.DictReader(log.read_text().splitlines()))
    for row in rows[entries]:
        row["from_us"] = str(int(row["from_us"]) + by_us)
    log.write_text("\n".join(["run,from_us", *(f"{row['run']},{row['from_us']}" for row in rows)]) + "\n")


def test_an_open_connection_sees_the_new_run_on_its_next_query(tmp_path: Path) -> None:
    publish(tmp_path, 0)
    with connect(tmp_path) as connection:
        for number in range(1, 5):
            (day,) = publish(tmp_path, number)
            assert as_of(connection) == day


def test_a_transaction_stays_on_the_run_it_began_with(tmp_path: Path) -> None:
    (before,) = publish(tmp_path, 0)
    with connect(tmp_path) as connection:
        connection.execute("begin")
        assert as_of(connection) == before
        (after,) = publish(tmp_path, 1)
        assert as_of(connection) == before
        connection.execute("commit")
        assert as_of(connection) == after


def test_a_run_whose_time_has_not_come_is_not_seen(tmp_path: Path) -> None:
    (before,) = publish(tmp_path, 0)
    publish(tmp_path, 1)
    move_history(tmp_path, HOUR_US, slice(-1, None))
    with connect(tmp_path) as connection:
        assert as_of(connection) == before


def test_a_clock_that_was_set_back_does_not_hide_the_next_run(tmp_path: Path) -> None:
    publish(tmp_path, 0)
    move_history(tmp_path, HOUR_US)
    (after,) = publish(tmp_path, 1)
    assert [entry.run[:10] for entry in in_force.history(tmp_path)] == [str(after)]
    with connect(tmp_path) as connection:
        assert as_of(connection) == after


def test_going_back_serves_the_run_before_until_the_next(tmp_path: Path) -> None:
    before, _ = publish(tmp_path, 0, 1)
    with connect(tmp_path) as connection:
        folder = in_force.roll_back(tmp_path)
        assert as_of(connection) == before
        assert folder == (tmp_path / "marts" / "current").resolve()
        with pytest.raises(in_force.NotInForce, match="no earlier run"):
            in_force.roll_back(tmp_path)
        (after,) = publish(tmp_path, 2)
        assert as_of(connection) == after


def test_a_reader_notices_neither_the_removal_nor_the_damage_of_other_runs(tmp_path: Path) -> None:
    """Only the run in force is opened, so nothing that happens to the others can end in an error."""
    publish(tmp_path, 0, 1)
    (day,) = publish(tmp_path, 2)
    first, second, _ = (tmp_path / "marts" / name for name in runs(tmp_path))
    for path in first.glob("*.parquet"):
        path.write_bytes(b"half written")
    for path in second.glob("*.parquet"):
        path.unlink()
    with connect(tmp_path) as connection:
        assert as_of(connection) == day


def test_superseded_runs_are_removed_after_the_grace_period(tmp_path: Path) -> None:
    publish(tmp_path, 0, 1, 2)
    assert len(runs(tmp_path)) == 3
    move_history(tmp_path, -100 * HOUR_US, slice(0, 2))
    publish(tmp_path, 3)
    assert [name[:10] for name in runs(tmp_path)] == [str(world.AS_OF + timedelta(days=n)) for n in (1, 2, 3)]


def test_a_run_that_was_in_force_for_days_stays_after_the_next(tmp_path: Path) -> None:
    """Readers may just have begun on it; how long ago it was published does not matter."""
    publish(tmp_path, 0)
    move_history(tmp_path, -1000 * HOUR_US)
    publish(tmp_path, 1)
    assert len(runs(tmp_path)) == 2


def test_the_database_is_made_anew_only_for_other_views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (before,) = publish(tmp_path, 0)
    made = (tmp_path / "serving.duckdb").stat().st_ino
    publish(tmp_path, 1)
    assert (tmp_path / "serving.duckdb").stat().st_ino == made
    with connect(tmp_path) as kept_open:
        before = as_of(kept_open)
        for room in ("published.contract", "publishing.publish"):
            monkeypatch.setattr(f"pipelines.{room}.contract_version", lambda: "another")
        (after,) = publish(tmp_path, 2)
        assert (tmp_path / "serving.duckdb").stat().st_ino != made
        assert as_of(kept_open) == before
    with connect(tmp_path) as connection:
        assert as_of(connection) == after


def test_every_view_and_column_is_described(tmp_path: Path) -> None:
    publish(tmp_path, 0)
    with connect(tmp_path) as connection:
        views = connection.execute("select view_name, comment from duckdb_views() where not internal").fetchall()
        columns = connection.execute(
            "select table_name, column_name from duckdb_columns() where not internal and coalesce(comment, '') = ''"
        ).fetchall()
    assert all(comment for _, comment in views)
    assert columns == []


def test_simulated_data_is_marked_in_the_catalog(tmp_path: Path) -> None:
    world.publish(tmp_path, simulated=True)
    with connect(tmp_path) as connection:
        comments = connection.execute("select comment from duckdb_views() where not internal").fetchall()
    assert all(comment.startswith("SIMULATED DATA. ") for (comment,) in comments)


def test_a_home_may_have_an_apostrophe_in_its_name(tmp_path: Path) -> None:
    tree = tmp_path / "it's a home"
    tree.mkdir()
    (day,) = publish(tree, 0)
    with connect(tree) as connection:
        assert as_of(connection) == day


def test_a_copy_needs_no_other_file(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (day,) = publish(tree, 0)
    copies.export(tree, tmp_path / "copy.duckdb", "duckdb")
    tree.rename(tmp_path / "gone")
    with duckdb.connect(str(tmp_path / "copy.duckdb"), read_only=True) as connection:
        assert as_of(connection) == day


def test_copying_before_the_first_run_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(copies.ExportError, match="run `make nightly` once"):
        copies.export(tmp_path, tmp_path / "copy.duckdb", "duckdb")


def test_a_run_is_in_force_when_publishing_ends(tmp_path: Path) -> None:
    publish(tmp_path, 0)
    (entry,) = in_force.history(tmp_path)
    assert entry.from_us <= time.time_ns() // 1_000
    assert entry.run == (tmp_path / "marts" / "current").resolve().name
