"""What days of the past have in common of a universe: its states at the end of the earliest of them, computed once.

Here: computing it, and lending each day a copy to go on from. Not here: the days (pipelines.orchestration.past_days),
a universe's night (pipelines.universe.states).

A day whose returns up to then differ in any bit from those the common states stand on gets none, and computes its own.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import polars as pl

from assets.universe import Universe, UniverseStates

_Inputs = tuple[pl.DataFrame, pl.DataFrame]


@dataclass
class CommonPast:
    """States in a folder of their own. states: what keeps them in a folder. until: the earliest day's date."""

    folder: Path
    states: Callable[[Path], UniverseStates]
    until: date
    _stand_on: dict[str, _Inputs] = field(default_factory=dict)

    def lend(self, universe: Universe, inputs: _Inputs, to: Path) -> None:
        """Put what is common into a day's own folder, where it is this day's past too. inputs: returns, members."""
        returns, members = inputs
        past = returns.filter(pl.col("session") <= self.until)
        if universe.id not in self._stand_on:
            self.states(self.folder).advance(universe, past, members)
            self._stand_on[universe.id] = (past, members)
        common = self.folder / universe.id
        same = all(own.equals(of_all) for own, of_all in zip((past, members), self._stand_on[universe.id], strict=True))
        if same and common.exists():
            shutil.copytree(common, to / universe.id)

    def continued(self, folder: Path) -> UniverseStates:
        """A day's own states, which go on from the common ones."""
        return _Continued(self, folder, self.states(folder))


@dataclass
class _Continued:
    """Implements assets.universe.UniverseStates."""

    common: CommonPast
    folder: Path
    own: UniverseStates

    def advance(self, universe: Universe, returns: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
        self.common.lend(universe, (returns, members), self.folder)
        return self.own.advance(universe, returns, members)

    def pairs(self, universe: Universe) -> pl.DataFrame:
        return self.own.pairs(universe)

    def changes(self, universe: Universe) -> pl.DataFrame:
        return self.own.changes(universe)

    def sessions(self, universe: Universe) -> pl.DataFrame:
        return self.own.sessions(universe)
