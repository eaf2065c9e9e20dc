"""What BI waits for, and whether it ever sees two runs at once.

Here: the ten example questions against the same SQL on plain tables, 32 connections through 20 runs. Not here: the
questions (docs/questions.md), how a query is kept to one run (pipelines.publishing.serving).
"""

from __future__ import annotations

import re
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np

from benchmarks.figures import Figure, compared
from pipelines.cli.runs import run_job
from pipelines.publishing.copies import export
from pipelines.settings import Settings
from tests.serving.readers import watch

CONNECTIONS, RUNS = 32, 20
REPEATS = 40
QUESTIONS = Path(__file__).parents[1] / "docs" / "questions.md"


def run() -> list[Figure]:
    """The slowest question's 95th percentile; errors and mixed queries, both zero or something is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_questions(Path(folder)), *_readers(Path(folder))]


def _questions(folder: Path) -> list[Figure]:
    settings = Settings(source="sample", home=folder / "home")
    report = run_job(settings, "nightly")
    assert report.success, report.failures
    export(settings.tree, folder / "copy.duckdb", "duckdb")
    asked = re.findall(r"## (\d+\. .+?)\n.*?```sql\n(.*?)```", QUESTIONS.read_text(encoding="utf-8"), re.DOTALL)
    served = duckdb.connect(str(settings.tree / "serving.duckdb"), read_only=True)
    tables = duckdb.connect(str(folder / "copy.duckdb"), read_only=True)
    with served, tables:
        figures = []
        for title, sql in asked:
            views_ms, tables_ms = _paired_p95_ms(served, tables, sql)
            figures.append(compared(f"question {title} p95", views_ms, "ms", "on tables", tables_ms))
    return figures


def _paired_p95_ms(
    first: duckdb.DuckDBPyConnection, second: duckdb.DuckDBPyConnection, sql: str
) -> tuple[float, float]:
    took: tuple[list[float], list[float]] = ([], [])
    for _ in range(REPEATS):
        for connection, times in zip((first, second), took, strict=True):
            begun = time.perf_counter()
            connection.execute(sql).fetchall()
            times.append((time.perf_counter() - begun) * 1_000)
    return float(np.quantile(took[0], 0.95)), float(np.quantile(took[1], 0.95))


def _readers(folder: Path) -> list[Figure]:
    (seen,) = watch(folder, {Path(sys.executable): CONNECTIONS}, RUNS)
    queries = float(seen["queries"])
    return [
        compared("serving: queries that failed", float(len(seen["errors"])), "queries", "queries", queries),
        compared("serving: queries that saw two runs", float(seen["mixed"]), "queries", "queries", queries),
        compared("serving: runs the slowest connection saw", float(min(seen["runs"])), "runs", "runs", float(RUNS + 1)),
    ]
