"""Lead and lag: does one of a pair move before the other?

Here: the asset that runs every catalog pair through every window. Not here: the statistics (quant.lead_lag), windows
and lags (assets/studies.toml).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from assets.catalog import Catalog, Pair
from assets.contracts.studies import LeadLag
from assets.framework.table import table
from assets.studies import Studies

_SEED = 20_251_211  # any fixed number: the same data give the same adjusted p-values

_CLOSES_LATER = (
    "Expect up to an eighth of the correlation of lag 0 here without any lead, about 0.05 for stock indices: {crypto} "
    "closes at 00:00 UTC, hours after {other}, so what happens in between moves it today and {other} tomorrow."
)


@table(LeadLag)
def lead_lag(session_prices: pl.DataFrame, catalog: Catalog, studies: Studies) -> pl.DataFrame:
    """Correlation of every pair at every lag, over each window up to the as-of date."""
    returns = session_prices.pivot("symbol", index="session", values="log_return").sort("session")
    known = [pair for pair in catalog.pair if {pair.asset, pair.benchmark} <= set(returns.columns)]
    frames = [f for pair in known for f in _windows(returns, pair, studies, _note(pair, catalog))]
    return pl.concat(frames) if frames else LeadLag.create_empty()


def _windows(returns: pl.DataFrame, pair: Pair, studies: Studies, note: pl.Expr) -> Iterator[pl.DataFrame]:
    from quant.lead_lag import FEWEST_OBSERVATIONS
    from quant.lead_lag import lead_lag as correlations_by_lag

    joint = returns.select("session", asset=pair.asset, benchmark=pair.benchmark)
    both = (joint["asset"].is_not_null() & joint["benchmark"].is_not_null()).arg_true()
    joint = joint[int(both[0]) : int(both[-1]) + 1] if len(both) else joint.clear()
    for window in studies.lead_lag.windows_sessions:
        last = joint.tail(window)
        if last.height < window:
            continue
        benchmark, asset = (last[c].fill_null(np.nan).to_numpy() for c in ("benchmark", "asset"))
        found = correlations_by_lag(
            benchmark,
            asset,
            studies.lead_lag.max_lag_sessions,
            np.random.default_rng(_SEED),
            draws=studies.lead_lag.draws,
        )
        yield (
            pl.DataFrame(
                {
                    "lag_sessions": found.lag,
                    "correlation": found.correlation,
                    "ci95_low": found.ci_low,
                    "ci95_high": found.ci_high,
                    "p_value": found.p_value,
                    "p_value_adjusted": found.p_value_adjusted,
                    "observations": found.observations,
                }
            )
            .filter(pl.col("observations") >= FEWEST_OBSERVATIONS, pl.col("correlation").is_not_nan())
            .with_columns(
                pair=pl.lit(pair.id),
                window_sessions=pl.lit(window, pl.Int64),
                first_session=pl.lit(last["session"][0]),
                last_session=pl.lit(last["session"][-1]),
                note=note,
            )
        )


def _note(pair: Pair, catalog: Catalog) -> pl.Expr:
    """A word at the lag where two closing times alone make one side seem to lead; see the contract for the sign."""
    all_day = {s.id for s in catalog.symbol if s.frequency == "calendar_day"}
    if (pair.asset in all_day) == (pair.benchmark in all_day):
        return pl.lit(None, pl.String)
    crypto, other, lag = (pair.asset, pair.benchmark, -1) if pair.asset in all_day else (pair.benchmark, pair.asset, +1)
    return pl.when(pl.col("lag_sessions") == lag).then(pl.lit(_CLOSES_LATER.format(crypto=crypto, other=other)))
