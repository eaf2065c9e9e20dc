"""Correlation regimes: which pairs move together, and since when.

Here: the assets that turn session returns into regimes and spells. Not here: how a regime is found (quant.regimes),
what a column means (assets.contracts.regimes).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assets.catalog import Catalog, Pair
from assets.contracts.regimes import CorrelationRegimes, RegimeSpells
from assets.framework.kept import ANEW, FloatArray, Kept, days_of
from assets.framework.table import table

if TYPE_CHECKING:
    from quant.regime_parameters import RegimeParameters

_STATE_SESSIONS = 10  # the filter resumes this long before the newest session: what is restated is mostly newer


def parameters() -> RegimeParameters:
    """A quarter where the known-truth suite does best with a third: real regimes are slower than simulated ones."""
    from quant.regime_parameters import RegimeParameters

    return RegimeParameters(leave_below=0.25)


@table(CorrelationRegimes)
def correlation_regimes(session_prices: pl.DataFrame, catalog: Catalog, kept: Kept = ANEW) -> pl.DataFrame:
    """Filtered regime of every catalog pair on every session."""
    returns = session_prices.pivot("symbol", index="session", values="log_return").sort("session")
    known = [p for p in catalog.pair if {p.asset, p.benchmark} <= set(returns.columns)]
    return pl.concat([_of_pair(returns, pair, kept) for pair in known])


@table(RegimeSpells)
def regime_spells(correlation_regimes: pl.DataFrame, session_prices: pl.DataFrame, catalog: Catalog) -> pl.DataFrame:
    """Every spell of every pair, with the returns of both sides."""
    prices = session_prices.pivot("symbol", index="session", values="return_price").sort("session")
    prices = prices.with_columns(pl.exclude("session").forward_fill())
    known = [p for p in catalog.pair if not correlation_regimes.filter(pair=p.id).is_empty()]
    return pl.concat([_spells(correlation_regimes.filter(pair=p.id), prices, p) for p in known])


def _of_pair(returns: pl.DataFrame, pair: Pair, kept: Kept) -> pl.DataFrame:
    """The pair's rows, from the session on which the filter had seen enough to say more than its prior."""
    from quant.regimes import COUPLED, DECOUPLED, INVERSE

    names = {COUPLED: "coupled", DECOUPLED: "decoupled", INVERSE: "inverse"}
    joint = returns.select("session", pair.asset, pair.benchmark)
    both = pl.all_horizontal(pl.col(pair.asset, pair.benchmark).is_not_null())
    seen = joint.select(both.cum_sum()).to_series()
    joint, seen = joint.filter(seen > 0), seen.filter(seen > 0)
    both_returns = joint.drop("session").fill_null(float("nan")).to_numpy()
    stands_on = np.column_stack([days_of(joint["session"]), both_returns])
    found = kept.continued(pair.id, [stands_on], partial(_filtered, joint["session"], both_returns))
    regimes = found.filter(seen > parameters().warmup).drop("state")
    return regimes.with_columns(
        pl.col("regime").replace_strict(names, return_dtype=pl.String),
        pair=pl.lit(pair.id),
        asset=pl.lit(pair.asset),
        benchmark=pl.lit(pair.benchmark),
        spell_id=pl.col("regime").rle_id().cast(pl.Int64) + 1,
    )


def _filtered(sessions: pl.Series, returns: FloatArray, known: pl.DataFrame | None) -> pl.DataFrame:
    """What the filter says of every session; in `state`, what it resumes from after one shortly before the newest."""
    from quant.regimes import FilterState, filter_regimes

    resting = max(0, sessions.len() - _STATE_SESSIONS)
    past = _with_state(known, resting)
    state = FilterState.from_bytes(past["state"][-1]) if past is not None else None
    done = 0 if past is None else past.height
    until_rest = filter_regimes(returns[done:resting], parameters(), state)
    newest = filter_regimes(returns[resting:], parameters(), until_rest.state)
    found = pl.concat(
        pl.DataFrame(
            {
                "regime": part.labels,
                "p_inverse": part.probabilities[:, 0],
                "p_decoupled": part.probabilities[:, 1],
                "p_coupled": part.probabilities[:, 2],
                "correlation_estimate": part.correlation_mean,
                "correlation_sd": part.correlation_sd,
            }
        )
        for part in (until_rest, newest)
    )
    rows = found if past is None else pl.concat([past.drop("session", "state"), found])
    states: list[bytes | None] = [None] * sessions.len()
    if resting:
        states[resting - 1] = until_rest.state.to_bytes()
    return rows.insert_column(0, sessions).with_columns(pl.Series("state", states, dtype=pl.Binary))


def _with_state(known: pl.DataFrame | None, resting: int) -> pl.DataFrame | None:
    """The known rows up to the one with a state, where that is not later than the session to rest at."""
    rests_at = [] if known is None else known["state"].is_not_null().arg_true().to_list()
    return known[: rests_at[0] + 1] if known is not None and rests_at and rests_at[0] < resting else None


def _spells(regimes: pl.DataFrame, prices: pl.DataFrame, pair: Pair) -> pl.DataFrame:
    before = prices.select(
        "session", asset_before=pl.col(pair.asset).shift(1), benchmark_before=pl.col(pair.benchmark).shift(1)
    )
    at_end = prices.select("session", asset_end=pair.asset, benchmark_end=pair.benchmark)
    spells = (
        regimes.sort("session")
        .group_by("pair", "spell_id", "regime", maintain_order=True)
        .agg(
            start_session=pl.col("session").first(),
            last_session=pl.col("session").last(),
            sessions=pl.len().cast(pl.Int64),
            mean_correlation=pl.col("correlation_estimate").mean(),
        )
    )
    joined = spells.join(before, left_on="start_session", right_on="session", how="left").join(
        at_end, left_on="last_session", right_on="session", how="left"
    )
    is_open = pl.col("spell_id") == pl.col("spell_id").max()
    return joined.select(
        "pair",
        "spell_id",
        "regime",
        "start_session",
        pl.when(~is_open).then("last_session").alias("end_session"),
        pl.col("start_session").shift(-1).fill_null(pl.col("last_session")).alias("band_end_session"),
        "sessions",
        "mean_correlation",
        (pl.col("asset_end") / pl.col("asset_before") - 1).alias("asset_return"),
        (pl.col("benchmark_end") / pl.col("benchmark_before") - 1).alias("benchmark_return"),
    )
