"""Faults a person may have to act on.

Here: their one base class. Not here: the faults themselves, each defined where it is raised; how they end a step
(assets.framework.step_failure) or a run that cannot begin (pipelines.orchestration.refused_runs).
"""

from __future__ import annotations


class KnownFault(Exception):
    """Names the thing, the reason and the remedy; the command line and Dagster's UI show the message alone."""
