"""Universes: of many thousand pairs, what can be read: the latest, what changed, the breadth, the neighbours.

Here: the assets that bring every block of pairs to the last session and read the marts from it. Not here: how a block
is computed (quant.universe_regimes, quant.universe_latest), where its state is kept (pipelines.universe).
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from assets.contracts import universe as contracts
from assets.framework.contract import Table
from assets.framework.table import Horizon, table
from assets.universe import Universe, Universes, UniverseStates


@table(contracts.UniverseMembers)
def universe_members(universes: Universes, horizon: Horizon) -> pl.DataFrame:
    """Who belongs to which universe, and when."""
    return universes.members_frame(horizon.simulated)


@table(contracts.UniverseBlocks)
def universe_blocks(
    universe_returns: pl.DataFrame,
    universe_members: pl.DataFrame,
    universes: Universes,
    universe_states: UniverseStates,
) -> pl.DataFrame:
    """Every block of pairs, brought to the last session."""
    return _of_each(
        contracts.UniverseBlocks,
        universes,
        lambda u: universe_states.advance(u, universe_returns, universe_members.filter(universe=u.id)),
    )


@table(contracts.UniverseLatest)
def universe_latest(
    universe_blocks: pl.DataFrame, universes: Universes, universe_states: UniverseStates
) -> pl.DataFrame:
    """Every pair of every universe on the last session."""
    return _of_each(contracts.UniverseLatest, universes, lambda u: universe_states.pairs(u).drop("move", "move_pvalue"))


@table(contracts.UniverseChanges)
def universe_changes(
    universe_blocks: pl.DataFrame, universes: Universes, universe_states: UniverseStates
) -> pl.DataFrame:
    """Regimes that changed and correlations that moved."""
    return _of_each(contracts.UniverseChanges, universes, lambda u: _changes(u, universe_states))


@table(contracts.UniverseBreadth)
def universe_breadth(
    universe_blocks: pl.DataFrame, universes: Universes, universe_states: UniverseStates
) -> pl.DataFrame:
    """Every session of every universe."""
    return _of_each(contracts.UniverseBreadth, universes, lambda u: _breadth(u, universe_states.sessions(u)))


@table(contracts.UniverseNeighbours)
def universe_neighbours(
    universe_blocks: pl.DataFrame, universes: Universes, universe_states: UniverseStates
) -> pl.DataFrame:
    """Every symbol's nearest."""
    return _of_each(contracts.UniverseNeighbours, universes, lambda u: _neighbours(u, universe_states.pairs(u)))


def _of_each(contract: type[Table], universes: Universes, made: Callable[[Universe], pl.DataFrame]) -> pl.DataFrame:
    """One frame of all universes, in the order of the file, so that a reader of one skips the others."""
    own = [c for c in contract.ordered_columns() if c not in ("as_of", "simulated")]
    empty = contract.create_empty().select(own)
    frames = (made(u).with_columns(universe=pl.lit(u.id)).select(own) for u in universes.universe)
    return pl.concat([empty, *(frame.cast(empty.schema) for frame in frames)])


def _changes(universe: Universe, states: UniverseStates) -> pl.DataFrame:
    from quant.false_discoveries import q_values

    regimes = states.changes(universe).with_columns(
        kind=pl.lit("regime"),
        window_sessions=pl.lit(0, pl.Int64),
        correlation=pl.lit(None, pl.Float64),
        move=pl.lit(None, pl.Float64),
        q_value=pl.lit(None, pl.Float64),
    )
    moves = states.pairs(universe).select(
        "pair",
        "session",
        "asset",
        "benchmark",
        regime_before=pl.lit(None, pl.String),
        regime_after=pl.lit(None, pl.String),
        probability=pl.lit(None, pl.Float64),
        kind=pl.lit("move"),
        window_sessions="window_sessions",
        correlation="correlation",
        move="move",
        q_value=pl.col("move_pvalue")
        .map_batches(lambda p: pl.Series(q_values(p.fill_null(float("nan")).to_numpy())), return_dtype=pl.Float64)
        .over("window_sessions"),
    )
    told = moves.filter(pl.col("q_value") <= universe.false_discovery_rate)
    return pl.concat([regimes.select(told.columns), told]).sort("session", "kind", "pair", "window_sessions")


def _breadth(universe: Universe, sessions: pl.DataFrame) -> pl.DataFrame:
    total = pl.col("coupled") + pl.col("decoupled") + pl.col("inverse")
    return sessions.filter(total > 0).with_columns(
        *((pl.col(name) / total).alias(f"share_{name}") for name in ("coupled", "decoupled", "inverse")),
        pairs=total,
        window_sessions=pl.lit(universe.windows_sessions[0], pl.Int64),
    )


def _neighbours(universe: Universe, pairs: pl.DataFrame) -> pl.DataFrame:
    longest = pairs.filter(pl.col("correlation").is_not_null(), window_sessions=max(universe.windows_sessions))
    both = pl.concat(
        [
            longest.with_columns(symbol=pl.col(one), neighbour=pl.col(other))
            for one, other in (("asset", "benchmark"), ("benchmark", "asset"))
        ]
    )
    ranked = both.sort(["symbol", "correlation", "neighbour"], descending=[False, True, False]).with_columns(
        rank=pl.int_range(1, pl.len() + 1).over("symbol")
    )
    return ranked.filter(pl.col("rank") <= universe.neighbours)
