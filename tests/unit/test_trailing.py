from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quant.trailing import trailing_deviation, trailing_mean, trailing_zscore

SERIES = hnp.arrays(float, st.integers(0, 60), elements=st.floats(-5, 5) | st.just(float("nan")))


def test_a_value_is_held_against_the_past_alone() -> None:
    scores = trailing_zscore(np.array([1.0, 3.0, 1.0, 3.0, 100.0]), window=4, min_observations=4)
    assert np.isnan(scores[:4]).all()
    assert scores[4] == pytest.approx((100 - 2) / np.std([1, 3, 1, 3], ddof=1))


def test_a_past_without_movement_gives_no_score() -> None:
    assert np.isnan(trailing_zscore(np.array([2.0, 2.0, 2.0, 5.0]), window=3, min_observations=2)).all()


@given(SERIES, st.integers(0, 60))
def test_appending_values_leaves_earlier_scores_unchanged(values: np.ndarray, cut: int) -> None:
    whole = trailing_zscore(values, window=10, min_observations=3)
    np.testing.assert_array_equal(trailing_zscore(values[:cut], window=10, min_observations=3), whole[:cut])


@given(SERIES)
def test_a_sign_flip_flips_the_score(values: np.ndarray) -> None:
    scores = trailing_zscore(values, window=10, min_observations=3)
    np.testing.assert_array_equal(trailing_zscore(-values, window=10, min_observations=3), -scores)


def test_too_few_observations_to_ask_for_are_refused() -> None:
    with pytest.raises(ValueError, match="must lie in 2"):
        trailing_zscore(np.zeros(3), window=10, min_observations=1)


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
