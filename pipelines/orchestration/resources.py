"""What a run is given: one class per resource, by the name that assets ask for.

Here: how each is made when a run begins, and from which others. Not here: the things themselves (assets, pipelines.
sources, pipelines.warehouse, pipelines.publishing), what a form may say (pipelines.orchestration.launchpad).

Every resource is configured at launch although most have nothing to configure: Dagster then makes one for each run and
hands it to all that name it. A test gives a plain object in place of any of them. (Dagster reads the annotations, so
they may not be postponed.)
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg

from assets.catalog import Catalog, load_catalog
from assets.contracts.raw import MacroObservations, PriceBars
from assets.reference.facts import Reference, load_reference
from assets.studies import Studies, load_studies
from assets.universe import Universes, UniverseStates, load_universes
from assets.upstream import Upstream
from pipelines.home import Home, Tree
from pipelines.orchestration.io_manager import WarehouseIOManager
from pipelines.orchestration.launchpad import SYMBOLS, chosen_entries
from pipelines.orchestration.other_source import OtherSource
from pipelines.orchestration.past_days import PastDays
from pipelines.orchestration.refused_runs import before_the_run, refusing
from pipelines.orchestration.run_processes import RunProcess
from pipelines.orchestration.ui_charts import PublisherWithCard
from pipelines.publishing.publish import Publisher
from pipelines.publishing.shared import shared_runs
from pipelines.settings import Settings, SettingsError
from pipelines.sources.select import select_upstream
from pipelines.warehouse.opening import open_warehouse
from pipelines.warehouse.store import Warehouse


@dataclass(frozen=True)
class RunHorizon:
    """What this run may know, and whether any of it is real."""

    as_of: date
    simulated: bool


class CatalogResource(dg.ConfigurableResource[Catalog]):
    """Every symbol, series, future and pair, from assets/catalog.toml."""

    def create_resource(self, context: dg.InitResourceContext) -> Catalog:
        """Loaded once a run."""
        with before_the_run():
            return load_catalog()


class ReferenceResource(dg.ConfigurableResource[Reference]):
    """Facts about policy that no upstream serves."""

    def create_resource(self, context: dg.InitResourceContext) -> Reference:
        """Loaded once a run."""
        with before_the_run():
            return load_reference()


class StudiesResource(dg.ConfigurableResource[Studies]):
    """What is studied over which spans, from assets/studies.toml."""

    catalog: dg.ResourceDependency[Catalog]

    def create_resource(self, context: dg.InitResourceContext) -> Studies:
        """Loaded once a run and held against the catalog."""
        with before_the_run():
            return load_studies(self.catalog)


class UniversesResource(dg.ConfigurableResource[Universes]):
    """Many symbols at once, from assets/universe.toml."""

    def create_resource(self, context: dg.InitResourceContext) -> Universes:
        """Loaded once a run."""
        with before_the_run():
            return load_universes()


class UniverseStatesResource(dg.ConfigurableResource[UniverseStates]):
    """What is remembered of each universe's pairs from night to night, beside the marts."""

    settings: dg.ResourceDependency[Settings]
    horizon: dg.ResourceDependency[RunHorizon]

    def create_resource(self, context: dg.InitResourceContext) -> UniverseStates:
        """In this run's tree: of the home, or of the store where a cluster computes."""
        if self.settings.ray_address and self.settings.store_tree:
            return states_of_a_cluster(
                self.settings.ray_address, self.settings.store_tree, simulated=self.horizon.simulated
            )
        folder = Tree(self.settings.tree).universe
        return universe_states(folder, self.settings.universe_memory_gb, simulated=self.horizon.simulated)


class UpstreamResource(dg.ConfigurableResource[Upstream]):
    """The configured source: live services, a folder of files, or the simulated market."""

    settings: dg.ResourceDependency[Settings]
    catalog: dg.ResourceDependency[Catalog]

    def create_resource(self, context: dg.InitResourceContext) -> Upstream:
        """Opened once a run."""
        with before_the_run():
            return select_upstream(self.settings, self.catalog)


class HorizonResource(dg.ConfigurableResource[RunHorizon]):
    """The day at whose end everything is computed: the newest of the source, or the day asked for."""

    settings: dg.ResourceDependency[Settings]
    upstream: dg.ResourceDependency[Upstream]

    def create_resource(self, context: dg.InitResourceContext) -> RunHorizon:
        """Also writes into the run's tags what it computes from, and in which process."""
        _tag(context, self.settings.source, str(self.settings.as_of or "today"))
        with refusing(context):
            return chosen_horizon(self.settings.as_of, self.upstream)


class WarehouseResource(dg.ConfigurableResource[Warehouse]):
    """The home's DuckDB file, held while the run lasts."""

    settings: dg.ResourceDependency[Settings]
    catalog: dg.ResourceDependency[Catalog]
    horizon: dg.ResourceDependency[RunHorizon]

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[Warehouse]:
        """Opened when the run begins, closed when it ends."""
        opening = open_warehouse(
            Tree(self.settings.tree).warehouse,
            home_path=Home(self.settings.home).warehouse,
            as_of=self.horizon.as_of,
            simulated=self.horizon.simulated,
            lock_wait_seconds=self.settings.lock_wait_seconds,
        )
        with refusing(context), opening as opened:
            must_have_begun(opened, self.catalog, self.horizon.as_of)
            yield opened


class PublisherResource(dg.ConfigurableResource[PublisherWithCard]):
    """Writes all marts as one versioned folder and puts it in force."""

    settings: dg.ResourceDependency[Settings]
    catalog: dg.ResourceDependency[Catalog]
    upstream: dg.ResourceDependency[Upstream]
    horizon: dg.ResourceDependency[RunHorizon]
    warehouse: dg.ResourceDependency[Warehouse]

    def create_resource(self, context: dg.InitResourceContext) -> PublisherWithCard:
        """For this run's tree."""
        published = Publisher(
            warehouse=self.warehouse,
            tree=self.settings.tree,
            as_of=self.horizon.as_of,
            source=self.upstream.name,
            simulated=self.horizon.simulated,
            keep=timedelta(hours=self.settings.keep_runs_hours),
            clock=lambda: datetime.now(UTC),
            catalog=self.catalog,
            shared=shared_runs(store, self.settings.keep_runs_hours) if (store := self.settings.store_tree) else None,
        )
        return PublisherWithCard(published)


class WarehouseIOManagerResource(dg.ConfigurableIOManagerFactory[WarehouseIOManager]):
    """Stores what assets return in the warehouse, and loads what they read."""

    upstream: dg.ResourceDependency[Upstream]
    warehouse: dg.ResourceDependency[Warehouse]
    catalog: dg.ResourceDependency[Catalog]

    def create_io_manager(self, context: dg.InitResourceContext) -> WarehouseIOManager:
        """Over this run's warehouse."""
        return WarehouseIOManager(self.warehouse, self.upstream, self.catalog)


class PastDaysResource(dg.ConfigurableResource[PastDays]):
    """Computes days of the past from what is stored, each into a tree of its own."""

    settings: dg.ResourceDependency[Settings]
    catalog: dg.ResourceDependency[Catalog]
    reference: dg.ResourceDependency[Reference]
    studies: dg.ResourceDependency[Studies]
    universes: dg.ResourceDependency[Universes]
    upstream: dg.ResourceDependency[Upstream]

    def create_resource(self, context: dg.InitResourceContext) -> PastDays:
        """Refuses a day that has not come, and a home in which nothing is stored."""
        days = chosen_days(context.run.tags) if context.run else []
        _tag(context, self.settings.source, " to ".join(dict.fromkeys((days[0], days[-1]))) if days else "")
        with refusing(context):
            entries = {
                "catalog": self.catalog,
                "reference": self.reference,
                "studies": self.studies,
                "universes": self.universes,
            }
            past = past_days(self.settings, self.upstream, entries)
            for day in days[-1:]:
                chosen_horizon(date.fromisoformat(day), self.upstream)
        return past


class SourceName(Enum):
    """Where another run's data comes from."""

    live = "live"
    files = "files"
    sample = "sample"


class OtherSourceResource(dg.ConfigurableResource[OtherSource]):
    """Another source than the configured one, in a home of its own: RECOUPLE_HOME/<source>."""

    settings: dg.ResourceDependency[Settings]
    source: SourceName = SourceName.sample
    files: str = ""

    def create_resource(self, context: dg.InitResourceContext) -> OtherSource:
        """Refuses the configured source and a folder that cannot be read."""
        _tag(context, self.source.value, "today")
        with refusing(context):
            return OtherSource.chosen(self.settings, self.source.value, self.files)


@dg.resource(config_schema={"symbols": SYMBOLS}, required_resource_keys={"catalog"})
def asked(context: dg.InitResourceContext) -> Catalog:
    """The part of the catalog that is fetched. Its ids are an enumeration, so that the form itself knows a typo."""
    job = context.run.job_name if context.run else ""
    with refusing(context):
        return chosen_entries(context.resources.catalog, context.resource_config["symbols"], job)


def resources(settings: Settings, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Every resource by name; `overrides` stand in place of any, also where another one needs it."""
    made: dict[str, Any] = {}

    def add(name: str, kind: Any, **needs: Any) -> Any:
        made[name] = overrides[name] if name in overrides else kind.configure_at_launch(**needs)
        return made[name]

    catalog = add("catalog", CatalogResource)
    reference = add("reference", ReferenceResource)
    studies = add("studies", StudiesResource, catalog=catalog)
    universes = add("universes", UniversesResource)
    upstream = add("upstream", UpstreamResource, settings=settings, catalog=catalog)
    horizon = add("horizon", HorizonResource, settings=settings, upstream=upstream)
    add("universe_states", UniverseStatesResource, settings=settings, horizon=horizon)
    warehouse = add("warehouse", WarehouseResource, settings=settings, catalog=catalog, horizon=horizon)
    kept = {"upstream": upstream, "warehouse": warehouse}
    add("publisher", PublisherResource, settings=settings, catalog=catalog, horizon=horizon, **kept)
    add("io_manager", WarehouseIOManagerResource, catalog=catalog, **kept)
    of_files = {"catalog": catalog, "reference": reference, "studies": studies, "universes": universes}
    add("past_days", PastDaysResource, settings=settings, upstream=upstream, **of_files)
    add("other_source", OtherSourceResource, settings=settings)
    return {**made, "asked": asked, "nothing_kept": dg.mem_io_manager, **overrides}


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


def universe_states(folder: Path, memory_gb: float, *, simulated: bool) -> UniverseStates:
    """What is remembered of universes in a folder."""
    from pipelines.store.objects import Folder
    from pipelines.universe.map_blocks import Processes  # here, because few runs have a universe
    from pipelines.universe.states import StoredStates

    return StoredStates(Folder(folder), Processes.within(memory_gb), simulated)


def states_of_a_cluster(address: str, store: str, *, simulated: bool) -> UniverseStates:
    """The same in a store that the workers of a cluster reach."""
    from pipelines.store.bucket import Bucket
    from pipelines.universe.ray_cluster import RayCluster
    from pipelines.universe.states import StoredStates

    return StoredStates(Bucket(store).below("universe"), RayCluster(address), simulated)


def past_days(settings: Settings, upstream: Upstream, entries: Mapping[str, Any]) -> PastDays:
    """What computes days of the past; raises SettingsError where nothing is stored to compute them from."""
    stored = Home(settings.home).warehouse
    if not stored.exists():
        raise SettingsError(f"{stored} does not exist, so no day can be computed; launch the job ingest once")
    return PastDays(
        home=settings.home,
        source=upstream.name,
        simulated=upstream.simulated,
        lock_wait_seconds=settings.lock_wait_seconds,
        resources=entries,
        universe_states=partial(universe_states, memory_gb=settings.universe_memory_gb, simulated=upstream.simulated),
    )


def chosen_days(tags: Mapping[str, str]) -> list[str]:
    """First and last partition of a run, as Dagster tags them."""
    named = ("dagster/asset_partition_range_start", "dagster/partition", "dagster/asset_partition_range_end")
    return sorted(tags[name] for name in named if name in tags)


def _tag(context: dg.InitResourceContext, source: str, as_of: str) -> None:
    if context.instance and context.run:
        run_id, said = context.run.run_id, {"recouple/source": source, "recouple/as_of": as_of}
        context.instance.add_run_tags(run_id, said | RunProcess.this(run_id).tags())
