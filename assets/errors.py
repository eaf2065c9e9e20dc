"""Faults a person may have to act on.

Here: their one base class, and how such a fault ends a step in Dagster. Not here: the faults themselves; each is
defined where it is raised.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


class KnownFault(Exception):
    """Names the thing, the reason and the remedy."""


@contextmanager
def in_one_sentence() -> Iterator[None]:
    """A known fault ends the step with its message alone; any other keeps its traceback, which someone will need.

    Only a fault that calls itself transient is worth the retries of an asset's policy.
    """
    try:
        yield
    except KnownFault as fault:
        raise dg.Failure(str(fault), allow_retries=getattr(fault, "transient", False)) from None
