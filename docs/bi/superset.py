"""Make the Superset dashboard of a home: `python docs/bi/superset.py SERVING.duckdb DASHBOARD.zip`.

Here: the entries of superset.yaml, written as the files that Superset imports. Not here: which charts there are
(superset.yaml), what a column means (the comments of the serving database).

Every file has an id made from its name, by which Superset knows what it has. It replaces a dashboard that it has, and
keeps charts and datasets as they are: to import newer ones, delete the old ones in Superset first.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import duckdb
import yaml

ENTRIES = Path(__file__).with_suffix(".yaml")
_COLUMNS = 12  # of Superset's grid
_HEIGHT = 50  # of a chart, in Superset's rows of 8 pixels
_IDS = uuid.UUID("6f0f1f0e-5a39-4a55-9d0b-7a2f6b6d3f5c")  # the space that ids are made in
_WRITTEN = "2026-11-25T00:00:00+00:00"  # Superset wants a date; with a fixed one equal entries make equal files

Entry = Mapping[str, Any]
Document = dict[str, Any]


class EntryError(ValueError):
    """An entry names something that the serving database does not have."""


def write_dashboard(serving: Path, target: Path) -> None:
    """Zip the dashboard over the views of one serving database."""
    with ZipFile(target, "w", ZIP_DEFLATED) as made:
        for name, document in documents(serving).items():
            made.writestr(f"recouple/{name}", yaml.safe_dump(document, sort_keys=False, allow_unicode=True))


def documents(serving: Path) -> dict[str, Document]:
    """File name -> content, all that Superset needs. Raises EntryError where an entry names what is not there."""
    entries = yaml.safe_load(ENTRIES.read_text(encoding="utf-8"))
    datasets, charts = entries["datasets"], entries["charts"]
    with duckdb.connect(str(serving), read_only=True) as connection:
        columns = {name: _columns(connection, name, entry) for name, entry in datasets.items()}
    for name, asked in [(entries["pick"]["dataset"], {entries["pick"]["column"]}), *map(_asked, charts)]:
        unknown = asked - {column["column_name"] for column in columns[name]}
        if unknown:
            raise EntryError(f"{name} has no {', '.join(sorted(unknown))}; see docs/data_dictionary.md")
    return {
        "metadata.yaml": {"version": "1.0.0", "type": "Dashboard", "timestamp": _WRITTEN},
        "databases/recouple.yaml": _database(entries["database"], serving),
        **{f"datasets/{name}.yaml": _dataset(name, entry, columns[name]) for name, entry in datasets.items()},
        **{
            f"charts/{number}.yaml": _chart(chart, datasets[chart["dataset"]]["date"])
            for number, chart in enumerate(charts, 1)
        },
        "dashboards/recouple.yaml": _dashboard(entries, _without(entries, columns)),
    }


def _columns(connection: duckdb.DuckDBPyConnection, name: str, entry: Entry) -> list[Document]:
    """What a dataset holds, explained as in the view that it reads."""
    said = "select column_name, comment from duckdb_columns() where table_name = $view"
    comments = dict(connection.execute(said, {"view": entry.get("of", name)}).fetchall())
    try:
        described = connection.execute(f"describe {entry.get('sql', f'from {name}')}").fetchall()
    except duckdb.Error as error:
        raise EntryError(f"dataset {name}: {error}") from None
    return [
        {
            "column_name": column,
            "type": kind.partition("(")[0],
            "is_dttm": kind in ("DATE", "TIMESTAMP"),
            "groupby": True,
            "filterable": True,
            "description": comments.get(column),
        }
        for column, kind, *_ in described
    ]


def _asked(chart: Entry) -> tuple[str, set[str]]:
    """The dataset of a chart and the columns it asks for."""
    lines, spans = chart.get("lines", {}), chart.get("spans", {})
    columns = {*lines.values(), *spans.values(), *chart.get("table", []), *chart.get("tells", [])}
    return chart["dataset"], columns | ({chart["order"]} if "order" in chart else set())


def _database(name: str, serving: Path) -> Document:
    return {
        "database_name": name,
        "sqlalchemy_uri": f"duckdb:///{serving.absolute()}",
        "expose_in_sqllab": True,
        "extra": {"engine_params": {"connect_args": {"read_only": True}}},
        "uuid": _id("database"),
        "version": "1.0.0",
    }


def _dataset(name: str, entry: Entry, columns: list[Document]) -> Document:
    return {
        "table_name": name,
        "schema": "main",
        "sql": entry.get("sql"),
        "main_dttm_col": entry["date"],
        "columns": columns,
        "metrics": [],
        "uuid": _id(f"dataset {name}"),
        "database_uuid": _id("database"),
        "version": "1.0.0",
    }


def _chart(chart: Entry, date: str) -> Document:
    params = _lines(chart, date) if "lines" in chart else _spans(chart) if "spans" in chart else _table(chart)
    return {
        "slice_name": chart["title"],
        "viz_type": params["viz_type"],
        "params": {"row_limit": 10_000, "adhoc_filters": [], **params},
        "uuid": _id(f"chart {chart['title']}"),
        "dataset_uuid": _id(f"dataset {chart['dataset']}"),
        "version": "1.0.0",
    }


def _lines(chart: Entry, date: str) -> Document:
    """One row a day, so that the largest value of a day is its value."""
    metrics = [
        {
            "expressionType": "SIMPLE",
            "aggregate": "MAX",
            "column": {"column_name": column},
            "label": label,
            "hasCustomLabel": True,
            "optionName": f"metric_{column}",
        }
        for label, column in chart["lines"].items()
    ]
    return {
        "viz_type": f"echarts_timeseries_{'step' if chart.get('step') else 'line'}",
        "x_axis": date,
        "metrics": metrics,
        "y_axis_format": chart["format"],
        "truncateYAxis": True,
        "show_legend": True,
        "rich_tooltip": True,
        "zoomable": True,
    }


def _spans(chart: Entry) -> Document:
    spans = chart["spans"]
    return {
        "viz_type": "gantt_chart",
        "start_time": spans["from"],
        "end_time": spans["to"],
        "y_axis": spans["row"],
        "series": spans["colour"],
        "y_axis_title_margin": 60,
        "tooltip_columns": chart["tells"],
        "show_legend": True,
        "zoomable": True,
    }


def _table(chart: Entry) -> Document:
    formats = {column: {"d3NumberFormat": format} for column, format in chart["table"].items() if format}
    return {
        "viz_type": "table",
        "query_mode": "raw",
        "all_columns": list(chart["table"]),
        "order_by_cols": [json.dumps([chart["order"], True])] if "order" in chart else [],
        "column_config": formats,
        "table_timestamp_format": "%Y-%m-%d",
        "show_cell_bars": False,
    }


def _dashboard(entries: Entry, unpicked: list[int]) -> Document:
    return {
        "dashboard_title": entries["title"],
        "slug": "recouple",
        "published": True,
        "position": dict(_grid(entries)),
        "metadata": {"native_filter_configuration": [_picker(entries["pick"], unpicked)]},
        "uuid": _id("dashboard"),
        "version": "1.0.0",
    }


def _grid(entries: Entry) -> Iterator[tuple[str, Any]]:
    """Charts side by side in reading order, as many to a row as its columns hold."""
    yield "DASHBOARD_VERSION_KEY", "v2"
    rows: list[list[str]] = []
    used = _COLUMNS
    for number, chart in enumerate(entries["charts"], 1):
        if used + chart["width"] > _COLUMNS:
            rows.append([])
            used = 0
        used += chart["width"]
        rows[-1].append(f"CHART-{number}")
        meta = {"chartId": number, "uuid": _id(f"chart {chart['title']}"), "sliceName": chart["title"]}
        size = {"width": chart["width"], "height": chart.get("height", _HEIGHT)}
        parents = ["ROOT_ID", "GRID_ID", f"ROW-{len(rows)}"]
        yield f"CHART-{number}", _placed(f"CHART-{number}", "CHART", [], parents) | {"meta": meta | size}
    yield "ROOT_ID", _placed("ROOT_ID", "ROOT", ["GRID_ID"], [])
    yield "GRID_ID", _placed("GRID_ID", "GRID", [f"ROW-{n}" for n in range(1, len(rows) + 1)], ["ROOT_ID"])
    for n, row in enumerate(rows, 1):
        placed = _placed(f"ROW-{n}", "ROW", row, ["ROOT_ID", "GRID_ID"])
        yield f"ROW-{n}", placed | {"meta": {"background": "BACKGROUND_TRANSPARENT"}}


def _placed(name: str, kind: str, children: list[str], parents: list[str]) -> Document:
    return {"id": name, "type": kind, "children": children, "parents": parents}


def _without(entries: Entry, columns: Mapping[str, list[Document]]) -> list[int]:
    """The numbers of the charts that have nothing to pick from."""
    having = {name for name, own in columns.items() if entries["pick"]["column"] in {c["column_name"] for c in own}}
    return [number for number, chart in enumerate(entries["charts"], 1) if chart["dataset"] not in having]


def _picker(pick: Entry, unpicked: list[int]) -> Document:
    """One value at a time, which every dataset with a column of that name is filtered by."""
    column, first = pick["column"], [pick["first"]]
    chosen = {
        "extraFormData": {"filters": [{"col": column, "op": "IN", "val": first}]},
        "filterState": {"value": first, "label": first[0]},
    }
    return {
        "id": f"NATIVE_FILTER-{column}",
        "name": pick["name"],
        "type": "NATIVE_FILTER",
        "filterType": "filter_select",
        "targets": [{"column": {"name": column}, "datasetUuid": _id(f"dataset {pick['dataset']}")}],
        "controlValues": {"multiSelect": False, "enableEmptyFilter": True, "inverseSelection": False},
        "defaultDataMask": chosen,
        "cascadeParentIds": [],
        "scope": {"rootPath": ["ROOT_ID"], "excluded": unpicked},
    }


def _id(name: str) -> str:
    return str(uuid.uuid5(_IDS, name))


if __name__ == "__main__":
    write_dashboard(Path(sys.argv[1]), Path(sys.argv[2]))
