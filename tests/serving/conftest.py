"""What people read the results with: a real browser, and the clients that BI tools are built on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

_QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium, without a window and without talk of its own."""
    program = os.environ.get("RECOUPLE_CHROMIUM") or shutil.which("chromium")
    if program is None:
        pytest.skip("no chromium on the path: run `make browser`, or name one in RECOUPLE_CHROMIUM")
    with sync_playwright() as running:
        launched = running.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-quic", *_QUIET]
        )
        yield launched
        launched.close()
