"""The seam between blocks of work and whoever computes them.

Here: the Protocol of an engine, and the default: processes on this machine, as many as the memory allows. Not here:
what a block is (pipelines.universe.blocks). A block's work is picklable, reads what it needs from a store and writes
there, so that an engine may run it anywhere.

A block that fails, or whose process dies, is tried again alone.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
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
        """All at once first; those that a dying process took with it once more so; those that failed, each alone."""
        pending, tried, died = list(blocks), 0, True
        reasons: dict[int, str] = {}
        while pending and died and tried < TRIES - 1:
            tried += 1
            failed, died, done = [], False, 0
            for block, future in self._run(function, pending, self.workers):
                error = future.exception()
                if error is None:
                    done += 1
                    log.info("%d of %d blocks", done, len(pending))
                    yield block, future.result(), tried
                    continue
                died = died or isinstance(error, BrokenProcessPool)
                reasons[id(block)] = f"{type(error).__name__}: {error}"
                failed.append(block)
            pending = failed
        for block in pending:
            yield self._alone(function, block, tried, reasons[id(block)])

    def _alone(
        self, function: Callable[[Block], Result], block: Block, tried: int, reason: str
    ) -> tuple[Block, Result, int]:
        while tried < TRIES:
            log.warning("%s failed: %s; trying it again alone", block, reason)
            tried += 1
            ((_, future),) = self._run(function, [block], 1)
            error = future.exception()
            if error is None:
                return block, future.result(), tried
            reason = f"{type(error).__name__}: {error}"
        raise BlockFailed(
            f"{block} failed {TRIES} times, last with {reason}; nothing of it was kept and the next run tries it again"
        )

    def _run(
        self, function: Callable[[Block], Result], blocks: Sequence[Block], workers: int
    ) -> Iterator[tuple[Block, Future[Result]]]:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(workers, len(blocks)), mp_context=context) as pool:
            futures = {pool.submit(function, block): block for block in blocks}
            for future in as_completed(futures):
                yield futures[future], future
