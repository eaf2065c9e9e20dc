"""The claims: statements that can be checked, one declarative entry each, read from claims.toml and checked.

Here: the shape of a claim, its evidence as SQL that anybody can paste, and the errors a typo ends in. Not here: the
claims (claims.toml), their evaluation (assets.marts.claims), the rule of the verdict (quant.verdicts).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Literal

import sqlglot
from pydantic import Field, model_validator
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.schema import MappingSchema

from assets.contracts import MARTS
from assets.framework.contract import Mart
from assets.framework.entries import Entry, EntryError, at, check_once, load_entries
from quant.verdicts import Comparison

PATH = Path(__file__).with_name("claims.toml")
DAY = "$on"  # stands in a SELECT for the day it is evaluated on
CLAIMED = "$claimed"  # stands in a SELECT for the claimed value
VALUE = "measured_value"
CONTEXT = "context"

Kind = Literal["measured", "forecast", "dated_event"]


class ClaimError(EntryError):
    """The claims cannot be used; the message names the file, the line and the reason."""


class Claim(Entry):
    """A statement, the number it comes down to, and the SELECT that measures it; claims.toml says what fields mean."""

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    kind: Kind
    statement: str = Field(min_length=1)
    claimed_on: date
    claimed_value: float
    comparison: Comparison = "equals"
    tolerance: float = Field(ge=0)
    unit: str = Field(min_length=1)
    evidence: str = Field(min_length=1)
    context: str = ""
    chance_without_effect: float | None = Field(default=None, ge=0, le=1)
    judged_from: date | None = None
    note: str = ""
    awaits: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _only_a_forecast_waits(self) -> Claim:
        if (self.kind == "forecast") != (self.judged_from is not None):
            raise ValueError("a forecast, and nothing else, says with judged_from when its time comes")
        return self

    def days(self, as_of: date) -> list[date]:
        """The days it is judged for in a run: its own and the run's; a dated event on its own alone."""
        if as_of < self.claimed_on:
            return []
        return [self.claimed_on] if self.kind == "dated_event" else sorted({self.claimed_on, as_of})

    def can_be_judged_on(self, day: date) -> bool:
        """The marts it reads exist, and a forecast's time has come."""
        return not self.absent and (self.judged_from is None or day >= self.judged_from)

    def pasted(self, select: str, day: date) -> str:
        """A SELECT of it for one day, as it is pasted into any DuckDB client on serving.duckdb."""
        return select.strip().replace(DAY, f"date '{day.isoformat()}'").replace(CLAIMED, repr(self.claimed_value))

    @cached_property
    def reads(self) -> tuple[str, ...]:
        """Names of the marts its SELECTs read, in order of first use."""
        selects = (_parsed(self.pasted(text, self.claimed_on)) for text in (self.evidence, self.context) if text)
        return tuple(dict.fromkeys(node.name for select in selects for node in _tables(select)))

    @property
    def absent(self) -> tuple[str, ...]:
        """Marts it awaits that do not exist."""
        return tuple(name for name in self.reads if name not in _mart_names())

    def warehouse_query(self, select: str, day: date) -> str:
        """The same SELECT over the warehouse, where marts are a schema."""
        parsed = _parsed(self.pasted(select, day))
        for node in _tables(parsed):
            node.set("db", exp.to_identifier(Mart.layer))
        return parsed.sql(dialect="duckdb")

    def faults(self) -> Iterator[tuple[str, str]]:
        """Field and reason of whatever keeps a SELECT of it from being used."""
        for field, select, column in (("evidence", self.evidence, VALUE), ("context", self.context, CONTEXT)):
            if select and (fault := self._fault(select, column)):
                yield field, fault

    def _fault(self, select: str, column: str) -> str | None:
        try:
            parsed = _parsed(self.pasted(select, self.claimed_on))
        except SqlglotError as error:
            return f"is no SQL: {str(error).splitlines()[0]}"
        if not isinstance(parsed, exp.Select) or parsed.named_selects != [column]:
            return f"must be one SELECT of one column named {column}"
        if DAY not in select:
            return f"has no date condition; write {DAY} where the day of evaluation belongs"
        absent = {node.name for node in _tables(parsed)} - (_mart_names() - {"claims"})
        if unknown := sorted(absent - set(self.awaits)):
            return f"reads {', '.join(unknown)}, which is no mart a claim can read; correct the name"
        if absent:
            return None
        try:
            qualify(parsed.copy(), schema=_schema(), dialect="duckdb")
        except SqlglotError as error:
            return f"does not fit the marts: {str(error).splitlines()[0]}"
        return None


class _Claims(Entry):
    claim: tuple[Claim, ...]


def load_claims(path: Path = PATH) -> tuple[Claim, ...]:
    """Read and check the claims; raises ClaimError naming file, line and reason."""
    claims = load_entries(path, _Claims, ClaimError).claim
    check_once(path, "claim", [claim.id for claim in claims], ClaimError)
    for position, claim in enumerate(claims):
        for field, fault in claim.faults():
            raise ClaimError(f"{at(path, 'claim', position, field)}: claim {claim.id}: {field} {fault}")
    return claims


def _parsed(select: str) -> exp.Expr:
    return sqlglot.parse_one(select, dialect="duckdb")


def _tables(parsed: exp.Expr) -> list[exp.Table]:
    """Tables that are no common table expressions of the query itself."""
    named = {cte.alias for cte in parsed.find_all(exp.CTE)}
    return [node for node in parsed.find_all(exp.Table) if node.name not in named]


@cache
def _mart_names() -> frozenset[str]:
    return frozenset(mart.table_name() for mart in MARTS)


@cache
def _schema() -> MappingSchema:
    return MappingSchema(
        {mart.table_name(): dict.fromkeys(mart.column_names(), "UNKNOWN") for mart in MARTS}, dialect="duckdb"
    )
