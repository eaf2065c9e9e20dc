"""The contract of the claims ledger: what was said, what is measured, what follows.

Here: promised columns and the rules their rows keep. Not here: the claims (assets/claims.toml), how they are
evaluated (assets.marts.claims).
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from assets.framework.contract import Mart


class Claims(Mart):
    """One checkable statement, measured on the day it was made and on the run's day.

    The verdict follows from the numbers: holds within the tolerance, close within twice the tolerance, fails beyond,
    unknown where no value could be measured.
    """

    subject = "judgement"
    may_be_empty = True
    claim_id = dy.String(primary_key=True, description="name of the claim")
    measured_on = dy.Date(primary_key=True, description="day it is measured for: the claim's own, or the run's")
    claimed_on = dy.Date(description="day the statement was made")
    statement = dy.String(description="what is claimed, in our words")
    claimed_value = dy.Float64(description="the number it comes down to, in the unit beside it")
    comparison = dy.Enum(
        ["equals", "at_least", "at_most"], description="whether the number itself is claimed or a bound"
    )
    measured_value = dy.Float64(nullable=True, description="what the evidence returns; null: it could not be measured")
    unit = dy.String(description="unit of both values and of the tolerance")
    tolerance = dy.Float64(min=0, description="a miss up to this holds, up to twice this is close")
    verdict = dy.Enum(["holds", "close", "fails", "unknown"], description="what the numbers say of the statement")
    evidence = dy.String(description="one SELECT over the marts that returns measured_value in any DuckDB client")
    note = dy.String(nullable=True, description="how the statement was read, and what it leaves out")

    @dy.rule()
    def unknown_without_a_value(cls) -> pl.Expr:  # noqa: N805
        """A claim whose data is absent is unknown, and only such a claim."""
        return (pl.col("verdict") == "unknown") == pl.col("measured_value").is_null()
