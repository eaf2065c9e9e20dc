"""Publishers of one store at once, and a publisher whose store fails: what each says, and what then lies there.

Here: races and bad nights of any number, counted. Not here: how many (tests/serving/test_shared_runs.py in small,
benchmarks/store.py), the server and its faults (tests.serving.s3).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import cycle
from pathlib import Path

from pipelines.publishing.shared import NotShared, SharedRuns
from pipelines.store.bucket import Bucket, StoreFault
from tests.serving.s3 import FaultyProxy

FAULTY_SHARE = 0.3


def shared(bucket: Bucket, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> SharedRuns:
    """The runs of a bucket, kept for an hour."""
    return SharedRuns(bucket, timedelta(hours=1), clock)


def whole_run(bucket: Bucket) -> str | None:
    """The run in force, if every file of it lies there with its content."""
    now = shared(bucket).current()
    if now is None:
        return None
    contents = {name: bucket.read(f"{now.folder}/{name}") for name in now.files}
    return now.run if all(c and sha256(c).hexdigest() == now.files[n] for n, c in contents.items()) else None


def race(bucket: Bucket, runs: Sequence[Path]) -> tuple[list[str], list[str]]:
    """One publisher for each run, all of which have seen the same run in force; who won, what the others said."""
    seen = threading.Barrier(len(runs))

    def publish(run: Path) -> str | NotShared:
        waited = threading.Event()

        def clock() -> datetime:
            """First asked for once the publisher has seen what is in force."""
            if not waited.is_set():
                waited.set()
                seen.wait()
            return datetime.now(UTC)

        try:
            return shared(bucket, clock).push(run).run
        except NotShared as error:
            return error

    with ThreadPoolExecutor(len(runs)) as pool:
        ended = list(pool.map(publish, runs))
    return [run for run in ended if isinstance(run, str)], [str(run) for run in ended if isinstance(run, NotShared)]


@dataclass
class BadNights:
    """What was counted. wrong: the publisher said another thing than lies there; half: what lies there is not whole."""

    nights: int = 0
    faults: int = 0
    in_force: int = 0
    wrong: int = 0
    half: int = 0


def bad_nights(direct: Bucket, through: Bucket, proxy: FaultyProxy, runs: Sequence[Path], faults: int) -> BadNights:
    """Publish the runs in turn through a failing proxy until it has injected so many faults."""
    counted, before = BadNights(), shared(direct).push(runs[-1])
    for run in cycle(runs):
        counted.faults = proxy.injected
        if counted.faults >= faults:
            break
        proxy.share = FAULTY_SHARE
        said: str | None = None
        try:
            said = shared(through).push(run).publication
            certain = True
        except (NotShared, StoreFault) as error:
            certain = "is not known" not in str(error)
            counted.wrong += isinstance(error, NotShared)  # there is no other publisher
        proxy.share = 0.0
        proxy.wait_until_idle()
        now = shared(direct).current()
        counted.nights += 1
        counted.in_force += said is not None
        counted.half += whole_run(direct) is None
        counted.wrong += now is None or (certain and now.publication != (said or before.publication))
        before = now or before
    return counted
