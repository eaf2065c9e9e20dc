"""Clients that BI tools are built on, each in an environment of its own, kept from one test run to the next."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2] / ".venv-clients"


@pytest.fixture(scope="session")
def client() -> Callable[..., Path]:
    """The bin folder of an environment that has these packages; skips, saying why, where they cannot be fetched."""

    def environment(name: str, *packages: str) -> Path:
        folder = HOME / name
        wanted, complete = "\n".join(packages), folder / ".complete"
        if not (complete.exists() and complete.read_text() == wanted):
            subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
            pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            fetched = subprocess.run([*pip, *packages], capture_output=True, text=True, check=False)
            if fetched.returncode:
                pytest.skip(f"{', '.join(packages)} could not be fetched: {fetched.stderr.strip().splitlines()[-1]}")
            complete.write_text(wanted)
        return folder / "bin"

    return environment
