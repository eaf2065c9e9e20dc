"""A home as an earlier release left it: `python -m tests.earlier_home FOLDER [COMMIT]`.

Here: that release's own code, from this repository's history, run on its own simulated market. Not here: what must
hold of it (tests.integration.test_upgrade).
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
BEFORE = "d609e6dff53a"  # the last commit whose views and hashes were of the first kind


def known(commit: str = BEFORE) -> bool:
    """The history reaches back that far; a shallow clone's does not."""
    found = subprocess.run(
        ["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=ROOT, capture_output=True, check=False
    )
    return found.returncode == 0


def make(folder: Path, commit: str = BEFORE) -> Path:
    """Unpack the release below `folder` and run one of its nights there; returns the home."""
    code, home = folder / "code", folder / "home"
    archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(code, filter="data")
    environment = {**os.environ, "PYTHONPATH": str(code), "RECOUPLE_SOURCE": "sample", "RECOUPLE_HOME": str(home)}
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", "nightly"]
    done = subprocess.run(command, cwd=code, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return home


if __name__ == "__main__":
    print(make(Path(sys.argv[1]), *sys.argv[2:3]))
