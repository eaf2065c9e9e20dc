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

from tests.serving import reader, world


def watch(folder: Path, pythons: Mapping[Path, int], runs: int) -> list[dict[str, Any]]:
    """Publish runs under connections of several clients, so many for each Python; what each process saw."""
    tree, stop = folder / "tree", folder / "stop"
    tree.mkdir()
    world.publish(tree)
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
            world.publish(tree, f"run-{number:04}", as_of=world.AS_OF + timedelta(days=number))
        stop.touch()
        return [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    finally:
        for process in processes:
            process.kill()
