"""The seam between blocks of work and whoever computes them.

Here: the Protocol of an engine, its patience, and the default: processes on this machine, as many as the memory allows.
Not here: a cluster (pipelines.universe.ray_cluster), what a block is (pipelines.universe.blocks). A block's work is
picklable, reads what it needs from a store and writes there, so that an engine may run it anywhere.

A block that fails, or whose process dies, is tried again alone.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Protocol, TypeVar

from assets.framework.errors import KnownFault

log = logging.getLogger(__name__)

Block = TypeVar("Block")
Result = TypeVar("Result")

TRIES = 3
WORKER_GB = 0.55  # a process with its libraries, its prices and its largest block; measured, see docs/scale.md
DRIVER_GB = 0.75


class BlockFailed(KnownFault):
    """A block could not be computed, however often it was tried."""


@dataclass(frozen=True)
class Failure:
    """Why a block has no result. died: whoever computed it is gone, which says nothing about the block."""

    error: BaseException
    died: bool

    def __str__(self) -> str:
        return f"{type(self.error).__name__}: {self.error}"


class Attempt(Protocol[Block, Result]):
    """One try of some blocks at once."""

    def __call__(
        self, function: Callable[[Block], Result], blocks: Sequence[Block]
    ) -> Iterator[tuple[Block, Result | Failure]]:
        """Each block with its result, or why it has none."""


class Engine(Protocol):
    """Computes blocks, in whatever order and place."""

    def map_blocks(
        self, function: Callable[[Block], Result], blocks: Sequence[Block]
    ) -> Iterator[tuple[Block, Result, int]]:
        """Each block, its result and how often it was tried, as they are finished.

        function: picklable, and safe to run twice for one block. Raises BlockFailed.
        """


@dataclass(frozen=True)
class InThisProcess:
    """For work that is done sooner than a process has started."""

    def map_blocks(
        self, function: Callable[[Block], Result], blocks: Sequence[Block]
    ) -> Iterator[tuple[Block, Result, int]]:
        """One after the other; what fails here fails at once."""
        for block in blocks:
            yield block, function(block), 1


@dataclass(frozen=True)
class Processes:
    """Processes on this machine, started afresh so that they share nothing with this one."""

    workers: int

    @classmethod
    def within(cls, memory_gb: float, processors: int | None = None) -> Processes:
        """As many as there are processors and memory for, one at least."""
        fit = int((memory_gb - DRIVER_GB) / WORKER_GB)
        return cls(max(1, min(fit, processors or os.cpu_count() or 1)))

    def map_blocks(
        self, function: Callable[[Block], Result], blocks: Sequence[Block]
    ) -> Iterator[tuple[Block, Result, int]]:
        """As `patiently` says."""
        return patiently(self._attempt, function, blocks)

    def _attempt(
        self, function: Callable[[Block], Result], blocks: Sequence[Block]
    ) -> Iterator[tuple[Block, Result | Failure]]:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(self.workers, len(blocks)), mp_context=context) as pool:
            futures = {pool.submit(function, block): block for block in blocks}
            for future in as_completed(futures):
                error = future.exception()
                if error is None:
                    yield futures[future], future.result()
                else:
                    yield futures[future], Failure(error, died=isinstance(error, BrokenProcessPool))


def patiently(
    attempt: Attempt[Block, Result], function: Callable[[Block], Result], blocks: Sequence[Block]
) -> Iterator[tuple[Block, Result, int]]:
    """All at once first; those that a dying process took with it once more so; those that failed, each alone.

    Raises BlockFailed.
    """
    pending, tried, died = list(blocks), 0, True
    failures: dict[int, Failure] = {}
    while pending and died and tried < TRIES - 1:
        tried += 1
        failed, died, done = [], False, 0
        for block, result in attempt(function, pending):
            if isinstance(result, Failure):
                died = died or result.died
                failures[id(block)] = result
                failed.append(block)
            else:
                done += 1
                log.info("%d of %d blocks", done, len(pending))
                yield block, result, tried
        pending = failed
    for block in pending:
        yield _alone(attempt, function, block, tried, failures[id(block)])


def _alone(
    attempt: Attempt[Block, Result], function: Callable[[Block], Result], block: Block, tried: int, failure: Failure
) -> tuple[Block, Result, int]:
    while tried < TRIES:
        log.warning("%s failed: %s; trying it again alone", block, failure)
        tried += 1
        ((_, result),) = attempt(function, [block])
        if not isinstance(result, Failure):
            return block, result, tried
        failure = result
    raise BlockFailed(
        f"{block} failed {TRIES} times, last with {failure}; nothing of it was kept and the next run tries it again"
    )
