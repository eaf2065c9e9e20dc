"""The claims ledger: every statement beside what the marts measure.

Here: the asset that evaluates each claim for the days it is judged for. Not here: the claims and their evidence
(assets.claims), the rule of the verdict (quant.verdicts).
"""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from assets.claims import Claim, load_claims
from assets.contracts import CONTRACTS
from assets.contracts.claims import Claims
from assets.framework.table import Horizon, Queries, table
from quant.verdicts import verdict

CLAIMS = load_claims()  # at load, like the SELECTs of sql/: what the ledger depends on is read from them

_DIGITS = 12  # a mean of floats differs in its last digits with the order of its rows; a claim does not

_SCHEMA = {
    "claim_id": pl.String,
    "measured_on": pl.Date,
    "kind": pl.String,
    "claimed_on": pl.Date,
    "judged_from": pl.Date,
    "statement": pl.String,
    "claimed_value": pl.Float64,
    "comparison": pl.String,
    "measured_value": pl.Float64,
    "unit": pl.String,
    "tolerance": pl.Float64,
    "chance_without_effect": pl.Float64,
    "verdict": pl.String,
    "evidence": pl.String,
    "context": pl.String,
    "note": pl.String,
}


@table(Claims, reads=[CONTRACTS[name] for name in {n: None for c in CLAIMS for n in c.reads if n in CONTRACTS}])
def claims(warehouse: Queries, horizon: Horizon) -> pl.DataFrame:
    """Each claim made by the run's day, on the days it is judged for."""
    rows = [_row(claim, day, warehouse) for claim in CLAIMS for day in claim.days(horizon.as_of)]
    return pl.DataFrame(rows, schema=_SCHEMA)


def _row(claim: Claim, day: date, warehouse: Queries) -> dict[str, Any]:
    measured = _asked(claim, claim.evidence, day, warehouse)
    value = None if measured is None else float(f"{measured:.{_DIGITS}g}")
    return {
        "claim_id": claim.id,
        "measured_on": day,
        "kind": claim.kind,
        "claimed_on": claim.claimed_on,
        "judged_from": claim.judged_from,
        "statement": claim.statement,
        "claimed_value": claim.claimed_value,
        "comparison": claim.comparison,
        "measured_value": value,
        "unit": claim.unit,
        "tolerance": claim.tolerance,
        "chance_without_effect": claim.chance_without_effect,
        "verdict": verdict(claim.claimed_value, value, claim.tolerance, claim.comparison, claim.chance_without_effect),
        "evidence": claim.pasted(claim.evidence, day),
        "context": _asked(claim, claim.context, day, warehouse),
        "note": " ".join(part for part in (claim.note, _why_unknown(claim, day)) if part) or None,
    }


def _asked(claim: Claim, select: str, day: date, warehouse: Queries) -> Any:
    """The one value a SELECT returns; None without a row, or where there is nothing to ask yet."""
    if not select or not claim.can_be_judged_on(day):
        return None
    found = warehouse.query(claim.warehouse_query(select, day))
    if found.height > 1:
        raise ValueError(f"claim {claim.id}: the evidence returns {found.height} rows on {day}; it must return one")
    return found.item(0, 0) if found.height else None


def _why_unknown(claim: Claim, day: date) -> str:
    if claim.absent:
        return f"The mart {', '.join(claim.absent)} does not exist yet."
    if claim.judged_from and day < claim.judged_from:
        return f"A forecast: it is judged from {claim.judged_from} on."
    return ""
