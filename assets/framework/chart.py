"""What of a table is drawn small wherever the table is shown to people.

Here: the words a contract says it in. Not here: the drawing (pipelines.orchestration.ui_charts).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Literal, Protocol


class Headline(Enum):
    """Stands in a chart for what the catalog's headline pair is."""

    PAIR = "id"
    ASSET = "asset"
    BENCHMARK = "benchmark"


class NamedPair(Protocol):
    """The pair that stands for it, see assets.catalog."""

    asset: str
    benchmark: str

    @property
    def id(self) -> str:
        """asset/benchmark."""


@dataclass(frozen=True)
class Chart:
    """Columns over a date: one line per column, or per value of `by`.

    where: only rows with these values. lines: the values of `by`, in this order. newest: only rows with the newest
    value of this column.
    """

    x: str
    y: tuple[str, ...]
    where: Mapping[str, object] = field(default_factory=dict)
    by: str | None = None
    lines: tuple[str | int | Headline, ...] = ()
    newest: str | None = None
    mark: Literal["line", "step", "stem"] = "line"

    def of(self, pair: NamedPair) -> Chart:
        """The same chart with the pair's names where it says headline."""

        def named(value: Any) -> Any:
            return getattr(pair, value.value) if isinstance(value, Headline) else value

        where = {column: named(value) for column, value in self.where.items()}
        return replace(self, where=where, lines=tuple(named(line) for line in self.lines))
