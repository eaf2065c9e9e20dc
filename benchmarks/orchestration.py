"""What Dagster costs the nightly: the whole process against the same functions in a plain loop.

Here: whole processes, run in turn, so that a drifting machine touches both. Needs the real history (RECOUPLE_FILES,
or ../shared/data beside the checkout); without it the sample market is used, and the names of the figures say so.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.figures import Figure, compared

ROUNDS = 3
HISTORY = Path(os.environ.get("RECOUPLE_FILES") or Path(__file__).parents[2] / "shared" / "data")


def run() -> list[Figure]:
    """Wall time and memory of the nightly against the plain loop, Dagster's import, the definitions' loading."""
    source = "files" if HISTORY.is_dir() else "sample"
    with tempfile.TemporaryDirectory() as folder:
        measured = _rounds(source, Path(folder))
    nightly, plain, imported = (statistics.median(measured[name]) for name in ("nightly", "plain", "import"))
    return [
        compared(
            f"nightly on {source}, whole process", nightly, "s", "plain functions + dagster import", plain + imported
        ),
        compared("dagster import", imported, "s", "plain functions", plain),
        compared(f"nightly on {source}, peak memory", _peak_mib(), "MiB", "bound", 600.0),
        compared("loading the definitions, processor time", _loading(), "s", "bound", 1.5),
    ]


def _rounds(source: str, folder: Path) -> dict[str, list[float]]:
    """Every command once unmeasured on its own home, then in turn."""
    commands = {
        "nightly": [str(Path(sys.executable).with_name("recouple")), "nightly"],
        "plain": [sys.executable, "-m", "benchmarks.plain_nightly"],
        "import": [sys.executable, "-c", "import dagster"],
    }
    times: dict[str, list[float]] = {name: [] for name in commands}
    for counted in range(ROUNDS + 1):
        for name, command in commands.items():
            seconds = _timed(command, source, folder / name)
            if counted:
                times[name].append(seconds)
    return times


def _timed(command: list[str], source: str, home: Path) -> float:
    environment = {
        **os.environ,
        "RECOUPLE_SOURCE": source,
        "RECOUPLE_FILES": str(HISTORY),
        "RECOUPLE_HOME": str(home),
        "RECOUPLE_KEEP_RUNS_HOURS": "0",
    }
    environment.pop("RECOUPLE_AS_OF", None)
    begun = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
    return time.perf_counter() - begun


def _loading() -> float:
    """Processor time of a process that does nothing but load the definitions."""
    said = "import time; import pipelines.definitions; print(time.process_time())"
    environment = {**os.environ, "RECOUPLE_SOURCE": "sample"}
    taken = [
        float(subprocess.run([sys.executable, "-c", said], env=environment, check=True, capture_output=True).stdout)
        for _ in range(ROUNDS)
    ]
    return statistics.median(taken)


def _peak_mib() -> float:
    """The largest child so far; the nightly is larger than the plain loop."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
