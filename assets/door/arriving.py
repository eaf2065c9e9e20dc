"""Values that come for the first time.

Here: new values, held against the known ones with the accepted changes in them. Not here: when a value is possible
(quant.plausibility), values that came before (assets.door.replacing).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import polars as pl

from assets.door.columns import Doubt, codes, epoch_days, number, numbers
from assets.door.replacing import Replacing
from assets.door.rules import Door
from quant.plausibility import (
    Moves,
    implausible,
    left_behind,
    never_repeats,
    outside_its_levels,
    repeated_bars,
    unusual_weekdays,
    wild_fields,
)

_NEWEST, _DIGITS = 10, 6  # days of an answer that are looked at for rungs; digits of a settlement's move
_RECENT = timedelta(days=30)  # older oddities of a first fetch are nobody's news


class Arriving:
    """The new values of one answer."""

    def __init__(
        self,
        door: Door,
        key: tuple[str, ...],
        final: pl.DataFrame,
        known: pl.DataFrame,
        replacing: Replacing,
        conceivable: Mapping[str, float],
    ) -> None:
        """final: the answer's final rows; known: what is believed of the table; replacing: the judged rest of it.

        conceivable: moves that are believed, by series.
        """
        self._door, self._replacing, self._conceivable = door, replacing, conceivable
        new = final.filter(~pl.col("_stored"))
        columns = [door.series, door.day, *door.values, *door.bar, *([door.ladder.order] if door.ladder else [])]
        replaced = replacing.changed.filter(pl.col("_row").is_in(replacing.accepted))
        touched = known.filter(pl.col(door.series).is_in(new[door.series].unique().implode()))
        past = touched.join(replaced, on=key, how="anti", nulls_equal=True)
        past = pl.concat([past.select(columns), replaced.select(columns)]).with_columns(_row=pl.lit(-1, pl.Int64))
        frame = pl.concat([past, new.select(*columns, "_row")]).sort(door.series, door.day, "_row")
        if door.kind == "path":  # of a day's vintages the first that is known
            frame = frame.unique([door.series, door.day], keep="first", maintain_order=True)
        self._frame, self._new = frame, new

    def doubts(self) -> list[Doubt]:
        """What is not believed, and what is only worth a word."""
        if self._new.is_empty():
            return []
        found = self._of_units(self._frame) + self._of_repeated_days(self._frame)
        taken = {d.row for d in found}
        for field in self._door.values:
            found += [d for d in self._of_values(self._frame, field) if d.row not in taken]
            taken |= {d.row for d in found if d.whole}
        if self._door.bar:
            rest = self._frame.filter(~pl.col("_row").is_in(taken))
            found += self._of_bars(rest)
            taken |= {d.row for d in found if d.whole}
        odd = [self._empty(taken), self._repeating(taken), self._left_behind(taken)]
        return [*found, *self._in_suspicious_company(self._frame, taken), *itertools.chain(*odd)]

    def _of_units(self, frame: pl.DataFrame) -> list[Doubt]:
        """New values that fit their past only by the factor that the rest of the answer is off by."""
        door, doubts = self._door, []
        for series, factor in self._replacing.factors.items():
            own = frame.filter(pl.col(door.series) == series).with_columns(_value=pl.coalesce(door.values))
            known = own.filter(pl.col("_row") < 0, pl.col("_value").is_not_null())
            if known.is_empty():
                continue
            last = float(known["_value"][-1])
            for row in own.filter(pl.col("_row") >= 0, pl.col("_value").is_not_null()).iter_rows(named=True):
                value = float(row["_value"])
                if abs(value / factor - last) < abs(value - last):
                    doubts.append(Doubt(row["_row"], "another_unit", door.values[0], value))
        return doubts

    def _in_suspicious_company(self, frame: pl.DataFrame, taken: set[int]) -> list[Doubt]:
        """New values that came with an answer most of which replaces what is known."""
        door = self._door
        own = frame.filter(pl.col("_row") >= 0, pl.col(door.series).is_in(self._replacing.suspicious))
        return [
            Doubt(row["_row"], "too_many", door.values[0], number(row[door.values[0]]), held=True)
            for row in own.iter_rows(named=True)
            if row["_row"] not in taken
        ]

    def _of_values(self, frame: pl.DataFrame, field: str) -> list[Doubt]:
        door = self._door
        own = frame.drop_nulls(field)
        series, day, judged = codes(own[door.series]), epoch_days(own[door.day]), (own["_row"] >= 0).to_numpy()
        value = numbers(own, field)
        if door.kind == "levels":
            verdicts = outside_its_levels(series, value, judged, times=door.times)
        else:
            believed = own[door.series].replace_strict(self._conceivable, default=0.0, return_dtype=pl.Float64)
            verdicts = implausible(series, day, value, judged, door.limits, believed.to_numpy())
        others = [pl.col(c).is_null() for c in door.values if c != field]
        alone = own.select(pl.all_horizontal(pl.lit(True), *others)).to_series()
        decisive = field == door.values[0] or door.kind == "levels"
        doubts = [
            Doubt(
                own["_row"][v.row], v.rule, field, float(value[v.row]), None, v.low, v.high,
                whole=decisive or bool(alone[v.row]),
            )
            for v in verdicts
        ]  # fmt: skip
        if field == door.values[0] and door.kind == "path":
            odd = np.flatnonzero(unusual_weekdays(series, day, judged)).tolist()
            doubts += [Doubt(own["_row"][row], "off_calendar", field, float(value[row])) for row in odd]
        return doubts

    def _of_bars(self, frame: pl.DataFrame) -> list[Doubt]:
        """Bars against themselves and the bar before."""
        door = self._door
        own = frame.drop_nulls(door.values[0])
        series, judged = codes(own[door.series]), (own["_row"] >= 0).to_numpy()
        bars = {name: numbers(own, name) for name in door.bar}
        close = numbers(own, door.values[0])
        wild = wild_fields(Moves(series, close), judged, bars, scales=door.bar_scales)
        doubts = [
            Doubt(own["_row"][row], "out_of_proportion", name, float(bars[name][row]), whole=False)
            for name, rows in wild.items()
            for row in np.flatnonzero(rows).tolist()
        ]
        same = np.flatnonzero(repeated_bars(series, {**bars, door.values[0]: close}, judged)).tolist()
        doubts += [Doubt(own["_row"][row], "repeated_bar", door.values[0], float(close[row])) for row in same]
        return doubts

    def _of_repeated_days(self, frame: pl.DataFrame) -> list[Doubt]:
        """Days on which every level is the one of the day before, though several are not zero: the old row again."""
        door = self._door
        if door.kind != "levels" or not door.together:
            return []
        value = door.values[0]
        before = frame.with_columns(
            _before=pl.col(value).shift(1).over(door.series), _day_before=pl.col(door.day).shift(1).over(door.series)
        )
        same = before.group_by(door.day).agg(
            all=(pl.col(value) == pl.col("_before")).fill_null(False).all(),
            moved=(pl.col(value) != 0).sum(),
            at_once=pl.col("_day_before").n_unique() == 1,
        )
        days = same.filter("all", "at_once", pl.col("moved") >= 3)[door.day]
        own = frame.filter(pl.col("_row") >= 0, pl.col(door.day).is_in(days.implode()))
        return [Doubt(row, "repeated_day", value, number(v)) for row, v in own.select("_row", value).iter_rows()]

    def _empty(self, taken: set[int]) -> list[Doubt]:
        """Fields that are empty on a series' newest day although the day before had them."""
        door = self._door
        fields = [*door.values, *door.bar]
        last = self._frame.group_by(door.series, maintain_order=True).tail(2)
        ends = last.group_by(door.series, maintain_order=True).agg(
            *(pl.col(f).last().is_null() & pl.col(f).first().is_not_null() for f in fields),
            pl.col("_row", door.day).last(),
        )
        recent = pl.col(door.day) > pl.col(door.day).max() - _RECENT
        new = ends.filter(pl.col("_row") >= 0, recent, pl.any_horizontal(fields)).iter_rows(named=True)
        empty = {row["_row"]: ", ".join(f for f in fields if row[f]) for row in new}
        return [Doubt(row, "empty", names, None, believed=True) for row, names in empty.items() if row not in taken]

    def _repeating(self, taken: set[int]) -> list[Doubt]:
        """Newest values that repeat the one before in a series that never does."""
        door = self._door
        if door.kind != "path":
            return []
        own = self._frame.drop_nulls(door.values[0])
        series = codes(own[door.series])
        newest = own.select(pl.col("_row") >= 0, pl.col(door.day) > pl.col(door.day).max() - _RECENT)
        ends = (
            np.append(series[1:] != series[:-1], True)
            & newest.select(pl.all_horizontal(pl.all())).to_series().to_numpy()
        )
        value = numbers(own, door.values[0])
        rows = [(own["_row"][row], float(value[row])) for row in never_repeats(series, value, ends)]
        return [Doubt(row, "repeats", door.values[0], v, believed=True) for row, v in rows if row not in taken]

    def _left_behind(self, taken: set[int]) -> list[Doubt]:
        """Values that stand still between two neighbours that move."""
        door = self._door
        if door.ladder is None:
            return []
        value = pl.col(door.values[0])
        newest = self._new[door.day].unique().tail(_NEWEST)
        day = self._frame.with_columns(_move=(value - value.shift(1).over(door.series)).round(_DIGITS))
        day = day.filter(pl.col(door.day).is_in(newest.implode())).sort(door.day, door.ladder.order)
        rows = day.filter(pl.Series(_by_day(day, door, door.ladder.step), dtype=pl.Boolean), pl.col("_row") >= 0)
        found = rows.select("_row", value).iter_rows()
        return [Doubt(row, "left_behind", door.values[0], v, held=True) for row, v in found if row not in taken]


def _by_day(frame: pl.DataFrame, door: Door, step: float) -> list[bool]:
    days = frame.partition_by(door.day, maintain_order=True)
    return [bool(still) for day in days for still in left_behind(numbers(day, "_move"), step)]
