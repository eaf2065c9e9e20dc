"""Where everything of a home lies.

Here: every path below RECOUPLE_HOME, named once. Not here: which home (pipelines.settings), what is written there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

_AS_OF = "as_of"  # the folder of trees of chosen days


@dataclass(frozen=True)
class Run:
    """The folder of one published run; it never changes once it is complete."""

    folder: Path

    @property
    def manifest(self) -> Path:
        """Run, as-of date, rows and content hash of every mart."""
        return self.folder / "manifest.json"

    @property
    def brief(self) -> Path:
        """The page."""
        return self.folder / "brief.html"

    @property
    def card(self) -> Path:
        """The page in one picture."""
        return self.folder / "brief.png"

    @property
    def historical(self) -> bool:
        """It lies in the tree of a chosen day: computed as of then, however much later."""
        return len(self.folder.parents) > 2 and self.folder.parents[2].name == _AS_OF

    @property
    def meta(self) -> Path:
        """The rows of `_meta`; without the underscore, which would hide the file from Spark."""
        return self.folder / "meta.parquet"

    @property
    def database(self) -> Path:
        """All marts as tables of one DuckDB file, for tools that cannot see the folder."""
        return self.folder / "recouple.duckdb"

    @property
    def building(self) -> Path:
        """That file while it is written."""
        return self.folder / ".recouple-building.duckdb"

    def mart(self, name: str) -> Path:
        """One mart's rows."""
        return self.folder / f"{name}.parquet"


@dataclass(frozen=True)
class Tree:
    """What one as-of date publishes into: a home itself, or a folder of its own below it."""

    root: Path

    @property
    def warehouse(self) -> Path:
        """Private: raw, core and derived tables; one writer."""
        return self.root / "warehouse.duckdb"

    @property
    def marts(self) -> Path:
        """One folder per run."""
        return self.root / "marts"

    @property
    def current(self) -> Path:
        """The link to the run in force."""
        return self.marts / "current"

    @property
    def published_log(self) -> Path:
        """Which run is in force since when."""
        return self.marts / "published.csv"

    @property
    def marts_lock(self) -> Path:
        """Held by the process that changes which run is in force."""
        return self.marts / ".lock"

    @property
    def manifest(self) -> Path:
        """The link to the manifest of the run in force."""
        return self.root / "manifest.json"

    @property
    def serving(self) -> Path:
        """For BI: views of the run in force."""
        return self.root / "serving.duckdb"

    @property
    def serving_wal(self) -> Path:
        """What a client leaves that writes into the serving database; there should be none."""
        return self.root / "serving.duckdb.wal"

    @property
    def serving_mark(self) -> Path:
        """Which views the serving database was made with, and what it holds."""
        return self.root / ".serving-views"

    @property
    def universe(self) -> Path:
        """What is kept of universes between nights."""
        return self.root / "universe"

    def staging(self, name: str) -> Path:
        """Where a run is written before it is complete."""
        return self.marts / f".staging-{name}"


@dataclass(frozen=True)
class Home(Tree):
    """RECOUPLE_HOME."""

    @property
    def dagster(self) -> Path:
        """Run history: the instance's folder."""
        return self.root / "dagster"

    @property
    def alerts(self) -> Path:
        """The ledger of what has been told."""
        return self.root / "alerts.sqlite"

    @property
    def demo(self) -> Path:
        """A home of its own for the simulated market of `recouple demo`."""
        return self.root / "demo"

    @property
    def archive(self) -> Path:
        """The page that lists every brief that was published."""
        return self.root / "archive.html"

    @property
    def briefs(self) -> Path:
        """Those briefs, a page per day; they outlive their runs."""
        return self.root / "briefs"

    @property
    def as_of_days(self) -> Path:
        """One tree per day that was looked back on."""
        return self.root / _AS_OF

    @property
    def as_of_history(self) -> Path:
        """For BI: all those days in one database of views."""
        return self.as_of_days / "history.duckdb"

    def as_of(self, day: date) -> Tree:
        """The tree of one as-of date."""
        return Tree(self.as_of_days / day.isoformat())

    def of_source(self, source: str) -> Home:
        """A home of its own for a source that is not the configured one."""
        return Home(self.root / source)


def size_bytes(place: Path) -> int:
    """Of a file, or of everything in a folder; a link counts as a link, and what goes meanwhile as nothing."""
    if not place.is_dir() or place.is_symlink():
        return place.lstat().st_size if place.exists() else 0
    return sum(size_bytes(path) for path in place.iterdir())
