"""What is kept of a universe between nights, brought to the last session and read.

Here: one night of a universe: returns into the store, blocks through the engine, a sample recomputed, results as
frames. Not here: one block (pipelines.universe.blocks), the marts (assets.marts.universe).
"""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np
import polars as pl
from numpy.typing import NDArray

from assets.framework.errors import KnownFault
from assets.marts.regimes import parameters
from assets.universe import Universe
from pipelines.store.objects import Objects
from pipelines.universe.blocks import Block, BlockReport, BlockResult, advance_block, cut, from_the_start
from pipelines.universe.map_blocks import Engine, InThisProcess
from pipelines.universe.panel import Panel, panel
from quant.universe_breadth import Breadth, breadth
from quant.universe_latest import CHANGES_OVER

log = logging.getLogger(__name__)

SAMPLED_PAIRS = 3  # recomputed from the first day, every night
WORTH_A_PROCESS = 400_000  # pairs times days: about four seconds
_REGIMES = ["inverse", "decoupled", "coupled"]
_READ = ("correlation", "low", "high", "observations", "move", "move_pvalue")

IntArray = NDArray[np.int64]


class StatesGone(KnownFault):
    """A universe was read before its blocks were computed."""


@dataclass
class _Night:
    """One universe as it is tonight."""

    panel: Panel
    left: IntArray
    right: IntArray
    blocks: list[Block] = field(default_factory=list)


class StoredStates:
    """Implements assets.universe.UniverseStates on objects and an engine."""

    def __init__(self, objects: Objects, engine: Engine, simulated: bool) -> None:
        """simulated: which members the universes have."""
        self._objects, self._engine, self._simulated = objects, engine, simulated
        self._nights: dict[str, _Night] = {}
        self._pairs: dict[str, pl.DataFrame] = {}

    # ------------------------------------------------------------------ computing
    def advance(self, universe: Universe, returns: pl.DataFrame, members: pl.DataFrame) -> pl.DataFrame:
        """One row per block; a universe without two symbols that have prices has none."""
        schema = {
            "block": pl.Int64,
            "pairs": pl.Int64,
            "continued_from": pl.Date,
            "session": pl.Date,
            "days": pl.Int64,
            "tries": pl.Int64,
        }
        computed = returns.filter(pl.col("session") >= universe.since) if universe.since else returns
        night = self._prepared(universe, panel(computed, members))
        self._nights[universe.id] = night
        self._pairs.pop(universe.id, None)
        if not night.blocks:
            return pl.DataFrame(schema=schema)
        reports = self._through(night)
        if not self._sample_holds(universe, night):
            log.warning("universe %s: a pair is not what recomputing says; every block is computed anew", universe.id)
            for block in night.blocks:
                self._objects.remove(block.state)
            reports = self._through(night)
        self._write_breadth(universe, night)
        rows = [
            (block.number, len(block.left), _date(report.continued_from), _date(report.last_day), report.days, tries)
            for block, report, tries in reports
        ]
        return pl.DataFrame(rows, schema=schema, orient="row").sort("block")

    def _prepared(self, universe: Universe, now: Panel) -> _Night:
        """Returns in the store, pairs cut into blocks."""
        stored = self._objects.names(_panels(universe))
        for name in stored:
            raw = self._objects.read(name)
            now = now.keeping(Panel.from_bytes(raw)) if raw else now
        name = f"{_panels(universe)}{now.digest()}.npz"
        self._objects.write(name, now.to_bytes())
        for old in stored:
            if old != name:
                self._objects.remove(old)
        return self._cut(universe, now, name)

    def _cut(self, universe: Universe, now: Panel, name: str) -> _Night:
        """The universe's pairs that have prices, in blocks."""
        at = {symbol: n for n, symbol in enumerate(now.symbols)}
        pairs = [(at[a], at[b]) for a, b in universe.pairs(self._simulated) if a in at and b in at]
        left, right = np.ascontiguousarray(np.array(pairs, dtype=np.int64).reshape(-1, 2).T)
        night = _Night(now, left, right)
        for number, own in enumerate(cut(left, right) if pairs else ()):
            night.blocks.append(
                Block(
                    self._objects,
                    name,
                    universe.id,
                    number,
                    left[own],
                    right[own],
                    universe.windows_sessions,
                    parameters(),
                    universe.confirm_above,
                )
            )
        return night

    def _through(self, night: _Night) -> Sequence[tuple[Block, BlockReport, int]]:
        # How much is new is not known before the states are read; their absence means everything.
        stored = set(self._objects.names(f"{night.blocks[0].universe}/state-"))
        new_pairs = sum(len(b.left) for b in night.blocks if b.state not in stored)
        small = new_pairs * len(night.panel.days) + 100 * len(night.left) < WORTH_A_PROCESS
        engine = InThisProcess() if small else self._engine
        return list(engine.map_blocks(advance_block, night.blocks))

    def _sample_holds(self, universe: Universe, night: _Night) -> bool:
        """A random sample of pairs, another every night, is bit for bit what recomputing says."""
        rng = np.random.default_rng(int(night.panel.days[-1]))
        for _ in range(min(SAMPLED_PAIRS, len(night.left))):
            number = int(rng.integers(len(night.blocks)))
            block, result = night.blocks[number], self._result(night.blocks[number])
            p = int(rng.integers(len(block.left)))
            anew = from_the_start(
                night.panel, int(block.left[p]), int(block.right[p]), block.parameters, block.confirm_above
            )
            same = (
                np.array_equal(result.probabilities[p], anew.probabilities[0], equal_nan=True)
                and result.label[p] == anew.state.label[0]
                and result.since[p] == anew.state.since[0]
                and result.confirmed[p] == anew.state.confirmed[0]
            )
            if not same:
                return False
        return True

    def _write_breadth(self, universe: Universe, night: _Night) -> None:
        """The sessions that are new, after those that are stored."""
        now, window, name = night.panel, universe.windows_sessions[0], f"{universe.id}/breadth.npz"
        known = _read_breadth(self._objects.read(name))
        said = sha256(repr((window, now.symbols)).encode() + night.left.tobytes() + night.right.tobytes())
        told = len(known) if known and known.stands_on(now, said.hexdigest()) else 0
        rows = list(known.rows) if known and told else []
        for t in range(told, len(now.days)):
            rows.append(_of_session(night, t, window))
        table = np.array(rows, dtype=np.float64).reshape(-1, len(Breadth._fields))
        buffer = io.BytesIO()
        np.savez(buffer, rows=table, returns=_digest(now, len(now.days)), pairs=np.array(said.hexdigest()))
        self._objects.write(name, buffer.getvalue())

    # ------------------------------------------------------------------ reading
    def pairs(self, universe: Universe) -> pl.DataFrame:
        """One row per pair and window: columns of UniverseLatest but the universe, move and move_pvalue besides."""
        if universe.id not in self._pairs:
            night = self._night(universe)
            frames = [self._pairs_of(night, block, w) for block in night.blocks for w in range(len(block.windows))]
            self._pairs[universe.id] = pl.concat(frames) if frames else _no_pairs()
        return self._pairs[universe.id]

    def changes(self, universe: Universe) -> pl.DataFrame:
        """Confirmed changes of the sessions that the universe reaches back to."""
        night = self._night(universe)
        frames = [self._changes_of(night, block, universe.changes_sessions) for block in night.blocks]
        return pl.concat([_no_changes(), *frames])

    def sessions(self, universe: Universe) -> pl.DataFrame:
        """One row per session."""
        night = self._night(universe)
        known = _read_breadth(self._objects.read(f"{universe.id}/breadth.npz")) if night.blocks else None
        counted = sum((self._result(block).counted for block in night.blocks), np.zeros((len(night.panel.days), 3)))
        rows = known.rows if known else np.zeros((len(night.panel.days), len(Breadth._fields)))
        return pl.DataFrame(
            {
                "session": _dates(night.panel.days),
                **{
                    name: counted[:, k].astype(np.int64)
                    for k, name in ((2, "coupled"), (1, "decoupled"), (0, "inverse"))
                },
                "mean_correlation": rows[:, 1],
                "median_correlation": rows[:, 2],
                "correlation_dispersion": rows[:, 3],
                "first_eigenvalue_share": rows[:, 4],
                "return_dispersion": rows[:, 5],
            }
        )

    def _night(self, universe: Universe) -> _Night:
        """Tonight's, or in another process what tonight's left in the store."""
        if universe.id not in self._nights:
            names = self._objects.names(_panels(universe))
            raw = self._objects.read(names[-1]) if names else None
            if raw is None:
                raise StatesGone(
                    f"universe {universe.id} has not been computed yet; materialize derived/universe_blocks first"
                )
            self._nights[universe.id] = self._cut(universe, Panel.from_bytes(raw), names[-1])
        return self._nights[universe.id]

    def _result(self, block: Block) -> BlockResult:
        raw = self._objects.read(block.result)
        if raw is None:
            raise StatesGone(f"{block}: its result is gone; run again, and it is computed anew")
        return BlockResult.from_bytes(raw)

    def _pairs_of(self, night: _Night, block: Block, w: int) -> pl.DataFrame:
        """Pairs of one block and window that both belong to the universe on the last session and have a regime."""
        result, now = self._result(block), night.panel
        member = now.members[-1]
        shown = (result.seen > 0) & member[block.left] & member[block.right]
        names = np.array(now.symbols, dtype=object)
        frame = pl.DataFrame(
            {
                "asset": names[block.left].tolist(),
                "benchmark": names[block.right].tolist(),
                **{name: getattr(result, name)[w] for name in _READ},
                **{f"change_{n}": result.moved[w][:, k] for k, n in enumerate(CHANGES_OVER)},
                "regime": _named(result.label),
                "since_session": _dates(result.since),
                **{f"p_{name}": result.probabilities[:, k] for k, name in enumerate(_REGIMES)},
                "correlation_estimate": result.mean,
                "correlation_sd": result.spread,
                "confirmed_regime": _named(result.confirmed),
                "confirmed_since": _dates(result.confirmed_since),
            }
        )
        return (
            frame.filter(pl.Series(shown))
            .rename({"low": "ci95_low", "high": "ci95_high"})
            .with_columns(
                pl.col(pl.Float64).fill_nan(None),
                pair=pl.col("asset") + "/" + pl.col("benchmark"),
                window_sessions=pl.lit(block.windows[w], pl.Int64),
                session=pl.lit(_date(int(now.days[-1])), pl.Date),
            )
        )

    def _changes_of(self, night: _Night, block: Block, sessions: int) -> pl.DataFrame:
        result, now = self._result(block), night.panel
        recent = result.change_day >= now.days[max(0, len(now.days) - sessions)]
        row = np.searchsorted(now.days, result.change_day)
        left, right = block.left[result.change_pair], block.right[result.change_pair]
        told = recent & (result.change_before >= 0) & now.members[row, left] & now.members[row, right]
        names = np.array(now.symbols, dtype=object)
        return (
            pl.DataFrame(
                {
                    "asset": names[left[told]].tolist(),
                    "benchmark": names[right[told]].tolist(),
                    "session": _dates(result.change_day[told]),
                    "regime_before": _named(result.change_before[told]),
                    "regime_after": _named(result.change_after[told]),
                    "probability": result.change_probability[told],
                },
                schema_overrides=_no_changes().drop("pair").schema,
            )
            .with_columns(pair=pl.col("asset") + "/" + pl.col("benchmark"))
            .select(_no_changes().columns)
        )


@dataclass(frozen=True)
class _KnownBreadth:
    rows: NDArray[np.float64]
    returns: str
    pairs: str

    def __len__(self) -> int:
        return len(self.rows)

    def stands_on(self, now: Panel, pairs: str) -> bool:
        return len(self) <= len(now.days) and self.pairs == pairs and self.returns == str(_digest(now, len(self)))


def _read_breadth(raw: bytes | None) -> _KnownBreadth | None:
    if raw is None:
        return None
    with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
        return _KnownBreadth(stored["rows"], str(stored["returns"]), str(stored["pairs"]))


def _digest(now: Panel, days: int) -> NDArray[np.str_]:
    said = sha256(now.days[:days].tobytes())
    for array in (now.returns, now.members):
        said.update(np.ascontiguousarray(array[:days]).tobytes())
    return np.array(said.hexdigest())


def _of_session(night: _Night, t: int, window: int) -> Breadth:
    """The members of the day alone; before the first full window nothing is known."""
    now = night.panel
    if t + 1 < window:
        return Breadth(0, *[np.nan] * 5)
    rows = np.where(now.members[t], now.returns[t + 1 - window : t + 1], np.nan)
    return breadth(rows, night.left, night.right)


def _panels(universe: Universe) -> str:
    """What the names of a universe's returns begin with."""
    return f"{universe.id}/panel-"


def _named(index: IntArray) -> pl.Series:
    """Names of regimes; null where there is none yet."""
    return pl.Series(index, dtype=pl.Int64).replace_strict(
        {0: _REGIMES[0], 1: _REGIMES[1], 2: _REGIMES[2]}, default=None, return_dtype=pl.String
    )


def _dates(days: IntArray) -> pl.Series:
    """Days since 1970 as dates; null before the first."""
    numbers = pl.Series("day", days, dtype=pl.Int64)
    return pl.select(pl.when(numbers >= 0).then(numbers).cast(pl.Int32).cast(pl.Date)).to_series()


def _date(day: int) -> object:
    return _dates(np.array([day], dtype=np.int64))[0]


def _no_changes() -> pl.DataFrame:
    text = dict.fromkeys(("pair", "asset", "benchmark"), pl.String)
    regimes = dict.fromkeys(("regime_before", "regime_after"), pl.String)
    return pl.DataFrame(schema={**text, "session": pl.Date, **regimes, "probability": pl.Float64})


def _no_pairs() -> pl.DataFrame:
    numbers = ("correlation", "move", "move_pvalue", "ci95_low", "ci95_high", "correlation_estimate", "correlation_sd")
    more = (*(f"change_{n}" for n in CHANGES_OVER), *(f"p_{name}" for name in _REGIMES))
    text = ("pair", "asset", "benchmark", "regime", "confirmed_regime")
    return pl.DataFrame(
        schema={
            **dict.fromkeys(text, pl.String),
            **dict.fromkeys(("session", "since_session", "confirmed_since"), pl.Date),
            **dict.fromkeys(("window_sessions", "observations"), pl.Int64),
            **dict.fromkeys((*numbers, *more), pl.Float64),
        }
    )
