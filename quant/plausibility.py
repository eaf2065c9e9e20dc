"""Plausibility: is a value possible, given what its series did before and what else moved that day?

Here: series held against their own past, bars against themselves. Not here: values that replace earlier ones
(quant.restatements), which limits a table declares (assets.contracts.raw), what happens to what is not believed
(assets.door.rules).

The yardstick is the series' own: a scale is the larger of 1.4826 times the median and 1.2533 times the mean of its
last moves that were not zero (252 and 20 of them), so it neither grows with one crash nor stays small in a crisis. A
positive series must be out of scale in differences and in logarithms, because each alone cries wolf: differences
when a price has grown tenfold within a year, logarithms when a rate is near zero.

Causal: a value is held against earlier values only, and against later ones just as far as they came with it, which
is what tells a spike from a step.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]

LONG, SHORT = 252, 20  # moves behind a scale
LEAST = 8  # moves before a step of a power of ten can be told
ENOUGH = 20  # moves before anything else can
_OF_NORMAL = (1.4826, 1.2533)  # median and mean of absolute normal moves -> standard deviation
_NEAR_A_POWER = 0.1  # of ten, in decimal logarithms: a day's move of 25% still leaves it recognizable
_LEAST_POWER = (1 - _NEAR_A_POWER) * np.log(10)
_BACK, _STAYS = 0.25, 0.5  # shares of a move that are left after it went back, or gone where it stays

Rule = Literal["unit_step", "enormous", "unexplained", "spike"]


@dataclass(frozen=True)
class Limits:
    """How far a move may go before it is not believed, in scales of its own series.

    unit_step: for a step that is a power of ten and larger than any before, in differences alone. enormous: whatever
    else moved, where it is also `beyond` times the largest move so far. unexplained: per scale that the most moved
    other series moved that day, where no later value confirms it; None: other series explain nothing here. alone: the
    same where nothing else was observed. spike: like unexplained, where the next value takes it back.
    """

    unit_step: float = 6.0
    enormous: float = 40.0
    beyond: float = 4.0
    unexplained: float | None = None
    alone: float = 20.0
    spike: float = 8.0


@dataclass(frozen=True)
class Verdict:
    """One value that is not believed, and the range in which it would have been."""

    row: int
    rule: Rule
    low: float
    high: float


class Moves:
    """The moves of many series, and the scale each had on any day.

    series: int64[T], non-decreasing; value: float64[T], no NaN, in order of days within a series. What is rejected
    no longer counts as past.
    """

    def __init__(self, series: IntArray, value: FloatArray) -> None:
        first = np.append(True, series[1:] != series[:-1]) if len(series) else np.empty(0, bool)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.difference = np.where(first, np.nan, np.diff(value, prepend=np.nan))
            logs = np.where(value > 0, np.log(np.where(value > 0, value, 1.0)), np.nan)
            self.log = np.where(first, np.nan, np.diff(logs, prepend=np.nan))
        moved = np.nan_to_num(self.difference) != 0
        self._moved = np.flatnonzero(moved)
        self._before = np.cumsum(moved) - moved  # moves anywhere before a row
        self._since = np.maximum.accumulate(np.where(first, self._before, 0))  # of which other series
        self.value = value
        self.start = np.maximum.accumulate(np.where(first, np.arange(len(series)), 0))

    def count(self, row: int) -> int:
        """Moves of the series before a row."""
        return int(self._before[row] - self._since[row])

    def scale(self, row: int, *, logs: bool) -> float:
        """The scale just before a row; NaN where too few moves are known."""
        past = self._past(row, logs=logs)[-LONG:]
        if len(past) < LEAST:
            return np.nan
        return max(_OF_NORMAL[0] * float(np.median(past)), _OF_NORMAL[1] * float(past[-SHORT:].mean()))

    def largest(self, row: int, *, logs: bool) -> float:
        """The largest move just before a row."""
        return float(self._past(row, logs=logs).max(initial=0.0))

    def at_least(self, logs: bool) -> FloatArray:
        """A lower bound of every row's scale, quick to have: the mean part alone."""
        size = np.abs((self.log if logs else self.difference)[self._moved])
        total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(size))])
        number = np.concatenate([[0], np.cumsum(np.isfinite(size))])
        begin = np.maximum(self._since, self._before - SHORT)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = (total[self._before] - total[begin]) / (number[self._before] - number[begin])
        return np.where(self._before - self._since >= LEAST, _OF_NORMAL[1] * mean, np.nan)

    def reject(self, row: int) -> None:
        """A value that is not believed: neither its move nor the one back from it counts as past."""
        for moves in (self.difference, self.log):
            moves[row] = np.nan
            if row + 1 < len(moves) and self.start[row + 1] <= row:
                moves[row + 1] = np.nan

    def in_differences(self, row: int, reference: float) -> float:
        """How far a value is from a reference, in scales of the differences alone."""
        return float(abs(self.value[row] - reference) / self.scale(row, logs=False))

    def measure(self, row: int, reference: float) -> tuple[float, float]:
        """How far a value is from a reference, in scales: the lesser of differences and logarithms; and their record.

        The second figure is the move over the largest so far.
        """
        value = self.value[row]
        sizes = [(abs(value - reference), False)]
        if value > 0 and reference > 0:
            sizes.append((abs(np.log(value / reference)), True))
        scaled = [size / self.scale(row, logs=logs) for size, logs in sizes]
        beyond = [size / max(self.largest(row, logs=logs), np.finfo(float).tiny) for size, logs in sizes]
        return float(np.nanmin(scaled)) if np.isfinite(scaled).any() else 0.0, float(min(beyond))

    def range_around(self, row: int, reference: float, scales: float) -> tuple[float, float]:
        """The values within so many scales of a reference, by whichever measure is the wider."""
        reach = scales * np.nan_to_num(self.scale(row, logs=False))
        low, high = reference - reach, reference + reach
        if reference > 0:
            factor = float(np.exp(min(50.0, scales * np.nan_to_num(self.scale(row, logs=True)))))
            low, high = max(min(low, reference / factor), 0.0), max(high, reference * factor)
        return low, high

    def _past(self, row: int, *, logs: bool) -> FloatArray:
        rows = self._moved[self._since[row] : self._before[row]]
        past = np.abs((self.log if logs else self.difference)[rows])
        return past[np.isfinite(past)]


def implausible(
    series: IntArray,
    day: IntArray,
    value: FloatArray,
    judged: BoolArray,
    limits: Limits,
    conceivable: FloatArray | float = 0.0,
) -> list[Verdict]:
    """The values that their own past and the other series' moves of the day do not allow.

    series: int64[T], non-decreasing; day: int64[T], increasing within a series; value: float64[T], no NaN; judged:
    bool[T], false for what is believed already and only serves as past; conceivable: float64[T] or one for all, the
    size of a move that is believed whatever the past. A value that is not believed is no past of the next. Returns
    verdicts in order of rows.
    """
    believed = np.broadcast_to(np.asarray(conceivable, dtype=np.float64), value.shape)
    return _Walk(series, day, value, judged, limits, believed).verdicts()


class _Walk:
    """Through every series in order of days, stopping only where a quick bound says that a move may be too large."""

    def __init__(
        self,
        series: IntArray,
        day: IntArray,
        value: FloatArray,
        judged: BoolArray,
        limits: Limits,
        conceivable: FloatArray,
    ) -> None:
        self._conceivable = conceivable
        self._moves = Moves(series, value)
        self._series, self._day, self._value, self._judged, self._limits = series, day, value, judged, limits
        self._by_day = np.argsort(day, kind="stable")
        self._days = day[self._by_day]
        self._size: dict[int, float] = {}

    def verdicts(self) -> list[Verdict]:
        """In order of rows."""
        refused: dict[int, Verdict] = {}
        believed_before: dict[int, float] = {}  # a refused row -> the last value before it that was believed
        queue = self._suspects()
        waiting = set(queue)
        while queue:
            row = heapq.heappop(queue)
            if self._moves.start[row] == row:
                continue
            reference = believed_before.get(row - 1, float(self._value[row - 1]))
            verdict = self._judge(row, reference) if self._judged[row] else None
            if verdict is None:
                continue
            refused[row], believed_before[row] = verdict, reference
            self._moves.reject(row)
            for later in self._blurred(row):
                if later not in waiting:
                    waiting.add(later)
                    heapq.heappush(queue, later)
        return list(refused.values())

    def _blurred(self, row: int) -> range:
        """The rows whose quick bound a refused move has blurred: they are looked at one by one."""
        last = row + 1
        while last < min(row + SHORT + 2, len(self._value)) and self._moves.start[last] <= row:
            last += 1
        return range(row + 1, last)

    def _suspects(self) -> list[int]:
        """Rows whose move may be too large; the mean part of the scale alone bounds it from above."""
        limits, moves = self._limits, self._moves
        least = min(limits.unit_step, limits.enormous, limits.spike if limits.unexplained is not None else np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            by_difference = np.abs(moves.difference) / moves.at_least(logs=False) >= least
            in_logs = np.abs(moves.log) / moves.at_least(logs=True)
        by_log = ~(in_logs < least) | (np.abs(moves.log) > _LEAST_POWER)
        return np.flatnonzero(self._judged & by_difference & by_log).tolist()

    def _judge(self, row: int, reference: float) -> Verdict | None:
        limits, moves, value = self._limits, self._moves, float(self._value[row])
        known = moves.count(row)
        if known < LEAST or abs(value - reference) <= self._conceivable[row]:
            return None
        size, beyond = moves.measure(row, reference)
        if self._is_power_of_ten(row, reference) and moves.in_differences(row, reference) >= limits.unit_step:
            return self._verdict(row, "unit_step", reference, limits.unit_step)
        if known < ENOUGH:
            return None
        if size >= limits.enormous and beyond >= limits.beyond:
            return self._verdict(row, "enormous", reference, limits.enormous)
        if limits.unexplained is None or size < limits.spike:
            return None
        back, stays = self._what_follows(row, reference)
        others = self._others(row)
        per_scale = max(1.0, others) if others is not None else limits.alone / limits.unexplained
        if size >= limits.unexplained * per_scale and not stays:
            return self._verdict(row, "unexplained", reference, limits.unexplained * per_scale)
        if size >= limits.spike * per_scale and back:
            return self._verdict(row, "spike", reference, limits.spike * per_scale)
        return None

    def _verdict(self, row: int, rule: Rule, reference: float, scales: float) -> Verdict:
        return Verdict(row, rule, *self._moves.range_around(row, reference, scales))

    def _what_follows(self, row: int, reference: float) -> tuple[bool, bool]:
        """Whether the next value takes the move back, and whether it stays with it; neither where none came yet."""
        if row + 1 >= len(self._value) or self._series[row + 1] != self._series[row]:
            return False, False
        value, following = self._value[row], self._value[row + 1]
        move = abs(value - reference)
        return bool(abs(following - reference) < _BACK * move), bool(abs(following - value) < _STAYS * move)

    def _others(self, row: int) -> float | None:
        """The size of the largest believable move of another series that day; None where there is none."""
        begin, end = np.searchsorted(self._days, [self._day[row], self._day[row] + 1])
        others = [int(r) for r in self._by_day[begin:end] if self._series[r] != self._series[row]]
        sizes = [size for size in map(self._own_size, others) if size < self._limits.enormous]
        return max(sizes, default=None)

    def _is_power_of_ten(self, row: int, reference: float) -> bool:
        """Ten, a hundred, a thousand times more or less, give or take a large day's move, and as never before."""
        value, moves = float(self._value[row]), self._moves
        if value <= 0 or reference <= 0:
            return False
        power = float(np.log10(value / reference))
        near = round(power) != 0 and abs(power - round(power)) <= _NEAR_A_POWER
        in_logs = abs(np.log(value / reference)) > moves.largest(row, logs=True)
        return near and (in_logs or abs(value - reference) > moves.largest(row, logs=False))

    def _own_size(self, row: int) -> float:
        if row not in self._size:
            first = self._moves.start[row] == row or self._moves.count(row) < LEAST
            self._size[row] = 0.0 if first else self._moves.measure(row, float(self._value[row - 1]))[0]
        return self._size[row]


def outside_its_levels(
    series: IntArray, value: FloatArray, judged: BoolArray, *, times: float, least: int = LEAST
) -> list[Verdict]:
    """Values of series without a memory (flows, sizes of operations) that are far larger than any before.

    series: int64[T], non-decreasing; value: float64[T], no NaN, in order of days; judged: bool[T]. times: of the
    largest earlier size, known from `least` earlier values on; a value that is not zero but a thousandth of the
    smallest is in another unit. Returns verdicts in order of rows.
    """
    found: list[Verdict] = []
    for begin, end in _stretches(series):
        largest, smallest = 0.0, np.inf
        for number, row in enumerate(range(begin, end)):
            size = abs(float(value[row]))
            if judged[row] and number >= least and (size > times * largest or 0 < size < smallest / 1000):
                rule: Rule = "enormous" if size > largest else "unit_step"
                found.append(Verdict(row, rule, -times * largest, times * largest))
                continue
            largest, smallest = max(largest, size), min(smallest, size or np.inf)
    return found


def wild_fields(moves: Moves, judged: BoolArray, bars: dict[str, FloatArray], *, scales: float) -> dict[str, BoolArray]:
    """Which of open, high and low cannot belong to their bar: further from it than so many scales of the close.

    moves: of the closes; bars: open, high, low, float64[T] each, NaN where missing. An open is held against the close
    before and its own, a high against the higher and a low against the lower of open and close.
    """
    close = moves.value
    before = np.where(moves.start == np.arange(len(close)), np.nan, np.roll(close, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = np.abs(np.log(bars["open"] / close))
        since = np.abs(np.log(bars["open"] / before))
        distances = {"open": np.fmin(gap, since)}
        wild = {"open": _beyond(moves, judged, distances["open"], scales)}
        open_ = np.where(wild["open"], np.nan, bars["open"])
        distances = {
            "high": np.abs(np.log(bars["high"] / np.fmax(open_, close))),
            "low": np.abs(np.log(bars["low"] / np.fmin(open_, close))),
        }
    return wild | {name: _beyond(moves, judged, distance, scales) for name, distance in distances.items()}


def _beyond(moves: Moves, judged: BoolArray, distance: FloatArray, scales: float) -> BoolArray:
    """Where a distance is more than so many scales, or no number at all."""
    with np.errstate(invalid="ignore"):
        suspects = np.flatnonzero(judged & (distance > scales * moves.at_least(logs=True)))
    wild = judged & np.isinf(distance)
    for row in suspects:
        wild[row] |= bool(distance[row] > scales * moves.scale(int(row), logs=True))
    return wild


def repeated_bars(series: IntArray, bars: dict[str, FloatArray], judged: BoolArray) -> BoolArray:
    """Bars that repeat the one before in every price although they have a range: nothing trades like that twice.

    bars: open, high, low, close, float64[T] each, NaN where missing.
    """
    same = np.append(False, series[1:] == series[:-1])[: len(series)] & judged & (bars["high"] > bars["low"])
    for prices in bars.values():
        same[1:] &= prices[1:] == prices[:-1]
    return same


def unusual_weekdays(series: IntArray, day: IntArray, judged: BoolArray, *, least: int = 20) -> BoolArray:
    """Days on which a weekly series is never observed.

    day: int64[T], days since 1970-01-01, increasing within a series. A series is weekly on a weekday where its
    `least` values before were all seven days or more apart and on that weekday.
    """
    unusual = np.zeros(len(day), dtype=bool)
    weekday = (day + 3) % 7
    for begin, end in _stretches(series):
        usual: list[int] = []
        for row in range(begin, end):
            weekly = len(usual) >= least and len(set(usual[-least:])) == 1
            if judged[row] and weekly and weekday[row] != usual[-1]:
                unusual[row] = True
            else:
                usual.append(int(weekday[row]))
    return unusual


def left_behind(move: FloatArray, step: float) -> BoolArray:
    """Rungs of a ladder that stood exactly still while both neighbours moved the same way, each by a step or more.

    move: float64[n], one day's moves of series that belong side by side, in that order; NaN where there is none. The
    last rung has its neighbours below it; the first, where things come to an end, may stand still.
    """
    one, other = np.append(np.nan, move[:-1]), np.append(move[1:], np.nan)
    if len(move) > 2:
        other[-1] = move[-3]
    with np.errstate(invalid="ignore"):
        both = np.minimum(np.abs(one), np.abs(other)) >= step
        still: BoolArray = (move == 0) & both & (np.sign(one) == np.sign(other))
    return still


def never_repeats(series: IntArray, value: FloatArray, judged: BoolArray, *, least: int = 50) -> list[int]:
    """Rows that repeat the value before although none of the `least` to 252 values before them did.

    series: int64[T], non-decreasing; value: float64[T], no NaN, in order of days; judged: bool[T].
    """
    same = np.append(False, (value[1:] == value[:-1]) & (series[1:] == series[:-1]))[: len(value)]
    so_far = np.cumsum(same)
    start = np.maximum.accumulate(
        np.where(np.append(True, series[1:] != series[:-1])[: len(value)], np.arange(len(value)), 0)
    )
    return [
        row
        for row in np.flatnonzero(same & judged).tolist()
        if row - start[row] > least and so_far[row - 1] == so_far[max(start[row], row - LONG)]
    ]


def _stretches(series: IntArray) -> Iterator[tuple[int, int]]:
    """The first row of each series and the row after its last."""
    edges = np.flatnonzero(np.append(True, series[1:] != series[:-1]))[: len(series)].tolist()
    return itertools.pairwise([*edges, len(series)])
