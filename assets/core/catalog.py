"""The catalog and the studies as tables that SQL joins on.

Here: one row per entry. Not here: the entries (assets.catalog, assets.studies).
"""

from __future__ import annotations

import polars as pl

from assets.catalog import Catalog
from assets.contracts import core
from assets.framework.table import Horizon, table
from assets.studies import Studies


@table(core.Symbols)
def symbols(catalog: Catalog, horizon: Horizon) -> pl.DataFrame:
    """The catalog's symbols; the simulated market did not trade before its first day, whenever that is."""
    rows = catalog.symbols_frame()
    return rows.with_columns(data_begin=pl.lit(horizon.as_of)) if horizon.simulated else rows


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
