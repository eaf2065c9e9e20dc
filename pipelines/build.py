"""The one assembly point: settings and overrides in, Dagster definitions out.

Here: which parts make the whole. Not here: the parts themselves. Tests assemble their own world by overriding a
resource.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

import assets.as_of
import assets.core
import assets.derived
import assets.marts
import assets.other_source
import assets.published
import assets.raw
from assets.contracts import CONTRACTS
from assets.framework import lineage
from assets.framework.contract import Table
from assets.framework.errors import KnownFault
from assets.framework.table import FUNCTIONS, READS, SQL_FOLDER, Place, asset_key, sql_tables
from pipelines.alerts.sensors import alert_sensors
from pipelines.orchestration.freshness import placed
from pipelines.orchestration.housekeeping import housekeeping
from pipelines.orchestration.jobs import JOBS
from pipelines.orchestration.resources import resources
from pipelines.orchestration.schedules import schedule_of
from pipelines.settings import Settings
from pipelines.warehouse.ddl import column_types

_LAYERS = (assets.raw, assets.core, assets.derived, assets.marts)
_SINGLE = (assets.published, assets.as_of, assets.other_source)


def build_defs(
    settings: Settings,
    overrides: Mapping[str, Any] | None = None,
    loggers: Mapping[str, dg.LoggerDefinition] | None = None,
) -> dg.Definitions:
    """Definitions for these settings; `overrides` replaces resources by name, `loggers` Dagster's console."""
    return dg.Definitions(
        assets=dg.map_asset_specs(lambda spec: placed(spec, settings.home), _assets()),
        resources=resources(settings, overrides or {}),
        jobs=JOBS,
        schedules=[schedule_of(settings)],
        sensors=[*housekeeping(settings), *alert_sensors(settings)],
        executor=dg.in_process_executor,
        loggers=loggers,
    )


class ContractFault(KnownFault):
    """A contract and what fills its table do not go together; the message names both."""


def check_makers(contracts: Mapping[str, type[Table]], keys: Sequence[dg.AssetKey]) -> None:
    """Every contract has one maker and columns that the warehouse can hold; raises ContractFault, UnknownType."""
    made = Counter(keys)
    for name, contract in contracts.items():
        makers = made[asset_key(contract)]
        if makers == 0:
            raise ContractFault(
                f"table {contract.full_name()} has a contract ({Place.of(contract)}) and nothing that makes "
                f"it; add sql/{contract.layer}/{name}.sql or a function with @table({contract.__name__}), or remove "
                f"the contract"
            )
        if makers > 1:
            raise ContractFault(
                f"table {contract.full_name()} is made {makers} times; keep one of the function with "
                f"@table({contract.__name__}) and sql/{contract.layer}/{name}.sql"
            )
        column_types(contract)


def _assets() -> list[dg.AssetsDefinition]:
    """Every table, and the runs that publish all of them."""
    loaded = [
        *(a for layer in _LAYERS for a in dg.load_assets_from_package_module(layer)),
        *dg.load_assets_from_modules(_SINGLE),
        *sql_tables(),
    ]
    found = [asset for asset in loaded if isinstance(asset, dg.AssetsDefinition)]
    check_makers(CONTRACTS, [key for asset in found for key in asset.keys])
    return found


def column_lineage() -> str:
    """From which columns each column is made, as `recouple dictionary` writes it down."""
    _assets()  # which enters the functions
    selects = {path.stem: path.read_text(encoding="utf-8") for path in SQL_FOLDER.glob("*/*.sql")}
    return lineage.written(selects, FUNCTIONS, READS)
