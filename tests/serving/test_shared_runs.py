"""Runs in an object store: whole or not in force, one winner, and readers on other machines."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines.cli.main import app
from pipelines.publishing.in_force import in_force
from pipelines.publishing.shared import CURRENT, NotFetched, NotShared
from pipelines.store.bucket import Bucket, Replaced, StoreFault
from tests.serving import world
from tests.serving.s3 import FaultyProxy, S3Server, s3_server
from tests.serving.shared_nights import bad_nights, race, shared, whole_run

ROOT = Path(__file__).parents[2]
_NOBODY = 9  # the discard port


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as running:
        yield running


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two small published runs of one tree, the earlier first."""
    tree = tmp_path_factory.mktemp("published")
    with world.few_marts():
        world.publish(tree, "run-0001")
        world.publish(tree, "run-0002")
    return sorted(path for path in (tree / "marts").iterdir() if "_run-" in path.name)


@pytest.fixture(params=["s3", "file"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Bucket:
    """An empty prefix of a server, and an empty folder."""
    if request.param == "file":
        return Bucket(f"file://{tmp_path / 'store'}")
    server: S3Server = request.getfixturevalue("server")
    return server.bucket(tmp_path.name)


# ------------------------------------------------------------------ objects
def test_an_object_is_replaced_only_where_it_is_what_was_seen(bucket: Bucket) -> None:
    bucket.replace("name", b"one", None)
    seen = bucket.look("name")
    bucket.replace("name", b"two", seen)
    for outdated in (seen, None):
        with pytest.raises(Replaced, match="read it again"):
            bucket.replace("name", b"three", outdated)
    assert bucket.read("name") == b"two"


def test_objects_are_read_listed_and_removed(bucket: Bucket) -> None:
    for name in ("a/one", "a/onset", "b/two"):
        bucket.below("inner").write(name, name.encode())
    assert bucket.below("inner").names("a/on") == ["a/one", "a/onset"]
    assert bucket.read("inner/a/one") == b"a/one"
    bucket.remove("inner/a/one")
    bucket.remove("inner/a/one")
    assert bucket.read("inner/a/one") is None
    assert bucket.names("inner/") == ["inner/a/onset", "inner/b/two"]


# ------------------------------------------------------------------ publishing
def test_a_run_is_in_force_once_it_is_whole(bucket: Bucket, runs: list[Path]) -> None:
    for run in runs:
        shared(bucket).publish(run)
        assert whole_run(bucket) == run.name
    now = shared(bucket).current()
    assert now is not None
    assert [earlier.run for earlier in now.before] == [runs[0].name]


def test_of_two_publishers_at_once_one_wins_and_the_other_says_so(bucket: Bucket, runs: list[Path]) -> None:
    for _ in range(4):
        winners, losers = race(bucket, runs)
        assert len(winners) == 1
        assert whole_run(bucket) == winners[0]
        assert "another publisher was faster" in losers[0]


def test_whatever_the_server_does_no_run_is_half_in_force_and_no_word_of_it_wrong(
    server: S3Server, runs: list[Path], tmp_path: Path
) -> None:
    with FaultyProxy(server.port, seed=14) as proxy:
        through = server.bucket(tmp_path.name, port=proxy.port, request_seconds=1.5)
        counted = bad_nights(server.bucket(tmp_path.name), through, proxy, runs, faults=12)
    assert counted.in_force > 0
    assert (counted.wrong, counted.half) == (0, 0)


def test_a_server_that_is_gone_keeps_the_run_in_force_and_the_night_says_why(
    server: S3Server, runs: list[Path], tmp_path: Path
) -> None:
    shared(server.bucket(tmp_path.name)).publish(runs[0])
    with pytest.raises(StoreFault, match="could not be read .*; look at the address, the network"):
        shared(server.bucket(tmp_path.name, port=_NOBODY, tries=1)).publish(runs[1])
    assert whole_run(server.bucket(tmp_path.name)) == runs[0].name


def test_a_night_publishes_here_and_there_and_goes_on_where_the_store_does_not(tmp_path: Path) -> None:
    store = Bucket(f"file://{tmp_path / 'store'}")
    with world.few_marts():
        world.publish(tmp_path / "home", "run-0001", shared=shared(store))
        first = in_force(tmp_path / "home")
        assert first is not None
        assert whole_run(store) == first.name
        (tmp_path / "store" / CURRENT).write_text("{}")
        told = world.publish(tmp_path / "home", "run-0002", shared=shared(store))
    assert "the marts are in force, but" in told["look_at"]
    assert "cannot be read" in told["look_at"]
    assert in_force(tmp_path / "home") != first


def test_a_night_never_goes_back_but_a_person_may(bucket: Bucket, runs: list[Path], tmp_path: Path) -> None:
    with world.few_marts():
        world.publish(tmp_path / "later", as_of=world.AS_OF + timedelta(days=1))
    later = in_force(tmp_path / "later")
    assert later is not None
    shared(bucket).publish(later)
    with pytest.raises(NotShared, match="is as of a later day than"):
        shared(bucket).publish(runs[1])
    shared(bucket).push(runs[1])
    assert whole_run(bucket) == runs[1].name


def test_a_simulated_run_never_replaces_a_real_one(runs: list[Path], tmp_path: Path) -> None:
    store = Bucket(f"file://{tmp_path / 'store'}")
    shared(store).publish(runs[0])
    with world.few_marts():
        told = world.publish(tmp_path / "simulated", simulated=True, shared=shared(store))
    assert "holds real runs, this one is simulated" in told["look_at"]
    assert whole_run(store) == runs[0].name


def test_superseded_runs_stay_as_long_as_they_are_kept(bucket: Bucket, runs: list[Path]) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    shared(bucket).publish(runs[0])
    shared(bucket).publish(runs[1])
    assert {name.split("/")[1] for name in bucket.names("runs/")} == {run.name for run in runs}
    shared(bucket, lambda: tomorrow).push(runs[1])
    assert {name.split("/")[1] for name in bucket.names("runs/")} == {runs[1].name}
    assert whole_run(bucket) == runs[1].name


# ------------------------------------------------------------------ reading
def test_another_machine_serves_what_it_pulls(bucket: Bucket, runs: list[Path], tmp_path: Path) -> None:
    with world.few_marts():
        for run in runs:
            shared(bucket).publish(run)
            folder, _ = shared(bucket).pull(tmp_path / "copy")
            assert folder.name == run.name
            with duckdb.connect(tmp_path / "copy" / "serving.duckdb", read_only=True) as serving:
                rows = serving.execute("select count(*) from market_state").fetchone()
        assert rows == (pl.read_parquet(runs[1] / "market_state.parquet").height,)
        again, healed = shared(bucket).pull(tmp_path / "copy")
    assert (again, healed) == (folder, [])


def test_what_is_damaged_in_the_store_is_not_pulled(bucket: Bucket, runs: list[Path], tmp_path: Path) -> None:
    shared(bucket).publish(runs[0])
    bucket.write(f"runs/{runs[0].name}/market_state.parquet", b"half")
    with pytest.raises(StoreFault, match=r"market_state.parquet is damaged; `recouple push` writes it again"):
        shared(bucket).pull(tmp_path / "copy")
    assert in_force(tmp_path / "copy") is None


@pytest.mark.parametrize("name", ["../outside", "a/b"])
def test_names_in_the_store_never_lead_out_of_the_folder(runs: list[Path], tmp_path: Path, name: str) -> None:
    store = Bucket(f"file://{tmp_path / 'store'}")
    shared(store).publish(runs[0])
    told = json.loads(store.read(CURRENT) or b"")
    store.write(CURRENT, json.dumps({**told, "files": {name: "0" * 64}}).encode())
    with pytest.raises(StoreFault, match="leads elsewhere"):
        shared(store).pull(tmp_path / "copy")


def test_an_operator_pushes_a_run_and_another_machine_pulls_it(
    runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECOUPLE_SOURCE", "sample")
    monkeypatch.setenv("RECOUPLE_HOME", str(runs[0].parents[1]))
    monkeypatch.setenv("RECOUPLE_STORE", f"file://{tmp_path / 'store'}")
    for command in (["push"], ["pull", str(tmp_path / "copy")]):
        said = CliRunner().invoke(app, command, catch_exceptions=False)
        assert said.exit_code == 0
    pulled = in_force(tmp_path / "copy")
    assert pulled is not None
    assert pulled.name == runs[-1].name


def test_a_home_that_computes_is_no_place_to_pull_into(runs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "warehouse.duckdb").touch()
    with pytest.raises(NotFetched, match="computes runs of its own"):
        shared(Bucket(f"file://{tmp_path / 'store'}")).pull(tmp_path / "home")


def test_the_clouds_own_variables_lead_to_the_store(
    server: S3Server, runs: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    named = Bucket(f"s3://bucket/{tmp_path.name}")
    shared(named).publish(runs[0])
    assert whole_run(server.bucket(tmp_path.name)) == runs[0].name


def test_duckdb_reads_it_as_the_documents_say(
    server: S3Server, runs: list[Path], tmp_path: Path, client: Callable[[str], Path]
) -> None:
    python = client("duckdb-httpfs") / "python"
    bucket = server.bucket(tmp_path.name)
    shared(bucket).publish(runs[0])
    asked = [python, "-c", HTTPFS, str(server.port), documented_sql("s3://bucket/prefix", bucket.url)]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert int(said) == pl.read_parquet(runs[0] / "market_state.parquet").height


HTTPFS = """
import sys
from pathlib import Path
import duckdb, duckdb_extension_httpfs
extension = next(Path(duckdb_extension_httpfs.__file__).parent.rglob("*.duckdb_extension"))
with duckdb.connect() as connection:
    connection.execute(f"load '{extension}'")
    place = f"endpoint '127.0.0.1:{sys.argv[1]}', use_ssl false, url_style 'path'"
    connection.execute(f"create secret (type s3, key_id 'any', secret 'any', {place})")
    print(len(connection.execute(sys.argv[2]).fetchall()))
"""


def documented_sql(address: str, own: str) -> str:
    """The SQL of docs/bi.md, at another address."""
    text = (ROOT / "docs" / "bi.md").read_text(encoding="utf-8")
    (sql,) = (block for block in re.findall(r"```sql\n(.*?)```", text, re.DOTALL) if address in block)
    return sql.replace(address, own)


def test_polars_reads_the_run_in_force(server: S3Server, runs: list[Path], tmp_path: Path) -> None:
    bucket = server.bucket(tmp_path.name)
    now = shared(bucket).publish(runs[0])
    place = f"{bucket.url}/{now.folder}/market_state.parquet"
    rows = pl.read_parquet(place, storage_options={**server.access(), "aws_allow_http": "true"})
    assert rows.equals(pl.read_parquet(runs[0] / "market_state.parquet"))
