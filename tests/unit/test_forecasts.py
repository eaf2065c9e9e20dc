from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from quant.bootstrap import resampled_days
from quant.forecasts import Forecasts, catch_up, known_base_rate, random_walk_probability, walk_forward
from quant.scoring import brier_losses, calibration_slope, skill, skill_interval

seeds = st.integers(0, 2**32 - 1)
HORIZON, PRIOR = 5, np.array([1.0, 0.25])


def history(seed: int, rows: int = 300) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((rows, 2))
    features[: rows // 4, 1] = np.nan
    outcome = (rng.random(rows) < special.expit(features[:, 0])).astype(float)
    outcome[-HORIZON:] = np.nan
    return features, outcome


def forecasts(features: np.ndarray, outcome: np.ndarray, expected: np.ndarray | None = None) -> Forecasts:
    return walk_forward(features, outcome, HORIZON, prior_sd=PRIOR, expected=expected, fewest_outcomes=60)


def expectation(seed: int, rows: int = 300) -> np.ndarray:
    """Chances known from elsewhere, except in the first days."""
    chances = np.random.default_rng(seed + 1).uniform(0.05, 0.95, rows)
    chances[:40] = np.nan
    return chances


@pytest.mark.parametrize(
    ("gap", "ahead", "made_up", "caught_up"),
    [
        (-0.30, +0.20, +0.20, 1.0),
        (-0.30, +0.14, +0.14, 0.0),
        (+0.30, -0.15, +0.15, 1.0),
        (+0.30, +0.15, -0.15, 0.0),
        (0.0, +0.15, np.nan, np.nan),
    ],
)
def test_the_laggard_catches_up_by_half_of_the_gap(gap: float, ahead: float, made_up: float, caught_up: float) -> None:
    found = catch_up(np.array([0.0, ahead]), np.array([gap, gap]), 1)
    np.testing.assert_allclose([found[0][0], found[1][0]], [made_up, caught_up])
    assert np.isnan(found[0][1]) and np.isnan(found[1][1])


@given(seeds, st.integers(1, 60))
@settings(deadline=None, max_examples=50)  # two forecasts of 300 days each
def test_appending_days_changes_no_forecast(seed: int, fewer: int) -> None:
    features, outcome = history(seed)
    rows = 300 - fewer
    known = outcome[:rows].copy()
    known[rows - HORIZON :] = np.nan
    for expected in (None, expectation(seed)):
        whole = forecasts(features, outcome, expected)
        part = forecasts(features[:rows], known, None if expected is None else expected[:rows])
        for name in ("probability", "base_rate", "components", "uncalibrated"):
            assert np.array_equal(getattr(whole, name)[:rows], getattr(part, name), equal_nan=True), name


@given(seeds)
@settings(deadline=None, max_examples=25)  # a forecast of 300 days takes a while
def test_components_are_all_that_separates_a_forecast_from_what_was_expected(seed: int) -> None:
    for expected in (None, expectation(seed)):
        found = forecasts(*history(seed), expected)
        issued = np.isfinite(found.probability)
        assert issued.any()
        assert np.array_equal(issued, np.isfinite(found.base_rate))
        start = found.base_rate if expected is None else expected
        separated = special.logit(found.probability[issued]) - special.logit(start[issued])
        np.testing.assert_allclose(separated, found.components[issued].sum(axis=1), atol=1e-6)


@given(seeds, st.floats(0.01, 100), st.floats(-10, 10))
@settings(deadline=None, max_examples=25)  # a forecast of 300 days takes a while
def test_the_unit_of_a_feature_does_not_matter(seed: int, scale: float, level: float) -> None:
    features, outcome = history(seed)
    one, other = forecasts(features, outcome), forecasts(features * scale + level, outcome)
    np.testing.assert_allclose(one.probability, other.probability, atol=1e-7)


def test_a_flipped_feature_gives_the_same_forecast_and_an_unknown_one_adds_nothing() -> None:
    features, outcome = history(4)
    np.testing.assert_allclose(
        forecasts(features, outcome).probability, forecasts(features * [1, -1], outcome).probability, atol=1e-12
    )
    features[200:210, 1] = np.nan
    assert (forecasts(features, outcome).components[200:210, 1] == 0).all()


def test_what_says_something_is_learnt_and_little_evidence_stays_near_the_base_rate() -> None:
    features, outcome = history(9, rows=3000)
    found = forecasts(features, outcome)
    issued = np.isfinite(found.probability) & np.isfinite(outcome)
    losses, base = (brier_losses(p[issued], outcome[issued]) for p in (found.probability, found.base_rate))
    assert skill(losses, base) > 0.05
    long = walk_forward(features, outcome, 250, prior_sd=PRIOR, fewest_outcomes=60)
    assert np.nanmax(np.abs(long.components)) < np.nanmax(np.abs(found.components))


def test_the_base_rate_knows_an_outcome_only_when_its_horizon_has_ended() -> None:
    outcome = np.array([1.0, 0.0, 1.0, 1.0, np.nan, np.nan])
    np.testing.assert_allclose(known_base_rate(outcome, 2, 2), [np.nan, np.nan, np.nan, 0.5, 2 / 3, 0.75])


def test_a_random_walk_closes_half_of_the_gap_as_often_as_arithmetic_says() -> None:
    rng = np.random.default_rng(2)
    ends = rng.standard_normal((200_000, 21)).sum(axis=1) * 0.03
    expected = random_walk_probability(np.array([-0.2]), np.array([0.03]), 21)[0]
    assert np.mean(ends >= 0.1) == pytest.approx(expected, abs=0.003)
    assert np.isnan(random_walk_probability(np.array([0.1]), np.array([0.0]), 21)[0])


@given(seeds)
def test_skill_is_nothing_for_the_reference_itself_and_perfect_without_error(seed: int) -> None:
    rng = np.random.default_rng(seed)
    probability, outcome = rng.uniform(0.01, 0.99, 50), (rng.random(50) < 0.5).astype(float)
    losses = brier_losses(probability, outcome)
    assert skill(losses, losses) == 0
    assert skill(np.zeros(50), losses) == 1
    assert skill(losses, brier_losses(1 - probability, 1 - outcome)) == pytest.approx(0, abs=1e-12)


def test_an_interval_surrounds_the_skill_it_belongs_to() -> None:
    rng = np.random.default_rng(6)
    probability = rng.uniform(0.05, 0.95, 400)
    outcome = (rng.random(400) < probability).astype(float)
    losses, base = brier_losses(probability, outcome), brier_losses(np.full(400, outcome.mean()), outcome)
    low, high = skill_interval(losses, base, resampled_days(400, 10, 199, seed=1))
    assert 0 < low < skill(losses, base) < high < 1


@pytest.mark.parametrize("boldness", [0.5, 1.0, 2.0])
def test_the_calibration_slope_tells_bold_from_timid(boldness: float) -> None:
    rng = np.random.default_rng(3)
    log_odds = rng.standard_normal(40_000)
    outcome = (rng.random(40_000) < special.expit(log_odds)).astype(float)
    assert calibration_slope(special.expit(boldness * log_odds), outcome) == pytest.approx(1 / boldness, rel=0.05)


def test_a_slope_needs_forecasts_that_vary_and_outcomes_that_differ() -> None:
    assert np.isnan(calibration_slope(np.full(50, 0.3), np.arange(50) % 2.0))
    assert np.isnan(calibration_slope(np.linspace(0.1, 0.9, 50), np.ones(50)))
    assert np.isnan(calibration_slope(np.linspace(0.1, 0.9, 50), (np.arange(50) > 25).astype(float)))
