"""What people read the results with: a real browser, and the clients that BI tools are built on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.serving.browsing import browsing, chromium


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's chromium, where it is installed."""
    program = chromium()
    if program is None:
        pytest.skip("no chromium on the path: run `make browser`, or name one in RECOUPLE_CHROMIUM")
    with browsing(program) as launched:
        yield launched
