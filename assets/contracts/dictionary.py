"""The data dictionary, written from the contracts.

Here: contracts -> one markdown page. Not here: what a column means (the contracts), where the page lies and whether it
is up to date (pipelines.cli).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from assets.contracts import CORE_TABLES, DERIVED_TABLES, MARTS, RAW_TABLES
from assets.contracts.base import Table

_INTRODUCTION = """\
# Data dictionary

Made from the contracts by `recouple dictionary`; do not edit. `make check` fails when it is out of date.

BI reads the marts: `serving.duckdb` and `marts/current/*.parquet`, see [bi.md](bi.md). The other layers are in the
private warehouse and are listed so that a figure can be followed to where it comes from. The unit of a column stands in
brackets; fractions are plain (-0.268 is -26.8%). Missing is null, never NaN and never zero.

"""
_LAYERS: tuple[tuple[str, tuple[type[Table], ...]], ...] = (
    ("Marts", MARTS),
    ("Derived", DERIVED_TABLES),
    ("Core", CORE_TABLES),
    ("Raw", RAW_TABLES),
)


def dictionary() -> str:
    """The whole page."""
    return "\n".join(
        [_INTRODUCTION, *_contents(), *(line for _, tables in _LAYERS for t in tables for line in _table(t))]
    )


def _contents() -> Iterator[str]:
    for title, tables in _LAYERS:
        listed = ", ".join(f"[{t.table_name()}](#{t.layer}{t.table_name()})" for t in tables)
        yield f"- **{title}**: {listed}"
    yield ""


def _table(table: type[Table]) -> Iterator[str]:
    key = table.key()
    yield f"## {table.layer}.{table.table_name()}"
    yield ""
    yield inspect.cleandoc(table.__doc__ or "")
    yield ""
    yield f"Key: {', '.join(f'`{c}`' for c in key)}." if key else "No key."
    yield ""
    yield "| column | type | may be null | meaning |"
    yield "| --- | --- | --- | --- |"
    columns = table.columns()
    for name in table.ordered_columns():
        spec = columns[name]
        shown = f"**{name}**" if name in key else name
        meaning = table.column_comment(name).replace("|", "\\|")
        yield f"| {shown} | {spec.dtype} | {'yes' if spec.nullable else ''} | {meaning} |"
    yield ""
