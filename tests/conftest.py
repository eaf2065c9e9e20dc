"""What every test may rely on: no network beyond this machine, two published homes, the real history where it is.

Here: fixtures used by more than one folder of tests. Not here: facts about one module.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import hypothesis
import polars as pl
import pytest
from filelock import FileLock

from assets.catalog import Catalog, load_catalog
from pipelines.cli.runs import RunReport, run_job
from pipelines.publishing import publish as publishing
from pipelines.settings import Settings
from pipelines.sources.sample import SampleUpstream

_ROOT = Path(__file__).parents[1]
CLIENTS = _ROOT / ".venv-clients"

hypothesis.settings.register_profile("house", deadline=None)  # a busy machine is no fault of the code
hypothesis.settings.load_profile("house")
ARTICLE_DAY = date(2025, 12, 12)

NOWHERE = "http://127.0.0.1:9"  # the discard port: nobody listens

AsOfRun = Callable[[Settings, date], Settings]


@pytest.fixture(autouse=True, scope="session")
def no_network() -> Iterator[None]:
    """Whatever asks, nothing leaves this machine.

    Python's own sockets are held to loopback by pytest-socket. libcurl and other programs open sockets that Python never
    sees: a proxy that refuses every connection stops those.
    """
    with pytest.MonkeyPatch.context() as patch:
        for scheme in ("http", "https", "all"):
            _set_in_either_case(patch, f"{scheme}_proxy", NOWHERE)
        _set_in_either_case(patch, "no_proxy", "127.0.0.1,localhost")
        yield


def _set_in_either_case(patch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """Some programs read the one, some the other."""
    patch.setenv(name, value)
    patch.setenv(name.upper(), value)


draw_brief = publishing._draw_brief
"""The real thing, for the tests that look at the brief."""


@pytest.fixture(autouse=True, scope="session")
def no_brief() -> Iterator[None]:
    """Runs publish without brief and copy: a third of a nightly's time, for two files that few tests look at."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "_draw_brief", lambda folder: None)
        patch.setattr(publishing, "_copy", lambda folder: None)
        yield


@pytest.fixture(scope="session")
def catalog() -> Catalog:
    """The real catalog."""
    return load_catalog()


@pytest.fixture(scope="session")
def history() -> Path:
    """The folder of real history beside the checkout."""
    for parent in _ROOT.parents:
        if (parent / "shared" / "data" / "prices.parquet").exists():
            return parent / "shared" / "data"
    pytest.skip("no real history: there is no folder shared/data beside this checkout")


@pytest.fixture(scope="session")
def sample(catalog: Catalog) -> SampleUpstream:
    """The simulated market."""
    return SampleUpstream(catalog)


@pytest.fixture(scope="session")
def sample_home(shared: Path) -> Settings:
    """A home with one published nightly on the simulated market; tests read it and leave it as it is."""
    return published_once(shared, Settings(source="sample", home=shared / "sample"))


@pytest.fixture(scope="session")
def history_home(shared: Path, history: Path) -> Settings:
    """A home with one published nightly on the real history."""
    return published_once(shared, Settings(source="files", files=history, home=shared / "history"))


@pytest.fixture(scope="session")
def article(as_of_run: AsOfRun, history_home: Settings) -> Settings:
    """The real history as it could have been computed at the end of the article's day."""
    return as_of_run(history_home, ARTICLE_DAY)


@pytest.fixture(scope="session")
def as_of_run(shared: Path) -> AsOfRun:
    """A nightly as of an earlier day beside the one of today."""
    return lambda home, as_of: published_once(shared, home.model_copy(update={"as_of": as_of}))


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all processes of one test run share."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def client() -> Callable[[str], Path]:
    """The bin folder of a client's environment, by its name."""

    def environment(name: str) -> Path:
        folder = CLIENTS / name
        if not (folder / ".complete").exists():
            pytest.skip(f"no {name} environment: run `make {CLIENTS.name}/{name}/.complete`")
        return folder / "bin"

    return environment


def published_once(shared: Path, settings: Settings) -> Settings:
    """Publish a nightly that whichever process comes first computes for all of them."""
    with FileLock(shared / f"{settings.home.name}.lock"):
        if not (settings.tree / "marts" / "current").exists():
            succeed(run_job(settings, "nightly"))
    return settings


def own_copy(shared: Path, settings: Settings, home: Path) -> Settings:
    """A copy of a shared home that a test may change, taken while nobody writes."""
    with FileLock(shared / f"{settings.home.name}.lock"):
        shutil.copytree(settings.home, home, symlinks=True, ignore=shutil.ignore_patterns("as_of", "dagster"))
    return settings.model_copy(update={"home": home})


@pytest.fixture
def folder(sample: SampleUpstream, catalog: Catalog, tmp_path: Path) -> Path:
    """The last two years of the simulated market as a folder for the files source, small enough to change and run."""
    return two_years(sample, catalog, tmp_path / "folder")


def two_years(sample: SampleUpstream, catalog: Catalog, target: Path) -> Path:
    """Write them."""
    since = date(2024, 1, 2)
    target.mkdir()
    prices = sample.price_bars(catalog.symbol, {}).rows.filter(pl.col("date") >= since)
    prices.drop("provisional").write_parquet(target / "prices.parquet")
    observations = sample.macro_observations(catalog.series, {}).rows.filter(pl.col("date") >= since)
    observations.write_parquet(target / "fred.parquet")
    return target


def succeed(report: RunReport) -> RunReport:
    """The report of a run that must have succeeded."""
    assert report.success, report.failures
    return report


def mart(settings: Settings, name: str) -> pl.DataFrame:
    """A published mart of the current run."""
    return pl.read_parquet(settings.tree / "marts" / "current" / f"{name}.parquet")
