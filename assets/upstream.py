"""What the assets need from the outside world, as Protocols.

Here: the questions assets ask and the shape of the answers. Not here: any answer (pipelines.sources implements them).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

import polars as pl

from assets.catalog import Futures, Series, Symbol
from assets.door.findings import Finding
from assets.framework.errors import KnownFault

Watermarks = Mapping[str, date]
"""Last stored date per symbol or series; an id that is absent has never been fetched."""


class UpstreamError(KnownFault):
    """A source as a whole cannot answer; the message names it, the reason and the remedy.

    transient: another try later tonight may succeed.
    """

    def __init__(self, message: str, *, transient: bool = False) -> None:
        super().__init__(message)
        self.transient = transient


@dataclass(frozen=True)
class Missing:
    """Something that was asked for and did not come."""

    id: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.id}: {self.reason}. {self.remedy}"


@dataclass(frozen=True)
class Note:
    """Something odd in data that did come: shown with the run, no reason to fail."""

    id: str
    text: str

    def __str__(self) -> str:
        return f"{self.id}: {self.text}"


@dataclass(frozen=True)
class Fetched:
    """What a source delivered: rows in the columns of the raw contract, what it could not deliver, what was odd.

    splits: ratios that the source itself reports for a series, new shares per old. findings: what is known to be odd
    about single days.
    """

    rows: pl.DataFrame
    missing: tuple[Missing, ...] = ()
    notes: tuple[Note, ...] = ()
    splits: Mapping[str, Sequence[float]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


class PriceSource(Protocol):
    """Daily bars."""

    def price_bars(self, symbols: Sequence[Symbol], stored: Watermarks) -> Fetched:
        """Bars since the watermark minus a lookback, all history without one: columns of PriceBars."""


class FuturesSource(Protocol):
    """Settlements of futures."""

    def futures_settlements(self, futures: Sequence[Futures], stored: Watermarks) -> Fetched:
        """Settlements of every contract of the families (`Futures.contracts`): columns of FuturesSettlements.

        stored: last stored date per contract symbol. A contract that cannot be had is Missing under its family's id.
        """


class MacroSource(Protocol):
    """Macro series."""

    def macro_observations(self, series: Sequence[Series], stored: Watermarks) -> Fetched:
        """Observations since the watermark minus a lookback: columns of MacroObservations."""


class DeskSource(Protocol):
    """Operations of the New York Fed's Desk."""

    def treasury_operations(self, stored: date | None) -> Fetched:
        """Outright operations since the watermark minus a lookback: columns of TreasuryOperations."""


class FlowSource(Protocol):
    """Flows into spot bitcoin ETFs."""

    def fund_flows(self, stored: date | None) -> Fetched:
        """Daily net flows since the watermark minus a lookback: columns of FundFlows."""


class MeetingSource(Protocol):
    """The FOMC's calendar."""

    def fomc_meetings(self) -> Fetched:
        """All known meetings: columns of FomcMeetings."""


class Upstream(PriceSource, FuturesSource, MacroSource, DeskSource, FlowSource, MeetingSource, Protocol):
    """Everything a nightly asks for, from one configured source."""

    @property
    def name(self) -> str:
        """`live`, `files` or `sample`."""

    @property
    def simulated(self) -> bool:
        """True where nothing is real, so that every table made from it can say so."""

    def now(self) -> datetime:
        """The moment of fetching, in UTC: the clock for live, the end of the data's last day otherwise."""

    def today(self) -> date:
        """The newest day a run may call today: the New York date for live, the last price's date otherwise."""
