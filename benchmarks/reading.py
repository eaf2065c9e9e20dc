"""What goes out in words, on every one of the last 2,500 sessions of the real history, held against the marts.

Here: contradictions of each kind (none is the bar), the time to make and to check all readings, and whether the reading
of an earlier day is that of a run as of it. Not here: whether the check finds planted contradictions, which is tested
(tests/serving/test_contradictions.py).
"""

from __future__ import annotations

import random
import tempfile
import time
from collections import Counter
from datetime import date
from pathlib import Path

from benchmarks.figures import CONSOLE, Figure, compared
from benchmarks.orchestration import HISTORY
from pipelines.cli.runs import run_job
from pipelines.published.contradictions import contradictions
from pipelines.published.grammar import Kind
from pipelines.published.marts import Marts
from pipelines.published.reading import read, read_history
from pipelines.published.truth import truths
from pipelines.settings import Settings

SESSIONS, AS_OF_RUNS, SEED = 2_500, 10, 11


def run() -> list[Figure]:
    """All readings of the last sessions, and ten of them held against runs as of their day."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(source="files" if HISTORY.is_dir() else "sample", files=HISTORY, home=Path(folder))
        run_job(settings, "nightly")
        marts = Marts.current(settings.tree)
        days = marts.states(marts.pair.benchmark)["session"].tail(SESSIONS).to_list()
        drawn = random.Random(SEED).sample(days, AS_OF_RUNS)
        differing = sum(_differs(marts, settings, day) for day in drawn)
        return [
            *_contradictions(marts, days),
            compared(
                "readings that differ from a run as of their day", differing, "readings", "as-of runs", AS_OF_RUNS
            ),
        ]


def _contradictions(marts: Marts, days: list[date]) -> list[Figure]:
    start = time.perf_counter()
    readings = list(read_history(marts, [marts.at(day) for day in days]))
    made = time.perf_counter()
    found = [c for r, t in zip(readings, truths(marts, days), strict=True) for c in contradictions(r, t)]
    checked = time.perf_counter()
    for contradiction in found[:20]:
        CONSOLE.print(f"{contradiction.kind.value}: {contradiction.text} ({contradiction.why})")
    counted = Counter(c.kind for c in found)
    return [
        compared(f"{len(days)} readings made", made - start, "s", "bound of 60 s", 60.0),
        compared(f"{len(days)} readings checked", checked - made, "s", "made", made - start),
        *(compared(f"contradictions, {kind.value}", counted[kind], "texts", "readings", len(days)) for kind in Kind),
    ]


def _differs(marts: Marts, settings: Settings, day: date) -> bool:
    then = settings.model_copy(update={"as_of": day})
    run_job(then, "nightly")
    return read(Marts.current(then.tree)) != read(marts.at(day))
