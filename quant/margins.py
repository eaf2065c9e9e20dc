"""From returns to ranks: what each return would be on a uniform scale, judged the evening before.

Here: causal volatility recursions, their mixture, and the probability integral transform. Not here: how two
series depend on each other (quant.copula) and what that dependence is called (quant.regimes).

Correlation is only comparable across decades once volatility has been taken out. No single volatility model
wins on every market, so nine recursions times four Student-t tails forecast every day, and the past decides
their weights.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

# share of the long-run variance, news, persistence, extra news on falls, cap of the news in variances
VARIANCE_RECURSIONS: FloatArray = np.array(
    [
        [0.00, 0.06, 0.94, 0.00, np.inf],  # EWMA .94 (RiskMetrics 1996)
        [0.00, 0.03, 0.97, 0.00, np.inf],  # EWMA .97
        [0.01, 0.05, 0.94, 0.00, np.inf],  # GARCH(1,1), variance-targeted (Engle & Mezrich 1996)
        [0.02, 0.08, 0.90, 0.00, np.inf],
        [0.03, 0.12, 0.85, 0.00, np.inf],
        [0.03, 0.03, 0.89, 0.10, np.inf],  # GJR: falls count more (Glosten, Jagannathan & Runkle 1993)
        [0.02, 0.06, 0.92, 0.00, 9.0],  # bounded news: one wild day must not blind the next month
        [0.03, 0.12, 0.85, 0.00, 9.0],
        [0.03, 0.03, 0.89, 0.10, 9.0],
    ]
)
TAIL_DOF: FloatArray = np.array([3.0, 4.0, 6.0, 12.0])
_LOG_DENSITY_CONSTANTS: FloatArray = np.array(
    [math.lgamma((v + 1) / 2) - math.lgamma(v / 2) - 0.5 * math.log(math.pi * (v - 2)) for v in TAIL_DOF]
)
SMALLEST_TAIL = 1e-12
_TINY_VARIANCE = 1e-300


@dataclass(frozen=True)
class MarginState:
    """What the margins remember between days.

    observed: int64[1], days seen; mean_square: float64[2]; variances: float64[2, 9], forecast of the next
    day; log_weights: float64[2, 9, 4], discounted log scores of every recursion and tail, best = 0.
    """

    observed: NDArray[np.int64]
    mean_square: FloatArray
    variances: FloatArray
    log_weights: FloatArray

    @staticmethod
    def initial() -> MarginState:
        """State before the first day: nothing seen, every model equally credible."""
        models = len(VARIANCE_RECURSIONS)
        return MarginState(
            observed=np.zeros(1, dtype=np.int64),
            mean_square=np.zeros(2),
            variances=np.zeros((2, models)),
            log_weights=np.zeros((2, models, len(TAIL_DOF))),
        )

    def copy(self) -> MarginState:
        """Independent copy."""
        return MarginState(
            self.observed.copy(), self.mean_square.copy(), self.variances.copy(), self.log_weights.copy()
        )


def signed_tails(
    returns: FloatArray, state: MarginState, *, discount: float = 0.998, warmup: int = 40
) -> tuple[FloatArray, MarginState]:
    """Probability integral transform of two return series under their one-day-ahead predictive margins.

    Parameters
    ----------
    returns : float64[T, 2]
        Log returns, any unit. A row with a NaN is a missing day: it yields NaN and changes nothing.
    state : MarginState
        Where the previous call ended; `MarginState.initial()` at the start. Not modified.
    discount : float
        Daily forgetting of the models' log scores.
    warmup : int
        Observed days without output, while the variances settle.

    Returns
    -------
    tails : float64[T, 2]
        sign(return) times the predictive probability of a return at least as far out on that side, in [1e-12,
        0.5]; NaN when missing or in warm-up. Tails instead of u = F(r) keep precision when u is near 1.
    state : MarginState
        To be handed to the next call.

    Notes
    -----
    Predictive density is a mixture of scaled Student-t laws with mean zero, weights proportional to
    discounted predictive likelihood (Raftery, Karny & Ettler 2010). Scaling the returns scales the variances
    and leaves the tails alone.
    """
    after = state.copy()
    tails = _transform(
        returns,
        after.observed,
        after.mean_square,
        after.variances,
        after.log_weights,
        VARIANCE_RECURSIONS,
        _LOG_DENSITY_CONSTANTS,
        discount,
        warmup,
    )
    return tails, after


@dataclass(frozen=True)
class SymbolMargins:
    """What the margins of N symbols remember between days, each of its own days: arrays as in `MarginState`.

    observed: int64[N]; mean_square: float64[N]; variances: float64[N, 9]; log_weights: float64[N, 9, 4].
    """

    observed: NDArray[np.int64]
    mean_square: FloatArray
    variances: FloatArray
    log_weights: FloatArray

    @staticmethod
    def initial(symbols: int) -> SymbolMargins:
        """State before the first day of each symbol."""
        models = len(VARIANCE_RECURSIONS)
        return SymbolMargins(
            observed=np.zeros(symbols, dtype=np.int64),
            mean_square=np.zeros(symbols),
            variances=np.zeros((symbols, models)),
            log_weights=np.zeros((symbols, models, len(TAIL_DOF))),
        )


def symbol_tails(
    returns: FloatArray, state: SymbolMargins, *, discount: float = 0.998, warmup: int = 40
) -> tuple[FloatArray, SymbolMargins]:
    """`signed_tails` of N symbols, computed once for each instead of once for each of its pairs.

    returns: float64[T, N], NaN where a symbol has no return that day. Returns float64[T, N] and the state after the
    last day; `state` is not modified. Bit for bit `signed_tails` of two symbols that have the same days; where one
    has a gap, the other still learns.
    """
    after = SymbolMargins(
        state.observed.copy(), state.mean_square.copy(), state.variances.copy(), state.log_weights.copy()
    )
    tails = _transform_symbols(
        np.ascontiguousarray(returns.T),
        after.observed,
        after.mean_square,
        after.variances,
        after.log_weights,
        VARIANCE_RECURSIONS,
        _LOG_DENSITY_CONSTANTS,
        discount,
        warmup,
    )
    return np.ascontiguousarray(tails.T), after


@njit(cache=True)
def student_tail(y: float, degrees_of_freedom: float) -> float:
    """P(T > y) for y >= 0 and 3 or an even number of degrees of freedom (Abramowitz & Stegun 26.7.3-4)."""
    if degrees_of_freedom == 3.0:
        a = y / math.sqrt(3.0)
        return max(0.5 - (a / (1.0 + a * a) + math.atan(a)) / math.pi, 0.0)
    cos2 = degrees_of_freedom / (degrees_of_freedom + y * y)
    term, total = 1.0, 1.0
    for k in range(1, int(degrees_of_freedom) // 2):
        term *= cos2 * (2 * k - 1) / (2 * k)
        total += term
    return max(0.5 - 0.5 * math.sqrt(1.0 - cos2) * total, 0.0)


@njit(cache=True)
def _mixture_tail(
    r: float, variances: FloatArray, log_weights: FloatArray, constants: FloatArray, discount: float
) -> float:
    """Predictive tail of |r|; afterwards every model's log weight has learnt from r."""
    models, tails = log_weights.shape
    weight_sum, tail_sum, best = 0.0, 0.0, -np.inf
    for i in range(models):
        h = max(variances[i], _TINY_VARIANCE)
        log_scale = 0.5 * math.log(h)
        for k in range(tails):
            v = TAIL_DOF[k]
            q = r * r / (h * (v - 2.0))
            w = math.exp(log_weights[i, k])
            weight_sum += w
            if w > 1e-9:
                tail_sum += w * student_tail(math.sqrt(q * v), v)
            log_density = constants[k] - log_scale - 0.5 * (v + 1.0) * math.log1p(q)
            log_weights[i, k] = discount * log_weights[i, k] + log_density
            best = max(best, log_weights[i, k])
    log_weights -= best
    return min(max(tail_sum / weight_sum, SMALLEST_TAIL), 0.5)


@njit(cache=True)
def _advance_variances(r: float, long_run: float, variances: FloatArray, recursions: FloatArray, first: bool) -> None:
    """Tomorrow's variances after today's return."""
    square = r * r
    for i in range(len(variances)):
        if first:
            variances[i] = square
            continue
        news = min(square, recursions[i, 4] * max(variances[i], _TINY_VARIANCE))
        gain = recursions[i, 1] + (recursions[i, 3] if r < 0.0 else 0.0)
        variances[i] = recursions[i, 0] * long_run + gain * news + recursions[i, 2] * variances[i]


@njit(cache=True)
def _observe(
    r: float,
    seen: int,
    j: int,
    mean_square: FloatArray,
    variances: FloatArray,
    log_weights: FloatArray,
    recursions: FloatArray,
    constants: FloatArray,
    discount: float,
    warmup: int,
) -> float:
    """The signed tail of symbol j's return, NaN in warm-up; what is remembered of the symbol learns from it."""
    signed = math.nan
    if seen > 0:
        tail = _mixture_tail(r, variances[j], log_weights[j], constants, discount)
        if seen >= warmup:
            signed = -tail if r < 0.0 else tail
    mean_square[j] += (r * r - mean_square[j]) / (seen + 1)
    _advance_variances(r, mean_square[j], variances[j], recursions, seen == 0)
    return signed


@njit(cache=True)
def _transform(
    returns: FloatArray,
    observed: NDArray[np.int64],
    mean_square: FloatArray,
    variances: FloatArray,
    log_weights: FloatArray,
    recursions: FloatArray,
    constants: FloatArray,
    discount: float,
    warmup: int,
) -> FloatArray:
    tails = np.full(returns.shape, np.nan)
    for t in range(len(returns)):
        if math.isnan(returns[t, 0]) or math.isnan(returns[t, 1]):
            continue
        seen = observed[0]
        for j in range(2):
            tails[t, j] = _observe(
                returns[t, j], seen, j, mean_square, variances, log_weights, recursions, constants, discount, warmup
            )
        observed[0] = seen + 1
    return tails


@njit(cache=True)
def _transform_symbols(
    returns: FloatArray,
    observed: NDArray[np.int64],
    mean_square: FloatArray,
    variances: FloatArray,
    log_weights: FloatArray,
    recursions: FloatArray,
    constants: FloatArray,
    discount: float,
    warmup: int,
) -> FloatArray:
    tails = np.full(returns.shape, np.nan)
    for j in range(len(returns)):
        for t in range(returns.shape[1]):
            r = returns[j, t]
            if math.isnan(r):
                continue
            seen = observed[j]
            tails[j, t] = _observe(
                r, seen, j, mean_square, variances, log_weights, recursions, constants, discount, warmup
            )
            observed[j] = seen + 1
    return tails
