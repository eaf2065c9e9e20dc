"""Rate sensitivity: do small caps answer to yields more than large caps do?

Here: the asset that cuts the samples, each as it was known after a meeting. Not here: the regression
(quant.regression), which indices, yield and spans (assets/studies.toml).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.contracts.policy_studies import RateSensitivity
from assets.framework.table import table
from assets.studies import RateSensitivitySamples, Studies
from quant.regression import Slope, hac_slope

SIGNIFICANT = 0.05

_SCHEMA = {
    "session": pl.Date,
    "small": pl.String,
    "large": pl.String,
    "days": pl.String,
    "span": pl.String,
    "available_on": pl.Date,
    "beta_pct_per_pp": pl.Float64,
    "standard_error": pl.Float64,
    "ci95_low": pl.Float64,
    "ci95_high": pl.Float64,
    "t_statistic": pl.Float64,
    "p_value": pl.Float64,
    "observations": pl.Int64,
    "hac_lags": pl.Int64,
    "finding": pl.String,
}


@table(RateSensitivity)
def rate_sensitivity(
    session_prices: pl.DataFrame,
    macro_series: pl.DataFrame,
    sessions: pl.DataFrame,
    target_decisions: pl.DataFrame,
    studies: Studies,
) -> pl.DataFrame:
    """The slope after every meeting, for every large-cap index, sample of days and span."""
    entry = studies.rate_sensitivity
    daily = _daily(session_prices, macro_series, sessions, entry)
    meeting = daily["session"].is_in(target_decisions["meeting_date"].implode()).to_numpy()
    rows = [row for large in entry.large for row in _estimates(daily, large, meeting, entry)]
    return pl.DataFrame(rows, schema=_SCHEMA)


def _daily(
    prices: pl.DataFrame, macro: pl.DataFrame, sessions: pl.DataFrame, entry: RateSensitivitySamples
) -> pl.DataFrame:
    """Returns in percent and the change of the yield in percentage points, one row per session."""
    returns = prices.pivot("symbol", index="session", values="log_return").select(
        "session", *(pl.col(symbol) * 100 for symbol in (entry.small, *entry.large))
    )
    yields = macro.filter(series_id=entry.yield_series).select(
        session="date", yield_pct="value", available_on="available_on"
    )
    return (
        sessions.filter(pl.col("session") >= entry.first_session)
        .join(returns, on="session", how="left")
        .join(yields, on="session", how="left")
        .sort("session")
        .with_columns(yield_change=pl.col("yield_pct").diff())
    )


def _estimates(
    daily: pl.DataFrame, large: str, meeting: NDArray[np.bool_], entry: RateSensitivitySamples
) -> Iterator[dict[str, Any]]:
    difference = (daily[entry.small] - daily[large]).fill_null(np.nan).to_numpy()
    change = daily["yield_change"].fill_null(np.nan).to_numpy()
    everywhere = np.ones(len(daily), dtype=bool)
    for row in np.flatnonzero(meeting):
        if daily["available_on"][int(row)] is None:
            continue
        for days, chosen in (("all", everywhere), ("fomc", meeting)):
            for span, length in entry.spans.items():
                window = slice(0 if length is None else max(0, int(row) + 1 - length), int(row) + 1)
                sample = chosen[window]
                slope = hac_slope(difference[window][sample], change[window][sample])
                if slope:
                    yield {
                        "session": daily["session"][int(row)],
                        "small": entry.small,
                        "large": large,
                        "days": days,
                        "span": span,
                        "available_on": daily["available_on"][int(row)],
                        **_columns(slope),
                    }


def _columns(slope: Slope) -> dict[str, Any]:
    """The columns of RateSensitivity that an estimate fills."""
    direction = "small_caps_gain_when_yields_fall" if slope.beta < 0 else "small_caps_gain_when_yields_rise"
    return {
        "beta_pct_per_pp": slope.beta,
        "standard_error": slope.standard_error,
        "ci95_low": slope.ci95_low,
        "ci95_high": slope.ci95_high,
        "t_statistic": slope.t_statistic,
        "p_value": slope.p_value,
        "observations": slope.observations,
        "hac_lags": slope.lags,
        "finding": direction if slope.p_value < SIGNIFICANT else "not_significant",
    }
