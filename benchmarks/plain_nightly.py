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
from typing import Any

import assets
from assets.catalog import load_catalog
from assets.contracts import RAW_TABLES
from assets.framework.chain import computed, in_order
from assets.framework.rows import hold_to_contract
from assets.framework.table import FUNCTIONS, Arguments
from assets.reference.facts import load_reference
from assets.studies import load_studies
from assets.universe import load_universes
from assets.upstream import Upstream
from pipelines.home import Home, Tree
from pipelines.orchestration.resources import RunHorizon
from pipelines.publishing.publish import Publisher
from pipelines.settings import Settings
from pipelines.sources.select import select_upstream
from pipelines.store.objects import Folder
from pipelines.universe.map_blocks import Processes
from pipelines.universe.states import StoredStates
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
        Tree(settings.tree).warehouse,
        home_path=Home(settings.home).warehouse,
        as_of=horizon.as_of,
        simulated=horizon.simulated,
    ) as warehouse:
        states = StoredStates(
            Folder(Tree(settings.tree).universe), Processes.within(settings.universe_memory_gb), horizon.simulated
        )
        resources = {
            "catalog": catalog,
            "asked": catalog,
            "reference": load_reference(),
            "studies": load_studies(catalog),
            "universes": load_universes(),
            "universe_states": states,
            "upstream": upstream,
            "warehouse": warehouse,
            "horizon": horizon,
        }
        for contract in RAW_TABLES:
            _ingest(contract, upstream, warehouse, resources)
        for contract in in_order():
            warehouse.replace(contract, computed(contract, warehouse, resources, horizon), RUN_ID)
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


if __name__ == "__main__":
    main()
