"""The catalog as tables that SQL joins on.

Here: one row per entry. Not here: the entries (assets.catalog).
"""

from __future__ import annotations

import polars as pl

from assets.catalog import Catalog
from assets.contracts import core
from assets.framework.table import table


@table(core.Symbols)
def symbols(catalog: Catalog) -> pl.DataFrame:
    """The catalog's symbols."""
    return catalog.symbols_frame()


@table(core.CatalogSeries)
def series(catalog: Catalog) -> pl.DataFrame:
    """The catalog's macro series."""
    return catalog.series_frame()


@table(core.Pairs)
def pairs(catalog: Catalog) -> pl.DataFrame:
    """The catalog's pairs."""
    return catalog.pairs_frame()
