"""What a table contract is, and the few words contracts are written in.

Here: the base classes of the layers and helpers that put a unit on a column. Not here: the contracts themselves (one
module per subject beside this one), the checks made from them (assets.framework.checks).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar

import polars as pl

from assets.door.rules import Door
from assets.framework.chart import Chart
from assets.framework.imports import leaving_out

with leaving_out("sqlalchemy"):  # a conversion that nobody here asks for would be a fifth of the definitions' loading
    import dataframely as dy


class Table(dy.Schema):
    """A table: its columns, their meaning, the rules its rows keep."""

    layer: ClassVar[str] = ""
    subject: ClassVar[str] = "reference"  # what it is about: the UI's group
    chart: ClassVar[Chart | None] = None
    grows_by: ClassVar[str | None] = None  # the day by which later data only add rows: no earlier row ever changes
    known_later: ClassVar[Mapping[str, tuple[str, ...]]] = {}  # day -> columns of its row that are null before it
    may_be_empty: ClassVar[bool] = False  # an empty result is an answer here, not a silent failure

    @classmethod
    @cache
    def columns(cls) -> dict[str, dy.Column]:
        """The columns by name. Asked for at every step of a run, and the library binds each anew each time."""
        return super().columns()

    @classmethod
    def table_name(cls) -> str:
        """Snake case of the class name: MarketState -> market_state."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @classmethod
    def full_name(cls) -> str:
        """layer.table, as people and messages call it."""
        return f"{cls.layer}.{cls.table_name()}"

    @classmethod
    def key(cls) -> tuple[str, ...]:
        """The columns that identify a row."""
        return tuple(cls.primary_key())

    @classmethod
    def ordered_columns(cls) -> tuple[str, ...]:
        """Columns in reading order: the table's own first, those that every mart has last."""
        shared = Mart.column_names() if issubclass(cls, Mart) else []
        return (*(c for c in cls.column_names() if c not in shared), *shared)

    @classmethod
    def summary(cls) -> str:
        """The docstring's first line, for listings and comments."""
        return (cls.__doc__ or "").strip().splitlines()[0]

    @classmethod
    def concerns(cls, rows: pl.DataFrame) -> list[str]:
        """What a person should look at although no rule is broken; tables that know of such things override this."""
        return []

    @classmethod
    def has_concerns(cls) -> bool:
        """The table looks for concerns at all."""
        return cls.concerns.__func__ is not Table.concerns.__func__  # type: ignore[attr-defined]

    @classmethod
    def column_comment(cls, column: str) -> str:
        """Description and unit of a column, as every catalog, page and comment shows it."""
        spec = cls.columns()[column]
        unit = (spec.metadata or {}).get("unit")
        return f"{spec.description or ''}{f' [{unit}]' if unit else ''}"


class RawTable(Table):
    """Append-only history of what an upstream said; the warehouse adds revision, fetched_at and fetched_on.

    door: what its values are held against before they are stored; None where nothing can be said.
    """

    layer: ClassVar[str] = "raw"
    door: ClassVar[Door | None] = None


class CoreTable(Table):
    """Clean, aligned, in one unit, as known on the run's as-of date."""

    layer: ClassVar[str] = "core"


class DerivedTable(Table):
    """Between core and the marts: read by other tables, not published."""

    layer: ClassVar[str] = "derived"


class Mart(Table):
    """A published table: promised columns, one as-of date."""

    layer: ClassVar[str] = "marts"
    as_of = dy.Date(description="the day at whose end this row could have been computed")
    simulated = dy.Bool(description="true: made from the simulated sample market, not from real prices")

    @dy.rule()
    def nothing_after_as_of(cls) -> pl.Expr:  # noqa: N805
        """No date lies after the day at whose end the row could have been computed, unless its column plans ahead."""
        dates = [name for name, spec in cls.columns().items() if isinstance(spec, dy.Date) and not _is_ahead(spec)]
        return pl.all_horizontal(pl.col(name) <= pl.col("as_of") for name in dates)


def number(unit: str, description: str, **rules: Any) -> dy.Float64:
    """A float column with a unit; missing is null, never NaN."""
    return dy.Float64(description=description, metadata={"unit": unit}, **rules)


def ahead(description: str, **rules: Any) -> dy.Date:
    """A date that is published beforehand and may lie after the as-of date: a meeting, a delivery, a due day."""
    return dy.Date(description=description, metadata={"ahead": True}, **rules)


def count(description: str, **rules: Any) -> dy.Int64:
    """A whole-number column that counts things, zero or more."""
    return dy.Int64(description=description, min=rules.pop("min", 0), **rules)


def _is_ahead(spec: dy.Column) -> bool:
    return bool((spec.metadata or {}).get("ahead"))
