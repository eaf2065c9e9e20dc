"""A process that ends in the middle of publishing: before or after any one of its writes.

Here: the writes and how to end at the n-th. Not here: what must hold afterwards.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

_PATH_WRITES = ("replace", "rename", "symlink_to", "unlink", "mkdir", "chmod", "write_text")
WRITES: tuple[tuple[Any, str], ...] = (
    *((Path, name) for name in _PATH_WRITES),
    (os, "fsync"),
    (shutil, "rmtree"),
    (pl.DataFrame, "write_parquet"),
)


class Crash(BaseException):
    """Not an Exception: nothing that publishes may catch it."""


def crash() -> None:
    raise Crash


@contextmanager
def ending_at(moment: int, end: Callable[[], None] = crash) -> Iterator[list[int]]:
    """End at the moment-th of all moments just before and just after a write; yields the moments passed."""
    passed = [0]

    def tick() -> None:
        passed[0] += 1
        if passed[0] == moment:
            end()

    def wrapped(write: Callable[..., Any]) -> Callable[..., Any]:
        def ticking(*arguments: Any, **more: Any) -> Any:
            tick()
            result = write(*arguments, **more)
            tick()
            return result

        return ticking

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in WRITES:
            patch.setattr(owner, name, wrapped(getattr(owner, name)))
        yield passed
