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

_DAYS_US = 86_400_000_000


class UnhashableColumn(TypeError):
    """A column has a type without canonical bytes."""


def content_hash(frame: pl.DataFrame, key: Sequence[str]) -> str:
    """SHA-256 of the rows of a table; `key`: the columns that tell its rows apart."""
    rows = frame.select(_canonical(frame.get_column(name)) for name in sorted(frame.columns)).sort(key)
    digest = hashlib.sha256()
    for column in rows:
        for part in _bytes(column):
            digest.update(part)
    return digest.hexdigest()


def _canonical(column: pl.Series) -> pl.Series:
    """The same values in one of three types: Int64, Float64 or String."""
    kind = column.dtype
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
    raise UnhashableColumn(f"column {column.name} is {kind}; give it canonical bytes in content_hash")


def _bytes(column: pl.Series) -> Iterator[bytes | memoryview]:
    yield f"{column.name}\0{column.dtype}\0{len(column)}\0".encode()
    yield np.packbits(column.is_null().to_numpy(), bitorder="little").data
    if column.dtype == pl.String:
        texts = column.fill_null("")
        yield texts.str.len_bytes().cast(pl.Int64).to_numpy().astype("<i8").data
        yield "".join(texts).encode()
    elif column.dtype == pl.Float64:
        values = column.fill_nan(float("nan")).fill_null(0.0).to_numpy()
        yield (values + 0.0).astype("<f8").data  # one zero
    else:
        yield column.fill_null(0).to_numpy().astype("<i8").data
