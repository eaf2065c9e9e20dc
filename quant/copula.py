"""How two ranks move together: the bivariate Student-t copula on a grid of correlations.

Here: the grid, fast Student-t quantiles, and the log density of a day under every correlation and tail
thickness. Not here: where the ranks come from (quant.margins), how correlation moves through time
(quant.regimes).

A t copula lets both markets crash together, which a Gaussian copula cannot (Demarta & McNeil 2005); how thick
the joint tail is gets learnt, so the Gaussian case is on the menu as well.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr, stdtrit

FloatArray = NDArray[np.float64]

# Cells of width .05 around these points: every multiple of .05 is a cell edge, so usual borders cut no cell.
CORRELATION_GRID: FloatArray = np.round(np.linspace(-0.925, 0.925, 38), 3)
COPULA_DOF: FloatArray = np.array([3.0, 5.0, 10.0, np.inf])
_LOGIT_STEP = 0.05
_LOGIT_NODES = 561  # down to a tail of about 7e-13
_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


def _quantile_table() -> FloatArray:
    """float64[4, nodes, 2]: upper quantile at tail = expit(-step * i) and its slope per logit."""
    logits = -_LOGIT_STEP * np.arange(_LOGIT_NODES)
    tail = 1.0 / (1.0 + np.exp(-logits))
    table = np.empty((len(COPULA_DOF), _LOGIT_NODES, 2))
    for k, v in enumerate(COPULA_DOF):
        x = -ndtri(tail) if np.isinf(v) else -stdtrit(v, tail)
        # Newton's polish: stdtrit is good to about 1e-8 only in the far tail
        if np.isinf(v):
            density = np.exp(-0.5 * x * x) / math.sqrt(2.0 * math.pi)
            x += (ndtr(-x) - tail) / density
        else:
            norm = math.exp(math.lgamma((v + 1) / 2) - math.lgamma(v / 2)) / math.sqrt(math.pi * v)
            density = norm * (1.0 + x * x / v) ** (-0.5 * (v + 1))
            x += (stdtr(v, -x) - tail) / density
        table[k, :, 0] = x
        table[k, :, 1] = -tail * (1.0 - tail) / density
    return table


def _log_normalisers() -> FloatArray:
    """log of the constant of the joint density over the product of the constants of the margins."""
    out = np.zeros(len(COPULA_DOF))
    for k, v in enumerate(COPULA_DOF):
        if np.isfinite(v):
            out[k] = math.lgamma((v + 2) / 2) + math.lgamma(v / 2) - 2.0 * math.lgamma((v + 1) / 2)
    return out


_QUANTILES = _quantile_table()
_LOG_NORMALISERS = _log_normalisers()


def log_density(signed_tails: FloatArray, correlations: FloatArray = CORRELATION_GRID) -> FloatArray:
    """Log density of the bivariate t copula, for every day, tail thickness and correlation.

    Parameters
    ----------
    signed_tails : float64[T, 2]
        As from `quant.margins.signed_tails`: sign times tail probability in [1e-12, 0.5]. NaN rows give NaN.
    correlations : float64[G]
        Correlation parameters, each within (-1, 1).

    Returns
    -------
    float64[T, 4, G]
        Nats, for the degrees of freedom in `COPULA_DOF`. Integrates to one over the unit square.

    Notes
    -----
    Demarta & McNeil (2005), "The t copula and related copulas". Quantiles are cubic Hermite interpolations in
    the logit of the tail, relative error below 1e-8.
    """
    return _log_density(signed_tails, correlations, COPULA_DOF, _QUANTILES, _LOG_NORMALISERS)


def ranks(signed_tails: FloatArray) -> FloatArray:
    """What the density of a day needs from one side alone, computed once for all pairs of a symbol.

    signed_tails: float64[T, N]. Returns float64[T, N, 4, 2]: for the degrees of freedom in `COPULA_DOF` the quantile
    and the reciprocal of the margin's density up to its constant; NaN where the tail is.
    """
    return _ranks(signed_tails, COPULA_DOF, _QUANTILES)


@njit(cache=True)
def _ranks(tails: FloatArray, dof: FloatArray, quantiles: FloatArray) -> FloatArray:
    days, symbols = tails.shape
    out = np.full((days, symbols, len(dof), 2), np.nan)
    for t in range(days):
        for j in range(symbols):
            if math.isnan(tails[t, j]):
                continue
            for k in range(len(dof)):
                x = _quantile(tails[t, j], quantiles[k])
                out[t, j, k, 0] = x
                if math.isinf(dof[k]):
                    out[t, j, k, 1] = math.exp(0.5 * x * x)
                else:
                    out[t, j, k, 1] = (1.0 + x * x / dof[k]) ** (0.5 * (dof[k] + 1.0))
    return out


def density_constants(correlations: FloatArray = CORRELATION_GRID) -> FloatArray:
    """float64[5, G]: for each of `COPULA_DOF` the constant over sqrt(1 - rho^2), last 1 / (1 - rho^2)."""
    left = 1.0 - correlations**2
    return np.vstack([np.exp(_LOG_NORMALISERS)[:, None] / np.sqrt(left), 1.0 / left])


@njit(cache=True, error_model="numpy")
def pair_densities(
    one: FloatArray, other: FloatArray, grid: FloatArray, constants: FloatArray, out: FloatArray
) -> None:
    """`exp(log_density)` of one day to rounding, without a logarithm: out float64[4, G].

    one, other: float64[4, 2] of `ranks`; grid: the correlations of `density_constants`. The exponents of `COPULA_DOF`
    are halves, so that square roots and products serve.
    """
    reciprocal = constants[4]
    for k in range(4):
        x, y = one[k, 0], other[k, 0]
        squares, product = x * x + y * y, 2.0 * x * y
        margins = one[k, 1] * other[k, 1]
        row, constant = out[k], constants[k]
        for g in range(grid.size):
            q = (squares - grid[g] * product) * reciprocal[g]
            if k == 0:
                b = 1.0 + q / 3.0
                row[g] = constant[g] * margins / (b * b * math.sqrt(b))
            elif k == 1:
                b = 1.0 + q / 5.0
                row[g] = constant[g] * margins / (b * b * b * math.sqrt(b))
            elif k == 2:
                b = 1.0 + q / 10.0
                row[g] = constant[g] * margins / (b * b * b * (b * b * b))
            else:
                row[g] = constant[g] * margins * math.exp(-0.5 * q)


@njit(cache=True)
def _quantile(signed_tail: float, table: FloatArray) -> float:
    tail = abs(signed_tail)
    position = -math.log(tail / (1.0 - tail)) / _LOGIT_STEP
    i = min(max(int(position), 0), _LOGIT_NODES - 2)
    s = position - i
    d0, d1 = -table[i, 1] * _LOGIT_STEP, -table[i + 1, 1] * _LOGIT_STEP
    x0, x1 = table[i, 0], table[i + 1, 0]
    x: float = x0 + s * (d0 + s * (3.0 * (x1 - x0) - 2.0 * d0 - d1 + s * (2.0 * (x0 - x1) + d0 + d1)))
    return -x if signed_tail < 0.0 else x


@njit(cache=True)
def _log_density(
    tails: FloatArray, grid: FloatArray, dof: FloatArray, quantiles: FloatArray, normalisers: FloatArray
) -> FloatArray:
    out = np.full((len(tails), len(dof), len(grid)), np.nan)
    half_log = 0.5 * np.log1p(-grid * grid)
    for t in range(len(tails)):
        if math.isnan(tails[t, 0]) or math.isnan(tails[t, 1]):
            continue
        for k in range(len(dof)):
            v = dof[k]
            x, y = _quantile(tails[t, 0], quantiles[k]), _quantile(tails[t, 1], quantiles[k])
            if math.isinf(v):
                margins = 0.5 * (x * x + y * y)
            else:
                margins = 0.5 * (v + 1.0) * (math.log1p(x * x / v) + math.log1p(y * y / v))
            for g in range(len(grid)):
                q = (x * x - 2.0 * grid[g] * x * y + y * y) / (1.0 - grid[g] * grid[g])
                joint = -0.5 * q if math.isinf(v) else -0.5 * (v + 2.0) * math.log1p(q / v)
                out[t, k, g] = normalisers[k] + margins + joint - half_log[g]
    return out
