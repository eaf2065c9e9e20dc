"""Core: reference tables that SQL joins on.

Here: the catalog and the reference facts as tables, the session calendar. Not here: cleaning and alignment, which are
SQL (sql/core).
"""

from __future__ import annotations

import polars as pl

from assets.catalog import Catalog
from assets.contracts import core
from assets.reference import Reference
from assets.table import Horizon, table
from quant.sessions import nyse_sessions


@table(core.Symbols)
def symbols(catalog: Catalog) -> pl.DataFrame:
    """The catalog's symbols."""
    return catalog.symbols_frame()


@table(core.Series)
def series(catalog: Catalog) -> pl.DataFrame:
    """The catalog's macro series."""
    return catalog.series_frame()


@table(core.Pairs)
def pairs(catalog: Catalog) -> pl.DataFrame:
    """The catalog's pairs."""
    return catalog.pairs_frame()


@table(core.Sessions)
def sessions(horizon: Horizon) -> pl.DataFrame:
    """NYSE sessions up to the as-of date."""
    days = nyse_sessions(horizon.as_of)
    return pl.DataFrame({"session": days}).with_row_index("session_number")


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
