"""Universes: what a pair costs once and every night, and whether the marts are right.

Here: the bars of a universe, each measured on a simulated one whose regimes are known, seeded. Not here: the same
promises in small (tests/unit/test_universe*.py), what the figures mean for larger ones (docs/scale.md).

Processor seconds are those of this process and its workers together, so that a busy machine tells the same. A state is
as large and as quick after 1,100 sessions as after 2,520, so nights are measured on the shorter history.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import psutil
from numpy.typing import NDArray

from assets.framework.table import FUNCTIONS
from assets.marts import universe as _marts  # noqa: F401  (registers the functions)
from assets.marts.regimes import parameters
from assets.universe import Universe, Universes
from benchmarks.figures import Figure, compared
from pipelines.store.objects import Folder
from pipelines.universe.blocks import Block, advance_block, cut
from pipelines.universe.map_blocks import Processes
from pipelines.universe.panel import Panel
from pipelines.universe.states import StoredStates
from quant.correlation import rolling_correlation
from quant.null_markets import null_pair
from quant.regimes import filter_regimes
from quant.universe_latest import latest_window
from quant.universe_regimes import BlockState, filter_block
from quant.universe_simulation import SimulatedUniverse, oracle_probabilities, simulate_universe

SEED = 14
SYMBOLS, SESSIONS, SHORT = 500, 2520, 1100
ANCHORED, ANCHORS = 2000, 5
WARM_UP = 504
MEMORY_GB = 2.0
WINDOWS = (60, 252)
MARTS = ("universe_latest", "universe_changes", "universe_breadth", "universe_neighbours")

PARAMETERS = parameters()

FloatArray = NDArray[np.float64]


@dataclass
class Cost:
    """Of one piece of work."""

    processor_seconds: float = 0.0
    wall_seconds: float = 0.0


def run() -> list[Figure]:
    """All bars."""
    market = simulate_universe(_names(SYMBOLS), SESSIONS, SEED)
    return [
        *_backfill(market),
        *_equality(market),
        *_accuracy(market),
        *_false_changes(),
        *_curve(market),
        *_nights(market),
    ]


# ------------------------------------------------------------------ cost
def _backfill(market: SimulatedUniverse) -> list[Figure]:
    """Three random blocks from the first session, scaled to all pairs."""
    left, right = np.triu_indices(SYMBOLS, 1)
    blocks = list(cut(left.astype(np.int64), right.astype(np.int64)))
    chosen = np.random.default_rng(SEED).choice(len(blocks), 3, replace=False)
    with tempfile.TemporaryDirectory() as folder:
        objects = _stored(folder, market.returns)
        _advance(objects, left[:10], right[:10], 999)  # compile outside the clock
        pairs = 0
        with _clock() as cost:
            for number in chosen:
                own = blocks[number]
                _advance(objects, left[own], right[own], int(number))
                pairs += len(own)
        bytes_a_pair = sum(p.stat().st_size for p in Path(folder).rglob("state-*")) / (pairs + 10)
    minutes = cost.processor_seconds / pairs * len(left) / 60
    return [
        compared("universe: first backfill, 124,750 pairs, 2,520 sessions", minutes, "core-minutes", "bar", 45),
        _figure("universe: first backfill", 1e3 * cost.processor_seconds / pairs, "ms of a core per pair"),
        _figure("universe: state", bytes_a_pair / 1e3, "kB per pair"),
    ]


def _nights(market: SimulatedUniverse) -> Iterator[Figure]:
    """One more session of a whole universe, marts with it."""
    wide = simulate_universe(_names(ANCHORED + ANCHORS), SHORT + 1, SEED)
    for name, returns, universe, bar in (
        ("500 symbols, 124,750 pairs", market.returns[: SHORT + 1], _all_pairs(SYMBOLS), 60.0),
        ("2,000 symbols against 5 anchors", wide.returns, _anchored(), 30.0),
    ):
        yield from _night(name, returns, universe, bar)


def _night(name: str, returns: FloatArray, universe: Universe, bar_seconds: float) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        rows, members = _rows(returns), Universes(universe=(universe,)).members_frame(simulated=False)
        engine = Processes.within(MEMORY_GB)
        before = rows.filter(pl.col("session") < rows["session"].max())
        StoredStates(Folder(Path(folder)), engine, simulated=False).advance(universe, before, members)
        kept = StoredStates(Folder(Path(folder)), engine, simulated=False)
        with _clock() as cost, _memory() as held_gb:
            report = kept.advance(universe, rows, members)
            shown = {m: FUNCTIONS[m](report, Universes(universe=(universe,)), kept).height for m in MARTS}
    if report["days"].unique().to_list() != [1]:
        raise ValueError(f"{name}: the night should have had one new session, not {report['days'].unique().to_list()}")
    return [
        compared(f"universe: night, {name}", cost.wall_seconds, "s", "bar", bar_seconds),
        _figure(f"universe: night, {name}, processor", cost.processor_seconds, "s"),
        compared(f"universe: night, {name}, memory of all processes", max(held_gb), "GB", "bar", MEMORY_GB),
        _figure(f"universe: night, {name}, rows of universe_latest", float(shown["universe_latest"]), "rows"),
    ]


def _curve(market: SimulatedUniverse) -> Iterator[Figure]:
    """One more session: linear in pairs, constant in history."""
    for symbols in (32, 64, 128):
        left, right = np.triu_indices(symbols, 1)
        yield _one_more(f"{len(left):,} pairs after {SHORT} sessions", market.returns[:SHORT], left, right)
    left, right = np.triu_indices(64, 1)
    for sessions in (SHORT, 1800, SESSIONS):
        yield _one_more(f"{len(left):,} pairs after {sessions:,} sessions", market.returns[:sessions], left, right)


def _one_more(name: str, returns: FloatArray, left: NDArray[np.int64], right: NDArray[np.int64]) -> Figure:
    """The filter and both windows of one more session, the best of three."""
    columns, days = returns[:, : int(right.max()) + 1], np.arange(len(returns))
    fresh = BlockState.initial(columns.shape[1], len(left), PARAMETERS)
    state = filter_block(columns[:-1], days[:-1], left, right, PARAMETERS, fresh).state
    costs = []
    for _ in range(3):
        with _clock() as cost:
            filter_block(columns[-1:], days[-1:], left, right, PARAMETERS, state)
            for window in WINDOWS:
                latest_window(columns, left, right, window)
        costs.append(cost.processor_seconds)
    return _figure(f"universe: one more session, {name}", 1e6 * min(costs) / len(left), "us of a core per pair")


# ------------------------------------------------------------------ truth
def _equality(market: SimulatedUniverse, pairs: int = 1000) -> list[Figure]:
    """Blocks against the one-pair functions."""
    left, right = _random_pairs(pairs)
    days = np.arange(SESSIONS)
    fresh = BlockState.initial(SYMBOLS, pairs, PARAMETERS)
    block = filter_block(market.returns, days, left, right, PARAMETERS, fresh)
    windows = [latest_window(market.returns, left, right, window) for window in WINDOWS]
    worst, labels = 0.0, 0
    for p, (i, j) in enumerate(zip(left, right, strict=True)):
        sides = np.ascontiguousarray(market.returns[:, [i, j]])
        one = filter_regimes(sides, PARAMETERS)
        labels += int(one.labels[-1] + 1 != block.state.label[p])
        gaps = [np.abs(one.probabilities[-1] - block.probabilities[p]).max()]
        for window, latest in zip(WINDOWS, windows, strict=True):
            rolled, _ = rolling_correlation(sides[-window - 300 :, 0], sides[-window - 300 :, 1], window)
            gaps.append(abs(rolled[-1] - latest.correlation[p]))
        worst = max(worst, *map(float, gaps))
    return [
        compared("universe: largest difference to the one-pair functions, 1,000 pairs", worst, "", "bar", 1e-9),
        _figure("universe: labels that differ from the one-pair filter, 1,000 pairs", float(labels), "pairs"),
    ]


def _accuracy(market: SimulatedUniverse, pairs: int = 200) -> list[Figure]:
    """Labels against the known regimes, beside a reader who knows every parameter."""
    found, best, changes, false = [], [], 0, 0
    for i, j in zip(*_random_pairs(pairs), strict=True):
        truth = np.digitize(market.correlation(i, j), [PARAMETERS.lower_border, PARAMETERS.upper_border])
        own = filter_regimes(np.ascontiguousarray(market.returns[:, [i, j]]), PARAMETERS)
        oracle = oracle_probabilities(market, i, j, PARAMETERS.lower_border, PARAMETERS.upper_border).argmax(axis=1)
        found.append((own.labels + 1 == truth)[WARM_UP:].mean())
        best.append((oracle == truth)[WARM_UP:].mean())
        pair = np.ascontiguousarray(market.returns[:, [i, j]])
        for day, after in _confirmed(pair):
            changes += 1
            false += int(truth[day] != after)
    years = pairs * (SESSIONS - WARM_UP) / 252
    accuracy, reach = float(np.mean(found)), float(np.mean(best))
    return [
        compared("universe: accuracy of regimes, 200 pairs", accuracy, "share of days", "oracle (bar 0.97)", reach),
        _figure("universe: changes told where regimes switch", changes / years, "per pair and year"),
        compared("universe: of them false", false / years, "per pair and year", "promise", 0.01),
    ]


def _false_changes(pairs: int = 400) -> list[Figure]:
    """Where the correlation never changes, every change is false."""
    rng = np.random.default_rng(SEED)
    years = pairs * (SESSIONS - WARM_UP) / 252
    rows = []
    for name, level in (("between -0.5 and 0.8", None), ("on the border, 0.30", 0.30)):
        told = 0
        for _ in range(pairs):
            correlation = rng.uniform(-0.5, 0.8) if level is None else level
            told += len(_confirmed(np.column_stack(null_pair(SESSIONS, rng, correlation=correlation))))
        label = f"universe: false changes, constant correlation {name}"
        rows.append(compared(label, told / years, "per pair and year", "promise", 0.01))
    return rows


def _confirmed(pair: FloatArray) -> list[tuple[int, int]]:
    """Day and new regime of the pair's confirmed changes after the warm-up."""
    one, other = np.array([0]), np.array([1])
    found = filter_block(pair, np.arange(len(pair)), one, other, PARAMETERS, BlockState.initial(2, 1, PARAMETERS))
    changes = found.changes
    told = (changes.day >= WARM_UP) & (changes.before >= 0)
    return list(zip(changes.day[told].tolist(), changes.after[told].tolist(), strict=True))


# ------------------------------------------------------------------ a simulated universe as the pipeline sees it
def _names(symbols: int) -> list[str]:
    return [f"SIM{n:04d}" for n in range(1, symbols + 1)]


def _random_pairs(pairs: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    left, right = np.triu_indices(SYMBOLS, 1)
    chosen = np.random.default_rng(SEED).choice(len(left), pairs, replace=False)
    return left[chosen].astype(np.int64), right[chosen].astype(np.int64)


def _all_pairs(symbols: int) -> Universe:
    return Universe(id="all", name="All", members=tuple(_names(symbols)), all_pairs=True, windows_sessions=WINDOWS)


def _anchored() -> Universe:
    names = _names(ANCHORED + ANCHORS)
    return Universe(
        id="anchored",
        name="Anchored",
        members=tuple(names[ANCHORS:]),
        anchors=tuple(names[:ANCHORS]),
        windows_sessions=WINDOWS,
    )


def _rows(returns: FloatArray) -> pl.DataFrame:
    days = [date(2015, 1, 1) + timedelta(days=n) for n in range(len(returns))]
    wide = pl.DataFrame({"session": days, **dict(zip(_names(returns.shape[1]), returns.T, strict=True))})
    return wide.unpivot(index="session", variable_name="symbol", value_name="log_return")


def _stored(folder: str, returns: FloatArray) -> Folder:
    objects = Folder(Path(folder))
    names, everyone = tuple(_names(returns.shape[1])), np.ones(returns.shape, dtype=np.bool_)
    objects.write("panel", Panel(np.arange(len(returns)), names, returns, everyone).to_bytes())
    return objects


def _advance(objects: Folder, left: NDArray[np.int64], right: NDArray[np.int64], number: int) -> None:
    advance_block(Block(objects, "panel", "all", number, left, right, WINDOWS, PARAMETERS, 0.97))


# ------------------------------------------------------------------ clocks
@contextmanager
def _clock() -> Iterator[Cost]:
    cost, wall, processor = Cost(), time.perf_counter(), _processor_seconds()
    yield cost
    cost.wall_seconds = time.perf_counter() - wall
    cost.processor_seconds = _processor_seconds() - processor


def _processor_seconds() -> float:
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


@contextmanager
def _memory() -> Iterator[list[float]]:
    """What this process and its children hold together, in GB, looked at twenty times a second.

    A child's own account of its peak will not do: it begins with what this process held when it was started.
    """
    held, ended = [0.0], threading.Event()

    def look() -> None:
        this = psutil.Process()
        while not ended.wait(0.05):
            with suppress(psutil.NoSuchProcess):  # a child that has just ended
                held.append(sum(p.memory_info().rss for p in (this, *this.children(recursive=True))) / 1e9)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield held
    finally:
        ended.set()
        watcher.join()


def _figure(name: str, value: float, unit: str) -> Figure:
    return Figure(name=name, value=value, unit=unit, baseline=None, baseline_value=None, ratio=None)
