"""What the price source says of symbols that are there for a universe alone.

Here: what is asked, and in which portions. Not here: how it is asked (pipelines.sources), who belongs to a universe
(assets.universe).
"""

from __future__ import annotations

import polars as pl

from assets.catalog import Catalog
from assets.contracts.universe import UniverseBars
from assets.framework.table import ingest
from assets.raw.history import StoredHistory
from assets.universe import Universes
from assets.upstream import Fetched, Missing, Upstream, UpstreamError

PORTION = 200


@ingest(UniverseBars)
def universe_bars(universes: Universes, catalog: Catalog, upstream: Upstream, warehouse: StoredHistory) -> Fetched:
    """Daily bars of the universes' symbols; what came before the source failed is kept, and the next run goes on."""
    wanted = universes.fetched(catalog, upstream.simulated)
    stored = warehouse.watermarks(UniverseBars, "symbol", "date")
    # Never fetched ones last: a source that gives out half-way leaves the known ones whole.
    wanted = tuple(sorted(wanted, key=lambda symbol: symbol.id not in stored))
    answers: list[Fetched] = []
    for start in range(0, len(wanted), PORTION):
        try:
            answers.append(upstream.price_bars(wanted[start : start + PORTION], stored))
        except UpstreamError as error:
            if not answers:
                raise
            answers.append(
                Fetched(
                    UniverseBars.create_empty(),
                    tuple(Missing(s.id, str(error), "The next run goes on from here") for s in wanted[start:]),
                )
            )
            break
    columns = UniverseBars.create_empty().columns
    return Fetched(
        rows=pl.concat([UniverseBars.create_empty(), *(a.rows.select(columns) for a in answers)]),
        missing=tuple(m for a in answers for m in a.missing),
        notes=tuple(n for a in answers for n in a.notes),
    )
