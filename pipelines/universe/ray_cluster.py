"""Blocks of work on a Ray cluster.

Here: handing blocks to workers, and telling a block that failed from a worker or a node that died. Not here: how often
a block is tried (pipelines.universe.map_blocks), starting a cluster (docs/scale.md).

Nothing but blocks, a few kilobytes each, and their reports passes through this process: workers read returns from the
store and write states there. They need this release, the extra `ray`, and the store's credentials in their environment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from assets.framework.errors import KnownFault
from pipelines.universe.map_blocks import WORKER_GB, Block, Failure, Result, patiently

RETRIES = 3  # by Ray itself, where a worker or a node died


class ClusterUnreachable(KnownFault):
    """There is no cluster, or no Ray here to reach it with."""


@dataclass(frozen=True)
class RayCluster:
    """The cluster at an address: `auto`, host:port or ray://host:port."""

    address: str

    def map_blocks(
        self, function: Callable[[Block], Result], blocks: Sequence[Block]
    ) -> Iterator[tuple[Block, Result, int]]:
        """As `patiently` says. Raises BlockFailed, ClusterUnreachable."""
        with self._connected():
            found: Iterator[tuple[Block, Result, int]] = patiently(self._attempt, function, blocks)
            yield from found

    def _attempt(
        self, function: Callable[[Block], Result], blocks: Sequence[Block]
    ) -> Iterator[tuple[Block, Result | Failure]]:
        import ray
        from ray.exceptions import RayError, RayTaskError

        there: Any = ray.remote(num_cpus=1, memory=int(WORKER_GB * 1e9), max_retries=RETRIES)(function)
        waiting = {there.remote(block): block for block in blocks}
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            block = waiting.pop(done)
            try:
                result: Result | Failure = ray.get(done)
            except RayTaskError as error:
                result = Failure(error.cause, died=False)
            except RayError as error:
                result = Failure(error, died=True)
            yield block, result

    @contextmanager
    def _connected(self) -> Iterator[None]:
        try:
            import ray
        except ModuleNotFoundError:
            raise ClusterUnreachable(
                "RECOUPLE_RAY_ADDRESS is set and Ray is not installed; install Recouple's extra `ray`, or unset it"
            ) from None
        try:
            ray.init(address=self.address, log_to_driver=False, logging_level="WARNING")
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ClusterUnreachable(
                f"no Ray cluster answers at {self.address} ({error}); start one there, or unset RECOUPLE_RAY_ADDRESS"
            ) from None
        try:
            yield
        finally:
            ray.shutdown()
