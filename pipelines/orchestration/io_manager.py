"""Dagster's IO manager over the warehouse.

Here: which way a value is stored and loaded, by the layer of its contract. Not here: the writing itself
(pipelines.warehouse.store).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import duckdb
import polars as pl

from assets.contracts import CONTRACTS
from assets.framework.contract import RawTable, Table
from assets.framework.rows import Rows
from assets.framework.step_failure import in_one_sentence
from assets.upstream import Upstream
from pipelines.orchestration.ui_charts import picture
from pipelines.warehouse.store import Warehouse


class WarehouseIOManager(dg.IOManager):
    """Raw tables gain revisions, derived tables are replaced."""

    def __init__(self, warehouse: Warehouse, upstream: Upstream) -> None:
        self._warehouse = warehouse
        self._upstream = upstream

    def handle_output(self, context: dg.OutputContext, obj: Rows) -> None:
        """Store the rows that keep their contract, quarantine the others, in one transaction."""
        with in_one_sentence(), _ending_with_the_run():
            self._store(context, _contract(context.asset_key), obj)

    def _store(self, context: dg.OutputContext, contract: type[Table], obj: Rows) -> None:
        if not issubclass(contract, RawTable):
            self._warehouse.replace(contract, obj, context.run_id)
            context.add_output_metadata(picture(contract, obj.good))
            return
        revisions = self._warehouse.append_revisions(
            contract,
            obj,
            source=self._upstream.name,
            fetched_at=self._upstream.now(),
            fetched_on=self._upstream.today(),
            run_id=context.run_id,
        )
        context.add_output_metadata({f"rows_{name}": number for name, number in vars(revisions).items()})

    def load_input(self, context: dg.InputContext) -> pl.DataFrame:
        """All rows of the table an asset reads."""
        with _ending_with_the_run():
            return self._warehouse.load(_contract(context.asset_key))


@contextmanager
def _ending_with_the_run() -> Iterator[None]:
    """A query that was interrupted ends the run, where DuckDB makes it look like a fault of one step."""
    try:
        yield
    except duckdb.InterruptException:
        raise KeyboardInterrupt from None


def _contract(key: dg.AssetKey) -> type[Table]:
    return CONTRACTS[key.path[-1]]
