"""Debian's chromium, without a window and without talk of its own.

Here: which program, and one running. Not here: what it looks at.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

_QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]


def chromium() -> str | None:
    """Where it is, if anywhere."""
    return os.environ.get("RECOUPLE_CHROMIUM") or shutil.which("chromium")


@contextmanager
def browsing(program: str) -> Iterator[Browser]:
    """A browser that runs while its `with` block lasts."""
    with sync_playwright() as running:
        launched = running.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-quic", *_QUIET]
        )
        yield launched
        launched.close()
