"""The recoupling signal and its scorecard: will the laggard catch up, and how good were such forecasts?

Here: the assets that turn the signal's inputs into forecasts and scores, and put both in words. Not here: what was
known when (sql/derived/signal_inputs.sql), the model (quant.forecasts), the scores (quant.scoring), which pair
(assets/catalog.toml) and horizons (assets/studies.toml).

Every forecast uses only what was known on its day, in an order that appended days do not change, so recomputing gives
the forecast that was issued. What of it is kept between nights is kept to save the work, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from assets.catalog import Catalog, Pair
from assets.contracts.studies import RecouplingSignal, SignalScorecard
from assets.framework.kept import ANEW, Kept, days_of
from assets.framework.table import table
from assets.studies import Recoupling, Studies
from quant.bootstrap import resampled_days
from quant.events import FloatArray, independent_events
from quant.forecasts import (
    CATCH_UP_SHARE,
    ReferenceClass,
    catch_up,
    furthest_made_up,
    random_walk_probability,
    random_walk_touch_probability,
    reference_class,
    walk_forward,
)
from quant.scoring import brier_losses, calibration_slope, skill, skill_interval, skill_so_far

_SEED = 20_251_211  # any fixed number: the same forecasts give the same intervals
_MODELS = {
    "signal": "probability_catch_up",
    "signal_uncalibrated": "probability_uncalibrated",
    "random_walk": "probability_random_walk",
}
_COMPONENTS = ("trend_gap", "coupling", "liquidity", "policy", "volatility", "flows")
_COMPONENT_COLUMNS = [f"component_{name}" for name in _COMPONENTS]
_WEIGHTED_COLUMNS = [f"weighted_{name}" for name in _COMPONENTS]
_FEWEST_INDEPENDENT = 30
CALIBRATED = (0.8, 1.2)  # slopes at which probabilities mean what they say
_VOLATILITY_SESSIONS, _USUAL_SESSIONS = 126, 252


@table(RecouplingSignal)
def recoupling_signal(
    signal_inputs: pl.DataFrame, session_prices: pl.DataFrame, catalog: Catalog, studies: Studies, kept: Kept = ANEW
) -> pl.DataFrame:
    """A forecast for every session and horizon since there were enough outcomes to learn from."""
    entry, pair = studies.recoupling, catalog.headline_pair
    names = {s.id: s.name for s in catalog.symbol}
    prices = session_prices.filter(pl.col("symbol").is_in([pair.asset, pair.benchmark])).pivot(
        "symbol", index="session", values="return_price"
    )
    inputs = signal_inputs.filter(pair=pair.id).join(prices, on="session", how="left").sort("session")
    frames = [_forecasts(inputs, horizon, pair, entry, kept) for horizon in entry.horizons_sessions]
    issued = pl.concat(frames).sort("horizon_sessions", "session")
    return issued.with_columns(reading=_reading(issued, names))


@table(SignalScorecard)
def signal_scorecard(recoupling_signal: pl.DataFrame, studies: Studies) -> pl.DataFrame:
    """Every model's forecasts whose horizon has ended, scored against base rate and random walk."""
    scored = recoupling_signal.drop_nulls("caught_up").sort("session")
    rows = [
        row
        for horizon in studies.recoupling.horizons_sessions
        for row in _scores(scored.filter(horizon_sessions=horizon), horizon, studies.recoupling)
    ]
    return pl.DataFrame(rows) if rows else SignalScorecard.create_empty()


def _forecasts(inputs: pl.DataFrame, horizon: int, pair: Pair, entry: Recoupling, kept: Kept) -> pl.DataFrame:
    """One horizon's forecasts, with what happened where that is known."""
    from quant.trailing import trailing_deviation

    gap = inputs["gap_63d"].fill_null(np.nan).to_numpy()
    log_ratio = np.log(inputs["ratio"].to_numpy())
    volatility = trailing_deviation(np.diff(log_ratio, prepend=np.nan), _VOLATILITY_SESSIONS)
    made_up, caught_up = catch_up(log_ratio, gap, horizon)
    by_chance = random_walk_probability(gap, volatility, horizon)
    sessions, features = inputs["session"], _features(inputs, gap, volatility, horizon)
    of_gap = np.column_stack([days_of(sessions), gap, log_ratio])
    issued = partial(_issued, sessions, features, caught_up, by_chance, horizon, entry)
    forecasts = kept.continued(f"forecasts {horizon}", [np.column_stack([of_gap, features])], issued, entry)
    asset_lags = pl.Series(gap < 0)
    to_make_up = CATCH_UP_SHARE * np.abs(gap)
    furthest = furthest_made_up(log_ratio, gap, horizon)
    within = np.where(np.isfinite(furthest), furthest >= to_make_up, np.nan)
    seen = partial(_seen, sessions, gap, np.column_stack([caught_up, within]), horizon)
    alike = kept.continued(f"days alike {horizon}", [of_gap], seen, horizon)
    so_far = skill_so_far(
        brier_losses(forecasts["probability"].to_numpy(), caught_up), brier_losses(by_chance, caught_up), horizon
    )
    follower_price = pl.when(asset_lags).then(pair.asset).otherwise(pair.benchmark)
    return (
        inputs.select("session", "gap_63d", pair.asset, pair.benchmark)
        .with_columns(
            to_make_up=pl.Series(to_make_up),
            price_to_reach=follower_price * pl.Series(np.exp(to_make_up)),
            reference_days=alike["days"],
            reference_independent=alike["independent"],
            reference_rate=alike["rate"].fill_nan(None),
            reference_rate_within=alike["rate_within"].fill_nan(None),
            probability_within_random_walk=random_walk_touch_probability(gap, volatility, horizon),
            forecasts_scored=so_far.scored,
            skill_so_far=pl.Series(so_far.skill).fill_nan(None),
            skill_so_far_ci95_low=pl.Series(so_far.low).fill_nan(None),
            skill_so_far_ci95_high=pl.Series(so_far.high).fill_nan(None),
            horizon_sessions=pl.lit(horizon, pl.Int64),
            leader=pl.when(asset_lags).then(pl.lit(pair.benchmark)).otherwise(pl.lit(pair.asset)),
            follower=pl.when(asset_lags).then(pl.lit(pair.asset)).otherwise(pl.lit(pair.benchmark)),
            probability_catch_up=forecasts["probability"],
            base_rate=forecasts["base_rate"],
            probability_random_walk=by_chance,
            probability_uncalibrated=forecasts["uncalibrated"],
            **{column: forecasts[column] for column in _COMPONENT_COLUMNS},
            resolved_on=pl.when(pl.Series(np.isfinite(caught_up))).then(pl.col("session").shift(-horizon)),
            made_up=pl.Series(made_up).fill_nan(None),
            caught_up=pl.Series(caught_up).fill_nan(None).cast(pl.Boolean),
            caught_up_within=pl.Series(within).fill_nan(None).cast(pl.Boolean),
        )
        .drop(pair.asset, pair.benchmark)
        .filter(
            pl.col("gap_63d") != 0,
            pl.col("probability_catch_up").is_not_nan(),
            pl.col("probability_random_walk").is_not_nan(),
        )
    )


def _issued(
    sessions: pl.Series,
    features: FloatArray,
    caught_up: FloatArray,
    by_chance: FloatArray,
    horizon: int,
    entry: Recoupling,
    known: pl.DataFrame | None,
) -> pl.DataFrame:
    """A forecast for every session, with what its weights made of the features."""
    forecasts = walk_forward(
        features,
        caught_up,
        horizon,
        prior_sd=np.full(len(_COMPONENTS), entry.component_prior),
        expected=by_chance,
        refit_every=entry.refit_sessions,
        fewest_outcomes=entry.fewest_outcomes,
        known=None if known is None else (known[_WEIGHTED_COLUMNS].to_numpy(), known[_COMPONENT_COLUMNS].to_numpy()),
    )
    return pl.DataFrame(
        {
            "session": sessions,
            "probability": forecasts.probability,
            "base_rate": forecasts.base_rate,
            "uncalibrated": forecasts.uncalibrated,
            **dict(zip(_WEIGHTED_COLUMNS, forecasts.weighted.T, strict=True)),
            **dict(zip(_COMPONENT_COLUMNS, forecasts.components.T, strict=True)),
        }
    )


def _seen(
    sessions: pl.Series, gap: FloatArray, outcomes: FloatArray, horizon: int, known: pl.DataFrame | None
) -> pl.DataFrame:
    """What followed on earlier days like each session."""
    earlier = (
        None
        if known is None
        else ReferenceClass(
            known["days"].to_numpy(), known["independent"].to_numpy(), known.select("rate", "rate_within").to_numpy()
        )
    )
    alike = reference_class(gap, outcomes, horizon, known=earlier)
    return pl.DataFrame(
        {
            "session": sessions,
            "days": alike.days,
            "independent": alike.independent,
            "rate": alike.rates[:, 0],
            "rate_within": alike.rates[:, 1],
        }
    )


def _features(inputs: pl.DataFrame, gap: FloatArray, volatility: FloatArray, horizon: int) -> FloatArray:
    """float64[T, K] in the order of the components; what helps the asset speaks against a lagging benchmark."""
    from quant.trailing import trailing_mean

    columns = (
        "p_coupled",
        "liquidity_impulse",
        "policy_direction",
        "asset_volatility_annualized",
        "fund_flows_21d_usd_mn",
    )
    known = {c: inputs[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in columns}
    for_the_laggard = -np.sign(gap)
    usual = trailing_mean(known["asset_volatility_annualized"], _USUAL_SESSIONS)
    return np.column_stack(
        [
            -np.abs(gap) / (volatility * np.sqrt(horizon)),
            known["p_coupled"],
            for_the_laggard * known["liquidity_impulse"],
            for_the_laggard * known["policy_direction"],
            np.log(known["asset_volatility_annualized"] / usual),
            for_the_laggard * known["fund_flows_21d_usd_mn"],
        ]
    )


def _reading(issued: pl.DataFrame, names: dict[str, str]) -> pl.Series:
    """The forecasts in plain words."""
    return pl.Series([_in_words(row, names) for row in issued.iter_rows(named=True)], dtype=pl.String)


def _in_words(row: dict[str, Any], names: dict[str, str]) -> str:
    components = {name: float(row[f"component_{name}"]) for name in _COMPONENTS}
    strongest = max(components, key=lambda name: abs(components[name]))
    pushed = "raised" if components[strongest] > 0 else "lowered"
    return (
        f"{names[str(row['follower'])]} trails {names[str(row['leader'])]} by {_percent(abs(float(row['gap_63d'])))} "
        f"(log return over 63 sessions). Chance that half of that is made up at the end of {row['horizon_sessions']} "
        f"sessions: {_percent(row['probability_catch_up'])}, against {_percent(row['base_rate'])} on any day and "
        f"{_percent(row['probability_random_walk'])} by the size of the gap alone; from there {pushed} most by "
        f"{strongest.replace('_', ' ')}. {_record(row)}"
    )


def _record(row: dict[str, Any]) -> str:
    """How well such forecasts had done by that day; a claim of skill needs its interval above zero."""
    low, high = row["skill_so_far_ci95_low"], row["skill_so_far_ci95_high"]
    if low is None:
        return "Too few such forecasts had ended by that day to judge them."
    told = "had beaten" if low > 0 else "had fallen behind" if high < 0 else "could not be told from"
    return f"Until then such forecasts {told} the size of the gap alone."


def _percent(value: float | str) -> str:
    return f"{float(value):.0%}"


def _scores(scored: pl.DataFrame, horizon: int, entry: Recoupling) -> Iterator[dict[str, object]]:
    if scored.is_empty():
        return
    outcome = scored["caught_up"].cast(pl.Float64).to_numpy()
    of_base, of_walk = (brier_losses(scored[c].to_numpy(), outcome) for c in ("base_rate", "probability_random_walk"))
    days = resampled_days(len(outcome), horizon, entry.bootstrap_replications, _SEED + horizon)
    independent = independent_events(np.arange(len(outcome)), horizon)
    for model, column in _MODELS.items():
        probability = scored[column].to_numpy()
        losses = brier_losses(probability, outcome)
        base_low, base_high = skill_interval(losses, of_base, days)
        walk_low, walk_high = skill_interval(losses, of_walk, days)
        slope = calibration_slope(probability, outcome)
        row: dict[str, object] = {
            "horizon_sessions": horizon,
            "model": model,
            "forecasts": len(outcome),
            "independent_forecasts": independent,
            "catch_up_rate": float(outcome.mean()),
            "brier_score": float(losses.mean()),
            "brier_score_base_rate": float(of_base.mean()),
            "brier_skill": skill(losses, of_base),
            "brier_skill_ci95_low": base_low,
            "brier_skill_ci95_high": base_high,
            "brier_skill_random_walk": skill(losses, of_walk),
            "brier_skill_random_walk_ci95_low": walk_low,
            "brier_skill_random_walk_ci95_high": walk_high,
            "calibration_slope": slope,
            "is_calibrated": None if np.isnan(slope) else CALIBRATED[0] <= slope <= CALIBRATED[1],
            "first_session": scored["session"][0],
            "last_session": scored["session"][-1],
        }
        yield row | {"reading": _verdict(row)}


def _verdict(row: dict[str, object]) -> str:
    """What the intervals allow to be said: skill is claimed only where they lie above zero."""
    return f"{_skill(row)} {_calibration(row)}"


def _calibration(row: dict[str, object]) -> str:
    """Whether the probabilities mean what they say."""
    slope = float(str(row["calibration_slope"]))
    if np.isnan(slope):
        return "Its probabilities hardly vary, so their calibration cannot be judged."
    if row["is_calibrated"]:
        return f"Its probabilities mean what they say: calibration slope {slope:.2f}."
    return f"Its probabilities are not calibrated, too {'timid' if slope > 1 else 'bold'}: slope {slope:.2f}."


def _skill(row: dict[str, object]) -> str:
    base = _claim(row, "brier_skill", "the base rate")
    walk = _claim(row, "brier_skill_random_walk", "the random walk")
    few = int(str(row["independent_forecasts"]))
    doubt = f" Only {few} outcomes share no session: too few for a firm word." if few < _FEWEST_INDEPENDENT else ""
    if row["model"] == "random_walk":
        return f"{base[0]} It knows nothing but the size of the gap, which is arithmetic and no foresight.{doubt}"
    if walk[1]:
        return f"{base[0]} {walk[0]} That is more than the size of the gap explains.{doubt}"
    if base[1]:
        return f"{base[0]} {walk[0]} What it knows is the size of the gap: no foresight is shown.{doubt}"
    return f"{base[0]} {walk[0]} No skill is shown.{doubt}"


def _claim(row: dict[str, object], column: str, yardstick: str) -> tuple[str, bool]:
    value, low, high = (float(str(row[c])) for c in (column, f"{column}_ci95_low", f"{column}_ci95_high"))
    beaten = low > 0
    verb = "Beats" if beaten else "Falls behind" if high < 0 else "Cannot be told from"
    return f"{verb} {yardstick}: skill {value:+.1%} (95%: {low:+.1%} to {high:+.1%}).", beaten
