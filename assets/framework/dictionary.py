"""The data dictionary, written from the contracts.

Here: contracts -> one markdown page. Not here: what a column means (the contracts), where the page lies and whether
it is up to date (pipelines.cli.main).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence

from assets.framework.contract import Table
from assets.framework.registry import core_tables, derived_tables, marts, raw_tables

_INTRODUCTION = """\
# Data dictionary

Made from the contracts by `recouple dictionary`; do not edit. `make check` fails when it is out of date.

BI reads the marts: `serving.duckdb` and `marts/current/*.parquet`, see [bi.md](bi.md). The other layers are in the
private warehouse and are listed so that a figure can be followed to where it comes from. The unit of a column stands in
brackets; fractions are plain (-0.268 is -26.8%). Missing is null, never NaN and never zero.

"""


def dictionary() -> str:
    """The whole page."""
    layers = {"Marts": marts(), "Derived": derived_tables(), "Core": core_tables(), "Raw": raw_tables()}
    described = (line for tables in layers.values() for table in tables for line in _table(table))
    return "\n".join([_INTRODUCTION, *_contents(layers), *described])


def _contents(layers: Mapping[str, Sequence[type[Table]]]) -> Iterator[str]:
    for title, tables in layers.items():
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
