"""What the values of a raw table are held against before they are stored.

Here: the words a contract says it in. Not here: the judging (assets.door.judgement), when a value is implausible
(quant.plausibility, quant.restatements).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from quant.plausibility import Limits


@dataclass(frozen=True)
class Ladder:
    """Series that belong side by side in the order of a column, and move together by such steps."""

    order: str
    step: float


@dataclass(frozen=True)
class Door:
    """The rules of one table.

    series, day: the columns that say whose value it is, and of when. values: the judged columns; a row whose first
    one is not believed is not believed at all. kind: a path moves from day to day, levels have no memory. limits: of
    a path. times: of levels, the largest size so far. bar: columns that belong to the first value's bar, within so
    many `bar_scales` of it. usual: the largest change of a known value that needs no second look, in scales of a path
    or as a share of a level; handful: the largest number of such changes in one answer. settles: newest days of a
    series that its publisher still fills in. fixed: columns that never change once they are known. together: the
    series come in one answer, or on the same days. ladder: their order, where neighbours move together. conceivable:
    by the catalog's units, moves that are believed whatever the series did before: a rate may be cut by a point in an
    evening, to a tenth of itself.
    """

    series: str
    day: str
    values: tuple[str, ...]
    kind: Literal["path", "levels"] = "path"
    limits: Limits = field(default_factory=Limits)
    times: float = 4.0
    bar: tuple[str, ...] = ()
    bar_scales: float = 20.0
    usual: float = 0.25
    handful: int = 3
    settles: int = 0
    fixed: tuple[str, ...] = ()
    together: bool = False
    ladder: Ladder | None = None
    conceivable: Mapping[str, float] = field(default_factory=dict)
