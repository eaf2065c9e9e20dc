"""Markets in which nothing leads, follows or predicts: whatever a test finds in them is false.

Here: pairs of returns with the habits of real ones (fat tails, clustered volatility, a common shock on the same day)
and no other connection. Not here: the tests that are held against them, the sample market (quant.simulation makes its
pieces).
"""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from quant.simulation import LARGEST_SHOCK, FloatArray, correlated, garch_volatility, student_t_scale


def null_pair(
    sessions: int, rng: Generator, *, correlation: float = 0.35, asset_drift: float = 0.0015
) -> tuple[FloatArray, FloatArray]:
    """Daily log returns of an asset and a benchmark that move together on the same day and are otherwise unrelated.

    float64[sessions] each: GARCH(1,1) volatility of their own, Student-t shocks with a common scale and the given
    correlation, sized like bitcoin and small caps. Neither the own past nor the other's says anything about the mean
    of the next day.
    """
    tails = student_t_scale(sessions, 4.0, rng)
    ours, theirs = rng.standard_normal((2, sessions))
    benchmark = np.clip(tails * theirs, -LARGEST_SHOCK, LARGEST_SHOCK)
    asset = np.clip(tails * correlated(theirs, ours, correlation), -LARGEST_SHOCK, LARGEST_SHOCK)
    return (
        asset_drift + 0.036 * asset * garch_volatility(asset, 0.08, 0.90),
        0.0004 + 0.012 * benchmark * garch_volatility(benchmark, 0.09, 0.89),
    )
