"""How a known fault ends a step in Dagster: in one sentence.

Here: that translation. Not here: the faults (assets.framework.errors).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from assets.framework.errors import KnownFault


@contextmanager
def in_one_sentence() -> Iterator[None]:
    """A known fault ends the step with its message alone; any other keeps its traceback, which someone will need.

    Only a fault that calls itself transient is worth the retries of an asset's policy.
    """
    try:
        yield
    except KnownFault as fault:
        raise dg.Failure(str(fault), allow_retries=getattr(fault, "transient", False)) from None
