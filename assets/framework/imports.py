"""What is not imported until somebody needs it.

Here: leaving out what a library takes along only to offer it. Not here: our own modules, which import late by
themselves.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def leaving_out(module: str) -> Iterator[None]:
    """What is imported in this block does without an optional module; where it is loaded already, it stays.

    `None` in sys.modules is Python's own word for "not there".
    """
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]
