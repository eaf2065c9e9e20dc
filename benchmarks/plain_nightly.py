"""The nightly's own functions in a plain loop: what orchestration is measured against.

Run as `python -m benchmarks.plain_nightly` with the environment of a nightly. Not here: the measuring
(benchmarks.orchestration).
"""

from __future__ import annotations

import importlib
import os
import pkgutil
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter
from typing import Any

import assets
from assets.catalog import load_catalog
from assets.contracts import CONTRACTS, RAW_TABLES
from assets.framework.contract import Table
from assets.framework.rows import Rows, hold_to_contract
from assets.framework.table import FUNCTIONS, READS, SQL_FOLDER, Arguments, finished_rows, sql_dependencies
from assets.reference.facts import load_reference
from assets.studies import load_studies
from assets.upstream import Upstream
from pipelines.build import RunHorizon
from pipelines.publishing.publish import Publisher
from pipelines.settings import Settings
from pipelines.sources.select import select_upstream
from pipelines.warehouse.opening import open_warehouse
from pipelines.warehouse.store import Warehouse

RUN_ID = "plain-run"


def main() -> None:
    """One nightly, table by table."""
    for module in pkgutil.walk_packages(assets.__path__, "assets."):
        importlib.import_module(module.name)  # fills FUNCTIONS
    settings = Settings.from_env(os.environ)
    catalog = load_catalog()
    upstream = select_upstream(settings, catalog)
    horizon = RunHorizon(settings.as_of or upstream.today(), upstream.simulated)
    with open_warehouse(
        settings.tree / "warehouse.duckdb",
        home_path=settings.home / "warehouse.duckdb",
        as_of=horizon.as_of,
        simulated=horizon.simulated,
    ) as warehouse:
        resources = {
            "catalog": catalog,
            "asked": catalog,
            "reference": load_reference(),
            "studies": load_studies(catalog),
            "upstream": upstream,
            "warehouse": warehouse,
            "horizon": horizon,
        }
        for contract in RAW_TABLES:
            _ingest(contract, upstream, warehouse, resources)
        for contract in _in_order():
            warehouse.replace(contract, _computed(contract, warehouse, resources, horizon), RUN_ID)
        Publisher(
            warehouse=warehouse,
            tree=settings.tree,
            as_of=horizon.as_of,
            source=upstream.name,
            simulated=horizon.simulated,
            keep=timedelta(hours=settings.keep_runs_hours),
            clock=lambda: datetime.now(UTC),
        ).publish(RUN_ID)


def _ingest(contract: Any, upstream: Upstream, warehouse: Warehouse, resources: Mapping[str, Any]) -> None:
    function = FUNCTIONS[contract.table_name()]
    fetched = function(**{name: resources[name] for name in Arguments.of(function).resources})
    warehouse.append_revisions(
        contract,
        hold_to_contract(contract, fetched.rows),
        source=upstream.name,
        fetched_at=upstream.now(),
        fetched_on=upstream.today(),
        run_id=RUN_ID,
    )


def _in_order() -> list[type[Table]]:
    """Derived tables, each after those it reads."""
    raw = {contract.table_name() for contract in RAW_TABLES}
    graph = {name: _reads(name) - raw for name in CONTRACTS if name not in raw}
    return [CONTRACTS[name] for name in TopologicalSorter(graph).static_order()]


def _reads(name: str) -> set[str]:
    if name in FUNCTIONS:
        return READS[name]
    return {c.table_name() for c in sql_dependencies(_sql(name), name)}


def _computed(contract: type[Table], warehouse: Warehouse, resources: Mapping[str, Any], horizon: RunHorizon) -> Rows:
    name = contract.table_name()
    if name not in FUNCTIONS:
        return finished_rows(contract, warehouse.query(_sql(name)), horizon)
    arguments = Arguments.of(FUNCTIONS[name])
    frames = {table: warehouse.load(CONTRACTS[table]) for table in arguments.tables}
    frame = FUNCTIONS[name](**frames, **{r: resources[r] for r in arguments.resources})
    return finished_rows(contract, frame, horizon)


def _sql(name: str) -> str:
    return (SQL_FOLDER / CONTRACTS[name].layer / f"{name}.sql").read_text(encoding="utf-8")


if __name__ == "__main__":
    main()
