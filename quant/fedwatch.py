"""The FedWatch method: what fed funds futures say about the coming meetings of the FOMC.

Here: from settlement prices of monthly contracts to an expected rate and outcome probabilities per meeting. Not here:
where settlements and meetings come from (assets.marts.rate_path).

The method is the one CME describes for its FedWatch tool. A contract settles at 100 minus the average effective rate
of its month. In a month with a meeting on day d of D, N = d days carry the rate before it and M = D - d the rate
after it: A = (N * start + M * end) / D. A month without a meeting has one rate, which pins the end of the month
before and the start of the month after. Between pins the months are solved backward, start = (D * A - M * end) / N,
and forward, end = (D * A - N * start) / M, only where no later pin reaches. A change of x quarter points is split
between the whole numbers of steps around x, and the splits of successive meetings are convolved; a range below zero,
which the Committee has never set, gives its probability to the range at zero.

The month of the observation is under way: the rate before a meeting still to come in it is known from the effective
rates since the last decision. Solved backward it would be the quotient of small differences: a meeting on the first day
of a month multiplies every hundredth of the settlements by thirty.
"""

from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

STEP_PCT = 0.25  # the Committee has moved in whole quarter points since the target range began
NEGLIGIBLE = 1e-12  # outcomes below this probability are left out


@dataclass(frozen=True)
class Outcome:
    """A target range and how likely it is to be in force after a meeting."""

    target_lower_pct: float
    target_upper_pct: float
    probability: float


@dataclass(frozen=True)
class MeetingOutlook:
    """What the curve says of one meeting."""

    meeting_date: date
    rate_before_pct: float
    expected_rate_pct: float
    outcomes: tuple[Outcome, ...]

    def probability(self, target_lower_pct: float) -> float:
        """Probability of the target range with this lower limit; 0 for one that is not among the outcomes."""
        return sum(o.probability for o in self.outcomes if math.isclose(o.target_lower_pct, target_lower_pct))


@dataclass(frozen=True)
class PathEnd:
    """The first meeting that the curve cannot price, and why."""

    meeting_date: date
    reason: str


@dataclass(frozen=True)
class RatePath:
    """Meetings in order of date as far as the contracts reach; `end` is None when all meetings asked for are priced."""

    observed_on: date
    meetings: tuple[MeetingOutlook, ...]
    end: PathEnd | None

    def cumulative_change_bp(self, outlook: MeetingOutlook) -> float:
        """Expected change from today's implied rate until after the meeting, in basis points."""
        return 100 * (outlook.expected_rate_pct - self.meetings[0].rate_before_pct)

    def priced_change_bp(self, until: date) -> float | None:
        """Expected change over all meetings up to a day, in basis points; None where the path ends before it."""
        if self.end is not None and self.end.meeting_date <= until:
            return None
        within = [m for m in self.meetings if m.meeting_date <= until]
        return self.cumulative_change_bp(within[-1]) if within else 0.0


def rate_path(
    settlements: Mapping[date, float],
    meetings: Iterable[date],
    observed_on: date,
    current_range: tuple[float, float],
    *,
    effective_rates: Sequence[float] = (),
    decided_until: date | None = None,
) -> RatePath:
    """Expected rate and outcome probabilities of every coming meeting, from one day's fed funds futures curve.

    settlements: delivery month (any day of it) -> settlement price of the 30-day fed funds contract (CME: ZQ), such as
    {date(2026, 10, 1): 96.105}; months before the observation's are ignored.
    meetings: last days of the FOMC's meetings: as many coming ones as are wanted, and past ones of the observation's
    month, which make it a month with a meeting; in any order.
    observed_on: the day of the settlements.
    current_range: lower and upper limit of the target range in percent after the last decided meeting; it names the
    outcomes and has no influence on the expected rates.
    effective_rates: percent, daily rates known on observed_on since the last decision took effect and not before the
    month before the observation's; their mean is the rate before a meeting of the observation's month. Empty: it is
    solved from the curve.
    decided_until: last day whose decision is part of current_range; meetings after it are priced. Default: observed_on.

    Returns the path up to the first missing contract, with that meeting and the reason in `end`. Probabilities of a
    meeting sum to 1. Raises ValueError for a settlement that is no price below 101, and for an empty range.

    Source: CME Group, "Understanding the CME Group FedWatch Tool Methodology", today's convention N = d. Its printed
    examples of 2015 and 2022 use N = d - 1.

    >>> curve = {date(2026, 9, 1): 96.2525, date(2026, 10, 1): 96.105, date(2026, 11, 1): 95.975}
    >>> path = rate_path(curve, [date(2026, 9, 16), date(2026, 10, 28)], date(2026, 9, 18), (3.75, 4.0))
    >>> [round(100 * o.probability, 1) for o in path.meetings[0].outcomes]
    [42.4, 57.6]
    """
    if not current_range[0] < current_range[1]:
        raise ValueError(f"rate_path: the current range {current_range} has no width; give its lower and upper limit")
    ahead_after = observed_on if decided_until is None else decided_until
    known = sorted(set(meetings))
    curve = _Curve.of(settlements, known, observed_on, effective_rates)
    ahead = [m for m in known if m > ahead_after and _month(m) >= _month(observed_on)]
    outlooks: list[MeetingOutlook] = []
    steps = {0: 1.0}
    for meeting in ahead:
        previous = outlooks[-1] if outlooks else None
        solved = curve.solve(meeting, previous)
        if isinstance(solved, PathEnd):
            return RatePath(observed_on, tuple(outlooks), solved)
        before, after = solved
        steps = _convolved(steps, (after - before) / STEP_PCT)
        outlooks.append(MeetingOutlook(meeting, before, after, _outcomes(steps, current_range)))
    return RatePath(observed_on, tuple(outlooks), None)


@dataclass(frozen=True)
class _Curve:
    """Average rates by month, and the day of the meeting in months that have one."""

    average: Mapping[date, float]
    meeting_day: Mapping[date, int]
    crowded: frozenset[date]
    known_start: Mapping[date, float]

    @classmethod
    def of(
        cls,
        settlements: Mapping[date, float],
        meetings: Sequence[date],
        observed_on: date,
        effective_rates: Sequence[float],
    ) -> _Curve:
        first = _month(observed_on)
        average = {}
        for month, price in settlements.items():
            if not price < 101:  # catches NaN as well
                raise ValueError(f"rate_path: settlement {price} of {month:%B %Y} is no price of a fed funds contract")
            if _month(month) >= first:
                average[_month(month)] = 100.0 - price
        days = {_month(m): m.day for m in meetings}
        months = [_month(m) for m in meetings]
        known_start = {first: math.fsum(effective_rates) / len(effective_rates)} if effective_rates else {}
        return cls(average, days, frozenset(m for m in months if months.count(m) > 1), known_start)

    def solve(self, meeting: date, previous: MeetingOutlook | None) -> tuple[float, float] | PathEnd:
        """Rates before and after a meeting, or why they cannot be had."""
        month = _month(meeting)
        if month in self.crowded:
            return PathEnd(meeting, f"{month:%B %Y} holds two meetings; one contract cannot tell them apart")
        for needed in self._months_to(month, previous):
            if needed not in self.average:
                return PathEnd(meeting, f"no settlement of the {needed:%B %Y} contract")
        before = self._start(month, previous)
        if before is None:
            return PathEnd(meeting, f"no settlement of the {_after(month):%B %Y} contract")
        after = self._end(month)
        if after is None:
            after = self._end_forward(month, before)
        if after is None:
            return PathEnd(meeting, f"no settlement of the {_after(month):%B %Y} contract")
        return before, after

    def _months_to(self, month: date, previous: MeetingOutlook | None) -> list[date]:
        """The meeting's month and those without a meeting since the previous one."""
        if previous is None:
            return [month]
        months, following = [], _after(_month(previous.meeting_date))
        while following <= month:
            months.append(following)
            following = _after(following)
        return months

    def _start(self, month: date, previous: MeetingOutlook | None) -> float | None:
        if previous is None and month in self.known_start:
            return self.known_start[month]
        before = _before(month)
        if before in self.average and before not in self.meeting_day:
            return self.average[before]
        if previous is not None:
            return previous.expected_rate_pct
        return self._start_backward(month)

    def _start_backward(self, month: date) -> float | None:
        end = self._end(month)
        if end is None and self._days(month)[1] > 0:
            return None
        if month not in self.average or month in self.crowded:
            return None
        n, m = self._days(month)
        return ((n + m) * self.average[month] - m * (end or 0.0)) / n

    def _end(self, month: date) -> float | None:
        following = _after(month)
        if following in self.meeting_day:
            return self._start_backward(following)
        return self.average.get(following)

    def _end_forward(self, month: date, start: float) -> float | None:
        n, m = self._days(month)
        return ((n + m) * self.average[month] - n * start) / m if m else None

    def _days(self, month: date) -> tuple[int, int]:
        """Days of the month at the rate before its meeting, the meeting's day with them, and after it."""
        n = self.meeting_day[month]
        return n, monthrange(month.year, month.month)[1] - n


def _convolved(steps: Mapping[int, float], change: float) -> dict[int, float]:
    """Probabilities of the number of quarter points moved, one more meeting included."""
    whole = math.floor(change)
    up = change - whole
    moved: dict[int, float] = {}
    for number, probability in steps.items():
        moved[number + whole] = moved.get(number + whole, 0.0) + probability * (1 - up)
        moved[number + whole + 1] = moved.get(number + whole + 1, 0.0) + probability * up
    return moved


def _outcomes(steps: Mapping[int, float], current_range: tuple[float, float]) -> tuple[Outcome, ...]:
    lower, upper = current_range
    at_zero = -math.floor(lower / STEP_PCT + 1e-9)
    possible: dict[int, float] = {}
    for number, probability in sorted(steps.items()):
        reached = max(number, at_zero)
        possible[reached] = min(1.0, possible.get(reached, 0.0) + probability)
    return tuple(
        Outcome(lower + STEP_PCT * number, upper + STEP_PCT * number, probability)
        for number, probability in possible.items()
        if probability > NEGLIGIBLE
    )


def _month(day: date) -> date:
    return day.replace(day=1)


def _after(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _before(month: date) -> date:
    return date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
