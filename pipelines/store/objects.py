"""Named objects that are written whole or not at all.

Here: the Protocol, and a folder that keeps it. Not here: a bucket (pipelines.store.bucket), what is in an object.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Objects(Hashable, Protocol):
    """Named bytes; picklable and hashable, so that a worker elsewhere can use it."""

    def read(self, name: str) -> bytes | None:
        """The object's content; None where there is none."""

    def write(self, name: str, content: bytes) -> None:
        """Put the whole object in force, or leave what was there."""

    def names(self, prefix: str) -> list[str]:
        """Names that begin so."""

    def remove(self, name: str) -> None:
        """The object is gone, whether it was there or not."""


@dataclass(frozen=True)
class Folder:
    """Objects as files."""

    root: Path

    def read(self, name: str) -> bytes | None:
        """The file's content."""
        path = self.root / name
        return path.read_bytes() if path.exists() else None

    def write(self, name: str, content: bytes) -> None:
        """Beside it first, then moved over it."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, beside = tempfile.mkstemp(prefix=".", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            Path(beside).replace(path)
        except BaseException:  # whatever ended it, nothing half-written stays
            Path(beside).unlink(missing_ok=True)
            raise

    def names(self, prefix: str) -> list[str]:
        """Files below the root."""
        files = (p.relative_to(self.root).as_posix() for p in self.root.rglob("*") if p.is_file())
        return sorted(name for name in files if name.startswith(prefix))

    def remove(self, name: str) -> None:
        """Remove the file."""
        (self.root / name).unlink(missing_ok=True)
