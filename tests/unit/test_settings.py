from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipelines.settings import Settings, SettingsError


def test_live_is_the_default_source() -> None:
    assert Settings.from_env({}).source == "live"


def test_an_explicit_as_of_date_publishes_into_a_tree_of_its_own() -> None:
    settings = Settings.from_env({"RECOUPLE_HOME": "/h", "RECOUPLE_AS_OF": "2025-12-12"})
    assert settings.as_of == date(2025, 12, 12)
    assert settings.tree == Path("/h/as_of/2025-12-12")


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"RECOUPLE_SOURCE": "yahoo"}, "RECOUPLE_SOURCE is 'yahoo'; set it to live, files or sample"),
        ({"RECOUPLE_SOURCE": "files"}, "RECOUPLE_FILES is not set"),
        ({"RECOUPLE_AS_OF": "12/12/2025"}, "RECOUPLE_AS_OF is '12/12/2025'; write an ISO date"),
        ({"RECOUPLE_LOCK_WAIT_SECONDS": "soon"}, "RECOUPLE_LOCK_WAIT_SECONDS is 'soon'"),
        ({"RECOUPLE_KEEP_RUNS_HOURS": "-1"}, "RECOUPLE_KEEP_RUNS_HOURS is '-1'"),
        ({"RECOUPLE_STORE": "bucket/prefix"}, "RECOUPLE_STORE cannot be used; write it as s3://bucket/prefix"),
        ({"RECOUPLE_STORE": "s3://key:secret@bucket"}, "leave credentials to the cloud's own variables"),
        ({"RECOUPLE_RAY_ADDRESS": "auto"}, "RECOUPLE_RAY_ADDRESS is set and RECOUPLE_STORE is not"),
    ],
)
def test_a_wrong_value_is_named_with_its_remedy(environ: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_env(environ)
    assert said in str(error.value)


def test_the_store_has_the_trees_of_the_home() -> None:
    settings = Settings.from_env({"RECOUPLE_HOME": "/h", "RECOUPLE_STORE": "s3://bucket/prefix/"})
    assert settings.store_tree == "s3://bucket/prefix"
    assert settings.model_copy(update={"as_of": date(2025, 12, 12)}).store_tree == "s3://bucket/prefix/as_of/2025-12-12"
    assert settings.for_run(source="sample", files="", as_of="").store_tree is None


def test_the_key_is_never_printed() -> None:
    settings = Settings.from_env({"FRED_API_KEY": "0123456789abcdef0123456789abcdef"})
    assert "0123456789abcdef" not in repr(settings) + str(settings) + settings.model_dump_json()


@pytest.mark.parametrize("around", ["{}", " {}", "{}\n", "\t{}  ", '"{}"', "' {} '"])
def test_blanks_and_quotes_around_the_key_are_stripped(around: str) -> None:
    key = "0123456789abcdef0123456789abcdef"
    settings = Settings.from_env({"FRED_API_KEY": around.format(key)})
    assert settings.fred_api_key is not None
    assert settings.fred_api_key.get_secret_value() == key


@pytest.mark.parametrize(
    "key", ["0123456789abcdef", "0123456789ABCDEF0123456789ABCDEF", "0123456789abcdef 123456789abcdef"]
)
def test_what_is_no_key_is_told_without_showing_it(key: str) -> None:
    with pytest.raises(SettingsError, match="FRED_API_KEY is not 32 lower-case letters and digits") as caught:
        Settings.from_env({"FRED_API_KEY": key})
    assert key not in str(caught.value)


@pytest.mark.parametrize("key", ["", "   ", "''"])
def test_an_empty_key_is_no_key(key: str) -> None:
    assert Settings.from_env({"FRED_API_KEY": key}).fred_api_key is None


@pytest.mark.parametrize("name", ["que?ry", "back\\slash"])
def test_a_home_that_duckdb_cannot_open_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="DuckDB cannot open files below"):
        Settings.from_env({"RECOUPLE_HOME": str(tmp_path / name)})


def test_a_home_is_named_as_the_file_system_names_it(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("real")
    for place in ("link", "elsewhere/../real"):
        assert Settings.from_env({"RECOUPLE_HOME": str(tmp_path / place)}).home == tmp_path / "real"
