"""Asset checks, generated from the contracts and put in plain words.

Here: which checks a table has, and how rows and arrivals are judged. Not here: the rules (assets.contracts). A broken
contract blocks everything downstream, so the last good marts stay served.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from assets.catalog import Catalog, Futures, Series, Symbol
from assets.door.findings import ORDER
from assets.framework import rule_checks
from assets.framework.contract import RawTable, Table
from assets.framework.kept import Keeping
from assets.framework.rows import Rows
from assets.upstream import Missing

AS_EXPECTED = "all_is_as_expected"
KEPT_HOLDS = "what_was_kept_holds"
BELIEVED = "everything_is_believed"
_RAW_TOLERANCE = 0.05  # upstreams send a bad row now and then; a flood of them means something else is wrong


def specs(contract: type[Table], key: dg.AssetKey) -> list[dg.AssetCheckSpec]:
    """The checks of one table."""
    named = [
        dg.AssetCheckSpec(
            "contract_holds",
            asset=key,
            blocking=True,
            description="Every row keeps the rules of the table's contract; rows that do not are in quarantine.",
        )
    ]
    if issubclass(contract, RawTable):
        named.append(
            dg.AssetCheckSpec(
                "everything_arrived",
                asset=key,
                blocking=True,
                description="Everything asked for came; what is required stops the run, what is optional warns.",
            )
        )
    if issubclass(contract, RawTable) and contract.door is not None:
        named.append(
            dg.AssetCheckSpec(
                BELIEVED,
                asset=key,
                description="No value is implausible, restated beyond what corrections do, or missing; where one is, "
                "it is kept out of everything computed, and the run says which.",
            )
        )
    if contract.has_concerns():
        named.append(
            dg.AssetCheckSpec(
                AS_EXPECTED,
                asset=key,
                description="All is as a person expects it; what is not, the check says in words.",
            )
        )
    return [*named, *rule_checks.specs(contract, key)]


def of_rows(contract: type[Table], rows: Rows) -> list[dg.AssetCheckResult]:
    """Judge a table's rows: any broken row of a derived table is an error, of a raw table only a flood of them."""
    broken, total = rows.against_contract, rows.good.height + rows.broken.height
    tolerated = _RAW_TOLERANCE * total if issubclass(contract, RawTable) else 0
    results = [
        dg.AssetCheckResult(
            check_name="contract_holds",
            passed=broken.is_empty(),
            severity=dg.AssetCheckSeverity.ERROR if broken.height > tolerated else dg.AssetCheckSeverity.WARN,
            description=_in_words(rows),
            metadata={
                "rows_kept": rows.good.height,
                "rows_quarantined": rows.broken.height,
                **_examples(rows),
            },
        )
    ]
    if contract.has_concerns():
        concerns = contract.concerns(rows.good)
        results.append(
            dg.AssetCheckResult(
                check_name=AS_EXPECTED,
                passed=not concerns,
                severity=dg.AssetCheckSeverity.WARN,
                description="; ".join(concerns) or "all is as expected",
            )
        )
    if rows.kept is not None:
        results.append(of_kept(rows.kept))
    return [*results, *rule_checks.of_rows(contract, rows, results[0].severity)]


def spec_of_kept(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check of a table that keeps parts between nights."""
    return dg.AssetCheckSpec(
        KEPT_HOLDS,
        asset=key,
        description="A part drawn at random, another every night, is computed from nothing and is bit for bit what was "
        "taken over from an earlier night; where it is not, nothing is taken over.",
    )


def of_kept(keeping: Keeping) -> dg.AssetCheckResult:
    """Judge what was taken over from earlier nights."""
    return dg.AssetCheckResult(
        check_name=KEPT_HOLDS,
        passed=not keeping.doubt,
        severity=dg.AssetCheckSeverity.WARN,
        description=keeping.doubt or "what was kept is what computing anew says",
        metadata={"parts_standing": len(keeping.standing), "parts_renewed": len(keeping.renewed)},
    )


def of_arrival(asked: Sequence[Futures | Symbol | Series], missing: Sequence[Missing]) -> dg.AssetCheckResult:
    """Judge what did not come: an error when any of it is required."""
    required = {entry.id for entry in asked if entry.required}
    lacking = [m for m in missing if m.id in required]
    described = [f"required {m}" if m.id in required else f"optional {m}" for m in (*lacking, *missing)]
    return dg.AssetCheckResult(
        check_name="everything_arrived",
        passed=not missing,
        severity=dg.AssetCheckSeverity.ERROR if lacking else dg.AssetCheckSeverity.WARN,
        description="; ".join(dict.fromkeys(described)) or "everything asked for came",
    )


def of_belief(contract: type[RawTable], rows: Rows, catalog: Catalog) -> list[dg.AssetCheckResult]:
    """Judge what was kept out, held back or missing, but for what somebody has explained."""
    if contract.door is None:
        return []
    told = [f for f in rows.findings if f.state != "kept" and catalog.acknowledges(f.series, f.day) is None]
    counts = {state: [f.series for f in told if f.state == state] for state in ORDER}
    said = [
        f"{len(series):,} {state} ({', '.join(sorted(set(series))[:5])})" for state, series in counts.items() if series
    ]
    return [
        dg.AssetCheckResult(
            check_name=BELIEVED,
            passed=not told,
            severity=dg.AssetCheckSeverity.WARN,
            description="; ".join(said) or "everything that came is believed",
            metadata={state: len(series) for state, series in counts.items()},
        )
    ]


def _in_words(rows: Rows) -> str:
    broken = rows.against_contract
    if broken.is_empty():
        return f"all {rows.good.height:,} rows keep every rule"
    counts = broken.group_by("rule").len().sort("rule").iter_rows()
    rules = ", ".join(f"{rule} ({number})" for rule, number in counts)
    return f"{broken.height:,} of {rows.good.height + rows.broken.height:,} rows are in quarantine: {rules}"


def _examples(rows: Rows) -> dict[str, str]:
    return {} if rows.broken.is_empty() else {"first_broken_row": str(rows.broken["payload"][0])}
