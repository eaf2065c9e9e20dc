"""The Superset dashboard names nothing that is not published, and is what Superset imports."""

from __future__ import annotations

from pathlib import Path
from zipfile import ZipFile

import duckdb
import pytest
import yaml

from docs.bi import superset
from docs.bi.superset import EntryError, documents, write_dashboard
from pipelines.settings import Settings


@pytest.fixture(scope="module")
def serving(sample_home: Settings) -> Path:
    return sample_home.tree / "serving.duckdb"


def test_every_chart_stands_once_on_the_dashboard_and_shows_a_dataset_of_it(serving: Path, tmp_path: Path) -> None:
    write_dashboard(serving, tmp_path / "dashboard.zip")
    with ZipFile(tmp_path / "dashboard.zip") as made:
        files = {name: yaml.safe_load(made.read(name)) for name in made.namelist()}
    kinds = {kind: [f for name, f in files.items() if f"/{kind}/" in name] for kind in ("datasets", "charts")}
    position = files["recouple/dashboards/recouple.yaml"]["position"]
    placed = [part["meta"]["uuid"] for part in position.values() if isinstance(part, dict) and part["type"] == "CHART"]
    assert placed == [chart["uuid"] for chart in kinds["charts"]]
    assert {chart["dataset_uuid"] for chart in kinds["charts"]} == {dataset["uuid"] for dataset in kinds["datasets"]}
    for row in (part for part in position.values() if isinstance(part, dict) and part["type"] == "ROW"):
        assert sum(position[chart]["meta"]["width"] for chart in row["children"]) <= 12


def test_every_column_is_explained_and_the_picked_value_exists(serving: Path) -> None:
    made = documents(serving)
    for name, dataset in made.items():
        if name.startswith("datasets/"):
            assert all(column["description"] for column in dataset["columns"]), name
    pick = yaml.safe_load(superset.ENTRIES.read_text())["pick"]
    with duckdb.connect(str(serving), read_only=True) as connection:
        values = connection.execute(f"select distinct {pick['column']} from {pick['dataset']}").fetchall()
    assert (pick["first"],) in values


@pytest.mark.parametrize(
    ("written", "wrong", "said"),
    [("correlation_60d", "correlation_61d", "pair_day has no correlation_61d"), ("from market_state", "from x", "x")],
)
def test_an_entry_that_names_what_is_not_published_is_refused(
    serving: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: str, wrong: str, said: str
) -> None:
    entries = tmp_path / "superset.yaml"
    entries.write_text(superset.ENTRIES.read_text().replace(written, wrong))
    monkeypatch.setattr(superset, "ENTRIES", entries)
    with pytest.raises(EntryError, match=said):
        documents(serving)
