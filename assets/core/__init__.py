"""Core: reference tables that SQL joins on.

Here: the catalog as tables, the session calendar. Not here: cleaning and alignment, which are SQL (sql/core).
"""

from __future__ import annotations

import polars as pl

from assets.catalog import Catalog
from assets.contracts import core
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
