"""The history of lags: every divergence on every session of its life, beside all lags known by then.

Here: the asset that follows each divergence day by day. Not here: what makes one (quant.divergence), how long such
things last when some are open (quant.durations).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from assets.catalog import Catalog
from assets.contracts.market import LagHistory
from assets.framework.table import table
from assets.marts.divergences import directions, episodes_of, joint_states
from quant.divergence import Episode, sets_apart
from quant.durations import BoolArray, FloatArray, IntArray, median, outlasting, survival
from quant.regression import trailing_beta

_BETA_SESSIONS, _BETA_NEEDED = 252, 126
_STANDING = {
    "earlier_ended": pl.Int64,
    "earlier_recovered": pl.Int64,
    "earlier_shorter": pl.Int64,
    "earlier_longest_sessions": pl.Int64,
    "earlier_median_sessions": pl.Float64,
    "others_open": pl.Int64,
    "outlasting_share": pl.Float64,
}


@dataclass(frozen=True)
class _Lag:
    """One divergence with the joint states it was found in, and what coupling alone would have moved on each day."""

    leader: str
    follower: str
    joint: pl.DataFrame
    coupled: FloatArray
    episode: Episode


@table(LagHistory)
def lag_history(market_state: pl.DataFrame, sessions: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Every lag of every pair, whichever of the two leads, a row per session."""
    states = market_state.join(sessions, on="session", how="semi").sort("session")
    lives = [_life(lag, number) for number, lag in enumerate(_lags(states, catalog))]
    if not lives:
        return LagHistory.create_empty()
    days = pl.concat(lives).sort("session", "lag")
    return days.hstack(pl.DataFrame(list(_standings(days, len(lives))), schema=_STANDING, orient="row")).drop("lag")


def _lags(states: pl.DataFrame, catalog: Catalog) -> Iterator[_Lag]:
    for leader, follower in directions(catalog):
        joint = joint_states(states, leader, follower).with_columns(
            pl.col("close", "close_follower").fill_nan(None).forward_fill()
        )
        own, led = (np.diff(np.log(joint[c].to_numpy()), prepend=np.nan) for c in ("close_follower", "close"))
        beta = trailing_beta(own, led, window=_BETA_SESSIONS, min_observations=_BETA_NEEDED)
        coupled = np.where(np.isfinite(beta), np.nan_to_num(beta * led), np.nan)
        for episode in episodes_of(joint):
            yield _Lag(leader, follower, joint, coupled, episode)


def _life(lag: _Lag, number: int) -> pl.DataFrame:
    """A row per session of one lag, each knowing nothing later."""
    start = lag.episode.start
    stop = lag.joint.height if lag.episode.end is None else lag.episode.end + 1
    life = lag.joint[start:stop]
    rows = life.height
    apart = sets_apart(*(life[c].to_numpy() for c in ("is_record", "is_far_below", "is_far_below_follower")))
    coupled = np.concatenate([[0.0], np.cumsum(lag.coupled[start + 1 : stop])])
    leader, follower = ((life[c] / life[c][0]).log() for c in ("close", "close_follower"))
    gap = (follower - leader).to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        explained = np.where(gap < 0, np.clip((coupled - leader.to_numpy()) / gap, 0, 1), np.nan)
    return pl.DataFrame(
        {
            "lag": number,
            "leader": lag.leader,
            "follower": lag.follower,
            "session": life["session"],
            "start_session": life["session"][0],
            "outcome": ["open"] * (rows - 1) + [lag.episode.outcome],
            "sessions": np.arange(1, rows + 1),
            "leader_record_closes": np.cumsum(apart),
            "follower_max_drawdown": life["drawdown_follower"].fill_nan(None).forward_fill().cum_min(),
            "leader_return": leader,
            "follower_return": follower,
            "coupled_return": pl.Series(coupled).fill_nan(None),
            "explained_share": pl.Series(explained).fill_nan(None),
        }
    )


def _standings(days: pl.DataFrame, lags: int) -> Iterator[tuple[object, ...]]:
    """Each row's lag beside all others known by the end of its session; rows in order of session and lag."""
    length, ended, recovered = np.zeros(lags, np.int64), np.zeros(lags, np.bool_), np.zeros(lags, np.bool_)
    lag, sessions = days["lag"].to_numpy(), days["sessions"].to_numpy()
    over, caught_up = (days["outcome"] != "open").to_numpy(), (days["outcome"] == "follower_recovered").to_numpy()
    next_session = np.flatnonzero(np.diff(days["session"].rle_id().to_numpy())) + 1
    for today in np.split(np.arange(days.height), next_session):
        length[lag[today]], ended[lag[today]], recovered[lag[today]] = sessions[today], over[today], caught_up[today]
        for own in lag[today]:
            others = length > 0
            others[own] = False
            yield _standing(int(length[own]), length[others], ended[others], int(recovered[others].sum()))


def _standing(own: int, lengths: IntArray, ended: BoolArray, recovered: int) -> tuple[object, ...]:
    lasted = lengths[ended]
    steps, shares = survival(lengths, ended)
    half = median(steps, shares)
    return (
        len(lasted),
        recovered,
        int((lasted < own).sum()),
        int(lasted.max(initial=0)),
        None if np.isnan(half) else half,
        int((~ended).sum()),
        outlasting(steps, shares, own) if len(lengths) else None,
    )
