"""The promise that a run was made under: its version, and the release that can read it.

Here: the version of today's contracts, that of a run from its folder's name, and the sentence where they differ. Not
here: what the contracts promise (assets.contracts), how views and copies show it (pipelines.publishing.tables).
"""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

from assets.contracts import MARTS
from assets.framework.contract import Mart
from assets.framework.errors import KnownFault

META_COMMENTS = {
    "mart": "view of this database",
    "rows": "rows of the view",
    "content_hash": "SHA-256 of the rows' canonical bytes: equal rows, equal hash, in whatever order or file",
    "run_id": "Dagster run that published",
    "as_of": "the day at whose end every row could have been computed",
    "published_at": "when the run was written, UTC",
    "source": "live, files or sample",
    "simulated": "true: made from the simulated sample market, not from real prices",
    "contract_version": "changes when columns, types or their meaning change",
}


class AnotherContract(KnownFault):
    """A run was made by a release whose marts this one cannot read."""


def contract_version() -> str:
    """A short hash over every table's columns, types and comments; it changes when the promise does."""
    return _version(tuple(MARTS))


@cache
def _version(marts: tuple[type[Mart], ...]) -> str:
    promise = [
        (
            mart.table_name(),
            mart.summary(),
            [(c, str(mart.columns()[c].dtype), mart.column_comment(c)) for c in mart.ordered_columns()],
        )
        for mart in marts
    ]
    return hashlib.sha256(json.dumps([promise, META_COMMENTS]).encode()).hexdigest()[:12]


def contract_of(run: str) -> str:
    """The contract that a run was made under, from the name of its folder."""
    return run.rpartition(".")[2]


def is_readable(folder: Path) -> bool:
    """The marts of the run in `folder` are those that this release knows."""
    return contract_of(folder.name) == contract_version()


def must_be_readable(folder: Path) -> Path:
    """The same folder; raises AnotherContract where this release would misread what lies in it."""
    if not is_readable(folder):
        raise AnotherContract(
            f"{folder.name} was made by another release, whose marts this one cannot read; "
            f"run `recouple upgrade`, then `recouple nightly`"
        )
    return folder
