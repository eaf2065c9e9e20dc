"""Whatever becomes of a published home, the next publication makes it right again and says so."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from pipelines.home import Run
from pipelines.publishing import in_force, serving
from tests.serving import world


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """A run of three marts; no reader is in these tests, so no entry needs a lead."""
    with world.few_marts(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(in_force, "LEAD_US", 2_000)
        yield


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two runs; tests damage copies of it."""
    home = tmp_path_factory.mktemp("published") / "home"
    world.publish(home, "first")
    world.publish(home, "second")
    return home


@pytest.fixture
def home(published: Path, tmp_path: Path) -> Path:
    return moved_copy(published, tmp_path / "home")


def moved_copy(published: Path, home: Path) -> Path:
    """A copy whose views are its own."""
    shutil.copytree(published, home, symlinks=True)
    mend(home)
    return home


def mend(home: Path) -> list[str]:
    with in_force.changing(home):
        told = in_force.heal(home)
        folder = in_force.in_force(home)
        assert folder is not None
        return told + serving.serve(folder, simulated=False)


def shown(home: Path) -> set[str]:
    """The run that every reader finds, by view, link and manifest."""
    with duckdb.connect(str(home / "serving.duckdb"), read_only=True) as connection:
        ((by_view, rows),) = connection.execute(
            "select (select any_value(run_id) from _meta), (select count(*) from market_state)"
        ).fetchall()
    assert rows == 2 * world.SESSIONS
    by_link = json.loads((home / "marts" / "current" / "manifest.json").read_text())["run_id"]
    return {by_view, by_link, json.loads((home / "manifest.json").read_text())["run_id"]}


def log(home: Path) -> Path:
    return home / "marts" / "published.csv"


def current(home: Path) -> Path:
    return home / "marts" / "current"


def shape(home: Path) -> Path:
    return next((home / "marts").glob("if-moved*"))


def overwritten(home: Path) -> None:
    (home / "serving.duckdb").chmod(0o644)
    with duckdb.connect(str(home / "serving.duckdb")) as connection:
        connection.execute("create or replace view market_state as select 1 as close")


def written_into(home: Path) -> None:
    (home / "serving.duckdb").chmod(0o644)
    with duckdb.connect(str(home / "serving.duckdb")) as connection:
        connection.execute("create table notes (text varchar)")


def of_other_storage(home: Path) -> None:
    (home / "serving.duckdb").unlink()
    duckdb.connect(str(home / "serving.duckdb")).close()


def unlinked(path: Path) -> None:
    path.unlink()


def linked_nowhere(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def made_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "log torn in a name": (lambda h: log(h).write_text(log(h).read_text()[:-60]), "published.csv was damaged"),
    "log torn in a number": (lambda h: log(h).write_text(log(h).read_text()[:-9]), "published.csv was damaged"),
    "log empty": (lambda h: log(h).write_text(""), "published.csv was damaged"),
    "log without entries": (lambda h: log(h).write_text("run,from_us\n"), "published.csv was damaged"),
    "log of garbage": (lambda h: log(h).write_bytes(os.urandom(300)), "published.csv was damaged"),
    "log gone": (lambda h: log(h).unlink(), "published.csv was damaged or gone"),
    "log saved by a spreadsheet": (
        lambda h: log(h).write_text("\ufeff" + log(h).read_text().replace(",", ";")),
        "published.csv was damaged",
    ),
    "current gone": (lambda h: unlinked(current(h)), "current or the manifest"),
    "current leads nowhere": (lambda h: linked_nowhere(current(h)), "current or the manifest"),
    "current is a folder": (lambda h: made_a_folder(current(h)), "current or the manifest"),
    "manifest stale": (lambda h: (h / "manifest.json").unlink() or (h / "manifest.json").write_text("{}"), "manifest"),
    "shape gone": (lambda h: shutil.rmtree(shape(h)), "give its views their columns"),
    "serving gone": (lambda h: (h / "serving.duckdb").unlink(), "serving.duckdb was gone"),
    "serving empty": (lambda h: os.truncate(h / "serving.duckdb", 0), "could not be opened"),
    "serving torn": (lambda h: os.truncate(h / "serving.duckdb", 20_000), "could not be opened"),
    "serving of garbage": (lambda h: os.truncate(h / "serving.duckdb", 0), "could not be opened"),
    "a view replaced": (overwritten, "had been changed"),
    "a table written": (written_into, "had been changed"),
    "another storage": (of_other_storage, "could not be opened"),
    "a stale wal": (lambda h: (h / "serving.duckdb.wal").write_bytes(b"x"), "a .wal lay beside it"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_healed_and_told(home: Path, damage: str) -> None:
    spoil, sentence = DAMAGE[damage]
    spoil(home)
    told = mend(home)
    assert any(sentence in line for line in told), told
    assert shown(home) == {"second"}
    assert mend(home) == []


def test_a_damaged_run_in_force_gives_way_to_the_one_before(home: Path) -> None:
    path = current(home).resolve() / "market_state.parquet"
    os.truncate(path, path.stat().st_size // 2)
    assert "was damaged or gone" in mend(home)[0]
    assert shown(home) == {"first"}


def test_a_run_gone_from_the_disk_gives_way_to_the_one_before(home: Path) -> None:
    shutil.rmtree(current(home).resolve())
    mend(home)
    assert shown(home) == {"first"}


def test_going_back_outlives_the_loss_of_the_log(home: Path) -> None:
    in_force.roll_back(home)
    log(home).unlink()
    mend(home)
    assert shown(home) == {"first"}


def test_a_publication_heals_before_it_publishes(home: Path) -> None:
    log(home).write_text("")
    overwritten(home)
    world.publish(home, "third")
    assert shown(home) == {"third"}
    assert in_force.roll_back(home).name.partition("Z_")[2].startswith("second")


def test_what_killed_runs_left_is_removed(home: Path) -> None:
    (home / "marts" / ".staging-2025-12-12_x").mkdir()
    (home / "marts" / ".published.csv-next").write_text("half")
    (home / ".serving-building.duckdb").write_text("half")
    Run((home / "marts" / "current").resolve()).building.write_text("half")
    mend(home)
    left = [path.name for path in (*home.rglob(".*"),) if path.name not in {".lock", ".serving-views"}]
    assert left == []


def test_serving_cannot_be_written_by_mistake(home: Path) -> None:
    assert (home / "serving.duckdb").stat().st_mode & 0o777 == 0o444


PLACES = ("we[i]rd", "it's", "sp ace", "ünï", "pct%20x", "br{a,b}", "st*r", 'dq"x', "year=2024", "new\nline")


@pytest.mark.parametrize("place", [*PLACES, "up/../beside"])
def test_a_home_may_have_any_name(published: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "up").mkdir()
    assert shown(moved_copy(published, tmp_path / place)) == {"second"}


def test_a_home_may_lie_behind_a_link(published: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    moved_copy(published, tmp_path / "real")
    assert mend(tmp_path / "link") == []
    assert shown(tmp_path / "link") == {"second"}


def test_a_client_of_a_moved_home_reads_the_remedy_in_its_error(home: Path, tmp_path: Path) -> None:
    home.rename(tmp_path / "elsewhere")
    with (
        duckdb.connect(str(tmp_path / "elsewhere" / "serving.duckdb"), read_only=True) as connection,
        pytest.raises(duckdb.IOException, match="if-moved-run-recouple-heal"),
    ):
        connection.execute("from _meta")
    mend(tmp_path / "elsewhere")
    assert shown(tmp_path / "elsewhere") == {"second"}


def test_a_copied_home_is_told_to_show_another(published: Path, tmp_path: Path) -> None:
    shutil.copytree(published, tmp_path / "copy", symlinks=True)
    folder = in_force.in_force(tmp_path / "copy")
    assert folder is not None
    assert "another folder" in str(serving.outdated(folder, simulated=False))


def test_a_run_taken_up_again_publishes_only_what_its_attempt_has_not(home: Path) -> None:
    before = in_force.history(home)
    world.publish(home, "third", attempts={"second"})
    assert in_force.history(home) == before
    world.publish(home, "fourth", attempts={"first"})  # which is no longer in force
    world.publish(home, "fifth", attempts={"fourth"}, as_of=world.AS_OF + timedelta(days=1))  # its rows are others
    assert [entry.run.split("_")[-1].split(".")[0] for entry in in_force.history(home)][-2:] == ["fourth", "fifth"]
