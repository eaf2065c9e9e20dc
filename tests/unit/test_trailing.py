from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quant.trailing import trailing_deviation, trailing_mean, trailing_moments

SERIES = hnp.arrays(float, st.integers(0, 60), elements=st.floats(-5, 5) | st.just(float("nan")))


def test_a_value_is_held_against_the_past_alone() -> None:
    mean, deviation = trailing_moments(np.array([1.0, 3.0, 1.0, 3.0, 100.0]), window=4, min_observations=4)
    assert np.isnan(mean[:4]).all() and np.isnan(deviation[:4]).all()
    assert (mean[4], deviation[4]) == (2, pytest.approx(np.std([1, 3, 1, 3], ddof=1)))
    assert (mean[5], deviation[5]) == (pytest.approx(26.75), pytest.approx(np.std([3, 1, 3, 100], ddof=1)))


def test_a_past_without_movement_is_none() -> None:
    assert np.isnan(trailing_moments(np.array([2.0, 2.0, 2.0]), window=3, min_observations=2)).all()


@given(SERIES, st.integers(0, 60))
def test_appending_values_leaves_earlier_moments_unchanged(values: np.ndarray, cut: int) -> None:
    whole = trailing_moments(values, window=10, min_observations=3)
    early = trailing_moments(values[:cut], window=10, min_observations=3)
    for of_whole, of_early in zip(whole, early, strict=True):
        np.testing.assert_array_equal(of_early, of_whole[: len(of_early)])


@given(SERIES)
def test_a_sign_flip_flips_the_mean_and_keeps_the_deviation(values: np.ndarray) -> None:
    mean, deviation = trailing_moments(values, window=10, min_observations=3)
    flipped = trailing_moments(-values, window=10, min_observations=3)
    np.testing.assert_array_equal(flipped[0], -mean)
    np.testing.assert_array_equal(flipped[1], deviation)


def test_too_few_observations_to_ask_for_are_refused() -> None:
    with pytest.raises(ValueError, match="must lie in 2"):
        trailing_moments(np.zeros(3), window=10, min_observations=1)


@given(SERIES, st.integers(2, 12))
def test_mean_and_deviation_are_those_of_the_last_rows(values: np.ndarray, window: int) -> None:
    means, deviations = trailing_mean(values, window), trailing_deviation(values, window)
    assert len(means) == len(deviations) == len(values)
    assert np.isnan(means[: window - 1]).all() and np.isnan(deviations[: window - 1]).all()
    for t in range(window - 1, len(values)):
        last = values[t - window + 1 : t + 1]
        np.testing.assert_allclose([means[t], deviations[t]], [last.mean(), last.std(ddof=1)], atol=1e-12)


@pytest.mark.parametrize(("statistic", "window"), [(trailing_mean, 0), (trailing_deviation, 1)])
def test_a_window_too_short_for_its_statistic_is_refused(statistic, window: int) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="window of at least"):
        statistic(np.zeros(5), window)
