"""The errors a person may have to act on.

Here: one base class, so that the command line and the Dagster UI show the message alone. Not here: the errors
themselves; each is defined where it is raised.
"""

from __future__ import annotations


class RecoupleError(Exception):
    """Names the thing, the reason and the remedy."""
