"""Sixty live nights in a row on loopback, a fifth of all requests failing, held against a twin without faults.

Here: the whole assembled nightly on the real clients. Not here: single faults (tests.upstream). Takes some minutes.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, compared
from tests.upstream.live_nights import LiveWorld, doubled_keys, newest_values
from tests.upstream.loopback import FAULTS

NIGHTS = 60
RECOVERY = 2  # nights without faults at the end
SHARE, SEED = 0.2, 60


def run() -> list[Figure]:
    """Rows lost, rows doubled and nights that did not end by themselves: all zero, or the soak has found something."""
    with tempfile.TemporaryDirectory() as folder:
        return _soak(Path(folder))


def _soak(folder: Path) -> list[Figure]:
    (folder / "server").mkdir()
    world = LiveWorld(folder / "server")
    with world.served() as server:
        for night in range(0, NIGHTS + RECOVERY, 7):  # the twin needs no night more than its lookback allows
            world.night(night, server, folder / "calm", "ingest")
        world.night(NIGHTS + RECOVERY - 1, server, folder / "calm", "ingest")
        server.script.fail_at_random(SHARE, SEED, FAULTS)
        published, longest = 0, 0.0
        for night in range(NIGHTS + RECOVERY):
            if night == NIGHTS:
                server.script.clear()
            begun = time.monotonic()
            published += world.night(night, server, folder / "rough").success
            longest = max(longest, time.monotonic() - begun)
    calm, rough = newest_values(folder / "calm"), newest_values(folder / "rough")
    lost = sum(rows.join(rough[t], on=rows.columns, how="anti", nulls_equal=True).height for t, rows in calm.items())
    extra = sum(rows.join(calm[t], on=rows.columns, how="anti", nulls_equal=True).height for t, rows in rough.items())
    doubled = sum(map(len, doubled_keys(folder / "rough").values()))
    total = float(sum(rows.height for rows in calm.values()))
    return [
        compared("soak: rows lost against the fault-free twin", float(lost), "rows", "rows of the twin", total),
        compared("soak: rows the twin does not have", float(extra), "rows", "rows of the twin", total),
        compared("soak: rows doubled", float(doubled), "rows", "rows of the twin", total),
        compared("soak: nights published", float(published), "nights", "nights run", float(NIGHTS + RECOVERY)),
        compared("soak: longest night", longest, "s", "bound", 600.0),
    ]
