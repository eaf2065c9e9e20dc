from __future__ import annotations

import numpy as np
import pytest
from statsmodels.api import OLS, add_constant

from quant.regression import hac_slope


@pytest.mark.parametrize("observations", [30, 99, 500, 9000])
def test_every_figure_agrees_with_statsmodels(observations: int) -> None:
    rng = np.random.default_rng(observations)
    x = 3 + rng.standard_normal(observations)
    y = 0.5 - 0.2 * x + np.convolve(rng.standard_normal(observations + 3), np.ones(4), "valid")
    found = hac_slope(y, x)
    assert found is not None
    fitted = OLS(y, add_constant(x)).fit(
        cov_type="HAC", cov_kwds={"maxlags": found.lags, "use_correction": True}, use_t=True
    )
    low, high = fitted.conf_int(0.05)[1]
    expected = (fitted.params[1], fitted.bse[1], fitted.tvalues[1], fitted.pvalues[1], low, high)
    ours = (found.beta, found.standard_error, found.t_statistic, found.p_value, found.ci95_low, found.ci95_high)
    assert ours == pytest.approx(expected, rel=1e-9)
    assert found.observations == observations


def test_rows_without_a_value_are_left_out() -> None:
    rng = np.random.default_rng(4)
    x, y = rng.standard_normal(100), rng.standard_normal(100)
    holes = np.where(np.arange(100) % 7 == 0, np.nan, y)
    assert hac_slope(holes, x) == hac_slope(y[np.isfinite(holes)], x[np.isfinite(holes)])


def test_too_few_observations_give_no_estimate() -> None:
    assert hac_slope(np.ones(29), np.arange(29.0)) is None
