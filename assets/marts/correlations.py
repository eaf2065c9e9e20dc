"""Rolling correlations: how closely each catalog pair moves together.

Here: the asset that runs every pair through every window. Not here: the estimate and its band (quant.correlation,
quant.correlation_bands).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import polars as pl

from assets.catalog import Catalog, Pair
from assets.contracts.market import RollingCorrelations
from assets.framework.kept import ANEW, FloatArray, Kept, days_of
from assets.framework.table import table


@table(RollingCorrelations)
def rolling_correlations(session_prices: pl.DataFrame, catalog: Catalog, kept: Kept = ANEW) -> pl.DataFrame:
    """Correlation of daily log returns for every pair and window of the catalog."""
    returns = session_prices.pivot("symbol", index="session", values="log_return").sort("session")
    known = [p for p in catalog.pair if {p.asset, p.benchmark} <= set(returns.columns)]
    frames = [f for pair in known for f in _windows(returns, pair, catalog.windows_sessions, kept)]
    return pl.concat(frames)


def _windows(returns: pl.DataFrame, pair: Pair, windows: tuple[int, ...], kept: Kept) -> Iterator[pl.DataFrame]:
    """One frame per window, from the pair's first joint return on."""
    from quant.correlation import rolling_correlation
    from quant.correlation_bands import confidence_band

    joint = returns.select("session", x=pair.asset, y=pair.benchmark)
    both = (joint["x"].is_not_null() & joint["y"].is_not_null()).arg_true()
    joint = joint[int(both[0]) :] if len(both) else joint.clear()
    x, y = (joint[c].fill_null(float("nan")).to_numpy() for c in ("x", "y"))
    stands_on = np.column_stack([days_of(joint["session"]), x, y])
    for window in windows:
        correlation, observations = rolling_correlation(x, y, window)
        compute = partial(_moments, joint["session"], x, y, correlation, window)
        moments = kept.continued(f"{pair.id} {window}", [stands_on], compute, window).drop("session").to_numpy()
        low, high = confidence_band(correlation, observations, x, y, window, moments=moments)
        yield (
            pl.DataFrame(
                {
                    "session": joint["session"],
                    "correlation": correlation,
                    "ci95_low": low,
                    "ci95_high": high,
                    "observations": observations,
                }
            )
            .filter(pl.col("correlation").is_not_nan() & (pl.int_range(pl.len()) >= window - 1))
            .with_columns(
                pair=pl.lit(pair.id),
                asset=pl.lit(pair.asset),
                benchmark=pl.lit(pair.benchmark),
                window_sessions=pl.lit(window, pl.Int64),
            )
        )


def _moments(
    sessions: pl.Series, x: FloatArray, y: FloatArray, correlation: FloatArray, window: int, known: pl.DataFrame | None
) -> pl.DataFrame:
    """What the band rests on: nearly all of the work, and of a session for good once its window is."""
    from quant.correlation_bands import jackknife_moments

    first = None if known is None else known.drop("session").to_numpy()
    moments = jackknife_moments(x, y, correlation, window, first)
    return pl.DataFrame(moments).insert_column(0, sessions)
