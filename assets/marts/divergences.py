"""Divergence episodes: one of a pair sets records while the other stands far below its own.

Here: the asset that looks at every catalog pair in both directions. Not here: what makes an episode
(quant.divergence).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl

from assets.catalog import Catalog
from assets.contracts.market import DivergenceEpisodes
from assets.framework.table import table
from quant.divergence import Episode
from quant.divergence import divergence_episodes as find_episodes

_SCHEMA = {
    "leader": pl.String,
    "follower": pl.String,
    "start_session": pl.Date,
    "end_session": pl.Date,
    "leader_record_closes": pl.Int64,
    "follower_drawdown_at_start": pl.Float64,
    "follower_max_drawdown": pl.Float64,
    "outcome": pl.String,
    "sessions": pl.Int64,
}


@table(DivergenceEpisodes)
def divergence_episodes(market_state: pl.DataFrame, sessions: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Every episode of every pair, whichever of the two leads."""
    states = market_state.join(sessions, on="session", how="semi").sort("session")
    rows = [row for leader, follower in directions(catalog) for row in _episodes(states, leader, follower)]
    return pl.DataFrame(rows, schema=_SCHEMA)


def directions(catalog: Catalog) -> list[tuple[str, str]]:
    """Every catalog pair both ways, as leader and follower."""
    return [d for p in catalog.pair for d in ((p.benchmark, p.asset), (p.asset, p.benchmark))]


def _episodes(states: pl.DataFrame, leader: str, follower: str) -> Iterator[dict[str, object]]:
    joint = joint_states(states, leader, follower)
    session = joint["session"]
    for e in episodes_of(joint):
        yield {
            "leader": leader,
            "follower": follower,
            "start_session": session[e.start],
            "end_session": None if e.end is None else session[e.end],
            "leader_record_closes": e.leader_record_closes,
            "follower_drawdown_at_start": e.follower_drawdown_at_start,
            "follower_max_drawdown": e.follower_max_drawdown,
            "outcome": e.outcome,
            "sessions": e.sessions,
        }


def joint_states(states: pl.DataFrame, leader: str, follower: str) -> pl.DataFrame:
    """Prices, drawdowns and records of both from the first session of both on, NaN where one has no close.

    A session without a close of one of the two is a session all the same: the other may end an episode on it.
    """
    a, b = (states.filter(symbol=s).select("session", "close", "drawdown", _record_since()) for s in (leader, follower))
    joint = a.join(b, on="session", how="full", suffix="_follower", coalesce=True).sort("session")
    first = max(a["session"][0], b["session"][0]) if a.height and b.height else date.max
    return joint.filter(pl.col("session") >= first).with_columns(
        pl.col("is_record", "is_record_follower").fill_null(False),
        pl.col("close", "close_follower", "drawdown", "drawdown_follower").fill_null(float("nan")),
    )


def episodes_of(joint: pl.DataFrame) -> list[Episode]:
    """The episodes of one direction, as row numbers of its joint states."""
    return find_episodes(
        joint["is_record"].to_numpy(),
        joint["drawdown"].to_numpy(),
        joint["is_record_follower"].to_numpy(),
        joint["drawdown_follower"].to_numpy(),
    )


def _record_since() -> pl.Expr:
    """A record close was set on the session or on a day since the one before (crypto trades on weekends)."""
    since = pl.col("record_session") > pl.col("session").shift(1)
    return since.fill_null(pl.col("is_record_close")).alias("is_record")
