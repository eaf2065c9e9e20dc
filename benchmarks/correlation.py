"""Rolling correlation against the libraries one would otherwise use, as ratios measured in one run.

Here: speed of quant.correlation, quant.universe and quant.correlation_bands. Not here: their accuracy, which
is tested (tests/unit/test_correlation.py). Baselines too slow for the whole universe run on some of its
pairs and are scaled by the number of pairs; their name says so. All sides are timed alternately and the best
of the repetitions counts, so that other work on the machine does not favour one of them.
"""

import importlib
import importlib.util
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl

from quant.correlation import FloatArray, rolling_correlation
from quant.correlation_bands import confidence_band
from quant.universe import RollingPairs, all_pairs
from quant.universe_window import latest_pairs

SESSIONS = 2_500
ASSETS = 500
WINDOW = 90
PAIRS = ASSETS * (ASSETS - 1) // 2
WINDOWS = (20, 60, 90, 120, 252)
CATALOG_PAIRS = 12
REPETITIONS = 5

Row = dict[str, Any]


def run() -> list[Row]:
    """Rows of {name, value, unit, baseline, baseline_value, ratio}; ratio > 1 where we are faster."""
    returns = _returns()
    return [*_universe_rows(returns), *_one_more_day_rows(returns), *_catalog_rows(returns)]


def _returns() -> FloatArray:
    rng = np.random.default_rng(20251212)
    return 0.01 * (rng.standard_t(4, (SESSIONS, ASSETS)) + rng.standard_t(4, (SESSIONS, 1)))


def _universe_rows(returns: FloatArray) -> list[Row]:
    sides: dict[str, Callable[[], float]] = {"ours": lambda: _seconds(lambda: _drain(returns))}
    for name, baseline, assets in _baselines():
        sides[_scaled(name, assets)] = _scaled_seconds(baseline, returns[:, :assets])
    best = _best(sides)
    ours = best.pop("ours")
    name = f"all pairs of {ASSETS} assets, {SESSIONS} sessions, window {WINDOW}, streamed"
    rows = [_row(name, ours, "s", baseline, value) for baseline, value in best.items()]
    if not _installed("numbagg"):
        rows.append(_skipped(name, ours, "numbagg"))
    usual = [baseline for baseline in best if baseline.split()[0] in ("pandas", "polars", "DuckDB")]
    fastest = min(usual, key=lambda baseline: best[baseline])
    summary = f"{name}: against the fastest of pandas, polars and DuckDB"
    return [*rows, _row(summary, ours, "s", fastest, best[fastest])]


def _one_more_day_rows(returns: FloatArray) -> list[Row]:
    state = RollingPairs(returns[-WINDOW - 1 : -1])
    best = _best(
        {
            "full": lambda: _seconds(lambda: _drain(returns)),
            "append": lambda: _seconds(lambda: state.append(returns[-1])),
            "latest": lambda: _seconds(lambda: latest_pairs(returns[-WINDOW:])),
        }
    )
    full = f"all {SESSIONS} sessions anew"
    return [
        _row(f"one more session of {PAIRS} pairs, RollingPairs.append", best["append"], "s", full, best["full"]),
        _row(f"one more session of {PAIRS} pairs, latest_pairs", best["latest"], "s", full, best["full"]),
    ]


def _catalog_rows(returns: FloatArray) -> list[Row]:
    """A nightly's own case: a dozen pairs, each with one benchmark, in five windows, with their bands."""
    pairs = [(returns[:, 0].copy(), returns[:, j].copy()) for j in range(1, CATALOG_PAIRS + 1)]
    frame = pd.DataFrame(returns[:, : CATALOG_PAIRS + 1])
    table = pl.from_numpy(returns[:, : CATALOG_PAIRS + 1]).lazy()
    columns = range(1, CATALOG_PAIRS + 1)
    rolling = [
        pl.rolling_corr("column_0", f"column_{j}", window_size=window).alias(f"{j}-{window}")
        for j in columns
        for window in WINDOWS
    ]
    best = _best(
        {
            "ours": lambda: _seconds(lambda: [rolling_correlation(x, y, w) for x, y in pairs for w in WINDOWS]),
            "bands": lambda: _seconds(lambda: [_with_band(x, y, w) for x, y in pairs for w in WINDOWS]),
            "pandas rolling.corr": lambda: _seconds(
                lambda: [frame[0].rolling(w).corr(frame[j]) for j in columns for w in WINDOWS]
            ),
            "polars rolling_corr": lambda: _seconds(lambda: table.select(rolling).collect()),
        }
    )
    ours, bands = best.pop("ours"), best.pop("bands")
    name = f"{CATALOG_PAIRS} pairs in {len(WINDOWS)} windows, {SESSIONS} sessions"
    return [
        *(_row(name, ours, "s", baseline, value) for baseline, value in best.items()),
        *(
            _row(f"{name}, with confidence bands", bands, "s", f"{baseline} (no bands)", value)
            for baseline, value in best.items()
        ),
    ]


def _with_band(x: FloatArray, y: FloatArray, window: int) -> object:
    return confidence_band(*rolling_correlation(x, y, window), x, y, window)


def _baselines() -> list[tuple[str, Callable[[FloatArray], object], int]]:
    """Name, function of returns[T, N] that computes all pairs of N, and for how many assets it is run."""
    chosen: list[tuple[str, Callable[[FloatArray], object], int]] = [
        ("pandas rolling.corr", _pandas, 12),
        ("polars rolling_corr", _polars, 64),
        ("polars by hand from rolling means", _polars_by_hand, 64),
        ("DuckDB corr over window", _duckdb, 8),
    ]
    if _installed("numbagg"):
        chosen.append(("numbagg move_corr", _numbagg, 64))
    return chosen


def _drain(returns: FloatArray) -> None:
    for _ in all_pairs(returns, WINDOW):
        pass


def _pandas(returns: FloatArray) -> object:
    frame = pd.DataFrame(returns)
    return [frame[i].rolling(WINDOW).corr(frame[j]) for i, j in _pairs(returns)]


def _polars(returns: FloatArray) -> object:
    correlations = [
        pl.rolling_corr(f"column_{i}", f"column_{j}", window_size=WINDOW).alias(f"{i}-{j}") for i, j in _pairs(returns)
    ]
    return pl.from_numpy(returns).lazy().select(correlations).collect()


def _polars_by_hand(returns: FloatArray) -> object:
    """What a patient user would write: means and deviations once per asset, a product per pair. Inexact."""
    column = pl.all()
    frame = pl.from_numpy(returns).lazy()
    frame = frame.with_columns(
        column.rolling_mean(WINDOW).name.suffix("_mean"),
        column.rolling_std(WINDOW, ddof=0).name.suffix("_std"),
    )
    correlations = []
    for i, j in _pairs(returns):
        a, b = f"column_{i}", f"column_{j}"
        covariance = (pl.col(a) * pl.col(b)).rolling_mean(WINDOW) - pl.col(f"{a}_mean") * pl.col(f"{b}_mean")
        correlations.append((covariance / (pl.col(f"{a}_std") * pl.col(f"{b}_std"))).alias(f"{i}-{j}"))
    return frame.select(correlations).collect()


def _duckdb(returns: FloatArray) -> object:
    frame = pl.from_numpy(returns).with_row_index("session")
    select = ", ".join(f'corr(column_{i}, column_{j}) over recent as "{i}-{j}"' for i, j in _pairs(returns))
    query = f"select {select} from frame window recent as (order by session rows {WINDOW - 1} preceding)"
    with duckdb.connect() as connection:
        connection.register("frame", frame)
        return connection.execute(query).fetchnumpy()


def _numbagg(returns: FloatArray) -> object:
    numbagg = importlib.import_module("numbagg")
    left, right = np.triu_indices(returns.shape[1], 1)
    columns = np.ascontiguousarray(returns.T)
    return numbagg.move_corr(columns[left], columns[right], window=WINDOW)


def _pairs(returns: FloatArray) -> Iterator[tuple[int, int]]:
    return itertools.combinations(range(returns.shape[1]), 2)


def _installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _scaled(name: str, assets: int) -> str:
    return f"{name} ({assets * (assets - 1) // 2} pairs, scaled to {PAIRS})"


def _scaled_seconds(baseline: Callable[[FloatArray], object], returns: FloatArray) -> Callable[[], float]:
    measured = returns.shape[1] * (returns.shape[1] - 1) // 2
    return lambda: _seconds(lambda: baseline(returns)) * PAIRS / measured


def _best(sides: dict[str, Callable[[], float]]) -> dict[str, float]:
    """Smallest of REPETITIONS timings of every side, taken in turns, after one that does not count."""
    for side in sides.values():
        side()
    timings: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(REPETITIONS):
        for name, side in sides.items():
            timings[name].append(side())
    return {name: min(seconds) for name, seconds in timings.items()}


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _row(name: str, value: float, unit: str, baseline: str, baseline_value: float) -> Row:
    return {
        "name": name,
        "value": value,
        "unit": unit,
        "baseline": baseline,
        "baseline_value": baseline_value,
        "ratio": baseline_value / value,
    }


def _skipped(name: str, value: float, baseline: str) -> Row:
    row = _row(name, value, "s", f"{baseline}: not installed, skipped", float("nan"))
    return row | {"baseline_value": None, "ratio": None}


if __name__ == "__main__":
    for row in run():
        print(row)
