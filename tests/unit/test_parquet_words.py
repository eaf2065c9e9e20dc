"""A mart's file says what its columns mean, to any reader of parquet."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
import pyarrow.parquet as pq
import pytest

from assets.contracts import MARTS
from assets.framework.contract import Mart
from pipelines.publishing.parquet import write_mart


@pytest.mark.parametrize("mart", MARTS, ids=lambda m: m.table_name())
def test_every_field_carries_description_unit_and_key(mart: type[Mart], tmp_path: Path) -> None:
    path, rows = tmp_path / "mart.parquet", mart.create_empty()
    write_mart(mart, rows, path)
    for field in pq.read_schema(path):
        said = {name.decode(): text.decode() for name, text in (field.metadata or {}).items()}
        comment = said["description"] + (f" [{said['unit']}]" if "unit" in said else "")
        assert comment == mart.column_comment(field.name)
        assert (said.get("key") == "true") == (field.name in mart.key())
    assert pl.read_parquet(path).schema == rows.schema


def test_the_file_names_its_mart_and_key(tmp_path: Path) -> None:
    mart = next(m for m in MARTS if m.table_name() == "pair_day")
    write_mart(mart, mart.create_empty(), tmp_path / "mart.parquet")
    asked = f"select key::varchar, value::varchar from parquet_kv_metadata('{tmp_path / 'mart.parquet'}')"
    said = dict(duckdb.sql(asked).fetchall())
    assert said["recouple.key"] == "pair, session"
    assert said["recouple.summary"] == mart.summary()
