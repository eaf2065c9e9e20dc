"""A Ray cluster: twenty nights that lose a worker and a node each, and whether every one is what one process computes.

Here: the bar. Not here: the same in small (tests/integration/test_ray.py), the nights themselves
(tests/integration/ray_nights.py).
"""

from __future__ import annotations

from benchmarks.figures import Figure, compared
from tests.conftest import CLIENTS
from tests.integration.alone import nights_on_a_cluster

NIGHTS, SEED = 20, 14


def run() -> list[Figure]:
    """Nothing where `make ray` has not installed Ray."""
    if not (CLIENTS / "ray" / ".complete").exists():
        return []
    found = nights_on_a_cluster(CLIENTS / "ray" / "bin", NIGHTS, SEED, minutes=60)
    lost = f"{found['lost']['worker']} workers and {found['lost']['node']} nodes killed"
    struck = ", ".join(f"the {name} killed: {ended}" for name, ended in found["ended"].items())
    return [
        compared(f"cluster: nights equal bit for bit, {lost}", sum(found["equal"]), "nights", "bar", NIGHTS),
        compared(f"cluster: next nights equal, {struck}", sum(found["healed"].values()), "nights", "bar", 2),
    ]
