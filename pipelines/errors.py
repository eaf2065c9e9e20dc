"""The errors a person may have to act on, outside the assets.

Here: one base class, so that the command line and the Dagster UI show the message alone, and how such an error ends a
run that has not begun. Not here: the errors themselves; each is defined where it is raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from assets.errors import KnownFault


class RecoupleError(KnownFault):
    """Names the thing, the reason and the remedy."""


class RunRefused(dg.DagsterError):
    """A run cannot begin. Dagster shows its own kind of error as it is, and wraps every other in one that says less."""


@contextmanager
def before_the_run() -> Iterator[None]:
    """A known fault in what a run needs ends it with its message alone."""
    try:
        yield
    except KnownFault as fault:
        raise RunRefused(str(fault)) from None
