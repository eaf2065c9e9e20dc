"""Dagster loads the definitions in every process it starts: what only a run needs is imported by the run."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("arch", "curl_cffi", "exchange_calendars", "numba", "pandas", "pyarrow", "scipy", "statsmodels", "yfinance")


def test_the_definitions_load_without_what_only_a_run_needs() -> None:
    program = f"import sys, pipelines.definitions; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "[]", "import these inside the function that needs them"
