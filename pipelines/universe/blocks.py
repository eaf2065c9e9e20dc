"""A block of pairs: its work, the state it is continued from, what can be read of it.

Here: how pairs are cut into blocks, and the function that an engine runs for one. Not here: who runs it
(pipelines.universe.map_blocks), what becomes of it (pipelines.universe.states).

A state is believed only where its fingerprint is that of the parameters, of the pairs and of the very returns it stands
on; a restated price, another parameter or a damaged file makes the block start from the first day.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.store.objects import Objects
from pipelines.universe.panel import Panel
from quant.regime_parameters import RegimeParameters
from quant.universe_latest import latest_window, sessions_needed
from quant.universe_regimes import BlockDays, BlockState, filter_block

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PAIRS_A_BLOCK = 2048  # 28 MB of state
TILE = 45  # symbols on either side of a block of all pairs: 45 * 45 = 2025 pairs of 90 symbols


@dataclass(frozen=True)
class Block:
    """The work of one block: picklable, and small.

    panel: name of the object with the returns. left, right: columns of the panel.
    """

    objects: Objects
    panel: str
    universe: str
    number: int
    left: IntArray
    right: IntArray
    windows: tuple[int, ...]
    parameters: RegimeParameters
    confirm_above: float

    def __str__(self) -> str:
        return f"universe {self.universe}, block {self.number}"

    @property
    def state(self) -> str:
        """Name of the state's object."""
        return f"{self.universe}/state-{self.number:05d}.npz"

    @property
    def result(self) -> str:
        """Name of the result's object."""
        return f"{self.universe}/result-{self.number:05d}.npz"


@dataclass(frozen=True)
class BlockResult:
    """What can be read of a block, without its state.

    days: int64[T] and counted: int64[T, 3], as in `BlockDays`, of all days; change_*: as in `Changes`, of all days.
    probabilities, mean, spread, label, since, seen, confirmed, confirmed_since: by pair, on the last day.
    correlation, low, high, move, move_pvalue: float64[windows, P]; observations: int64[windows, P]; moved:
    float64[windows, P, 3].
    """

    days: IntArray
    counted: IntArray
    change_pair: IntArray
    change_day: IntArray
    change_before: IntArray
    change_after: IntArray
    change_probability: FloatArray
    probabilities: FloatArray
    mean: FloatArray
    spread: FloatArray
    label: IntArray
    since: IntArray
    seen: IntArray
    confirmed: IntArray
    confirmed_since: IntArray
    correlation: FloatArray
    low: FloatArray
    high: FloatArray
    observations: IntArray
    moved: FloatArray
    move: FloatArray
    move_pvalue: FloatArray

    def to_bytes(self) -> bytes:
        """An uncompressed .npz without pickle."""
        buffer = io.BytesIO()
        np.savez(buffer, **{f.name: getattr(self, f.name) for f in fields(self)})
        return buffer.getvalue()

    @staticmethod
    def from_bytes(raw: bytes) -> BlockResult:
        """Inverse of `to_bytes`. Raises ValueError when the bytes are no result."""
        try:
            with np.load(io.BytesIO(raw), allow_pickle=False) as stored:
                return BlockResult(**{name: stored[name] for name in stored.files})
        except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"not a result of a block: {error}") from error


@dataclass(frozen=True)
class BlockReport:
    """How a block got to the last day: the day it continued from (-1: from the start), and how many were new."""

    continued_from: int
    last_day: int
    days: int


def cut(left: IntArray, right: IntArray) -> Iterator[NDArray[np.intp]]:
    """Positions of the pairs of every block: pairs that share symbols together, so that margins are shared too."""
    tile = left // TILE * (right.max(initial=0) // TILE + 1) + right // TILE
    if len(np.unique(left)) <= TILE // 2:
        tile = np.zeros_like(left)  # few anchors: any pairs share them
        order = np.argsort(right, kind="stable")
    else:
        order = np.argsort(tile, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(tile[order])) + 1):
        for start in range(0, len(part), PAIRS_A_BLOCK):
            yield part[start : start + PAIRS_A_BLOCK]


def advance_block(block: Block) -> BlockReport:
    """Bring a block to the panel's last day and write its result and its state."""
    panel = _panel(block.objects, block.panel)
    columns, places = np.unique(np.concatenate([block.left, block.right]), return_inverse=True)
    left, right = np.split(places.astype(np.int64), 2)
    own = Panel(
        panel.days, tuple(panel.symbols[c] for c in columns), panel.returns[:, columns], panel.members[:, columns]
    )
    state, before = _continued(block, own, left, right)
    start = int(np.searchsorted(own.days, state.last_day[0], side="right"))
    found = filter_block(
        own.returns[start:],
        own.days[start:],
        left,
        right,
        block.parameters,
        state,
        own.members[start:],
        block.confirm_above,
    )
    after = replace(found.state, fingerprint=_fingerprint(block, own, left, right, len(own.days)))
    result = _result(block, own, left, right, before, replace(found, state=after))
    # The result first: a state that is older than it is continued, a state that is newer would have lost days.
    block.objects.write(block.result, result.to_bytes())
    if start < len(own.days):
        block.objects.write(block.state, after.to_bytes())
    return BlockReport(int(state.last_day[0]), int(own.days[-1]), len(own.days) - start)


def from_the_start(
    panel: Panel, left: int, right: int, parameters: RegimeParameters, confirm_above: float
) -> BlockDays:
    """One pair, recomputed: what its block must say of it, bit for bit."""
    return filter_block(
        panel.returns[:, [left, right]],
        panel.days,
        np.array([0]),
        np.array([1]),
        parameters,
        BlockState.initial(2, 1, parameters),
        panel.members[:, [left, right]],
        confirm_above,
    )


@lru_cache(maxsize=1)
def _panel(objects: Objects, name: str) -> Panel:
    raw = objects.read(name)
    if raw is None:
        raise ValueError(f"the returns {name} are gone")
    return Panel.from_bytes(raw)


def _continued(block: Block, own: Panel, left: IntArray, right: IntArray) -> tuple[BlockState, BlockResult | None]:
    """The stored state with its result up to it, where both can be believed; otherwise where all pairs begin."""
    fresh = BlockState.initial(len(own.symbols), len(left), block.parameters)
    raw_state, raw_result = block.objects.read(block.state), block.objects.read(block.result)
    if raw_state is None or raw_result is None:
        return fresh, None
    try:
        state, result = BlockState.from_bytes(raw_state), BlockResult.from_bytes(raw_result)
    except ValueError:
        return fresh, None
    seen = int(np.searchsorted(own.days, state.last_day[0], side="right"))
    if state.fingerprint != _fingerprint(block, own, left, right, seen):
        return fresh, None
    return state, _until(result, int(state.last_day[0]))


def _until(result: BlockResult, last_day: int) -> BlockResult:
    days, changes = result.days <= last_day, result.change_day <= last_day
    cut_off = {f.name: getattr(result, f.name)[changes] for f in fields(result) if f.name.startswith("change_")}
    return replace(result, days=result.days[days], counted=result.counted[days], **cut_off)


def _fingerprint(block: Block, own: Panel, left: IntArray, right: IntArray, days: int) -> str:
    """Of everything that a state after so many days stands on."""
    said = sha256(repr((block.parameters.fingerprint(), block.confirm_above, own.symbols)).encode())
    for array in (left, right, own.days[:days], own.returns[:days], own.members[:days]):
        said.update(np.ascontiguousarray(array).tobytes())
    return said.hexdigest()


def _result(
    block: Block, own: Panel, left: IntArray, right: IntArray, before: BlockResult | None, found: BlockDays
) -> BlockResult:
    """All days' counts and changes, the last day's reading and windows."""
    longest = max(sessions_needed(window) for window in block.windows)
    windows = [latest_window(own.returns[-longest:], left, right, window) for window in block.windows]
    new_days = len(found.counted)
    # Where no day is new there is nothing to read from the filter: what was read before still stands.
    stands = before if before is not None and new_days == 0 else None
    return BlockResult(
        days=_joined(before, "days", own.days[len(own.days) - new_days :]),
        counted=_joined(before, "counted", found.counted),
        change_pair=_joined(before, "change_pair", found.changes.pair),
        change_day=_joined(before, "change_day", found.changes.day),
        change_before=_joined(before, "change_before", found.changes.before),
        change_after=_joined(before, "change_after", found.changes.after),
        change_probability=_joined(before, "change_probability", found.changes.probability),
        probabilities=stands.probabilities if stands else found.probabilities,
        mean=stands.mean if stands else found.correlation_mean,
        spread=stands.spread if stands else found.correlation_sd,
        label=found.state.label,
        since=found.state.since,
        seen=found.state.seen,
        confirmed=found.state.confirmed,
        confirmed_since=found.state.confirmed_since,
        correlation=np.stack([w.correlation for w in windows]),
        low=np.stack([w.low for w in windows]),
        high=np.stack([w.high for w in windows]),
        observations=np.stack([w.observations for w in windows]),
        moved=np.stack([w.changes for w in windows]),
        move=np.stack([w.move for w in windows]),
        move_pvalue=np.stack([w.move_pvalue for w in windows]),
    )


def _joined(before: BlockResult | None, name: str, new: NDArray[Any]) -> NDArray[Any]:
    return new if before is None else np.concatenate([getattr(before, name), new])
