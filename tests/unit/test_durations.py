"""How long things last: the survival curve against counting, and what censoring does to it."""

from __future__ import annotations

import numpy as np
import pytest

from quant.durations import median, outlasting, survival


def test_without_censoring_the_curve_is_the_share_that_lasted_longer() -> None:
    durations = np.array([3, 3, 5, 8, 13])
    lengths, shares = survival(durations, np.ones(5, dtype=bool))
    assert lengths.tolist() == [3, 5, 8, 13]
    for length in range(15):
        assert outlasting(lengths, shares, length) == pytest.approx(np.mean(durations > length))
    assert median(lengths, shares) == 5


def test_a_textbook_case_with_censoring() -> None:
    """Leukaemia remissions under 6-MP, in weeks (Freireich et al. 1963), by hand to the fourth digit."""
    weeks = np.array([6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35])
    ended = np.array([1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    lengths, shares = survival(weeks, ended)
    assert lengths.tolist() == [6, 7, 10, 13, 16, 22, 23]
    np.testing.assert_allclose(shares, [0.8571, 0.8067, 0.7529, 0.6902, 0.6275, 0.5378, 0.4482], atol=5e-5)
    assert median(lengths, shares) == 23


def test_what_still_lasts_makes_a_long_life_likelier() -> None:
    durations, ended = np.array([10, 20, 30]), np.array([True, True, True])
    all_ended = outlasting(*survival(durations, ended), 20)
    one_open = outlasting(*survival(durations, np.array([True, False, True])), 20)
    assert one_open > all_ended


def test_no_median_while_more_than_half_last() -> None:
    assert np.isnan(median(*survival(np.array([5, 9, 9]), np.array([True, False, False]))))


def test_lengths_that_differ_are_named() -> None:
    with pytest.raises(ValueError, match="durations"):
        survival(np.array([1, 2]), np.array([True]))
