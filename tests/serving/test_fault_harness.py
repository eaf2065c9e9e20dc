"""A few faults of the harness in benchmarks/, so that it is known to work when thousands are wanted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_few_faults_of_every_kind_do_no_harm() -> None:
    numbers = {"seed": 5, "kills": 2, "torn": 1, "others": 1, "disks": 0, "states": 0, "nights": 0}
    options = [word for name, number in numbers.items() for word in (f"--{name}", str(number))]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.faults", *options],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kill -9 at a write" in done.stdout
