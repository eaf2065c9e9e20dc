"""A mart as one parquet file that explains itself.

Here: rows, and beside them the contract's words: summary and key of the table, description, unit and key of each field.
Not here: what is promised (assets.contracts), views and copies with the same words (pipelines.publishing.tables).
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa

from assets.framework.contract import Mart


def write_mart(mart: type[Mart], frame: pl.DataFrame, path: Path) -> None:
    """Write the rows of a mart with the metadata of file and fields."""
    plain = frame.clear().to_arrow(compat_level=pl.CompatLevel.newest()).schema
    described = pa.schema([field.with_metadata(_words(mart, field.name)) for field in plain])
    of_table = {"recouple.mart": mart.table_name(), "recouple.summary": mart.summary()}
    frame.write_parquet(path, arrow_schema=described, metadata={**of_table, "recouple.key": ", ".join(mart.key())})


def _words(mart: type[Mart], column: str) -> dict[str, str]:
    spec = mart.columns()[column]
    unit = (spec.metadata or {}).get("unit")
    return {
        "description": spec.description or "",
        **({"unit": unit} if unit else {}),
        **({"key": "true"} if column in mart.key() else {}),
    }
