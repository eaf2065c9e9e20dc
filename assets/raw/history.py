"""What is stored already, as a fetch needs to know it.

Here: the question. Not here: the answer (pipelines.warehouse).
"""

from __future__ import annotations

from datetime import date
from typing import Protocol

import polars as pl

from assets.framework.contract import RawTable


class StoredHistory(Protocol):
    """What is stored already."""

    def watermarks(self, contract: type[RawTable], series: str, day: str) -> dict[str, date]:
        """Last stored final `day` per series."""

    def known(self, contract: type[RawTable], on: date) -> pl.DataFrame:
        """The rows of a raw table as known at the end of a day."""

    def waiting(self, contract: type[RawTable], on: date) -> pl.DataFrame:
        """The held rows that an answer of this day would confirm by repeating them."""

    def quarantined(self, contract: type[RawTable]) -> dict[str, list[date]]:
        """Days of each series that are in quarantine."""

    def asked_again(self) -> dict[str, date]:
        """The day from which a person wants a series anew, for those that were not fetched since."""
