"""An object store: two publishers at once, and a server that fails in every way, against a real S3 server on loopback.

Here: as many races and faults as the promise names. Not here: the same in small (tests/serving/test_shared_runs.py),
how they are made (tests/serving/shared_nights.py, tests/serving/s3.py).
"""

from __future__ import annotations

import tempfile
import threading
import time
from contextlib import suppress
from itertools import cycle
from pathlib import Path

from benchmarks.figures import Figure, compared
from pipelines.store.bucket import StoreFault
from tests.serving import world
from tests.serving.s3 import FaultyProxy, S3Server, s3_server
from tests.serving.shared_nights import bad_nights, race, shared, whole_run

SEED = 14
RACES, FAULTS, KILLS = 200, 100, 5


def run() -> list[Figure]:
    """All bars."""
    with tempfile.TemporaryDirectory() as folder, world.few_marts(), s3_server(Path(folder) / "s3") as server:
        tree = Path(folder) / "home"
        for name in ("run-0001", "run-0002"):
            world.publish(tree, name)
        runs = sorted(path for path in (tree / "marts").iterdir() if "_run-" in path.name)
        return [*_races(server, runs), *_faults(server, runs), *_kills(server, runs)]


def _races(server: S3Server, runs: list[Path]) -> list[Figure]:
    """Both publishers have seen the same run in force before either writes."""
    bucket, single, began = server.bucket("races"), 0, time.perf_counter()
    for _ in range(RACES):
        winners, losers = race(bucket, runs)
        single += len(winners) == len(losers) == 1 and whole_run(bucket) == winners[0]
    seconds = (time.perf_counter() - began) / RACES
    return [
        compared(f"store: single winners of {RACES} races", single, "races", "bar", RACES),
        Figure(name="store: a race", value=seconds, unit="s", baseline=None, baseline_value=None, ratio=None),
    ]


def _faults(server: S3Server, runs: list[Path]) -> list[Figure]:
    with FaultyProxy(server.port, SEED) as proxy:
        through = server.bucket("faults", port=proxy.port, request_seconds=2.0)
        counted = bad_nights(server.bucket("faults"), through, proxy, runs, FAULTS)
    named = f"{counted.faults} faults in {counted.nights} publications, {counted.in_force} of them in force"
    return [
        compared(f"store: {named}: said otherwise than it is", counted.wrong, "", "bar", 0),
        compared(f"store: {named}: half in force", counted.half, "", "bar", 0),
    ]


def _kills(server: S3Server, runs: list[Path]) -> list[Figure]:
    """The server is killed while a run is written, and started again where it was."""
    bucket, wrong = server.bucket("kills", tries=1), 0
    before = shared(bucket).push(runs[-1]).run
    for number, folder in zip(range(KILLS), cycle(runs), strict=False):
        killing = threading.Timer(0.01 * number, server.kill)
        killing.start()
        said: str | None = None
        with suppress(StoreFault):
            said = shared(bucket).push(folder).run
        killing.join()
        server.start()
        now = whole_run(bucket)
        wrong += now not in ((said,) if said else (before, folder.name))
        before = now or before
    return [compared(f"store: {KILLS} kills of the server: not whole, or said otherwise", wrong, "", "bar", 0)]
