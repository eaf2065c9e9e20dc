"""At the door: what comes in is held against what is known before it is believed.

Here: rows that keep their contract and what is stored of the same series -> rows to believe, rows to hold back until
they are confirmed, rows for quarantine. Not here: when a value is implausible (quant.plausibility,
quant.restatements), which limits a table has (its contract's Door), how the outcome is stored (pipelines.warehouse).

Three questions, in this order. Does a value come empty that is known? The known one stays. Does a value replace a
known one? A few small corrections pass, many or large ones wait for a second answer, another unit is refused. Is a
new value possible? What its own past and the other series of the day do not allow goes to quarantine. A bar whose
close is believed and whose high is not is stored without the high.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Protocol

import polars as pl

from assets.catalog import Futures, Series, Symbol
from assets.door.arriving import Arriving
from assets.door.columns import NOW, WAS, Doubt, apart
from assets.door.findings import Finding, State
from assets.door.replacing import Replacing
from assets.door.rules import Door
from assets.framework.contract import RawTable
from assets.framework.rows import Rows, hold_to_contract, payload_of
from assets.upstream import Fetched

Entry = Symbol | Series | Futures


class History(Protocol):
    """What judging needs to know of what is stored."""

    def known(self, contract: type[RawTable], on: date) -> pl.DataFrame:
        """The rows of a raw table as known at the end of a day."""

    def waiting(self, contract: type[RawTable], on: date) -> pl.DataFrame:
        """The held rows that an answer of this day would confirm by repeating them."""


def admitted(
    contract: type[RawTable],
    fetched: Fetched,
    ids: Sequence[str],
    history: History,
    today: date,
    entries: Collection[Entry] = (),
) -> Rows:
    """What an upstream delivered, held to its contract and against what is stored.

    ids: the series it answered for. entries: what the catalog says of the series that are in it.
    """
    rows = hold_to_contract(contract, fetched.rows, tuple(ids))
    if contract.door is not None:
        known = _with_what_repeats(
            contract, history.known(contract, today), history.waiting(contract, today), rows.good
        )
        rows = judge(contract, rows, known, entries=entries, splits=fetched.splits)
    return replace(rows, findings=(*rows.findings, *fetched.findings), notes=tuple(map(str, fetched.notes)))


def _with_what_repeats(
    contract: type[RawTable], known: pl.DataFrame, waiting: pl.DataFrame, good: pl.DataFrame
) -> pl.DataFrame:
    """Held rows that this answer repeats are confirmed by it: they count as known already while it is judged."""
    if waiting.is_empty():
        return known
    key, numbers = contract.key(), [c for c, spec in contract.columns().items() if spec.dtype == pl.Float64()]
    beside = waiting.join(good, on=key, how="inner", nulls_equal=True, suffix=NOW)
    same = ~pl.any_horizontal(apart(pl.col(c + NOW), pl.col(c)) for c in numbers)
    confirmed = beside.filter(same).select(known.columns)
    return pl.concat([known.join(confirmed, on=key, how="anti", nulls_equal=True), confirmed])


def judge(
    contract: type[RawTable],
    rows: Rows,
    known: pl.DataFrame,
    *,
    entries: Collection[Entry] = (),
    splits: Mapping[str, Sequence[float]] | None = None,
) -> Rows:
    """Judge rows that keep their contract. known: what is believed of the table now, in the contract's columns.

    entries: what the catalog says of the series that are in it. splits: ratios by series that the source reports with
    this answer.
    """
    door = contract.door
    if door is None:
        return rows
    rows = replace(rows, findings=_of_the_contract(rows.broken))
    if rows.good.is_empty():
        return rows
    incoming = _beside_what_is_known(contract, rows.good, known)
    incoming, kept = _without_absences(contract, door, incoming)
    final = incoming.filter("_final")
    replacing = Replacing(door, final, known)
    replacing.judge({e.id for e in entries if e.revised}, splits or {})
    conceivable = {e.id: door.conceivable[e.unit] for e in entries if e.unit in door.conceivable}
    arriving = Arriving(door, contract.key(), final, known, replacing, conceivable)
    left_out = _left_out(door, final, known) if door.together else []
    return _parted(contract, door, rows, incoming, [*replacing.doubts, *arriving.doubts()], [*kept, *left_out])


def _beside_what_is_known(contract: type[RawTable], good: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Each row with its number, whether it is stored already, and the stored values beside its own."""
    values = [c for c in contract.column_names() if c not in contract.key()]
    stored = known.select(*contract.key(), pl.lit(True).alias("_stored"), *(pl.col(c).alias(c + WAS) for c in values))
    final = ~pl.col("provisional") if "provisional" in contract.column_names() else pl.lit(True)
    joined = good.with_row_index("_row").join(
        stored, on=contract.key(), how="left", nulls_equal=True, maintain_order="left"
    )
    return joined.with_columns(pl.col("_row").cast(pl.Int64), pl.col("_stored").fill_null(False), _final=final)


def _without_absences(
    contract: type[RawTable], door: Door, incoming: pl.DataFrame
) -> tuple[pl.DataFrame, list[Finding]]:
    """An absent field replaces nothing."""
    fields = [c for c, spec in contract.columns().items() if c not in contract.key() and spec.nullable]
    findings: list[Finding] = []
    for field in fields:
        absent = pl.col("_stored") & pl.col("_final") & pl.col(field).is_null() & pl.col(field + WAS).is_not_null()
        if contract.columns()[field].dtype == pl.Float64():
            lacking = incoming.filter(absent).select(door.series, door.day, field + WAS)
            findings += [Finding(s, d, "kept", "absent", field, None, was) for s, d, was in lacking.iter_rows()]
        incoming = incoming.with_columns(pl.when(absent).then(field + WAS).otherwise(field).alias(field))
    return incoming, findings


# ---------------------------------------------------------------------- the outcome
def _left_out(door: Door, final: pl.DataFrame, known: pl.DataFrame) -> list[Finding]:
    """Series that lack the newest day of a table although others have it, and had the day before.

    Only within one month: futures end with their month.
    """
    columns = [door.series, door.day]
    days = pl.concat([known.select(columns), final.select(columns)]).unique()
    newest = days[door.day].unique().sort().tail(2).to_list()
    if len(newest) < 2 or final.filter(pl.col(door.day) == newest[1]).is_empty() or newest[0].month != newest[1].month:
        return []
    before, now = (set(days.filter(pl.col(door.day) == day)[door.series]) for day in newest)
    return [Finding(series, newest[1], "missing", "left_out") for series in sorted(before - now)]


def _parted(
    contract: type[RawTable],
    door: Door,
    rows: Rows,
    incoming: pl.DataFrame,
    doubts: Sequence[Doubt],
    kept: Sequence[Finding],
) -> Rows:
    """The rows as the warehouse takes them, and what there is to say."""
    if not doubts and not kept:
        return rows
    where = incoming.select("_row", *contract.key(), _series=door.series, _day=door.day)
    told = _findings(_described([d for d in doubts if d.believed], where, "noted"), "noted")
    doubts = [d for d in doubts if not d.believed]
    incoming = _without_fields(incoming, (d for d in doubts if not d.whole))
    refused = {d.row for d in doubts if d.whole and not d.held}
    held = [d for d in doubts if d.held and d.row not in refused]
    good = incoming.filter(~pl.col("_row").is_in(refused)).select(contract.column_names())
    quarantined = _described([d for d in doubts if not d.held], where, "quarantined")
    payload = rows.good[quarantined["_row"].to_list()].select(payload_of(contract))
    broken = pl.concat([quarantined, payload], how="horizontal")
    waiting = _described(held, where, "held")
    told += [*_findings(quarantined, "quarantined"), *_findings(waiting, "held"), *kept]
    return replace(
        rows,
        good=good,
        broken=pl.concat([rows.broken, broken.drop("_row")], how="diagonal"),
        held=where.join(waiting.drop("series", "day"), on="_row", how="inner").drop("_row", "_series", "_day"),
        findings=(*rows.findings, *told),
    )


def _without_fields(incoming: pl.DataFrame, doubts: Iterable[Doubt]) -> pl.DataFrame:
    """Rows whose single fields are not believed: the stored value where there is one, otherwise empty."""
    rows: dict[str, list[int]] = {}
    for doubt in doubts:
        rows.setdefault(doubt.field, []).append(doubt.row)
    return incoming.with_columns(
        pl.when(pl.col("_row").is_in(numbers)).then(field + WAS).otherwise(field).alias(field)
        for field, numbers in rows.items()
    )


def _described(doubts: Sequence[Doubt], where: pl.DataFrame, state: State) -> pl.DataFrame:
    """Doubts as rows: whose value, of when, why."""
    schema = {
        "_row": pl.Int64, "rule": pl.String, "field": pl.String, "value": pl.Float64, "was": pl.Float64,
        "expected_low": pl.Float64, "expected_high": pl.Float64,
    }  # fmt: skip
    records = [(d.row, d.rule, d.field, d.value, d.was, d.low, d.high) for d in doubts]
    frame = pl.DataFrame(records, schema=schema, orient="row").join(
        where.select("_row", series="_series", day="_day"), on="_row", how="left", maintain_order="left"
    )
    reasons = [finding.reason for finding in _findings(frame, state)]
    return frame.with_columns(reason=pl.Series(reasons, dtype=pl.String))


def _of_the_contract(broken: pl.DataFrame) -> tuple[Finding, ...]:
    """Rows that break a rule of their contract, as findings."""
    if broken.is_empty():
        return ()
    return tuple(
        Finding(series, day, "quarantined", rule, "the row")
        for series, day, rule in broken.select("series", "day", "rule").iter_rows()
    )


def _findings(frame: pl.DataFrame, state: State) -> list[Finding]:
    return [
        Finding(
            r["series"], r["day"], state, r["rule"], r["field"], r["value"], r["was"], r["expected_low"],
            r["expected_high"],
        )
        for r in frame.iter_rows(named=True)
    ]  # fmt: skip
