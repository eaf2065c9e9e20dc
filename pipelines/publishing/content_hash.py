"""What a table holds, as one short text that two tables share when their rows are equal.

Here: the canonical bytes of a frame and their SHA-256. Not here: which frames are hashed
(pipelines.publishing.publish).

The hash must not change with the rows' order, the way a text or a number is stored, the machine or a library's
version, so the bytes are defined here: rows sorted by key, columns by name; of each column its name, its kind, which
values are missing, then the values: integers, dates (days since 1970) and times (microseconds since 1970) as int64,
fractions as IEEE float64 with one zero and one NaN, all little-endian; texts as UTF-8 after their lengths in bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
import pyarrow as pa

_DAYS_US = 86_400_000_000


class UnhashableColumn(TypeError):
    """A column has a type without canonical bytes."""


def content_hash(frame: pl.DataFrame, key: Sequence[str]) -> str:
    """SHA-256 of the rows of a table; `key`: the columns that tell its rows apart."""
    rows = frame.select(_canonical(name, kind) for name, kind in sorted(frame.schema.items())).sort(key)
    digest = hashlib.sha256()
    # The bytes lie ready in Arrow's buffers: one look each instead of a query each, of which a run has thousands.
    for (name, kind), column in zip(rows.schema.items(), rows.rechunk().to_arrow().itercolumns(), strict=True):
        digest.update(f"{name}\0{kind}\0{len(column)}\0".encode())
        for part in _bytes(column.combine_chunks()):
            digest.update(part)
    return digest.hexdigest()


def _canonical(name: str, kind: pl.DataType) -> pl.Expr:
    """The same values in one of three types: Int64, Float64 or String."""
    column = pl.col(name)
    if isinstance(kind, pl.Enum | pl.Categorical):
        return column.cast(pl.String)
    if kind == pl.Datetime:
        return column.dt.epoch("us")
    if kind == pl.Date:
        return column.cast(pl.Int64) * _DAYS_US
    if kind.is_integer() or kind == pl.Boolean:
        return column.cast(pl.Int64)
    if kind.is_float():
        return column.cast(pl.Float64)
    if kind == pl.String:
        return column
    raise UnhashableColumn(f"column {name} is {kind}; give it canonical bytes in content_hash")


def _bytes(column: pa.Array) -> Iterator[bytes | memoryview]:
    missing = column.is_null().to_numpy(zero_copy_only=False) if column.null_count else np.zeros(len(column), bool)
    yield np.packbits(missing, bitorder="little").data
    if pa.types.is_large_string(column.type):
        texts = column.fill_null("") if column.null_count else column
        _, places, text = texts.buffers()
        ends = np.frombuffer(places, "<i8")[texts.offset : texts.offset + len(texts) + 1]
        yield np.diff(ends).data
        yield memoryview(text)[ends[0] : ends[-1]] if text else b""
        return
    values = (column.fill_null(0) if column.null_count else column).to_numpy()
    if pa.types.is_floating(column.type):
        values = values + 0.0  # one zero
        values[np.isnan(values)] = np.nan
    yield values.astype(values.dtype.newbyteorder("<"), copy=False).data
