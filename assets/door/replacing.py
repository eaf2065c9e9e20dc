"""Values that came again and differ from what is known.

Here: the changes of every series, judged together: accepted, held or refused. Not here: when a change is a correction
(quant.restatements), values that come for the first time (assets.door.arriving).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import polars as pl

from assets.door.columns import WAS, Doubt, differs, number, numbers
from assets.door.rules import Door
from quant import restatements
from quant.plausibility import FloatArray, Moves


class Replacing:
    """The changes in one answer.

    doubts: what is not believed of them. accepted: the rows that replace what is known. factors: by which a whole
    answer is off, by series. suspicious: series most of whose answer replaces what is known.
    """

    def __init__(self, door: Door, final: pl.DataFrame, known: pl.DataFrame) -> None:
        """final: the answer's final rows beside what is known; known: what is believed of the table."""
        self._door, self._known = door, known
        watched = [differs(c) for c in (*door.values, *door.bar)]
        self.changed = final.filter("_stored", pl.any_horizontal(*watched, *map(_is_another, door.fixed)))
        self.doubts: list[Doubt] = []
        self.accepted: list[int] = []
        self.factors: dict[str, float] = {}
        self.suspicious: set[str] = set()

    def judge(self, revised: Collection[str], splits: Mapping[str, Sequence[float]]) -> None:
        """Judge every series by itself."""
        door = self._door
        for (series,), rows in self.changed.sort(door.series, door.day).group_by(door.series, maintain_order=True):
            name = str(series)
            handful = np.inf if name in revised else door.handful
            found = self._series(name, rows, handful, tuple(splits.get(name, ())))
            self.doubts += found
            self.accepted += sorted(set(rows["_row"]) - {d.row for d in found})

    def _series(self, series: str, rows: pl.DataFrame, handful: float, splits: tuple[float, ...]) -> list[Doubt]:
        """Judge by the first value; where only an adjusted one changed, and not by a dividend, by that."""
        door = self._door
        redated = rows.filter(pl.any_horizontal(pl.lit(False), *map(_is_another, door.fixed)))
        doubts = [self._doubt(row, "another_fact", held=True) for row in redated.iter_rows(named=True)]
        rows = rows.join(redated, on="_row", how="anti")
        moved = rows.filter(pl.any_horizontal(differs(c) for c in (door.values[0], *door.bar)))
        doubts += self._judged_together(series, moved, door.values[0], handful, splits)
        adjusted = rows.join(moved, on="_row", how="anti")
        if len(door.values) == 1 or adjusted.is_empty():
            return doubts
        last = door.values[-1]
        if door.kind == "path" and restatements.is_dividend(numbers(adjusted, last + WAS), numbers(adjusted, last)):
            return doubts
        return doubts + self._judged_together(series, adjusted, last, handful, splits)

    def _judged_together(
        self, series: str, rows: pl.DataFrame, value: str, handful: float, splits: tuple[float, ...]
    ) -> list[Doubt]:
        door = self._door
        rows = rows.filter(~self._still_settling(series, rows))
        if rows.is_empty():
            return []
        least, most = self._sizes(series, rows, value)
        moved = rows.select(differs(value)).to_series().to_numpy()
        old, new = numbers(rows, value + WAS)[moved], numbers(rows, value)[moved]
        found = restatements.judge(old, new, most[moved], usual=door.usual, handful=handful, splits=splits)
        if found.judgement == "explained":
            return []
        if found.judgement == "another_unit" and found.factor is not None:
            self.factors[series] = found.factor
            return [self._doubt(row, "another_unit") for row in rows.iter_rows(named=True)]
        many = rows.height > handful
        if many:
            self.suspicious.add(series)
        doubts = []
        for row, kinder, stricter in zip(rows.iter_rows(named=True), least, most, strict=True):
            if kinder >= door.limits.enormous and door.kind == "path":
                doubts.append(self._doubt(row, "enormous"))
            elif many or stricter > door.usual:
                doubts.append(self._doubt(row, "too_many" if many else "too_large", held=True))
        return doubts

    def _still_settling(self, series: str, rows: pl.DataFrame) -> pl.Series:
        """Days that are so new that their publisher still fills them in."""
        door = self._door
        days = self._known.filter(pl.col(door.series) == series)[door.day].unique().sort()
        return rows[door.day].is_in(days.tail(door.settles).implode())

    def _sizes(self, series: str, rows: pl.DataFrame, value: str) -> tuple[FloatArray, FloatArray]:
        """The largest change of each row, by the kinder and by the stricter measure.

        In scales of the series for a path, of differences or of logarithms; as a share of the value for levels.
        """
        door = self._door
        changes = [(numbers(rows, c + WAS), numbers(rows, c)) for c in (value, *door.bar)]
        if door.kind == "levels":
            with np.errstate(invalid="ignore"):
                shares = [abs(new - old) / np.fmax(np.fmax(abs(old), abs(new)), 1e-12) for old, new in changes]
            return _largest(shares), _largest(shares)
        past = self._known.filter(pl.col(door.series) == series).sort(door.day)
        path = numbers(past.drop_nulls(value), value)
        moves = Moves(np.zeros(len(path), dtype=np.int64), path)
        in_units, in_logs = (moves.scale(len(path) - 1, logs=logs) for logs in (False, True))
        with np.errstate(invalid="ignore", divide="ignore"):
            by_units = [abs(new - old) / in_units for old, new in changes]
            by_logs = [
                np.where((old > 0) & (new > 0), abs(np.log(new / old)), np.nan) / in_logs for old, new in changes
            ]
        both = list(zip(by_units, by_logs, strict=True))
        return _largest([np.fmin(*pair) for pair in both]), _largest([np.fmax(*pair) for pair in both])

    def _doubt(self, row: Mapping[str, object], rule: str, *, held: bool = False) -> Doubt:
        """About a whole row that replaces a known one, shown by its first changed column."""
        changed = [c for c in (*self._door.values, *self._door.bar) if number(row[c]) != number(row[c + WAS])]
        field = next(iter(changed), self._door.values[0])
        return Doubt(int(str(row["_row"])), rule, field, number(row[field]), number(row[field + WAS]), held=held)


def _is_another(column: str) -> pl.Expr:
    """A fact that never changes has changed."""
    return (pl.col(column) != pl.col(column + WAS)).fill_null(False)


def _largest(sizes: Sequence[FloatArray]) -> FloatArray:
    """Of several arrays, row by row; one where none has a number, as when a series is too young for a scale."""
    largest: FloatArray = np.nan_to_num(np.fmax.reduce(np.array(sizes)), nan=1.0)
    return largest
