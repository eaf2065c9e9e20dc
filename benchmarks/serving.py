"""What BI waits for, and whether it ever sees two runs at once.

Here: the ten example questions and a join of three views against plain tables, on every DuckDB of `make clients` with
fifty runs kept, and 32 connections of those versions through twenty publications that each remove a run. Not here: the
questions (docs/questions.md), how a query is kept to one run (pipelines.publishing.serving).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, compared
from pipelines.cli.runs import run_job
from pipelines.published.contract import contract_of
from pipelines.publishing.copies import export
from pipelines.settings import Settings
from tests.serving import asker
from tests.serving.readers import watch
from tests.serving.test_bi_clients import OTHERS, THREE_VIEWS
from tests.serving.test_documents import QUESTIONS

CONNECTIONS, PUBLICATIONS, KEPT = 32, 20, 50
REPEATS = 40
QUESTION_MS, JOIN_MS = 50.0, 60.0  # what a person at a dashboard takes for at once
JOIN = "a join of three views"
_CLIENTS = Path(__file__).parents[1] / ".venv-clients"


def run() -> list[Figure]:
    """Every question's 95th percentile, the slowest of each version; errors and mixed queries, both zero."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_questions(Path(folder)), *_readers(Path(folder))]


def pythons() -> list[Path]:
    """This one, and those of the other versions that are here."""
    others = [_CLIENTS / version / "bin" / "python" for version in OTHERS]
    return [Path(sys.executable), *(python for python in others if python.exists())]


def _questions(folder: Path) -> Iterator[Figure]:
    settings = Settings(source="sample", home=folder / "home")
    report = run_job(settings, "nightly")
    assert report.success, report.failures
    export(settings.tree, folder / "copy.duckdb", "duckdb")
    _keep_many(settings.tree)
    tables = _asked(Path(sys.executable), folder / "copy.duckdb")["questions"]
    for python in pythons():
        told = _asked(python, settings.tree / "serving.duckdb")
        version, took = f"DuckDB {told['duckdb']}", told["questions"]
        slowest = max((title for title in took if title != JOIN), key=lambda title: took[title]["p95_ms"])
        yield compared(f"{version}: slowest question p95", took[slowest]["p95_ms"], "ms", "bound", QUESTION_MS)
        yield compared(f"{version}: {JOIN} p95", took[JOIN]["p95_ms"], "ms", "bound", JOIN_MS)
        for title in took if python == Path(sys.executable) else (slowest, JOIN):
            spent = took[title]["processor_ms"]
            baseline = tables[title]["processor_ms"]
            yield compared(f"{version}: {title}, processor", spent, "ms", "on tables", baseline)


def _keep_many(tree: Path) -> None:
    """Runs of a year ago beside the one in force; of one content, so they take no room."""
    run = (tree / "marts" / "current").resolve()
    for number in range(KEPT):
        kept = f"2025-01-01_2025010{number % 9 + 1}T0000000000{number:02}Z_kept.{contract_of(run.name)}"
        shutil.copytree(run, run.with_name(kept), copy_function=os.link)


def _asked(python: Path, database: Path) -> dict[str, Any]:
    questions = json.dumps({**dict(QUESTIONS), JOIN: THREE_VIEWS})
    command = [str(python), asker.__file__, str(database), str(REPEATS)]
    done = subprocess.run(command, input=questions, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def _readers(folder: Path) -> Iterator[Figure]:
    each = CONNECTIONS // len(pythons())
    told = watch(folder, dict.fromkeys(pythons(), each), PUBLICATIONS, kept=KEPT)
    queries = float(sum(seen["queries"] for seen in told))
    versions = ", ".join(seen["duckdb"] for seen in told)
    failed, mixed = (float(sum(n)) for n in zip(*((len(s["errors"]), s["mixed"]) for s in told), strict=True))
    yield compared(f"serving on {versions}: queries that failed", failed, "queries", "queries", queries)
    yield compared("serving: queries that saw two runs", mixed, "queries", "queries", queries)
    fewest = float(min(runs for seen in told for runs in seen["runs"]))
    yield compared("serving: runs the slowest connection saw", fewest, "runs", "runs", float(PUBLICATIONS + 1))
