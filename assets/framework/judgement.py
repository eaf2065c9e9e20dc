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
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, Protocol

import numpy as np
import polars as pl

from assets.framework.contract import RawTable
from assets.framework.door import Door
from assets.framework.findings import Finding
from assets.framework.rows import Rows, hold_to_contract, payload_of
from assets.upstream import Fetched
from quant import restatements
from quant.plausibility import (
    FloatArray,
    IntArray,
    Moves,
    implausible,
    outside_its_levels,
    repeated_bars,
    unusual_weekdays,
    wild_fields,
)

RELATIVE_TOLERANCE = 1e-6  # below it two values are one: Yahoo's adj_close flickers by 6e-8 between identical calls
_WAS, _NOW = "_was", "_now"


class History(Protocol):
    """What judging needs to know of what is stored."""

    def known(self, contract: type[RawTable], on: date) -> pl.DataFrame:
        """The rows of a raw table as known at the end of a day."""

    def waiting(self, contract: type[RawTable], on: date) -> pl.DataFrame:
        """The held rows that an answer of this day would confirm by repeating them."""


@dataclass(frozen=True)
class _Doubt:
    """A row, or one field of it, that is not believed as it came."""

    row: int
    rule: str
    field: str
    value: float | None
    was: float | None = None
    low: float | None = None
    high: float | None = None
    held: bool = False
    whole: bool = True  # false: the row is believed without the field


def admitted(
    contract: type[RawTable],
    fetched: Fetched,
    ids: Sequence[str],
    history: History,
    today: date,
    revised: Collection[str],
) -> Rows:
    """What an upstream delivered, held to its contract and against what is stored. ids: the series it answered for."""
    rows = hold_to_contract(contract, fetched.rows, tuple(ids))
    if contract.door is not None:
        known = _with_what_repeats(
            contract, history.known(contract, today), history.waiting(contract, today), rows.good
        )
        rows = judge(contract, rows, known, revised=revised, splits=fetched.splits)
    return replace(rows, findings=(*rows.findings, *fetched.findings), notes=tuple(map(str, fetched.notes)))


def _with_what_repeats(
    contract: type[RawTable], known: pl.DataFrame, waiting: pl.DataFrame, good: pl.DataFrame
) -> pl.DataFrame:
    """Held rows that this answer repeats are confirmed by it: they count as known already while it is judged."""
    if waiting.is_empty():
        return known
    key, numbers = contract.key(), [c for c, spec in contract.columns().items() if spec.dtype == pl.Float64()]
    beside = waiting.join(good, on=key, how="inner", nulls_equal=True, suffix=_NOW)
    same = ~pl.any_horizontal(_apart(pl.col(c + _NOW), pl.col(c)) for c in numbers)
    confirmed = beside.filter(same).select(known.columns)
    return pl.concat([known.join(confirmed, on=key, how="anti", nulls_equal=True), confirmed])


def judge(
    contract: type[RawTable],
    rows: Rows,
    known: pl.DataFrame,
    *,
    revised: Collection[str] = (),
    splits: Mapping[str, Sequence[float]] | None = None,
) -> Rows:
    """Judge rows that keep their contract. known: what is believed of the table now, in the contract's columns.

    revised: series whose publisher restates history as a matter of course. splits: ratios by series that the source
    reports with this answer.
    """
    door = contract.door
    if door is None:
        return rows
    rows = replace(rows, findings=_of_the_contract(rows.broken))
    if rows.good.is_empty():
        return rows
    incoming = _beside_what_is_known(contract, rows.good, known)
    incoming, kept = _without_absences(contract, door, incoming)
    past = _Past(contract, door, known, incoming)
    doubts = [*past.restated(revised, splits or {}), *past.new()]
    return _parted(contract, door, rows, incoming, doubts, kept)


def _beside_what_is_known(contract: type[RawTable], good: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Each row with its number, whether it is stored already, and the stored values beside its own."""
    values = [c for c in contract.column_names() if c not in contract.key()]
    stored = known.select(*contract.key(), pl.lit(True).alias("_stored"), *(pl.col(c).alias(c + _WAS) for c in values))
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
        absent = pl.col("_stored") & pl.col("_final") & pl.col(field).is_null() & pl.col(field + _WAS).is_not_null()
        if contract.columns()[field].dtype == pl.Float64():
            lacking = incoming.filter(absent).select(door.series, door.day, field + _WAS)
            findings += [Finding(s, d, "kept", "absent", field, None, was) for s, d, was in lacking.iter_rows()]
        incoming = incoming.with_columns(pl.when(absent).then(field + _WAS).otherwise(field).alias(field))
    return incoming, findings


class _Past:
    """What is believed of every series that has something to be judged, and the judging against it."""

    def __init__(self, contract: type[RawTable], door: Door, known: pl.DataFrame, incoming: pl.DataFrame) -> None:
        self._contract, self._door = contract, door
        final = incoming.filter("_final")
        self._changed = final.filter("_stored", pl.any_horizontal(_differs(c) for c in self._watched))
        self._new = final.filter(~pl.col("_stored"))
        touched = pl.concat([self._changed[door.series], self._new[door.series]]).unique()
        self._known = known.filter(pl.col(door.series).is_in(touched.implode()))
        self._replacing: list[int] = []
        self._factors: dict[str, float] = {}
        self._suspicious: set[str] = set()

    @property
    def _watched(self) -> tuple[str, ...]:
        return (*self._door.values, *self._door.bar)

    # ------------------------------------------------------------------ values that replace known ones
    def restated(self, revised: Collection[str], splits: Mapping[str, Sequence[float]]) -> list[_Doubt]:
        """Changes of known values, judged series by series."""
        door, doubts = self._door, []
        for (series,), rows in self._changed.sort(door.series, door.day).group_by(door.series, maintain_order=True):
            name = str(series)
            handful = np.inf if name in revised else door.handful
            found = self._restated_series(name, rows, handful, tuple(splits.get(name, ())))
            doubts += found
            self._replacing += sorted(set(rows["_row"]) - {d.row for d in found})
        return doubts

    def _restated_series(
        self, series: str, rows: pl.DataFrame, handful: float, splits: tuple[float, ...]
    ) -> list[_Doubt]:
        """Judge by the first value; where only an adjusted one changed, and not by a dividend, by that."""
        door = self._door
        moved = rows.filter(pl.any_horizontal(_differs(c) for c in (door.values[0], *door.bar)))
        doubts = self._judged_together(series, moved, door.values[0], handful, splits)
        adjusted = rows.join(moved, on="_row", how="anti")
        if len(door.values) == 1 or adjusted.is_empty():
            return doubts
        last = door.values[-1]
        if door.kind == "path" and restatements.is_dividend(_numbers(adjusted, last + _WAS), _numbers(adjusted, last)):
            return doubts
        return doubts + self._judged_together(series, adjusted, last, handful, splits)

    def _judged_together(
        self, series: str, rows: pl.DataFrame, value: str, handful: float, splits: tuple[float, ...]
    ) -> list[_Doubt]:
        door = self._door
        rows = rows.filter(~self._still_settling(series, rows))
        if rows.is_empty():
            return []
        sizes, differs = self._sizes(series, rows, value), rows.select(_differs(value)).to_series().to_numpy()
        old, new = _numbers(rows, value + _WAS)[differs], _numbers(rows, value)[differs]
        found = restatements.judge(old, new, sizes[differs], usual=door.usual, handful=handful, splits=splits)
        if found.judgement == "explained":
            return []
        if found.judgement == "another_unit" and found.factor is not None:
            self._factors[series] = found.factor
            return [self._doubt(row, "another_unit") for row in rows.iter_rows(named=True)]
        many = rows.height > handful
        if many:
            self._suspicious.add(series)
        return [
            self._doubt(row, "enormous") if size >= door.limits.enormous and door.kind == "path"
            else self._doubt(row, "too_many" if many else "too_large", held=True)
            for row, size in zip(rows.iter_rows(named=True), sizes, strict=True)
            if many or size > door.usual
        ]  # fmt: skip

    def _still_settling(self, series: str, rows: pl.DataFrame) -> pl.Series:
        """Days that are so new that their publisher still fills them in."""
        door = self._door
        days = self._known.filter(pl.col(door.series) == series)[door.day].unique().sort()
        return rows[door.day].is_in(days.tail(door.settles).implode())

    def _sizes(self, series: str, rows: pl.DataFrame, value: str) -> FloatArray:
        """The largest change of each row: in scales of the series for a path, as a share for levels."""
        door = self._door
        changes = [(_numbers(rows, c + _WAS), _numbers(rows, c)) for c in (value, *door.bar)]
        if door.kind == "levels":
            with np.errstate(invalid="ignore"):
                shares = [abs(new - old) / np.fmax(np.fmax(abs(old), abs(new)), 1e-12) for old, new in changes]
            return _largest(shares)
        past = self._known.filter(pl.col(door.series) == series).sort(door.day)
        path = _numbers(past.drop_nulls(value), value)
        moves = Moves(np.zeros(len(path), dtype=np.int64), path)
        in_units, in_logs = (moves.scale(len(path) - 1, logs=logs) for logs in (False, True))
        sizes = []
        for old, new in changes:
            with np.errstate(invalid="ignore", divide="ignore"):
                logs = np.where((old > 0) & (new > 0), abs(np.log(new / old)), np.nan)
                sizes.append(np.fmin(abs(new - old) / in_units, logs / in_logs))
        return _largest(sizes)

    def _doubt(self, row: Mapping[str, object], rule: str, *, held: bool = False) -> _Doubt:
        """About a whole row that replaces a known one, shown by its first changed column."""
        changed = [c for c in self._watched if _number(row[c]) != _number(row[c + _WAS])]
        field = next(iter(changed), self._door.values[0])
        number = int(str(row["_row"]))
        return _Doubt(number, rule, field, _number(row[field]), _number(row[field + _WAS]), held=held)

    # ------------------------------------------------------------------ values that come for the first time
    def new(self) -> list[_Doubt]:
        """New values, held against the known ones with the accepted changes in them."""
        if self._new.is_empty():
            return []
        door = self._door
        columns = [door.series, door.day, *self._watched]
        replaced = self._changed.filter(pl.col("_row").is_in(self._replacing))
        key = self._contract.key()
        known = self._known.join(replaced, on=key, how="anti", nulls_equal=True)
        known = pl.concat([known.select(columns), replaced.select(columns)]).with_columns(_row=pl.lit(-1, pl.Int64))
        frame = pl.concat([known, self._new.select(*columns, "_row")]).sort(door.series, door.day, "_row")
        if door.kind == "path":  # of a day's vintages the first that is known
            frame = frame.unique([door.series, door.day], keep="first", maintain_order=True)
        doubts = self._of_units(frame)
        taken = {d.row for d in doubts}
        for field in door.values:
            doubts += [d for d in self._of_values(frame, field) if d.row not in taken]
            taken |= {d.row for d in doubts if d.whole}
        if door.bar:
            doubts += [d for d in self._of_bars(frame.filter(~pl.col("_row").is_in(taken))) if d.row not in taken]
        return doubts + self._in_suspicious_company(frame, taken)

    def _of_units(self, frame: pl.DataFrame) -> list[_Doubt]:
        """New values that fit their past only by the factor that the rest of the answer is off by."""
        door, doubts = self._door, []
        for series, factor in self._factors.items():
            own = frame.filter(pl.col(door.series) == series).with_columns(_value=pl.coalesce(door.values))
            known = own.filter(pl.col("_row") < 0, pl.col("_value").is_not_null())
            if known.is_empty():
                continue
            last = float(known["_value"][-1])
            for row in own.filter(pl.col("_row") >= 0, pl.col("_value").is_not_null()).iter_rows(named=True):
                value = float(row["_value"])
                if abs(value / factor - last) < abs(value - last):
                    doubts.append(_Doubt(row["_row"], "another_unit", door.values[0], value))
        return doubts

    def _in_suspicious_company(self, frame: pl.DataFrame, taken: set[int]) -> list[_Doubt]:
        """New values that came with an answer most of which replaces what is known."""
        door = self._door
        own = frame.filter(pl.col("_row") >= 0, pl.col(door.series).is_in(self._suspicious))
        return [
            _Doubt(row["_row"], "too_many", door.values[0], _number(row[door.values[0]]), held=True)
            for row in own.iter_rows(named=True)
            if row["_row"] not in taken
        ]

    def _of_values(self, frame: pl.DataFrame, field: str) -> list[_Doubt]:
        door = self._door
        own = frame.drop_nulls(field)
        series, day, judged = _codes(own[door.series]), _days(own[door.day]), (own["_row"] >= 0).to_numpy()
        value = _numbers(own, field)
        if door.kind == "levels":
            verdicts = outside_its_levels(series, value, judged, times=door.times)
        else:
            verdicts = implausible(series, day, value, judged, door.limits)
        others = [pl.col(c).is_null() for c in door.values if c != field]
        alone = own.select(pl.all_horizontal(pl.lit(True), *others)).to_series()
        decisive = field == door.values[0] or door.kind == "levels"
        doubts = [
            _Doubt(
                own["_row"][v.row], v.rule, field, float(value[v.row]), None, v.low, v.high,
                whole=decisive or bool(alone[v.row]),
            )
            for v in verdicts
        ]  # fmt: skip
        if field == door.values[0] and door.kind == "path":
            odd = np.flatnonzero(unusual_weekdays(series, day, judged)).tolist()
            doubts += [_Doubt(own["_row"][row], "off_calendar", field, float(value[row])) for row in odd]
        return doubts

    def _of_bars(self, frame: pl.DataFrame) -> list[_Doubt]:
        """Bars against themselves and the bar before."""
        door = self._door
        own = frame.drop_nulls(door.values[0])
        series, judged = _codes(own[door.series]), (own["_row"] >= 0).to_numpy()
        bars = {name: _numbers(own, name) for name in door.bar}
        close = _numbers(own, door.values[0])
        wild = wild_fields(Moves(series, close), judged, bars, scales=door.bar_scales)
        doubts = [
            _Doubt(own["_row"][row], "out_of_proportion", name, float(bars[name][row]), whole=False)
            for name, rows in wild.items()
            for row in np.flatnonzero(rows).tolist()
        ]
        same = np.flatnonzero(repeated_bars(series, {**bars, door.values[0]: close}, judged)).tolist()
        doubts += [_Doubt(own["_row"][row], "repeated_bar", door.values[0], float(close[row])) for row in same]
        return doubts


# ---------------------------------------------------------------------- the outcome
def _parted(
    contract: type[RawTable],
    door: Door,
    rows: Rows,
    incoming: pl.DataFrame,
    doubts: Sequence[_Doubt],
    kept: Sequence[Finding],
) -> Rows:
    """The rows as the warehouse takes them, and what there is to say."""
    if not doubts and not kept:
        return rows
    incoming = _without_fields(incoming, (d for d in doubts if not d.whole))
    refused = {d.row for d in doubts if d.whole and not d.held}
    held = [d for d in doubts if d.held and d.row not in refused]
    good = incoming.filter(~pl.col("_row").is_in(refused)).select(contract.column_names())
    where = incoming.select("_row", *contract.key(), _series=door.series, _day=door.day)
    quarantined = _described([d for d in doubts if not d.held], where, "quarantined")
    payload = rows.good[quarantined["_row"].to_list()].select(payload_of(contract))
    broken = pl.concat([quarantined, payload], how="horizontal")
    waiting = _described(held, where, "held")
    told = [*_findings(quarantined, "quarantined"), *_findings(waiting, "held"), *kept]
    return replace(
        rows,
        good=good,
        broken=pl.concat([rows.broken, broken.drop("_row")], how="diagonal"),
        held=where.join(waiting.drop("series", "day"), on="_row", how="inner").drop("_row", "_series", "_day"),
        findings=(*rows.findings, *told),
    )


def _without_fields(incoming: pl.DataFrame, doubts: Iterable[_Doubt]) -> pl.DataFrame:
    """Rows whose single fields are not believed: the stored value where there is one, otherwise empty."""
    rows: dict[str, list[int]] = {}
    for doubt in doubts:
        rows.setdefault(doubt.field, []).append(doubt.row)
    return incoming.with_columns(
        pl.when(pl.col("_row").is_in(numbers)).then(field + _WAS).otherwise(field).alias(field)
        for field, numbers in rows.items()
    )


def _described(doubts: Sequence[_Doubt], where: pl.DataFrame, state: Literal["quarantined", "held"]) -> pl.DataFrame:
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


def _findings(frame: pl.DataFrame, state: Literal["quarantined", "held"]) -> list[Finding]:
    return [
        Finding(
            r["series"], r["day"], state, r["rule"], r["field"], r["value"], r["was"], r["expected_low"],
            r["expected_high"],
        )
        for r in frame.iter_rows(named=True)
    ]  # fmt: skip


# ---------------------------------------------------------------------- small words
def _differs(column: str) -> pl.Expr:
    """Both values are there and not the same."""
    return _apart(pl.col(column), pl.col(column + _WAS))


def _apart(now: pl.Expr, was: pl.Expr) -> pl.Expr:
    return ((now - was).abs() > RELATIVE_TOLERANCE * pl.max_horizontal(now.abs(), was.abs())).fill_null(False)


def _numbers(frame: pl.DataFrame, column: str) -> FloatArray:
    return frame[column].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _largest(sizes: Sequence[FloatArray]) -> FloatArray:
    """Of several arrays, row by row; zero where none has a number."""
    largest: FloatArray = np.nan_to_num(np.fmax.reduce(np.array(sizes)))
    return largest


def _codes(series: pl.Series) -> IntArray:
    return series.rle_id().cast(pl.Int64).to_numpy()


def _days(days: pl.Series) -> IntArray:
    return days.cast(pl.Int32).cast(pl.Int64).to_numpy()


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
