"""What a person may choose for one run in the launchpad: the entries to fetch.

Here: the field, and the errors a wrong choice ends in. Not here: days of the past (the partitions of assets.as_of),
another source (pipelines.orchestration.other_source), what a run does with its choices
(pipelines.orchestration.resources).
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from assets.catalog import Catalog, load_catalog
from pipelines.settings import SettingsError

_IDS = dg.Enum("CatalogId", [dg.EnumValue(entry.id, description=entry.name) for entry in load_catalog().fetched()])

SYMBOLS = dg.Field(
    [_IDS],
    default_value=[],
    description=(
        "For the job ingest: ids from assets/catalog.toml (symbols, series, futures) to ask for; what is stored of the "
        "others stays as it is. Empty: all. Tables that are not made of catalog entries (Desk operations, fund flows, "
        "FOMC meetings) are always fetched."
    ),
)


def chosen_entries(catalog: Catalog, symbols: Sequence[str], job: str) -> Catalog:
    """The part of the catalog to ask for; raises SettingsError."""
    if not symbols:
        return catalog
    if job != "ingest":
        raise SettingsError("symbols is for the job ingest; launch that job with it, then the job marts")
    known = {entry.id for entry in catalog.fetched()}
    unknown = [symbol for symbol in symbols if symbol not in known]
    if unknown:
        raise SettingsError(f"symbols names {', '.join(unknown)}, which the catalog of this run does not have")
    return catalog.only(symbols)
