"""The claims ledger: every statement beside what the marts measure.

Here: the asset that evaluates each claim for its own day and for the run's. Not here: the claims and their evidence
(assets.claims), the rule of the verdict (quant.verdicts).
"""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

from assets.claims import VALUE, Claim, load_claims
from assets.contracts import CONTRACTS
from assets.contracts.claims import Claims
from assets.framework.table import Horizon, Queries, table
from quant.verdicts import verdict

CLAIMS = load_claims()  # at load, like the SELECTs of sql/: what the ledger depends on is read from them

_DIGITS = 12  # a mean of floats differs in its last digits with the order of its rows; a claim does not

_SCHEMA = {
    "claim_id": pl.String,
    "measured_on": pl.Date,
    "claimed_on": pl.Date,
    "statement": pl.String,
    "claimed_value": pl.Float64,
    "comparison": pl.String,
    "measured_value": pl.Float64,
    "unit": pl.String,
    "tolerance": pl.Float64,
    "verdict": pl.String,
    "evidence": pl.String,
    "note": pl.String,
}


@table(Claims, reads=[CONTRACTS[name] for name in {n: None for c in CLAIMS for n in c.reads if n in CONTRACTS}])
def claims(warehouse: Queries, horizon: Horizon) -> pl.DataFrame:
    """Each claim made by the run's day, on its own day and on the run's."""
    rows = [_row(claim, day, warehouse) for claim in CLAIMS for day in _days(claim, horizon.as_of)]
    return pl.DataFrame(rows, schema=_SCHEMA)


def _days(claim: Claim, as_of: date) -> list[date]:
    return sorted({claim.claimed_on, as_of}) if claim.claimed_on <= as_of else []


def _row(claim: Claim, day: date, warehouse: Queries) -> dict[str, Any]:
    measured = None if claim.absent else _measured(claim, day, warehouse)
    missing = f"The mart {', '.join(claim.absent)} does not exist yet." if claim.absent else ""
    return {
        "claim_id": claim.id,
        "measured_on": day,
        "claimed_on": claim.claimed_on,
        "statement": claim.statement,
        "claimed_value": claim.claimed_value,
        "comparison": claim.comparison,
        "measured_value": measured,
        "unit": claim.unit,
        "tolerance": claim.tolerance,
        "verdict": verdict(claim.claimed_value, measured, claim.tolerance, claim.comparison),
        "evidence": claim.evidence_on(day),
        "note": " ".join(part for part in (claim.note, missing) if part) or None,
    }


def _measured(claim: Claim, day: date, warehouse: Queries) -> float | None:
    values = warehouse.query(claim.warehouse_query(day))[VALUE]
    if len(values) > 1:
        raise ValueError(f"claim {claim.id}: the evidence returns {len(values)} rows on {day}; it must return one")
    return None if values.is_empty() or values[0] is None else float(f"{values[0]:.{_DIGITS}g}")
