"""How a known fault ends a run that cannot begin: in one sentence; and how a choice that cannot be used refuses it.

Here: that translation. Not here: the faults (assets.framework.errors), how one ends a step
(assets.framework.step_failure).

A refused run is no failed one: it ends as cancelled, with the reason as its tag in the list of runs. No table turns
red, nobody is told of a failed night.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from assets.framework.errors import KnownFault
from pipelines.settings import SettingsError

REFUSED = "recouple/refused"


class RunRefused(dg.DagsterError):
    """A run cannot begin. Dagster shows its own kind of error as it is, and wraps every other in one that says less."""


@contextmanager
def before_the_run() -> Iterator[None]:
    """A known fault in what a run needs ends it with its message alone."""
    try:
        yield
    except KnownFault as fault:
        raise RunRefused(str(fault)) from None


@contextmanager
def refusing(context: dg.InitResourceContext) -> Iterator[None]:
    """A choice that cannot be used ends the run as refused, with the reason in its tags."""
    try:
        yield
    except SettingsError as fault:
        if context.instance and context.run:
            context.instance.add_run_tags(context.run.run_id, {REFUSED: str(fault)})
            context.instance.report_run_canceling(context.run, message=f"Refused: {fault}")
        raise RunRefused(str(fault)) from None
    except KnownFault as fault:
        raise RunRefused(str(fault)) from None
