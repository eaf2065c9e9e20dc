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

from assets.catalog import Catalog
from assets.contracts import CONTRACTS
from assets.door.findings import NOTE, Line, lines
from assets.framework.contract import RawTable, Table
from assets.framework.rows import Rows
from assets.framework.step_failure import in_one_sentence
from assets.upstream import Upstream
from pipelines.orchestration.ui_charts import picture
from pipelines.warehouse.store import Warehouse

LINES = "lines"
"""Metadata of a raw table's materialization: what is to be looked at, as (weight, text)."""


class WarehouseIOManager(dg.IOManager):
    """Raw tables gain revisions, derived tables are replaced."""

    def __init__(self, warehouse: Warehouse, upstream: Upstream, catalog: Catalog) -> None:
        self._warehouse = warehouse
        self._upstream = upstream
        self._catalog = catalog

    def handle_output(self, context: dg.OutputContext, obj: Rows) -> None:
        """Store the rows that keep their contract, quarantine the others, in one transaction.

        A run in this process keeps every output to its end: of sixty tables, of which nobody asks for one again.
        """
        with in_one_sentence(), _ending_with_the_run():
            self._store(context, _contract(context.asset_key), obj)
        obj.let_go()

    def _store(self, context: dg.OutputContext, contract: type[Table], obj: Rows) -> None:
        if not issubclass(contract, RawTable):
            self._warehouse.replace(contract, obj, context.run_id)
            context.add_output_metadata(picture(contract, obj.good, self._catalog.headline_pair))
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
        told = self._lines(contract, obj)
        self._warehouse.keep_lines(contract, told, self._upstream.today())
        if told:
            listed = "\n".join(f"- {line.text}" for line in told)
            context.add_output_metadata({"look at": dg.MetadataValue.md(listed), LINES: dg.MetadataValue.json(told)})

    def _lines(self, contract: type[RawTable], rows: Rows) -> list[Line]:
        """What is in quarantine, held back, missing or odd now, but for what somebody has explained."""
        passing = [f for f in rows.findings if f.state in ("missing", "kept")]
        required = {entry.id for entry in self._catalog.fetched() if entry.required}
        findings = [*self._warehouse.open_findings(contract), *passing]
        unexplained = [f for f in findings if self._catalog.acknowledges(f.series, f.day) is None]
        return [*lines(unexplained, required), *(Line(NOTE, note) for note in rows.notes)]

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
