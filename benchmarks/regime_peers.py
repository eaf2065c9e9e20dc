"""What one would otherwise use to tell correlation regimes apart, each run as a careful practitioner would.

Here: one function per peer, from returns to labels (and probabilities where the library gives any), and their table.
Not here: how they are scored (benchmarks.known_truth), our own filter (quant.regimes).

All are causal: what has parameters is fitted on all days before a refit, first after two years and then once a year,
and filters forward from there. All but the two window methods, which are usually applied as they come, see returns
divided by yesterday's EWMA volatility and made normal (the GARCH peer brings its own volatility): on raw returns a
hidden Markov model finds regimes of volatility. A state is called by its correlation, against the same borders as
ours.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.stats import multivariate_normal, norm
from scipy.stats import t as student_t

from benchmarks.known_truth import Detector, FloatArray, Found, IntArray

StateFilter = Callable[[FloatArray], FloatArray]
"""From all days to the class probabilities float64[T, 3] of a fitted model, each day's from the days up to it."""

UPPER_BORDER, LOWER_BORDER = 0.30, -0.15
STATES = 3
FIRST_FIT, REFIT = 504, 252
SEED = 1
_FIRST_GUESS = np.array([-0.4, 0.0, 0.5])  # a state's correlation before any fit; random starts find volatility instead
_LASTING = 0.98 * np.eye(STATES) + 0.02 / STATES  # both before any fit


def rolling(returns: FloatArray) -> Found:
    """Pearson correlation of the last 60 days."""
    frame = pd.DataFrame(returns)
    return _classes(frame[0].rolling(60).corr(frame[1]).to_numpy()), None


def ewma(returns: FloatArray) -> Found:
    """Exponentially weighted correlation, decay 0.94 (RiskMetrics 1996)."""
    frame = pd.DataFrame(returns)
    return _classes(frame[0].ewm(alpha=0.06, min_periods=20).corr(frame[1]).to_numpy()), None


def hmmlearn(returns: FloatArray) -> Found:
    """Gaussian hidden Markov model with three states and full covariances, regimes believed to last."""
    from hmmlearn.hmm import GaussianHMM

    logging.getLogger("hmmlearn").setLevel(logging.ERROR)  # it reports every rounding of its likelihood

    def fit(past: FloatArray) -> StateFilter:
        # Weak priors: without them a state nobody visits loses its covariance, and spells of one day are welcome.
        model = GaussianHMM(
            STATES,
            covariance_type="full",
            n_iter=100,
            init_params="",
            transmat_prior=1 + 50 * np.eye(STATES),
            covars_prior=np.tile(10 * np.eye(2), (STATES, 1, 1)),
            covars_weight=12,
        )
        model.startprob_, model.transmat_ = np.full(STATES, 1 / STATES), _LASTING
        model.means_, model.covars_ = np.zeros((STATES, 2)), np.array([[[1, r], [r, 1]] for r in _FIRST_GUESS])
        model.fit(past)
        correlation = model.covars_[:, 0, 1] / np.sqrt(model.covars_[:, 0, 0] * model.covars_[:, 1, 1])

        def filtered(days: FloatArray) -> FloatArray:
            laws = (multivariate_normal(m, c) for m, c in zip(model.means_, model.covars_, strict=True))
            emission = np.column_stack([law.logpdf(days) for law in laws])
            return _by_class(_forward(emission, model.startprob_, model.transmat_), correlation)

        return filtered

    return _most_likely(_walk_forward(_normal_scores(returns), fit))


def markov_switching(returns: FloatArray) -> Found:
    """Markov-switching regression (Hamilton 1989) of one return on the other, slope and variance by regime."""
    from statsmodels.tsa.regime_switching.markov_regression import MarkovRegression

    def model(days: FloatArray) -> MarkovRegression:
        return MarkovRegression(days[:, 1], STATES, trend="n", exog=days[:, 0], switching_variance=True)

    def fit(past: FloatArray) -> StateFilter:
        guess = np.concatenate([_LASTING[:, 0], _LASTING[:, 1], _FIRST_GUESS, 1 - _FIRST_GUESS**2])
        # EM alone: the optimiser after it takes five times as long and finds no better regimes.
        estimate = model(past).fit(start_params=guess, em_iter=20, maxiter=0, disp=False, cov_type="none").params
        slope, variance = estimate[-2 * STATES : -STATES], estimate[-STATES:]
        explained = slope * past[:, 0].std()
        correlation = explained / np.sqrt(explained**2 + variance)
        return lambda days: _by_class(model(days).filter(estimate).filtered_marginal_probabilities, correlation)

    return _most_likely(_walk_forward(_normal_scores(returns), fit))


def jump_model(returns: FloatArray) -> Found:
    """Statistical jump model (Nystrup, Lindstrom & Madsen 2020) on exponentially weighted correlations."""
    from jumpmodels.jump import JumpModel

    scores = _normal_scores(returns)
    correlations = np.column_stack([_ewm_correlation(scores, half_life) for half_life in (7, 14, 28)])

    def fit(past: FloatArray) -> StateFilter:
        model = JumpModel(STATES, jump_penalty=0.5, n_init=3, random_state=SEED).fit(past, sort_by="freq")
        correlation = np.tanh(model.centers_.mean(axis=1))
        return lambda days: _by_class(np.eye(STATES)[model.predict_online(days)], correlation)

    labels, _ = _most_likely(_walk_forward(np.arctanh(np.clip(correlations, -0.99, 0.99)), fit))
    return labels, None


def change_points(returns: FloatArray) -> Found:
    """Penalised change points of the products (PELT: Killick, Fearnhead & Eckley 2012), sought once a week.

    The last segment's correlation counts until the next search. Two years are searched: older changes are no news.
    """
    import ruptures

    scores = _normal_scores(returns)
    correlation = np.zeros(len(scores))
    for stop in range(60, len(scores) + 1, 5):
        recent = scores[max(stop - FIRST_FIT, 0) : stop]
        products = recent[:, :1] * recent[:, 1:]
        edges = ruptures.KernelCPD(kernel="linear", min_size=30).fit(products).predict(pen=4.0)
        segment = recent[edges[-2] if len(edges) > 1 else 0 :]
        correlation[stop - 1 : stop + 4] = np.corrcoef(segment.T)[0, 1]
    return _classes(correlation), None


def garch_dcc(returns: FloatArray) -> Found:
    """GARCH(1,1) margins with Student-t shocks by arch, integrated DCC (Engle 2002) with decay 0.96 of the rest.

    DCC that reverts to a mean finds less here: the mean of other regimes is no help in this one.
    """
    correlation = np.zeros(len(returns))
    for start in range(FIRST_FIT, len(returns), REFIT):
        stop = min(start + REFIT, len(returns))
        residuals = pd.DataFrame({j: _garch_residuals(returns[:stop, j], start) for j in (0, 1)})
        smooth = {(i, j): (residuals[i] * residuals[j]).ewm(alpha=0.04).mean() for i, j in ((0, 0), (1, 1), (0, 1))}
        found = smooth[0, 1] / np.sqrt(smooth[0, 0] * smooth[1, 1])
        correlation[start:stop] = found.to_numpy()[start:stop]
    return _classes(correlation), None


PEERS: dict[str, Detector] = {
    "rolling 60 days": rolling,
    "EWMA 0.94": ewma,
    "hmmlearn GaussianHMM": hmmlearn,
    "statsmodels MarkovRegression": markov_switching,
    "jumpmodels JumpModel": jump_model,
    "ruptures KernelCPD": change_points,
    "arch GARCH + DCC": garch_dcc,
}
REQUIRED = ("hmmlearn", "jumpmodels", "ruptures", "statsmodels", "arch")


def _walk_forward(signal: FloatArray, fit: Callable[[FloatArray], StateFilter]) -> FloatArray:
    """Class probabilities float64[T, 3] by models that never saw the day they judge; decoupled before the first."""
    found = np.tile([0.0, 1.0, 0.0], (len(signal), 1))
    for start in range(FIRST_FIT, len(signal), REFIT):
        stop = min(start + REFIT, len(signal))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an optimiser that stops early is the peer's own affair
            found[start:stop] = fit(signal[:start])(signal[:stop])[start:stop]
    return found


def _forward(log_emission: FloatArray, start: FloatArray, transition: FloatArray) -> FloatArray:
    """Filtered state probabilities float64[T, states] of a hidden Markov model."""
    emission = np.exp(log_emission - log_emission.max(axis=1, keepdims=True))
    out = np.empty_like(emission)
    predicted = start
    for t, likelihood in enumerate(emission):
        joint = predicted * likelihood
        out[t] = joint / joint.sum()
        predicted = out[t] @ transition
    return out


def _by_class(states: FloatArray, correlation: FloatArray) -> FloatArray:
    """Probabilities of the three classes from those of the states: float64[T, 3]."""
    classes = _classes(correlation)
    return np.column_stack([states[:, classes == label].sum(axis=1) for label in (-1, 0, 1)])


def _most_likely(probabilities: FloatArray) -> Found:
    return (probabilities.argmax(axis=1) - 1).astype(np.int64), probabilities


def _classes(correlation: FloatArray) -> IntArray:
    """Unknown counts as decoupled."""
    return np.where(correlation >= UPPER_BORDER, 1, np.where(correlation <= LOWER_BORDER, -1, 0)).astype(np.int64)


def _normal_scores(returns: FloatArray) -> FloatArray:
    """Returns over the EWMA .97 volatility known the evening before, made normal as if they were Student-t(4)."""
    variance = pd.DataFrame(np.square(returns)).ewm(alpha=0.03).mean().shift(1).bfill(limit=1).to_numpy()
    tails = student_t(4).cdf(returns / np.sqrt(variance / 2.0))
    return np.asarray(norm.ppf(np.clip(tails, 1e-6, 1 - 1e-6)), dtype=np.float64)


def _ewm_correlation(z: FloatArray, half_life: float) -> FloatArray:
    frame = pd.DataFrame(z)
    return np.asarray(frame[0].ewm(halflife=half_life, min_periods=20).corr(frame[1]).fillna(0.0), dtype=np.float64)


def _garch_residuals(returns: FloatArray, fitted_until: int) -> FloatArray:
    """Standardised residuals of all days under parameters estimated on the first `fitted_until`."""
    from arch import arch_model

    model = arch_model(100.0 * returns, mean="Zero", vol="GARCH", p=1, q=1, dist="t", rescale=False)
    estimate = model.fit(last_obs=fitted_until, disp="off", show_warning=False)
    return np.asarray(model.fix(estimate.params).std_resid, dtype=np.float64)
