"""The tables that readers see: names, columns, keys and words.

Here: the marts and `_meta` as views and copies show them. Not here: what a mart contains (assets.contracts), the
version of that promise (pipelines.published.contract), how readers reach it (pipelines.publishing.serving,
pipelines.publishing.copies).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from assets.contracts import MARTS
from pipelines.home import Run
from pipelines.published.contract import META_COMMENTS

META = "_meta"
STORAGE_VERSION = "v1.0.0"  # the newest that every DuckDB client since 1.2 can open


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


def quoted(text: object) -> str:
    """A text in SQL."""
    return "'" + str(text).replace("'", "''") + "'"


def listed(columns: Iterable[str]) -> str:
    """Columns in SQL."""
    return ", ".join(f'"{c}"' for c in columns)
