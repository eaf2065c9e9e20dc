"""Holding rows to their contract.

Here: splitting a frame into rows that keep every rule and rows that break one, with the rule and the payload. Not
here: what happens to either (pipelines.warehouse.store stores, assets.framework.checks reports).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from assets.door.findings import Finding
from assets.framework.contract import RawTable, Table
from assets.framework.errors import KnownFault
from assets.framework.kept import Keeping


class ContractError(KnownFault, ValueError):
    """A frame does not have the columns its contract promises; no row can be judged."""


@dataclass(frozen=True)
class Rows:
    """Rows on their way into a table.

    Of raw tables only: `broken` says besides whose value of when it is (series, day), what was odd (field, value, was,
    expected_low, expected_high, reason); held names those of the good rows that wait for a second answer, by key;
    fetched are the series an upstream answered for, new rows or none; findings and notes are what a person should
    know, of single values and of the answer. Of tables that keep parts between nights only: kept, what of them to store
    with the rows.
    """

    good: pl.DataFrame
    broken: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema={"rule": pl.String, "payload": pl.String}))
    fetched: tuple[str, ...] = ()
    held: pl.DataFrame = field(default_factory=pl.DataFrame)
    findings: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    kept: Keeping | None = None

    def let_go(self) -> None:
        """Give the memory of the rows back once they are stored, whoever still holds this."""
        object.__setattr__(self, "good", self.good.clear())
        object.__setattr__(self, "held", self.held.clear())

    @property
    def against_contract(self) -> pl.DataFrame:
        """Of the broken rows, those that break a rule of the contract; the others keep it and are not believed."""
        return self.broken.filter(pl.col("reason").is_null()) if "reason" in self.broken.columns else self.broken


def hold_to_contract(contract: type[Table], frame: pl.DataFrame, fetched: tuple[str, ...] = ()) -> Rows:
    """Split rows by the contract's rules; raises ContractError when columns are absent or of another type."""
    frame = _with_promised_columns(contract, frame)
    kept, failure = contract.filter(frame)
    good = kept.select(frame.columns)
    if len(failure) == 0:
        return Rows(good, fetched=fetched)
    return Rows(good, _broken(contract, failure.details()), fetched)


def _with_promised_columns(contract: type[Table], frame: pl.DataFrame) -> pl.DataFrame:
    """The contract's columns in the contract's order; NaN becomes null, whole numbers fit their column."""
    columns = contract.columns()
    absent = [name for name in columns if name not in frame.columns]
    extra = [name for name in frame.columns if name not in columns]
    if absent or extra:
        said = [f"{word} {', '.join(names)}" for word, names in (("lacks", absent), ("has unknown", extra)) if names]
        raise ContractError(
            f"{contract.full_name()}: the result {' and '.join(said)}; change the contract or what makes the table"
        )
    try:
        cast = frame.select(pl.col(name).cast(columns[name].dtype) for name in contract.ordered_columns())
    except pl.exceptions.InvalidOperationError as error:
        raise ContractError(f"{contract.full_name()}: {str(error).splitlines()[0]}") from error
    return cast.with_columns(pl.col(pl.Float64).fill_nan(None))


def _broken(contract: type[Table], details: pl.DataFrame) -> pl.DataFrame:
    """One row per row that breaks a rule: the first rule it breaks, the row itself as JSON, of raw also whose it is."""
    columns = contract.column_names()
    rules = [name for name in details.columns if name not in columns]
    first = pl.coalesce(pl.when(pl.col(r).cast(pl.String) == "invalid").then(pl.lit(r)) for r in rules)
    door = contract.door if issubclass(contract, RawTable) else None
    whose = {} if door is None else {"series": door.series, "day": door.day}
    return details.select(rule=first, payload=payload_of(contract), **whose)


def payload_of(contract: type[Table]) -> pl.Expr:
    """A row as JSON, every value as text but those that hold others."""
    columns = contract.columns()
    nested = {name for name, spec in columns.items() if spec.dtype.is_nested()}
    texts = [pl.col(c) if c in nested else pl.col(c).cast(pl.String) for c in columns]
    return pl.struct(texts).struct.json_encode().alias("payload")
