"""Contracts as DuckDB sees them: types, names, comments.

Here: a contract -> the SQL words for it. Not here: executing any of it (pipelines.warehouse.store).
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from sqlglot import exp

from assets.framework.contract import Table
from assets.framework.errors import KnownFault

_TYPES: dict[object, str] = {
    pl.String: "VARCHAR",
    pl.Date: "DATE",
    pl.Datetime: "TIMESTAMP",
    pl.Float64: "DOUBLE",
    pl.Int64: "BIGINT",
    pl.Boolean: "BOOLEAN",
    pl.Enum: "VARCHAR",
}


class UnknownType(KnownFault):
    """A contract has a column of a type that the warehouse cannot hold."""


def column_types(contract: type[Table]) -> dict[str, str]:
    """Column -> DuckDB type, in the contract's order; raises UnknownType naming the column and the remedy."""
    columns = contract.columns()
    types = {name: _type(columns[name].dtype) for name in contract.ordered_columns()}
    for name, kind in types.items():
        if kind is None:
            known = ", ".join(sorted(map(str, _TYPES)))
            raise UnknownType(
                f"{contract.full_name()}.{name} is of type {columns[name].dtype}, which the warehouse cannot hold; "
                f"use one of {known}, or a list of one"
            )
    return {name: kind for name, kind in types.items() if kind is not None}


def _type(dtype: pl.DataType) -> str | None:
    """DuckDB's name of a type; a list is its inner type with brackets."""
    if isinstance(dtype, pl.List):
        inner = _TYPES.get(dtype.inner.base_type())
        return inner and f"{inner}[]"
    return _TYPES.get(dtype.base_type())


def column_definitions(contract: type[Table]) -> str:
    """The columns of a `create table`."""
    columns = contract.columns()
    return ", ".join(
        f"{quoted(name)} {kind}{'' if columns[name].nullable else ' not null'}"
        for name, kind in column_types(contract).items()
    )


def table_name(contract: type[Table]) -> str:
    """Layer and table, quoted."""
    return f"{quoted(contract.layer)}.{quoted(contract.table_name())}"


def listed(names: Sequence[str]) -> str:
    """Column names, quoted, with commas between."""
    return ", ".join(map(quoted, names))


def quoted(name: str) -> str:
    """A name of SQL."""
    return exp.to_identifier(name, quoted=True).sql("duckdb")


def literal(text: str) -> str:
    """A text of SQL."""
    return exp.Literal.string(text).sql("duckdb")
