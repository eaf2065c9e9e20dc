"""What can go wrong between a source and its service, as types with facts.

Here: one class per way a request can fail, each saying whether another try can help and whether the whole
service is to blame. Not here: trying again (pipelines.sources.http), recognising a failure (each source
does so itself).

No error keeps the exception it was made from: a client's exception can carry the request's address, and
FRED's address carries the key. Raise these outside `except` blocks, so that Python does not attach one
either.
"""

from __future__ import annotations

import copy
from datetime import date
from typing import ClassVar

from assets.framework.errors import KnownFault
from assets.upstream import Missing

TRY_AGAIN = "The next run asks again"


class SourceError(KnownFault):
    """A service did not deliver a series; says which, what happened and what to do.

    service, series: as a reader knows them, for example FRED and WALCL. what: the reason alone. status: the
    HTTP status, None where there was none. attempts, elapsed: tries made and seconds spent. kept: the last
    observation that is stored and stays served. resumes: where the next run starts. retry_after: seconds
    the service asked for.
    """

    transient: ClassVar[bool] = False  # another try can help
    service_level: ClassVar[bool] = False  # other series will fare the same

    def __init__(
        self, service: str, series: str, what: str, *, remedy: str = TRY_AGAIN, status: int | None = None,
        retry_after: float | None = None,
    ) -> None:  # fmt: skip
        """Facts of one failed try; `after` and `keeping` add what is known later."""
        super().__init__(service, series, what)
        self.service = service
        self.series = series
        self.what = what
        self.remedy = remedy.rstrip(".")
        self.status = status
        self.retry_after = retry_after
        self.attempts = 1
        self.elapsed = 0.0
        self.kept: date | None = None
        self.resumes: date | None = None

    def after(self, attempts: int, elapsed: float) -> SourceError:
        """The same failure, as the end of several tries."""
        other = copy.copy(self)
        other.attempts, other.elapsed = attempts, elapsed
        return other

    def keeping(self, kept: date | None, resumes: date | None) -> SourceError:
        """The same failure, with what stays stored and where the next run starts."""
        other = copy.copy(self)
        other.kept, other.resumes = kept, resumes
        return other

    @property
    def reason(self) -> str:
        """What happened, after how many tries, and what is kept."""
        tries = "" if self.attempts == 1 else f" after {self.attempts} tries in {self.elapsed:.0f} s"
        kept = "" if self.kept is None else f"; kept {self.kept.isoformat()} as the last observation"
        return f"{self.what}{tries}{kept}"

    @property
    def advice(self) -> str:
        """What to do, or what the next run does by itself."""
        if self.resumes is not None and self.remedy == TRY_AGAIN:
            return f"The next run fetches from {self.resumes.isoformat()}."
        return f"{self.remedy}."

    def missing(self) -> Missing:
        """The failure as an answer, so that one dead series does not stop the others."""
        return Missing(self.series, f"{self.service}: {self.reason}", self.advice.rstrip("."))

    def __str__(self) -> str:
        return f"{self.service} {self.series}: {self.reason}. {self.advice}"


class RateLimited(SourceError):
    """The service said 429, in a status or in words."""

    transient = True
    service_level = True


class ServiceDown(SourceError):
    """The service answered 5xx, or said that it is down."""

    transient = True
    service_level = True


class Unreachable(SourceError):
    """No answer: refused, dropped, or too slow."""

    transient = True
    service_level = True


class Malformed(SourceError):
    """An answer that is no answer: HTML where data belongs, a cut-off body, columns of unequal length."""

    transient = True
    service_level = True


class Refused(SourceError):
    """401, 403, 423: the service does not want to answer us."""

    service_level = True


class KeyRejected(Refused):
    """The service does not accept the API key; no other series will fare better."""


class UnknownSeries(SourceError):
    """The service does not know this id."""


class BadRequest(SourceError):
    """The service could not use the request."""


class NothingDelivered(SourceError):
    """A well-formed answer without the rows that must be there."""


class NotAsked(SourceError):
    """Not tried, because the service failed for the series before it."""

    service_level = True
