"""What is stored already, as a fetch needs to know it.

Here: the question. Not here: the answer (pipelines.warehouse).
"""

from __future__ import annotations

from datetime import date
from typing import Protocol

from assets.framework.contract import RawTable


class History(Protocol):
    """What is stored already."""

    def watermarks(self, contract: type[RawTable], series: str, day: str) -> dict[str, date]:
        """Last stored final `day` per series."""
