"""How many of many discoveries may be false.

Here: q-values of a family of tests. Not here: the tests.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def q_values(p_values: FloatArray) -> FloatArray:
    """Smallest false discovery rate at which each test would count as a discovery.

    p_values: float64[N], NaN where there was no test. Returns float64[N], NaN there too. Benjamini & Hochberg (1995);
    valid for independent tests and for those that depend positively, which pairs with a common side do.
    """
    known = np.flatnonzero(~np.isnan(p_values))
    out = np.full(len(p_values), np.nan)
    order = known[np.argsort(p_values[known], kind="stable")]
    scaled = p_values[order] * len(order) / np.arange(1, len(order) + 1)
    out[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return out
