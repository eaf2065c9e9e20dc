"""What of a table is drawn small wherever the table is shown to people.

Here: the words a contract says it in. Not here: the drawing (pipelines.orchestration.ui_charts).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


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
    lines: tuple[str | int, ...] = ()
    newest: str | None = None
    mark: Literal["line", "step", "stem"] = "line"
