"""Where everything of a home lies.

Here: every path below RECOUPLE_HOME, named once. Not here: which home (pipelines.settings), what is written there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path


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
    def manifest(self) -> Path:
        """The link to the manifest of the run in force."""
        return self.root / "manifest.json"

    @property
    def serving(self) -> Path:
        """For BI: views of the run in force."""
        return self.root / "serving.duckdb"

    @property
    def serving_mark(self) -> Path:
        """Which views the serving database was made with."""
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

    def as_of(self, day: date) -> Tree:
        """The tree of one as-of date."""
        return Tree(self.root / "as_of" / day.isoformat())

    def of_source(self, source: str) -> Home:
        """A home of its own for a source that is not the configured one."""
        return Home(self.root / source)
