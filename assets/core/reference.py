"""The reference facts as tables that SQL joins on.

Here: one row per fact. Not here: the facts (assets.reference).
"""

from __future__ import annotations

import polars as pl

from assets.contracts import core
from assets.framework.table import table
from assets.reference.facts import Reference


@table(core.Programs)
def programs(reference: Reference) -> pl.DataFrame:
    """The Fed's purchase programmes."""
    return reference.programs_frame()


@table(core.FirstCuts)
def first_cuts(reference: Reference) -> pl.DataFrame:
    """First cuts before December 2008."""
    return reference.first_cuts_frame()


@table(core.PublishedExpectations)
def published_expectations(reference: Reference) -> pl.DataFrame:
    """Published expectations of earnings growth."""
    return reference.expectations_frame()
