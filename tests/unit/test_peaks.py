from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quant.peaks import Peak, confirmed_peaks


def test_a_record_is_a_peak_once_the_price_has_fallen_from_it() -> None:
    close = np.array([100.0, 110, 108, 112, 105.5, 120, 119])
    assert confirmed_peaks(close) == [Peak(row=3, confirmed=4)]


def test_a_fall_is_counted_once_per_record() -> None:
    close = np.array([100.0, 90, 80, 99, 70])
    assert confirmed_peaks(close) == [Peak(0, 1)]


@given(hnp.arrays(float, st.integers(0, 80), elements=st.floats(1, 1000)), st.integers(0, 80))
def test_appending_rows_adds_peaks_and_changes_none(close: np.ndarray, cut: int) -> None:
    assert confirmed_peaks(close[:cut]) == [p for p in confirmed_peaks(close) if p.confirmed < cut]


@given(hnp.arrays(float, st.integers(1, 80), elements=st.floats(1, 1000)), st.floats(0.01, 100))
def test_peaks_do_not_depend_on_the_unit_of_the_price(close: np.ndarray, unit: float) -> None:
    close = np.round(close)  # keeps the threshold away from rounding
    margins = np.abs(close / np.maximum.accumulate(close) - 0.95)
    if margins.min() > 1e-9:
        assert confirmed_peaks(close) == confirmed_peaks(close * unit)


@pytest.mark.parametrize("close", [[1.0, np.nan], [1.0, 0.0], [-1.0]])
def test_prices_that_are_none_are_refused(close: list[float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        confirmed_peaks(np.array(close))


def test_a_fall_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        confirmed_peaks(np.array([1.0]), fall=0)
