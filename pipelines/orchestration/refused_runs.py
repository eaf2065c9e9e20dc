"""How a known fault ends a run that cannot begin: in one sentence.

Here: that translation. Not here: the faults (assets.framework.errors), how one ends a step
(assets.framework.step_failure).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from assets.framework.errors import KnownFault


class RunRefused(dg.DagsterError):
    """A run cannot begin. Dagster shows its own kind of error as it is, and wraps every other in one that says less."""


@contextmanager
def before_the_run() -> Iterator[None]:
    """A known fault in what a run needs ends it with its message alone."""
    try:
        yield
    except KnownFault as fault:
        raise RunRefused(str(fault)) from None
