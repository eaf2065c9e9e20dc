"""What a section of the brief consists of.

Here: the parts a section is made of, and the small steps that tables of many sections share. Not here: the sections
(brief.sections), how they become HTML (brief.page).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from pipelines.brief.charts import Picture
from pipelines.published.marts import Marts

HISTORY = 504  # sessions that daily pictures show, two years, so that they can be laid side by side


class NothingToShow(Exception):
    """The mart is there, but holds nothing for this section; the message says so to a reader."""


@dataclass(frozen=True)
class BriefTable:
    """The figures behind a picture; the first column names the row."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    open: bool = False  # shown at once, because no picture says the same


@dataclass(frozen=True)
class Content:
    """What a section shows today."""

    text: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    table: BriefTable | None = None


@dataclass(frozen=True)
class Section:
    """One question, the marts that answer it, and how the answer is made."""

    anchor: str
    title: str
    question: str
    needs: tuple[str, ...]
    build: Callable[[Marts], Content]
    wide: bool = False  # its table needs the whole page

    def content(self, marts: Marts) -> Content:
        """The section of this run; where something is missing it says what."""
        missing = [mart for mart in self.needs if not marts.has(mart)]
        if missing:
            return Content((f"Not in this run: {', '.join(missing)} was not published, so this cannot be said.",))
        try:
            return self.build(marts)
        except NothingToShow as reason:
            return Content((str(reason),))


def month_ends(frame: pl.DataFrame, date: str, months: int = 24) -> pl.DataFrame:
    """The last row of each of the last months, newest first."""
    ends = frame.sort(date).unique(pl.col(date).dt.truncate("1mo"), keep="last", maintain_order=True)
    return ends.sort(date, descending=True).head(months)


def table(
    caption: str,
    frame: pl.DataFrame,
    columns: dict[str, tuple[str, Callable[..., str]]],
    *,
    open: bool = False,
) -> BriefTable:
    """A table of some columns: name -> (heading, how a value is written)."""
    selected: Sequence[tuple[object, ...]] = frame.select(columns.keys()).rows()
    writers = [writer for _, writer in columns.values()]
    rows = tuple(tuple(w(v) for w, v in zip(writers, row, strict=True)) for row in selected)
    return BriefTable(caption, tuple(heading for heading, _ in columns.values()), rows, open)
