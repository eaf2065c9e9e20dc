"""Nights on a Ray cluster in a network namespace of their own, with nothing but the loopback.

Here: who runs them, and with which Python. Not here: the nights (tests/integration/ray_nights.py, which needs Ray).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
_AS_ROOT = [] if os.geteuid() == 0 else ["--map-root-user"]
# Processes have a namespace too, so that all of a cluster ends with the one that started it.
LOOPBACK_ALONE = ["unshare", *_AS_ROOT, "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"]
_UP = "ip link set lo up"


def nights_on_a_cluster(ray_bin: Path, nights: int, seed: int, minutes: float) -> dict[str, Any]:
    """What `ray_nights` says. ray_bin: of an environment that has Ray; everything else comes from this one."""
    if shutil.which("ip") is None or subprocess.run([*LOOPBACK_ALONE, _UP], capture_output=True).returncode:
        pytest.skip("no network namespace can be made here, and outside one Ray advertises this machine's address")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), sysconfig.get_path("purelib")]),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    command = f'{_UP} && exec "{ray_bin / "python"}" -m tests.integration.ray_nights {nights} {seed}'
    done = subprocess.run(
        [*LOOPBACK_ALONE, command], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60 * minutes
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
