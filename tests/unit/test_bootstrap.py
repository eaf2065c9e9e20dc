from __future__ import annotations

import numpy as np
import pytest
from arch.bootstrap import StationaryBootstrap

from quant.bootstrap import resampled_days


def test_resampled_days_are_whole_samples_and_the_same_for_the_same_seed() -> None:
    days = resampled_days(200, 21, 50, seed=1)
    assert days.shape == (50, 200)
    assert (days.sum(axis=1) == 200).all()
    assert np.array_equal(days, resampled_days(200, 21, 50, seed=1))


@pytest.mark.parametrize(("length", "block"), [(200, 1), (200, 21), (3000, 126), (5, 63)])
def test_days_are_drawn_as_arch_draws_them(length: int, block: int) -> None:
    reference = StationaryBootstrap(block, np.arange(length), seed=np.random.default_rng(7))
    drawn = [np.bincount(days, minlength=length) for (days,), _ in reference.bootstrap(20)]
    assert np.array_equal(resampled_days(length, block, 20, seed=7), np.stack(drawn))
