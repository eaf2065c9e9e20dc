"""The one assembly point: settings and overrides in, Dagster definitions out.

Here: which resources a run gets. Not here: the parts themselves. Tests assemble their own world by overriding a
resource.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg

import assets.core
import assets.derived
import assets.marts
import assets.published
import assets.raw
from assets.catalog import Catalog, load_catalog
from assets.contracts.raw import MacroObservations, PriceBars
from assets.framework.table import sql_tables
from assets.reference.facts import Reference, load_reference
from assets.studies import Studies, load_studies
from assets.universe import Universes, UniverseStates, load_universes
from assets.upstream import Upstream
from pipelines.alerts.sensors import alert_sensors
from pipelines.home import Home, Tree
from pipelines.orchestration.io_manager import WarehouseIOManager
from pipelines.orchestration.jobs import JOBS
from pipelines.orchestration.launchpad import chosen_entries, chosen_settings, ingest_form, run_form, run_tags
from pipelines.orchestration.refused_runs import before_the_run
from pipelines.orchestration.schedules import SCHEDULES
from pipelines.orchestration.ui_charts import PublisherWithCard
from pipelines.publishing.publish import Publisher
from pipelines.settings import Settings, SettingsError
from pipelines.sources.select import select_upstream
from pipelines.warehouse.opening import open_warehouse
from pipelines.warehouse.store import Warehouse

_LAYERS = (assets.raw, assets.core, assets.derived, assets.marts)


@dataclass(frozen=True)
class RunHorizon:
    """What this run may know, and whether any of it is real."""

    as_of: date
    simulated: bool


def chosen_horizon(as_of: date | None, source: Upstream) -> RunHorizon:
    """The day asked for, or the newest there is; raises SettingsError for a day that has not come yet."""
    today = source.today()
    if as_of is not None and as_of > today:
        raise SettingsError(
            f"as-of {as_of} is later than {today}, the newest day of {source.name}; choose that or earlier"
        )
    return RunHorizon(as_of or today, source.simulated)


def must_have_begun(warehouse: Warehouse, catalog: Catalog, as_of: date) -> None:
    """Raises SettingsError for a day before something begins without which nothing can be said."""
    first = {
        **warehouse.first_days(PriceBars, "symbol", "date"),
        **warehouse.first_days(MacroObservations, "series_id", "date"),
    }
    needed = {
        entry.id: first[entry.id]
        for entry in (*catalog.symbol, *catalog.series)
        if entry.required and entry.id in first
    }
    late = {id: day for id, day in needed.items() if day > as_of}
    if late:
        last = max(late, key=late.__getitem__)
        raise SettingsError(
            f"as-of {as_of} lies before the data begin: {last}, without which nothing can be said, begins "
            f"{late[last]}; choose a later day"
        )


def build_defs(
    settings: Settings,
    overrides: Mapping[str, Any] | None = None,
    loggers: Mapping[str, dg.LoggerDefinition] | None = None,
) -> dg.Definitions:
    """Definitions for these settings; `overrides` replaces resources by name, `loggers` Dagster's console."""
    return dg.Definitions(
        assets=[
            *(a for layer in _LAYERS for a in dg.load_assets_from_package_module(layer)),
            *dg.load_assets_from_modules([assets.published]),
            *sql_tables(),
        ],
        resources={**_choices(settings), **_resources(), **(overrides or {})},
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=alert_sensors(settings),
        executor=dg.in_process_executor,
        loggers=loggers,
    )


def _choices(settings: Settings) -> dict[str, Any]:
    """What a person may choose for one run; without a choice it is what the settings say."""

    @dg.resource(config_schema=run_form(settings), description="What the run computes from, and as of when.")
    @before_the_run()
    def run(context: dg.InitResourceContext) -> Settings:
        chosen = chosen_settings(settings, context.resource_config)
        if context.instance and context.run:
            context.instance.add_run_tags(context.run.run_id, run_tags(chosen))
        return chosen

    @dg.resource(
        config_schema=ingest_form(), required_resource_keys={"catalog"}, description="What the run asks upstreams for."
    )
    @before_the_run()
    def asked(context: dg.InitResourceContext) -> Catalog:
        job = context.run.job_name if context.run else ""
        return chosen_entries(context.resources.catalog, context.resource_config["symbols"], job)

    return {"run": run, "asked": asked}


def _resources() -> dict[str, Any]:
    """Every resource opens when a run begins and closes when it ends."""

    @dg.resource
    @before_the_run()
    def catalog(_: dg.InitResourceContext) -> Catalog:
        return load_catalog()

    @dg.resource
    @before_the_run()
    def reference(_: dg.InitResourceContext) -> Reference:
        return load_reference()

    @dg.resource(required_resource_keys={"catalog"})
    @before_the_run()
    def studies(context: dg.InitResourceContext) -> Studies:
        return load_studies(context.resources.catalog)

    @dg.resource
    @before_the_run()
    def universes(_: dg.InitResourceContext) -> Universes:
        return load_universes()

    @dg.resource(required_resource_keys={"run", "horizon"})
    def universe_states(context: dg.InitResourceContext) -> UniverseStates:
        from pipelines.universe.map_blocks import Processes
        from pipelines.universe.objects import Folder
        from pipelines.universe.states import StoredStates

        settings: Settings = context.resources.run
        return StoredStates(
            Folder(Tree(settings.tree).universe),
            Processes.within(settings.universe_memory_gb),
            context.resources.horizon.simulated,
        )

    @dg.resource(required_resource_keys={"run", "catalog"})
    @before_the_run()
    def upstream(context: dg.InitResourceContext) -> Upstream:
        return select_upstream(context.resources.run, context.resources.catalog)

    @dg.resource(required_resource_keys={"run", "upstream"})
    @before_the_run()
    def horizon(context: dg.InitResourceContext) -> RunHorizon:
        source: Upstream = context.resources.upstream
        return chosen_horizon(context.resources.run.as_of, source)

    @dg.resource(required_resource_keys={"run", "horizon", "catalog"})
    @contextmanager
    def warehouse(context: dg.InitResourceContext) -> Iterator[Warehouse]:
        settings: Settings = context.resources.run
        horizon: RunHorizon = context.resources.horizon
        opening = open_warehouse(
            Tree(settings.tree).warehouse,
            home_path=Home(settings.home).warehouse,
            as_of=horizon.as_of,
            simulated=horizon.simulated,
            lock_wait_seconds=settings.lock_wait_seconds,
        )
        with before_the_run(), opening as opened:
            must_have_begun(opened, context.resources.catalog, horizon.as_of)
            yield opened

    @dg.resource(required_resource_keys={"run", "horizon", "upstream", "warehouse"})
    def publisher(context: dg.InitResourceContext) -> PublisherWithCard:
        settings: Settings = context.resources.run
        published = Publisher(
            warehouse=context.resources.warehouse,
            tree=settings.tree,
            as_of=context.resources.horizon.as_of,
            source=context.resources.upstream.name,
            simulated=context.resources.horizon.simulated,
            keep=timedelta(hours=settings.keep_runs_hours),
            clock=lambda: datetime.now(UTC),
        )
        return PublisherWithCard(published)

    @dg.io_manager(required_resource_keys={"warehouse", "upstream"})
    def io_manager(context: dg.InitResourceContext) -> WarehouseIOManager:
        return WarehouseIOManager(context.resources.warehouse, context.resources.upstream)

    return {
        "catalog": catalog,
        "studies": studies,
        "reference": reference,
        "upstream": upstream,
        "horizon": horizon,
        "universes": universes,
        "universe_states": universe_states,
        "warehouse": warehouse,
        "publisher": publisher,
        "io_manager": io_manager,
    }
