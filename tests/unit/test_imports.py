"""What loading the definitions costs: the UI, the daemon and every command pay it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HEAVY = ("numba", "pandas", "scipy", "statsmodels", "exchange_calendars", "yfinance", "fredapi", "altair", "arch")
ROOT = Path(__file__).parents[2]


def test_definitions_load_without_what_only_a_run_needs() -> None:
    asked = f"import sys, pipelines.definitions; print([m for m in {HEAVY} if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
