"""A simulated universe: any number of symbols, correlated by factors, with regimes that are known.

Here: returns, the correlation of every pair on every session, and the regime that follows from it. Not here: the
sample market with its anchors (pipelines.sources), the filter that is held against this (quant.universe_regimes).

Every symbol carries a market factor and its sector's. How strongly it carries the market switches between three levels
at random times of its own, so that pairs couple and decouple: 0.75 times 0.75 is coupled, 0.75 times 0.10 is not, 0.75
times -0.45 is inverse. Each symbol's path comes from its own name and the seed, so that another symbol changes none.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quant.simulation import garch_volatility, student_t_scale

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

LOADINGS: FloatArray = np.array([-0.45, 0.10, 0.75])
LOADING_SHARES: FloatArray = np.array([0.15, 0.25, 0.60])  # of the time
MEAN_SPELL_SESSIONS = 500
SECTORS = 11
SECTOR_LOADING = 0.20
DEGREES_OF_FREEDOM = 5.0
SHOCK = 0.02  # daily volatility


@dataclass(frozen=True)
class SimulatedUniverse:
    """returns: float64[T, N], daily log returns. loading: int64[T, N], index into `LOADINGS`. sector: int64[N].

    scale: float64[N], each symbol's daily volatility.
    """

    returns: FloatArray
    loading: IntArray
    sector: IntArray
    scale: FloatArray

    def correlation(self, left: int, right: int) -> FloatArray:
        """float64[T]: the true correlation of two symbols' shocks."""
        same = float(self.sector[left] == self.sector[right]) * SECTOR_LOADING**2
        product: FloatArray = LOADINGS[self.loading[:, left]] * LOADINGS[self.loading[:, right]] + same
        return product


def simulate_universe(
    names: Sequence[str], sessions: int, seed: int, *, switching: bool = True, mean_spell: float = MEAN_SPELL_SESSIONS
) -> SimulatedUniverse:
    """Simulate one path per name.

    switching: False keeps every loading where it starts, so that each pair's correlation is constant and every change
    found is false. mean_spell: sessions between two drawings of a symbol's loading.
    """
    common = np.random.default_rng([seed, 0])
    tails = student_t_scale(sessions, DEGREES_OF_FREEDOM, common)
    market, sectors = common.standard_normal(sessions), common.standard_normal((SECTORS, sessions))
    returns, loadings = np.empty((sessions, len(names))), np.empty((sessions, len(names)), dtype=np.int64)
    scale = np.empty(len(names))
    sector = np.array([zlib.crc32(name.encode()) % SECTORS for name in names])
    for n, name in enumerate(names):
        rng = np.random.default_rng([seed, 1, zlib.crc32(name.encode())])
        loadings[:, n] = _spells(sessions, mean_spell if switching else np.inf, rng)
        own, carried = rng.standard_normal(sessions), LOADINGS[loadings[:, n]]
        rest = np.sqrt(1.0 - carried**2 - SECTOR_LOADING**2)
        shocks = tails * (carried * market + SECTOR_LOADING * sectors[sector[n]] + rest * own)
        scale[n] = rng.uniform(0.5, 1.5) * SHOCK
        returns[:, n] = scale[n] * shocks * garch_volatility(np.clip(shocks, -5.0, 5.0))
    return SimulatedUniverse(returns, loadings, sector, scale)


def _spells(sessions: int, mean_spell: float, rng: np.random.Generator) -> IntArray:
    """A Markov chain: each session, with probability 1 / mean_spell, the level is drawn anew."""
    drawn = rng.choice(3, size=sessions, p=LOADING_SHARES)
    starts = rng.random(sessions) < 1.0 / mean_spell
    starts[0] = True
    last = np.maximum.accumulate(np.where(starts, np.arange(sessions), 0))
    levels: IntArray = drawn[last]
    return levels


def oracle_probabilities(
    universe: SimulatedUniverse, left: int, right: int, lower_border: float, upper_border: float
) -> FloatArray:
    """float64[T, 3]: P(inverse), P(decoupled), P(coupled) for a reader who knows every parameter and both volatilities.

    The exact Bayes filter of the two symbols' nine joint levels, given their two returns alone.
    """
    z = np.stack([_standardised(universe, n) for n in (left, right)])
    pairs = [(a, b) for a in range(3) for b in range(3)]
    same = float(universe.sector[left] == universe.sector[right]) * SECTOR_LOADING**2
    rho = np.array([LOADINGS[a] * LOADINGS[b] + same for a, b in pairs])
    one = np.eye(3) * (1 - 1 / MEAN_SPELL_SESSIONS) + LOADING_SHARES / MEAN_SPELL_SESSIONS
    transition = np.kron(one, one)
    nu = DEGREES_OF_FREEDOM
    q = (z[0] ** 2 - 2 * rho[:, None] * z[0] * z[1] + z[1] ** 2) / (1 - rho[:, None] ** 2)
    log_likelihood = -0.5 * np.log(1 - rho[:, None] ** 2) - 0.5 * (nu + 2) * np.log1p(q / (nu - 2))
    likelihood = np.exp(log_likelihood - log_likelihood.max(axis=0))
    belief, out = np.kron(LOADING_SHARES, LOADING_SHARES), np.empty((z.shape[1], 3))
    regime = np.digitize(rho, [lower_border, upper_border])
    for t in range(z.shape[1]):
        belief = (belief @ transition) * likelihood[:, t]
        belief /= belief.sum()
        out[t] = np.bincount(regime, weights=belief, minlength=3)
    return out


def _standardised(universe: SimulatedUniverse, symbol: int) -> FloatArray:
    """The shocks behind a symbol's returns, up to their constant scale, by running its volatility along."""
    # GARCH(1,1) as in quant.simulation, started at its mean; the scale is the returns' own.
    returns = universe.returns[:, symbol]
    scale = float(universe.scale[symbol])
    shocks, variance = np.empty(len(returns)), 1.0
    for t, value in enumerate(returns / scale):
        shocks[t] = value / np.sqrt(variance)
        variance = 0.02 + (0.05 * min(max(shocks[t], -5.0), 5.0) ** 2 + 0.93) * variance
    return shocks
