"""The claims: statements that can be checked, one declarative entry each, read from claims.toml and checked.

Here: the shape of a claim, its evidence as SQL that anybody can paste, and the errors a typo ends in. Not here: the
claims (claims.toml), their evaluation (assets.marts.claims), the rule of the verdict (quant.verdicts).
"""

from __future__ import annotations

from datetime import date
from functools import cache, cached_property
from pathlib import Path

import sqlglot
from pydantic import Field
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from assets.contracts import MARTS
from assets.framework.contract import Mart
from assets.framework.entries import Entry, EntryError, line_of, load_entries
from quant.verdicts import Comparison

PATH = Path(__file__).with_name("claims.toml")
DAY = "$on"  # stands in the evidence for the day it is evaluated on
VALUE = "measured_value"


class ClaimError(EntryError):
    """The claims cannot be used; the message names the file, the line and the reason."""


class Claim(Entry):
    """A statement, the number it comes down to, and the SELECT that measures it; claims.toml says what fields mean."""

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    statement: str = Field(min_length=1)
    claimed_on: date
    claimed_value: float
    comparison: Comparison = "equals"
    tolerance: float = Field(ge=0)
    unit: str = Field(min_length=1)
    evidence: str = Field(min_length=1)
    note: str = ""
    awaits: tuple[str, ...] = ()

    def evidence_on(self, day: date) -> str:
        """The SELECT for one day, as it is pasted into any DuckDB client on serving.duckdb."""
        return self.evidence.strip().replace(DAY, f"date '{day.isoformat()}'")

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Names of the marts the evidence reads, in order of first use."""
        return tuple(dict.fromkeys(node.name for node in _tables(self._parsed)))

    @property
    def absent(self) -> tuple[str, ...]:
        """Marts it awaits that do not exist."""
        existing = {mart.table_name() for mart in MARTS}
        return tuple(name for name in self.reads if name not in existing)

    def warehouse_query(self, day: date) -> str:
        """The same SELECT over the warehouse, where marts are a schema."""
        parsed = sqlglot.parse_one(self.evidence_on(day), dialect="duckdb")
        for node in _tables(parsed):
            node.set("db", exp.to_identifier(Mart.layer))
        return parsed.sql(dialect="duckdb")

    def fault(self) -> str | None:
        """What keeps the evidence from being used, or None."""
        try:
            parsed = self._parsed
        except SqlglotError as error:
            return f"is no SQL: {str(error).splitlines()[0]}"
        if not isinstance(parsed, exp.Select) or parsed.named_selects != [VALUE]:
            return f"must be one SELECT of one column named {VALUE}"
        if DAY not in self.evidence:
            return f"has no date condition; write {DAY} where the day of evaluation belongs"
        unknown = [name for name in self.absent if name not in self.awaits]
        if unknown or "claims" in self.reads:
            return f"reads {', '.join(unknown) or 'claims'}, which is no mart a claim can read; correct the name"
        if self.absent:
            return None
        try:
            qualify(parsed.copy(), schema=_schema(), dialect="duckdb")
        except SqlglotError as error:
            return f"does not fit the marts: {str(error).splitlines()[0]}"
        return None

    @cached_property
    def _parsed(self) -> exp.Expr:
        return sqlglot.parse_one(self.evidence_on(self.claimed_on), dialect="duckdb")


class _Claims(Entry):
    claim: tuple[Claim, ...]


def load_claims(path: Path = PATH) -> tuple[Claim, ...]:
    """Read and check the claims; raises ClaimError naming file, line and reason."""
    claims = load_entries(path, _Claims, ClaimError).claim
    text = path.read_text(encoding="utf-8")
    known: set[str] = set()
    for position, claim in enumerate(claims):
        if claim.id in known:
            line = line_of(text, "claim", position, "id")
            raise ClaimError(f"{path.name}, line {line}: claim {claim.id} is there twice; keep one entry")
        known.add(claim.id)
        if fault := claim.fault():
            line = line_of(text, "claim", position, "evidence")
            raise ClaimError(f"{path.name}, line {line}: claim {claim.id}: evidence {fault}")
    return claims


def _tables(parsed: exp.Expr) -> list[exp.Table]:
    """Tables that are no common table expressions of the query itself."""
    named = {cte.alias for cte in parsed.find_all(exp.CTE)}
    return [node for node in parsed.find_all(exp.Table) if node.name not in named]


@cache
def _schema() -> MappingSchema:
    return MappingSchema(
        {mart.table_name(): dict.fromkeys(mart.column_names(), "UNKNOWN") for mart in MARTS}, dialect="duckdb"
    )
