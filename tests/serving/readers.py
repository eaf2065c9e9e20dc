"""BI connections kept open while runs are published: who reads what, and what they saw.

Here: starting the readers, publishing under them, collecting. Not here: one reader (reader.py), what must hold of it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelines.published.contract import contract_of
from pipelines.publishing import in_force
from tests.serving import reader, world


def watch(folder: Path, pythons: Mapping[Path, int], runs: int, *, kept: int = 1) -> list[dict[str, Any]]:
    """Publish runs under connections of several clients, so many for each Python; what each process saw.

    kept: runs that are there before; of more than one, every publication removes those that are older.
    """
    tree, stop = folder / "tree", folder / "stop"
    tree.mkdir()
    with world.few_marts():
        world.publish(tree)
        _keep(tree, kept - 1)
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
            return [json.loads(process.communicate(timeout=300)[0]) for process in processes]
        finally:
            for process in processes:
                process.kill()


def _keep(tree: Path, more: int) -> None:
    """Put copies of the run in force after it, each in force for a moment; of one content, so they take no room."""
    first = in_force.in_force(tree)
    assert first is not None
    with pytest.MonkeyPatch.context() as patch, in_force.changing(tree):
        patch.setattr(in_force, "LEAD_US", 1_000)  # nobody reads yet
        for number in range(more):
            stem = f"{world.AS_OF}_{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z_kept{number}"
            copy = first.with_name(in_force.run_name(stem, contract_of(first.name)))
            in_force.put_in_force(Path(shutil.copytree(first, copy, copy_function=os.link)))


def _since(tree: Path, kept: int) -> timedelta:
    """For how long runs stay, so that about so many do; a slow query must not outlive its run."""
    entries = in_force.history(tree)
    if kept == 1:
        return world.KEEP
    return timedelta(microseconds=in_force.now_us() - entries[-min(kept, len(entries))].from_us)
