"""BI connections kept open while runs are published: who reads what, and what they saw.

Here: starting the readers, publishing under them, collecting. Not here: one reader (reader.py), what must hold of it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.publishing import in_force
from tests.serving import reader, world


def watch(folder: Path, pythons: Mapping[Path, int], runs: int, *, kept: int = 1) -> list[dict[str, Any]]:
    """Publish runs under connections of several clients, so many for each Python; what each process saw.

    kept: runs that are there before; of more than one, every publication removes those that are older.
    """
    tree, stop = folder / "tree", folder / "stop"
    tree.mkdir()
    with world.few_marts():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(in_force, "LEAD_US", 1_000)  # nobody reads yet
            for number in range(kept):
                world.publish(tree, f"kept-{number:03}", as_of=world.AS_OF - timedelta(days=kept - number - 1))
        command = [reader.__file__, str(tree / "serving.duckdb"), str(stop)]
        processes = [
            subprocess.Popen([str(python), *command, str(connections)], stdout=subprocess.PIPE, text=True)
            for python, connections in pythons.items()
        ]
        try:
            for process in processes:
                assert process.stdout is not None
                assert process.stdout.readline() == "reading\n"
            for number in range(1, runs + 1):
                day = world.AS_OF + timedelta(days=number)
                world.publish(tree, f"run-{number:04}", as_of=day, keep=_since(tree, kept))
            stop.touch()
            return [json.loads(process.communicate(timeout=60)[0]) for process in processes]
        finally:
            for process in processes:
                process.kill()


def _since(tree: Path, kept: int) -> timedelta:
    """For how long runs stay, so that about so many do; a slow query must not outlive its run."""
    entries = in_force.history(tree)
    if kept == 1:
        return world.KEEP
    return timedelta(microseconds=in_force.now_us() - entries[-min(kept, len(entries))].from_us)
