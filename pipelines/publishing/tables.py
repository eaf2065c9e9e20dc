"""The tables that readers see: names, columns, keys and words.

Here: the marts and `_meta` as views and copies show them, and the version of that promise. Not here: what a mart
contains (assets.contracts), how readers reach it (pipelines.publishing.serving, pipelines.publishing.copies).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from assets.contracts import MARTS
from pipelines.home import Run

META = "_meta"
STORAGE_VERSION = "v1.0.0"  # the newest that every DuckDB client since 1.2 can open

META_COMMENTS = {
    "mart": "view of this database",
    "rows": "rows of the view",
    "content_hash": "SHA-256 of the rows' canonical bytes: equal rows, equal hash, in whatever order or file",
    "run_id": "Dagster run that published",
    "as_of": "the day at whose end every row could have been computed",
    "published_at": "when the run was written, UTC",
    "source": "live, files or sample",
    "simulated": "true: made from the simulated sample market, not from real prices",
    "contract_version": "changes when columns, types or their meaning change",
}


@dataclass(frozen=True)
class Served:
    """One table that readers see, its columns with their comments."""

    name: str
    summary: str
    columns: dict[str, str]
    key: tuple[str, ...]

    def file(self, folder: Path) -> Path:
        """Its rows in the folder of a run."""
        return Run(folder).meta if self.name == META else Run(folder).mart(self.name)

    def comments(self, kind: str, place: str, *, mark: str = "") -> list[str]:
        """The statements that describe it and its columns, as a `kind` of the database `place`."""
        name = f'{place}.main."{self.name}"'
        return [
            f"comment on {kind} {name} is {quoted(mark + self.summary)}",
            *(f'comment on column {name}."{column}" is {quoted(text)}' for column, text in self.columns.items()),
        ]


def served_tables() -> list[Served]:
    """Every mart, and the run they belong to."""
    marts = [
        Served(
            mart.table_name(),
            mart.summary(),
            {c: mart.column_comment(c) for c in mart.ordered_columns()},
            tuple(mart.key()),
        )
        for mart in MARTS
    ]
    return [*marts, Served(META, "The run behind the views: one row per mart.", META_COMMENTS, ("mart",))]


def contract_version() -> str:
    """A short hash over every table's columns, types and comments; it changes when the promise does."""
    promise = [
        (
            mart.table_name(),
            mart.summary(),
            [(c, str(mart.columns()[c].dtype), mart.column_comment(c)) for c in mart.ordered_columns()],
        )
        for mart in MARTS
    ]
    return hashlib.sha256(json.dumps([promise, META_COMMENTS]).encode()).hexdigest()[:12]


def quoted(text: object) -> str:
    """A text in SQL."""
    return "'" + str(text).replace("'", "''") + "'"


def listed(columns: Iterable[str]) -> str:
    """Columns in SQL."""
    return ", ".join(f'"{c}"' for c in columns)
