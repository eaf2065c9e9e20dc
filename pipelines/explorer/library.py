"""The marts of the day that was chosen.

Here: the run in force, the same run cut at a day, or the run that was computed as of that day. Not here: what is read
from them (explorer.panels).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from assets.catalog import Pair
from pipelines.explorer.choice import NotAChoice
from pipelines.home import Home, Tree
from pipelines.published.marts import Marts


@dataclass(frozen=True)
class Library:
    """What is published in one home. Nothing is kept: a run that comes in force is read by the next request."""

    home: Path

    def newest(self) -> Marts:
        """The run in force. Raises NothingPublished."""
        return Marts.current(self.home)

    def tree(self, day: date | None) -> Tree:
        """Where the marts of a day were published: a tree of its own where it was computed, else the home."""
        own = Home(self.home).as_of(day) if day else None
        return own if own and own.current.exists() else Tree(self.home)

    def read(self, pair: Pair, day: date | None) -> Marts:
        """The marts of a pair as known at the end of a day. Raises NotAChoice for a day after the newest run's."""
        tree = self.tree(day)
        marts = Marts.current(tree.root).about(pair)
        if day is None or marts.as_of == day:
            return marts
        if day > marts.as_of:
            raise NotAChoice(
                f"{day} has not been computed: the newest run is of {marts.as_of}; choose that or a day before"
            )
        return marts.at(day)
