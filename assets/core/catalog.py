"""The catalog and the studies as tables that SQL joins on.

Here: one row per entry. Not here: the entries (assets.catalog, assets.studies).
"""

from __future__ import annotations

import polars as pl

from assets.catalog import Catalog
from assets.contracts import core
from assets.framework.table import table
from assets.studies import Studies


@table(core.Symbols)
def symbols(catalog: Catalog) -> pl.DataFrame:
    """The catalog's symbols."""
    return catalog.symbols_frame()


@table(core.CatalogSeries)
def series(catalog: Catalog) -> pl.DataFrame:
    """The catalog's macro series."""
    return catalog.series_frame()


@table(core.Studied)
def studied(studies: Studies) -> pl.DataFrame:
    """What the studies in SQL look at."""
    return studies.studied_frame()


@table(core.Pairs)
def pairs(catalog: Catalog) -> pl.DataFrame:
    """The catalog's pairs."""
    return catalog.pairs_frame()
