"""Nights of a universe on a Ray cluster whose workers and nodes are killed: run by a Python that has Ray, alone in a
network namespace with nothing but the loopback, because a cluster advertises the machine's own address.

Here: the cluster, the killing, what came of it as JSON. Not here: the namespace and what must hold (test_ray.py in
small, benchmarks/cluster.py).
"""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import polars as pl
import psutil
from ray.cluster_utils import Cluster

from assets.framework.errors import KnownFault
from assets.universe import Universe, Universes
from pipelines.store.bucket import Bucket
from pipelines.store.objects import Folder, Objects
from pipelines.universe import blocks, states
from pipelines.universe.map_blocks import Block, Engine, InThisProcess, Result
from pipelines.universe.ray_cluster import RayCluster
from quant.universe_simulation import simulate_universe
from tests.serving.s3 import s3_server

NAMES = tuple(f"SIM{n:02d}" for n in range(24))
UNIVERSE = Universe(id="all", name="All", members=NAMES, all_pairs=True, windows_sessions=(20, 60))
SESSIONS = [date(2020, 1, 1) + timedelta(days=n) for n in range(200)]
RETURNS = simulate_universe(NAMES, len(SESSIONS), seed=14, mean_spell=120).returns
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "memory": 10**9, "include_dashboard": False}

_GIVE_UP_SECONDS = 300

SOON = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 500, "health_check_failure_threshold": 4}


class Machines:
    """A cluster of two nodes with a processor each, beside a head that computes nothing."""

    def __init__(self) -> None:
        head = {**NODE, "num_cpus": 0, "_system_config": SOON}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self._nodes = [self._cluster.add_node(**NODE) for _ in range(2)]
        self._cluster.wait_for_nodes()
        self.address: str = self._cluster.address
        self.lost = {"worker": 0, "node": 0}

    def lose_a_node(self, chance: random.Random) -> None:
        """One is gone, and a fresh one comes."""
        lost = self._nodes.pop(chance.randrange(2))
        self._cluster.remove_node(lost, allow_graceful=False)
        self._nodes.append(self._cluster.add_node(**NODE))
        self.lost["node"] += 1

    def lose_a_worker(self, chance: random.Random) -> None:
        """A process that computes a block is gone."""
        ours = psutil.Process(os.getpid()).children(recursive=True)
        busy = [process for process in ours if _computes_a_block(process)]
        if busy:
            chance.choice(busy).kill()
            self.lost["worker"] += 1

    @property
    def head(self) -> int:
        """The process that knows the cluster."""
        (server,) = self._cluster.head_node.all_processes["gcs_server"]
        return int(server.process.pid)

    def end(self) -> None:
        """All of it."""
        self._cluster.shutdown()


def _computes_a_block(process: psutil.Process) -> bool:
    """By the title that Ray gives it."""
    try:
        return "advance_block" in " ".join(process.cmdline())
    except psutil.Error:  # gone meanwhile
        return False


@dataclass(frozen=True)
class Killing:
    """An engine that loses something once so many blocks are done."""

    engine: Engine
    losses: Mapping[int, Callable[[], None]]

    def map_blocks(
        self, function: Callable[[Block], Result], work: Sequence[Block]
    ) -> Iterator[tuple[Block, Result, int]]:
        for number, found in enumerate(self.engine.map_blocks(function, work)):
            if number in self.losses:
                self.losses[number]()
            yield found


def night(objects: Objects, engine: Engine) -> dict[str, bytes]:
    """Every object of a universe computed from its first session; what is not of pairs is left out."""
    wide = pl.DataFrame({"session": SESSIONS, **dict(zip(NAMES, RETURNS.T, strict=True))})
    rows = wide.unpivot(index="session", variable_name="symbol", value_name="log_return")
    kept = states.StoredStates(objects, engine, simulated=False)
    kept.advance(UNIVERSE, rows, Universes(universe=(UNIVERSE,)).members_frame(simulated=False))
    names = [name for kind in ("state", "result") for name in objects.names(f"all/{kind}-")]
    return {name: objects.read(name) or b"" for name in names}


def struck(machines: Machines, url: str, victim: int | None, after_blocks: int) -> str:
    """How a night ends, in a process of its own, that kills the victim, or itself, once so many blocks are done."""
    said, told = multiprocessing.get_context("spawn").Pipe(duplex=False)
    arguments = (machines.address, url, victim, after_blocks, told)
    driver = multiprocessing.get_context("spawn").Process(target=_driver, args=arguments)
    driver.start()
    told.close()
    driver.join(_GIVE_UP_SECONDS)
    if driver.is_alive():
        driver.kill()
        return "hangs"
    try:
        return str(said.recv())
    except EOFError:  # it said nothing any more
        return signal.Signals(-driver.exitcode).name if (driver.exitcode or 0) < 0 else f"exit code {driver.exitcode}"


def _driver(address: str, url: str, victim: int | None, after_blocks: int, told: Connection) -> None:
    _small_blocks()
    strike = partial(os.kill, victim or os.getpid(), signal.SIGKILL)
    try:
        night(Bucket(url), Killing(RayCluster(address), {after_blocks: strike}))
        told.send("right")
    except KnownFault as fault:
        told.send(f"sentence: {fault}")


def _small_blocks() -> None:
    """Ten blocks of 276 pairs, worth a cluster."""
    blocks.TILE = 6
    states.WORTH_A_PROCESS = 0


def main(nights: int, seed: int) -> dict[str, Any]:
    """Nights on a cluster, each of which loses a worker and a node, beside one in this process; then nights whose own
    process and whose cluster's head are killed, each followed by one that goes on from what is left.
    """
    _small_blocks()
    chance, equal, ended, healed = random.Random(seed), [], {}, {}
    with tempfile.TemporaryDirectory() as folder, s3_server(Path(folder) / "s3") as server:
        os.environ.update(server.environment())
        local = night(Folder(Path(folder) / "local"), InThisProcess())
        machines = Machines()
        try:
            for number in range(nights):
                worker, node = partial(machines.lose_a_worker, chance), partial(machines.lose_a_node, chance)
                losses = {chance.randrange(3): worker, 3 + chance.randrange(3): node}
                engine = Killing(RayCluster(machines.address), losses)
                equal.append(night(Bucket(f"s3://bucket/night-{number}"), engine) == local)
            lost = machines.lost
            for name, victim in (("driver", None), ("head", machines.head)):
                ended[name] = struck(machines, f"s3://bucket/{name}", victim, after_blocks=chance.randrange(5))
                if victim:
                    machines.end()
                    machines = Machines()
                healed[name] = night(Bucket(f"s3://bucket/{name}"), RayCluster(machines.address)) == local
        finally:
            machines.end()
    return {"blocks": len(local) // 2, "lost": lost, "equal": equal, "ended": ended, "healed": healed}


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), int(sys.argv[2]))))
