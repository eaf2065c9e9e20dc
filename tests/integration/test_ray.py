"""A universe computed on a cluster is the universe computed here, whoever dies meanwhile."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.universe.ray_cluster import ClusterUnreachable, RayCluster
from tests.integration.alone import nights_on_a_cluster


def test_a_cluster_equals_this_process_bit_for_bit_though_workers_nodes_driver_and_head_are_killed(
    client: Callable[[str], Path],
) -> None:
    found = nights_on_a_cluster(client("ray"), nights=1, seed=1, minutes=8)
    assert found["blocks"] == 10
    assert found["equal"] == [True]
    assert found["lost"]["node"] == 1
    assert found["ended"]["driver"] == "SIGKILL"
    assert found["ended"]["head"].startswith(("right", "sentence: "))
    assert found["healed"] == {"driver": True, "head": True}


def test_without_ray_the_night_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ClusterUnreachable, match="Ray is not installed; install Recouple's extra `ray`"):
        list(RayCluster("auto").map_blocks(str, [1]))
