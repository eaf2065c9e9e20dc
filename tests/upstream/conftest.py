"""Fixtures of the upstream tests: a clock that does not sleep, quick policies, recordings where they are at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelines.sources.http import RetryPolicy
from tests.upstream.live_nights import POLICY, LiveWorld
from tests.upstream.loopback import Loopback
from tests.upstream.services import FakeClock

NIGHTS = [
    ("timelapse_AAPL_01_20250815_1735Z_open", datetime(2025, 8, 15, 17, 58, tzinfo=UTC)),
    ("timelapse_AAPL_02_20250815_2000Z_justclosed", datetime(2025, 8, 15, 20, 59, tzinfo=UTC)),
    ("timelapse_AAPL_03_20250815_final", datetime(2025, 8, 16, 2, 34, tzinfo=UTC)),
    ("timelapse_AAPL_04_20250825_1638Z_open", datetime(2025, 8, 25, 16, 39, tzinfo=UTC)),
    ("timelapse_AAPL_05_20250825_2000Z_justclosed", datetime(2025, 8, 25, 21, 42, tzinfo=UTC)),
    ("timelapse_AAPL_06_20250825_final", datetime(2025, 8, 26, 2, 19, tzinfo=UTC)),
]
"""The recorded days of AAPL, in order: each answer with the moment it was given."""


@pytest.fixture
def clock() -> FakeClock:
    """Friday evening in New York, well after the close: 2026-11-20 22:30."""
    return FakeClock(datetime(2026, 11, 21, 3, 30, tzinfo=UTC))


@pytest.fixture
def policy() -> RetryPolicy:
    return POLICY


@pytest.fixture
def world(tmp_path: Path) -> LiveWorld:
    return LiveWorld(tmp_path / "server")


@pytest.fixture
def server(world: LiveWorld, tmp_path: Path) -> Iterator[Loopback]:
    (tmp_path / "server").mkdir()
    with world.served() as running:
        yield running


@pytest.fixture(autouse=True)
def no_machine_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of the machine reaches a test."""
    monkeypatch.delenv("FRED_API_KEY", raising=False)


class Recordings:
    """Real answers, kept beside the project and not in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def body(self, name: str) -> str:
        envelope: dict[str, Any] = json.loads((self.folder / name).read_text(encoding="utf-8"))
        return str(envelope["response"]["body"])


@pytest.fixture(scope="session")
def recordings() -> Recordings:
    for parent in Path(__file__).resolve().parents:
        folder = parent / "shared" / "recordings"
        if folder.is_dir():
            return Recordings(folder)
    pytest.skip("no shared/recordings beside this project")
