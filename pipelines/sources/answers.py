"""Answers of a source: several as one, what came as one, and a failure as one.

Here: what every source does with what it got and what it did not get. Not here: getting it (one module per service).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date

import polars as pl

from assets.upstream import Fetched, Note
from pipelines.sources.errors import SourceError

log = logging.getLogger(__name__)


def together(empty: pl.DataFrame, answers: Sequence[Fetched]) -> Fetched:
    """The answers for several series as one. empty: no rows, in the contract's columns."""
    return Fetched(
        rows=pl.concat([empty, *(answer.rows for answer in answers)]),
        missing=tuple(missing for answer in answers for missing in answer.missing),
        notes=tuple(note for answer in answers for note in answer.notes),
        splits={series: ratios for answer in answers for series, ratios in answer.splits.items()},
    )


def arrived(service: str, series: str, rows: pl.DataFrame, watermark: date | None) -> Fetched:
    """The answer for a series that came; a window without any observation is odd, and noted."""
    if rows.is_empty():
        note = Note(series, f"nothing newer than {watermark}, and nothing since the lookback")
        log.warning("%s %s", service, note)
        return Fetched(rows=rows, notes=(note,))
    log.info("%s %s: %d values, %s to %s", service, series, rows.height, rows["date"].min(), rows["date"].max())
    return Fetched(rows=rows)


def lost(error: SourceError, empty: pl.DataFrame, kept: date | None, resumes: date | None) -> Fetched:
    """The answer for a series that did not come: said, with what stays stored and where the next run starts."""
    told = error.keeping(kept, resumes)
    log.warning("%s", told)
    return Fetched(rows=empty, missing=(told.missing(),))
