"""What a universe does as a whole on a session: do its members move together, and how differently?

Here: mean, median and spread of a window's correlations, the weight of the first principal component, the spread of
one session's returns. Not here: regimes (quant.universe_regimes counts them), single pairs (quant.universe_latest).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quant.correlation import required_observations
from quant.universe_window import latest_pairs

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


class Breadth(NamedTuple):
    """One session of a universe; NaN where nothing is known.

    pairs: pairs with a correlation. mean, median, dispersion: of their correlations, dispersion the standard
    deviation. first_eigenvalue_share: largest eigenvalue of the correlation matrix of the members without a gap, over
    their number: 1 where all move as one. return_dispersion: standard deviation of the session's returns.
    """

    pairs: int
    mean: float
    median: float
    dispersion: float
    first_eigenvalue_share: float
    return_dispersion: float


def breadth(window_returns: FloatArray, left: IntArray, right: IntArray) -> Breadth:
    """The session of the last row.

    window_returns: float64[window, N], the members' returns, NaN where unknown; left, right: int64[P], columns of the
    universe's pairs.
    """
    correlation = _correlations(window_returns, left, right)
    known = correlation[np.isfinite(correlation)]
    last = window_returns[-1][np.isfinite(window_returns[-1])]
    return Breadth(
        pairs=known.size,
        mean=float(known.mean()) if known.size else np.nan,
        median=float(np.median(known)) if known.size else np.nan,
        dispersion=float(known.std()) if known.size else np.nan,
        first_eigenvalue_share=_first_eigenvalue_share(window_returns),
        return_dispersion=float(last.std()) if last.size > 1 else np.nan,
    )


def _correlations(window_returns: FloatArray, left: IntArray, right: IntArray) -> FloatArray:
    """Of the pairs alone: against few anchors the whole matrix would be nearly all waste."""
    anchors = np.unique(left)
    if len(anchors) ** 2 >= window_returns.shape[1]:
        square: FloatArray = latest_pairs(window_returns)[left, right]
        return square
    out = np.full(len(left), np.nan)
    for anchor in anchors:
        own = np.flatnonzero(left == anchor)
        out[own] = _against(window_returns[:, anchor], window_returns[:, right[own]])
    return out


def _against(anchor: FloatArray, others: FloatArray) -> FloatArray:
    both = np.isfinite(anchor)[:, None] & np.isfinite(others)
    n = both.sum(axis=0)
    x, y = np.where(both, anchor[:, None], 0.0), np.where(both, others, 0.0)
    x = np.where(both, x - x.sum(axis=0) / np.maximum(n, 1), 0.0)
    y = np.where(both, y - y.sum(axis=0) / np.maximum(n, 1), 0.0)
    scale = np.sqrt((x * x).sum(axis=0) * (y * y).sum(axis=0))
    enough = (n >= required_observations(len(anchor))) & (scale > 0.0)
    return np.where(enough, (x * y).sum(axis=0) / np.where(enough, scale, 1.0), np.nan)


def _first_eigenvalue_share(window_returns: FloatArray) -> float:
    """From the smaller of the two Gram matrices, whose other eigenvalues are the same."""
    complete = window_returns[:, np.isfinite(window_returns).all(axis=0)]
    z = complete - complete.mean(axis=0)
    norm = np.sqrt((z * z).sum(axis=0))
    z = z[:, norm > 0.0] / norm[norm > 0.0]
    if z.shape[1] < 2:
        return float("nan")
    gram = z @ z.T if len(z) < z.shape[1] else z.T @ z
    return float(np.linalg.eigvalsh(gram)[-1] / z.shape[1])
