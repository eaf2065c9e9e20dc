"""Promises of the regime filter: causal, resumable, symmetric, and good on data whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import integrate, stats

from benchmarks import known_markets
from quant import copula, margins, regimes
from quant.regime_parameters import Dynamics, RegimeParameters
from quant.regimes import FilterState, Spell, classify, filter_regimes, spells
from quant.scoring import calibration_slope

SYMMETRIC = RegimeParameters(upper_border=0.25, lower_border=-0.25)


def switching_returns(days: int = 900, seed: int = 1) -> np.ndarray:
    """Fat-tailed pair whose correlation is .7, then 0, then -.6, then .7 again."""
    rng = np.random.default_rng(seed)
    rho = np.select([np.arange(days) < days * k // 4 for k in (1, 2, 3)], [0.7, 0.0, -0.6], 0.7)
    shocks = rng.standard_normal((days, 2)) / np.sqrt(rng.chisquare(5, (days, 1)) / 5)
    shocks[:, 1] = rho * shocks[:, 0] + np.sqrt(1 - rho**2) * shocks[:, 1]
    return shocks * [0.03, 0.01]


SERIES = ("labels", "probabilities", "correlation_mean", "correlation_sd", "log_score")


def assert_same(part: regimes.RegimeFilter, whole: regimes.RegimeFilter, start: int, stop: int) -> None:
    for name in SERIES:
        np.testing.assert_array_equal(getattr(part, name)[: stop - start], getattr(whole, name)[start:stop])


@pytest.fixture(scope="module")
def returns() -> np.ndarray:
    values = switching_returns()
    values[[5, 200, 201, 600], [0, 1, 0, 1]] = np.nan
    return values


@pytest.fixture(scope="module")
def filtered(returns: np.ndarray) -> regimes.RegimeFilter:
    return filter_regimes(returns)


@pytest.mark.parametrize("cut", [1, 30, 201, 517])
def test_later_days_change_nothing_earlier(returns: np.ndarray, filtered: regimes.RegimeFilter, cut: int) -> None:
    scrambled = returns.copy()
    scrambled[cut:] = np.random.default_rng(cut).standard_normal((len(returns) - cut, 2))
    for other in (filter_regimes(returns[:cut]), filter_regimes(scrambled)):
        assert_same(other, filtered, 0, cut)


@pytest.mark.parametrize("cuts", [[450], [0, 1, 41, 200, 202], list(range(880, 900))])
def test_resuming_from_bytes_equals_recomputing_bit_for_bit(
    returns: np.ndarray, filtered: regimes.RegimeFilter, cuts: list[int]
) -> None:
    state = None
    for start, stop in zip([0, *cuts], [*cuts, len(returns)], strict=True):
        part = filter_regimes(returns[start:stop], state=state)
        assert_same(part, filtered, start, stop)
        state = FilterState.from_bytes(part.state.to_bytes())
    assert state is not None
    assert state.to_bytes() == filtered.state.to_bytes()


def test_resuming_leaves_the_given_state_alone(returns: np.ndarray) -> None:
    state = filter_regimes(returns[:300]).state
    before = state.to_bytes()
    filter_regimes(returns[300:], state=state)
    assert state.to_bytes() == before


def test_a_missing_day_only_predicts(returns: np.ndarray) -> None:
    state = filter_regimes(returns[:400]).state
    gap = filter_regimes(np.full((3, 2), np.nan), state=state)
    assert np.isnan(gap.log_score).all()
    np.testing.assert_array_equal(gap.state.bank_scores, state.bank_scores)
    np.testing.assert_array_equal(gap.state.copula_scores, state.copula_scores)
    np.testing.assert_array_equal(gap.state.margins.variances, state.margins.variances)
    assert np.all(np.diff(gap.correlation_sd) > 0), "without news uncertainty grows"


def test_one_missing_column_makes_the_whole_day_missing(returns: np.ndarray) -> None:
    left, right = returns[:300].copy(), returns[:300].copy()
    left[250, 0] = right[250, 1] = np.nan
    assert_same(filter_regimes(left), filter_regimes(right), 0, 300)


def test_flipping_one_sign_mirrors_coupled_and_inverse() -> None:
    values = switching_returns()
    plain = filter_regimes(values, SYMMETRIC)
    mirrored = filter_regimes(values * [1.0, -1.0], SYMMETRIC)
    # Not exact: a fall feeds the asymmetric volatility models more than a rise does.
    np.testing.assert_allclose(mirrored.correlation_mean, -plain.correlation_mean, atol=0.05)
    assert np.mean(mirrored.labels == -plain.labels) > 0.97


def test_copula_mirrors_exactly() -> None:
    tails = np.array([[0.2, -0.01], [-0.4, -1e-6], [0.5, 0.3]])
    np.testing.assert_allclose(
        copula.log_density(tails), copula.log_density(tails * [1.0, -1.0])[:, :, ::-1], rtol=1e-12
    )


def test_scale_of_returns_does_not_matter(returns: np.ndarray, filtered: regimes.RegimeFilter) -> None:
    scaled = filter_regimes(returns * [100.0, 1e-3])
    np.testing.assert_array_equal(scaled.labels, filtered.labels)
    np.testing.assert_allclose(scaled.probabilities, filtered.probabilities, atol=1e-8)


def test_probabilities_are_probabilities(returns: np.ndarray, filtered: regimes.RegimeFilter) -> None:
    assert filtered.probabilities.shape == (len(returns), 3)
    assert np.all(filtered.probabilities >= 0)
    np.testing.assert_allclose(filtered.probabilities.sum(axis=1), 1.0, atol=1e-12)
    assert np.all(np.abs(filtered.correlation_mean) < 1)
    assert np.all(filtered.correlation_sd > 0)


def test_obvious_regimes_are_found(returns: np.ndarray, filtered: regimes.RegimeFilter) -> None:
    labels, probabilities = classify(returns)
    np.testing.assert_array_equal(labels, filtered.labels)
    np.testing.assert_array_equal(probabilities, filtered.probabilities)
    for stop, truth in ((225, 1), (450, 0), (675, -1), (900, 1)):
        assert np.mean(labels[stop - 150 : stop] == truth) > 0.9


def test_a_label_stays_until_its_probability_falls_below_the_threshold(returns: np.ndarray) -> None:
    patient = filter_regimes(returns, RegimeParameters(leave_below=0.05))
    eager = filter_regimes(returns, RegimeParameters(leave_below=0.6))
    left = np.flatnonzero(np.diff(patient.labels)) + 1
    assert np.all(patient.probabilities[left, patient.labels[left - 1] + 1] < 0.05)
    assert len(spells(patient.labels)) <= len(spells(eager.labels))


@pytest.mark.parametrize(
    "values", [np.zeros((300, 2)), np.ones((300, 2)), np.tile([[1e6, -1e-6], [0.0, 0.0]], (150, 1))]
)
def test_degenerate_returns_stay_finite(values: np.ndarray) -> None:
    result = filter_regimes(values)
    assert np.isfinite(result.probabilities).all()
    assert np.isfinite(result.correlation_sd).all()


def test_no_days_are_no_news(returns: np.ndarray) -> None:
    labels, probabilities = classify(np.empty((0, 2)))
    assert labels.shape == (0,)
    assert probabilities.shape == (0, 3)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (np.zeros((5, 3)), "shape"),
        (np.zeros(5), "shape"),
        (np.zeros((5, 2), dtype=np.float32), "float64"),
        ([[0.0, 0.0]], "float64"),
        (np.array([[0.0, np.inf]]), "infinity"),
    ],
)
def test_wrong_returns_are_refused_with_the_reason(bad: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        classify(bad)


@pytest.mark.parametrize(
    "wrong",
    [
        {"upper_border": -0.2},
        {"leave_below": 0.0},
        {"bank": ()},
        {"bank": (Dynamics(100, 0.1, 1),)},
        {"dwell_phases": 0},
        {"border_blur": 0.0},
        {"bank_discount": 1.5},
    ],
)
def test_wrong_parameters_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong)).split("_")[-1]):
        replace(RegimeParameters(), **wrong)


def test_a_state_of_other_parameters_is_refused(returns: np.ndarray) -> None:
    state = filter_regimes(returns[:50]).state
    with pytest.raises(ValueError, match="other parameters"):
        filter_regimes(returns[50:], SYMMETRIC, state)


@pytest.mark.parametrize("kept", [0, 3, -30])
def test_bytes_that_are_no_state_are_refused(filtered: regimes.RegimeFilter, kept: int) -> None:
    with pytest.raises(ValueError, match="not a filter state"):
        FilterState.from_bytes(filtered.state.to_bytes()[:kept])
    with pytest.raises(ValueError, match="not a filter state"):
        FilterState.from_bytes(b"not a state")


def test_spells_are_maximal_runs() -> None:
    assert spells(np.array([1, 1, 0, -1, -1])) == [Spell(1, 0, 2), Spell(0, 2, 3), Spell(-1, 3, 5)]
    assert spells(np.array([], dtype=np.int64)) == []
    with pytest.raises(ValueError, match="one dimension"):
        spells(np.zeros((2, 2), dtype=np.int64))


@pytest.mark.parametrize("dof", margins.TAIL_DOF)
@pytest.mark.parametrize("y", [0.0, 0.3, 2.0, 15.0])
def test_student_tail_matches_scipy(dof: float, y: float) -> None:
    assert margins.student_tail(y, dof) == pytest.approx(stats.t.sf(y, dof), rel=1e-6, abs=1e-14)


@pytest.mark.parametrize("k", range(len(copula.COPULA_DOF)))
def test_copula_density_matches_its_definition(k: int) -> None:
    dof, rho = copula.COPULA_DOF[k], 0.4
    tails = np.array([[0.3, -0.05], [1e-5, 2e-4], [-1e-9, 0.5]])
    if np.isinf(dof):
        x = -stats.norm.ppf(np.abs(tails)) * np.sign(tails)
        joint = stats.multivariate_normal([0, 0], [[1, rho], [rho, 1]]).logpdf(x)
        expected = joint - stats.norm.logpdf(x).sum(axis=1)
    else:
        x = -stats.t.ppf(np.abs(tails), dof) * np.sign(tails)
        joint = stats.multivariate_t([0, 0], [[1, rho], [rho, 1]], dof).logpdf(x)
        expected = joint - stats.t.logpdf(x, dof).sum(axis=1)
    np.testing.assert_allclose(copula.log_density(tails, np.array([rho]))[:, k, 0], expected, atol=1e-6)


def test_copula_density_integrates_to_one() -> None:
    def density(v: float, u: float) -> float:
        tails = np.array([[u if u <= 0.5 else u - 1.0, v if v <= 0.5 else v - 1.0]])
        return float(np.exp(copula.log_density(tails, np.array([0.5]))[0, 1, 0]))

    total, _ = integrate.dblquad(density, 1e-6, 1 - 1e-6, 1e-6, 1 - 1e-6, epsabs=1e-3, epsrel=1e-3)
    assert total == pytest.approx(1.0, abs=3e-3)


def test_ranks_are_uniform_when_the_model_holds() -> None:
    values = switching_returns(4000, seed=3)
    tails, _ = margins.signed_tails(values, margins.MarginState.initial())
    ranks = np.where(tails > 0, 1 - tails, -tails)[40:]
    for column in ranks.T:
        assert stats.kstest(column, "uniform").pvalue > 0.01


@pytest.mark.parametrize("scenario", ["switch", "gcop"])
def test_known_truth_is_nearly_as_well_found_as_by_an_oracle(scenario: str) -> None:
    market = known_markets.simulate(scenario, 8, salt="unit-test")
    oracle = known_markets.oracle_probs(market)
    oracle_labels = np.array([regimes.label_with_hysteresis(p) for p in oracle])
    ours = [classify(r.copy()) for r in market["returns"]]
    score = known_markets.score(np.array([a for a, _ in ours]), market["labels"], np.array([p for _, p in ours]))
    best = known_markets.score(oracle_labels, market["labels"], oracle)
    assert score["accuracy"] / best["accuracy"] > 0.95
    assert score["false_per_year"] < 2.8
    assert score["log_loss"] - best["log_loss"] < 0.08


def test_probabilities_of_the_regimes_mean_what_they_say() -> None:
    found, truth = [], []
    for scenario in ("switch", "stress", "drift"):
        market = known_markets.simulate(scenario, 6, salt="calibration")
        found += [classify(returns.copy())[1][504:] for returns in market["returns"]]
        truth += [labels[504:] for labels in market["labels"]]
    probabilities, labels = np.concatenate(found), np.concatenate(truth)
    known = np.isfinite(probabilities).all(axis=1)
    for column, label in enumerate((-1, 0, 1)):
        said = np.clip(probabilities[known, column], 1e-6, 1 - 1e-6)
        assert 0.8 < calibration_slope(said, (labels[known] == label).astype(float)) < 1.25, label


def test_known_truth_without_changes_is_believed_to_stay() -> None:
    market = known_markets.simulate("null", 8, salt="unit-test")
    ours = [classify(r.copy()) for r in market["returns"]]
    score = known_markets.score(np.array([a for a, _ in ours]), market["labels"], np.array([p for _, p in ours]))
    best = known_markets.score(market["labels"], market["labels"], known_markets.oracle_probs(market))
    assert score["false_per_year"] < 0.6
    assert score["log_loss"] - best["log_loss"] < 0.08
