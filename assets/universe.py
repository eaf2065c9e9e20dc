"""Universes: many symbols and the pairs among them, read from universe.toml and checked.

Here: the shape of an entry, who belongs to a universe and when, which pairs that makes, and the errors a typo ends in.
Not here: the entries (universe.toml), what is computed of them (assets.marts.universe, quant).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Protocol

import polars as pl
from pydantic import Field, ValidationError

from assets.catalog import Catalog, Symbol
from assets.framework.entries import Entry, EntryError, line_of, load_entries

PATH = Path(__file__).with_name("universe.toml")
ROLE = "universe"  # of a symbol that is here for a universe alone


class UniverseError(EntryError):
    """The universes cannot be used; the message names the file, the line and the reason."""


class Membership(Entry):
    """A symbol's time in a universe; None: open."""

    symbol: str = Field(min_length=1)
    first_session: date | None = None
    last_session: date | None = None


class Universe(Entry):
    """One entry of universe.toml, which says what the fields mean."""

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    name: str = Field(min_length=1)
    members: tuple[str, ...] = ()
    members_file: str = ""
    dated: tuple[Membership, ...] = ()
    simulated: int = Field(default=0, ge=0, le=20_000)
    anchors: tuple[str, ...] = ()
    all_pairs: bool = False
    windows_sessions: tuple[int, ...] = (60, 252)
    neighbours: int = Field(default=10, ge=1)
    changes_sessions: int = Field(default=252, ge=1)
    since: date | None = None
    confirm_above: float = Field(default=0.97, gt=0.5, lt=1)
    false_discovery_rate: float = Field(default=0.05, gt=0, lt=1)

    def memberships(self, simulated: bool) -> tuple[Membership, ...]:
        """Who belongs, in the order of the entry; `simulated`: the prices are those of the simulated market."""
        invented = (f"SIM{n:04d}" for n in range(1, self.simulated + 1)) if simulated else ()
        plain = (Membership(symbol=symbol) for symbol in (*self.members, *invented))
        return (*self.dated, *plain)

    def symbols(self, simulated: bool) -> tuple[str, ...]:
        """Members and anchors, each once; none where the universe has no members."""
        members = [m.symbol for m in self.memberships(simulated)]
        return tuple(dict.fromkeys((*self.anchors, *members))) if members else ()

    def pairs(self, simulated: bool) -> Iterator[tuple[str, str]]:
        """Asset and benchmark of every pair, each once: anchors first."""
        members = list(dict.fromkeys(m.symbol for m in self.memberships(simulated)))
        told = set()
        for anchor, member in itertools.product(self.anchors, members):
            if anchor != member and (member, anchor) not in told:
                told.add((anchor, member))
                yield anchor, member
        if self.all_pairs:
            anchors = set(self.anchors)
            for asset, benchmark in itertools.combinations(members, 2):
                if asset not in anchors and benchmark not in anchors:
                    yield asset, benchmark


class Universes(Entry):
    """All entries, in the order of the file."""

    universe: tuple[Universe, ...] = ()

    def fetched(self, catalog: Catalog, simulated: bool) -> tuple[Symbol, ...]:
        """Symbols that are fetched for a universe alone, as a source is asked for them."""
        known = {symbol.id for symbol in catalog.symbol}
        wanted = dict.fromkeys(s for universe in self.universe for s in universe.symbols(simulated))
        return tuple(
            Symbol(
                id=symbol,
                name=symbol,
                source="yahoo",
                unit="usd",
                frequency="session",
                price="adj_close",
                release_lag_days=0,
                role=ROLE,
            )
            for symbol in wanted
            if symbol not in known
        )

    def members_frame(self, simulated: bool) -> pl.DataFrame:
        """One row per symbol's time in a universe, the columns of core.universe_members."""
        rows = [
            {"universe": u.id, **m.model_dump(), "position": position}
            for u in self.universe
            for position, m in enumerate(
                (*u.memberships(simulated), *(Membership(symbol=s) for s in _outside(u, simulated)))
            )
        ]
        schema = {
            "universe": pl.String,
            "symbol": pl.String,
            "first_session": pl.Date,
            "last_session": pl.Date,
            "position": pl.Int64,
        }
        return pl.DataFrame(rows, schema=schema)


class UniverseStates(Protocol):
    """What was computed of every pair, kept between nights; `advance` comes first."""

    def advance(self, universe: Universe, returns: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
        """Bring every block of pairs to the last session: columns of UniverseBlocks but the universe."""

    def pairs(self, universe: Universe) -> pl.DataFrame:
        """One row per pair and window on the last session."""

    def changes(self, universe: Universe) -> pl.DataFrame:
        """Every confirmed change of a regime, the pair's first regime left out."""

    def sessions(self, universe: Universe) -> pl.DataFrame:
        """One row per session: pairs by regime, and the breadth of correlations."""


def load_universes(path: Path = PATH) -> Universes:
    """Read and check the universes; raises UniverseError naming file, line and reason."""
    text = path.read_text(encoding="utf-8")
    universes = load_entries(path, Universes, UniverseError)
    ids = [u.id for u in universes.universe]
    complete = []
    for position, universe in enumerate(universes.universe):
        for fault, field in _faults(universe, ids[:position]):
            line = line_of(text, "universe", position, field)
            raise UniverseError(f"{path.name}, line {line}: universe {universe.id}: {fault}")
        if universe.members_file:
            line = line_of(text, "universe", position, "members_file")
            dated = _read_members(path.parent / universe.members_file, f"{path.name}, line {line}")
            universe = universe.model_copy(update={"dated": (*universe.dated, *dated)})
        complete.append(universe)
    return Universes(universe=tuple(complete))


def _outside(universe: Universe, simulated: bool) -> Sequence[str]:
    """Anchors that are no members."""
    members = {m.symbol for m in universe.memberships(simulated)}
    return [a for a in universe.anchors if a not in members] if members else []


def _faults(universe: Universe, earlier: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What is wrong with an entry, and the field it is in."""
    if universe.id in earlier:
        yield "the id is there twice; keep one entry", "id"
    if not (universe.members or universe.members_file or universe.dated or universe.simulated):
        yield "it has no members; set members, members_file or simulated", ""
    if not (universe.anchors or universe.all_pairs):
        yield "it has no pairs; name anchors or set all_pairs = true", ""
    if not universe.windows_sessions or min(universe.windows_sessions) < 20:
        yield "windows_sessions needs windows of 20 sessions or more", "windows_sessions"
    if len(set(universe.windows_sessions)) < len(universe.windows_sessions):
        yield "windows_sessions names a window twice; name it once", "windows_sessions"
    doubled = [s for n, s in enumerate(universe.members) if s in universe.members[:n]]
    if doubled:
        yield f"member {doubled[0]} is there twice; name it once", "members"


def _read_members(path: Path, place: str) -> tuple[Membership, ...]:
    """Members of a file; raises UniverseError naming the entry, the file and the row."""
    try:
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, try_parse_dates=True)
        return tuple(Membership.model_validate(row) for row in frame.iter_rows(named=True))
    except (OSError, pl.exceptions.PolarsError) as error:
        said = str(error).splitlines()[0]
        raise UniverseError(
            f"{place}: members_file {path.name}: {said}; name a CSV or parquet file that is there"
        ) from None
    except ValidationError as error:
        said = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise UniverseError(
            f"{place}: members_file {path.name}: {said}; its columns are symbol, first_session, last_session"
        ) from None
