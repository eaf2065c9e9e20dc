"""A check for each rule of a contract, by the rule's own name.

Here: which rules a contract has, and how many rows broke each, with samples. Not here: the check that blocks what is
downstream (assets.framework.checks), the rules (assets.contracts).

What single columns promise (a value is there, within its limits, a number) makes two checks and not forty: which column
it was stands in the check's words.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import polars as pl

from assets.framework.contract import Table
from assets.framework.rows import Rows

_SAMPLES = 5
_OF_COLUMNS = {
    "primary_key": ("key_is_unique", "No two rows have the same key."),
    "nullability": ("required_values_are_there", "Every column that must have a value has one in every row."),
    "": ("values_are_within_limits", "Every value is of its column's kind and within its column's limits."),
}


def rules(contract: type[Table]) -> dict[str, str]:
    """What each check of a rule is called, and what it says holds."""
    named = {name: _first_line(rule.validation_fn) for name, rule in _own_rules(contract).items()}
    of_columns = (_OF_COLUMNS.values()) if contract.key() else list(_OF_COLUMNS.values())[1:]
    return {**dict(of_columns), **named}


def specs(contract: type[Table], key: dg.AssetKey) -> Iterator[dg.AssetCheckSpec]:
    """One check for each rule; what breaks one is blocked by the check of the whole contract."""
    for name, holds in rules(contract).items():
        yield dg.AssetCheckSpec(name, asset=key, description=holds)


def of_rows(contract: type[Table], rows: Rows, severity: dg.AssetCheckSeverity) -> Iterator[dg.AssetCheckResult]:
    """What each rule found, with how many rows broke it and some of them."""
    broken = rows.broken.with_columns(check=pl.col("rule").map_elements(_check_of, return_dtype=pl.String))
    by_check: Mapping[str, pl.DataFrame] = {str(name[0]): part for name, part in broken.group_by("check")}
    for name, holds in rules(contract).items():
        found = by_check.get(name)
        if found is None:
            yield dg.AssetCheckResult(check_name=name, passed=True, severity=severity, metadata={"rows_broken": 0})
            continue
        columns = ", ".join(found["rule"].unique().sort())
        yield dg.AssetCheckResult(
            check_name=name,
            passed=False,
            severity=severity,
            description=f"{found.height:,} rows break it ({columns}): {holds}",
            metadata={
                "rows_broken": found.height,
                "samples": dg.MetadataValue.md("\n".join(f"- `{row}`" for row in found["payload"].head(_SAMPLES))),
            },
        )


def _check_of(rule: str) -> str:
    """The check that a rule of dataframely belongs to: column rules are called `column|kind`."""
    column, _, kind = rule.partition("|")
    if not kind:
        return _OF_COLUMNS["primary_key"][0] if rule == "primary_key" else column
    return _OF_COLUMNS.get(kind, _OF_COLUMNS[""])[0]


def _own_rules(contract: type[Table]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in reversed(contract.__mro__):
        found |= {name: thing for name, thing in vars(kind).items() if hasattr(thing, "validation_fn")}
    return found


def _first_line(function: object) -> str:
    return inspect.cleandoc(inspect.getdoc(function) or "").partition("\n")[0]
