"""The FedWatch method: what fed funds futures say about the coming meetings of the FOMC.

Here: from settlement prices of monthly contracts to an expected rate and outcome probabilities per meeting. Not here:
where settlements and meetings come from (assets.marts.rate_path).

The method is the one CME describes for its FedWatch tool. A contract settles at 100 minus the average effective rate
of its month. In a month with a meeting on day d of D, N = d days carry the rate before it and M = D - d the rate
after it: A = (N * start + M * end) / D. A month without a meeting has one rate, which pins the end of the month
before and the start of the month after. Between pins the months are solved backward, start = (D * A - M * end) / N,
and forward, end = (D * A - N * start) / M, only where no later pin reaches. A change of x quarter points is split
between the whole numbers of steps around x, and the splits of successive meetings are convolved.

The rate before the first meeting needs no solving: it is in force. Solved backward for a meeting on the first of a
month it is an error of the curve times thirty; the effective rates already published say it to a basis point.
"""

from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median
from types import MappingProxyType

STEP_PCT = 0.25  # the Committee has moved in whole quarter points since the target range began
NEGLIGIBLE = 1e-12  # outcomes below this probability are left out
NONE_KNOWN: Mapping[date, float] = MappingProxyType({})
PRESENT_DAYS = 14
OLDEST_RATE = timedelta(days=31)
_ROUNDING = 1e-9


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
    lowest_range: tuple[float, float]
    probabilities: tuple[float, ...]  # of the lowest range and of those a quarter point further up each

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """The ranges that are not out of the question, from the lowest up."""
        lower, upper = self.lowest_range
        return tuple(
            Outcome(lower + STEP_PCT * step, upper + STEP_PCT * step, probability)
            for step, probability in enumerate(self.probabilities)
            if probability > NEGLIGIBLE
        )

    def probability(self, target_lower_pct: float) -> float:
        """Probability of the target range with this lower limit; 0 for one that is not among the outcomes."""
        return sum(o.probability for o in self.outcomes if math.isclose(o.target_lower_pct, target_lower_pct))


@dataclass(frozen=True)
class PathEnd:
    """The first meeting that the curve cannot price, and why."""

    meeting_date: date
    reason: str


@dataclass(frozen=True)
class ImpliedPath:
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
    decided_until: date | None = None,
    effective_rates: Mapping[date, float] = NONE_KNOWN,
    listed_until: date = date.max,
) -> ImpliedPath:
    """Expected rate and outcome probabilities of every coming meeting, from one day's fed funds futures curve.

    settlements: delivery month (any day of it) -> settlement price of the 30-day fed funds contract (CME: ZQ), such as
    {date(2026, 10, 1): 96.105}; months before the observation's are ignored.
    meetings: last days of the FOMC's meetings: as many coming ones as are wanted, and past ones of the observation's
    month and the one before, which make them months with a meeting; in any order.
    observed_on: the day of the settlements.
    current_range: lower and upper limit of the target range in percent after the last decided meeting; it names the
    outcomes and has no influence on the expected rates.
    decided_until: last day whose decision is part of current_range; meetings after it are priced. Default: observed_on.
    effective_rates: effective federal funds rate in percent by calendar day, as published by the end of observed_on.
    Those since the last decision pin the rate before the first meeting where no contract does, by the median of the
    newest two weeks.

    listed_until: last day for which every meeting is among `meetings`. A later month has meetings nobody listed, so it
    pins nothing, and the path ends at the first meeting that needs it.

    Returns the path up to the first missing contract, with that meeting and the reason in `end`. Probabilities of a
    meeting sum to 1, none of them for a range below zero: where the curve dips below, the range at zero takes it.
    Raises ValueError for a settlement that is no price below 101, and for an empty range.

    Source: CME Group, "Understanding the CME Group FedWatch Tool Methodology", today's convention N = d. Its printed
    examples of 2015 and 2022 use N = d - 1.

    >>> curve = {date(2026, 9, 1): 96.2525, date(2026, 10, 1): 96.105, date(2026, 11, 1): 95.975}
    >>> path = rate_path(curve, [date(2026, 9, 16), date(2026, 10, 28)], date(2026, 9, 18), (3.75, 4.0))
    >>> [round(100 * o.probability, 1) for o in path.meetings[0].outcomes]
    [42.4, 57.6]
    """
    if not current_range[0] < current_range[1]:
        raise ValueError(f"rate_path: the current range {current_range} has no width; give its lower and upper limit")
    decided = observed_on if decided_until is None else decided_until
    known = sorted(set(meetings))
    last_decision = max((m for m in known if m <= decided), default=date.min)
    unlisted_from = _unlisted_from(listed_until)
    in_force = _rate_in_force(effective_rates, last_decision, observed_on)
    curve = _Curve.of(settlements, known, observed_on, in_force, unlisted_from)
    outlooks: list[MeetingOutlook] = []
    steps = _Steps(0, (1.0,))
    for meeting in (m for m in known if m > decided and _month(m) >= curve.first_month):
        if _after(_month(meeting)) >= unlisted_from:
            return ImpliedPath(observed_on, tuple(outlooks), PathEnd(meeting, unlisted(listed_until)))
        solved = curve.solve(meeting, outlooks[-1] if outlooks else None)
        if isinstance(solved, PathEnd):
            return ImpliedPath(observed_on, tuple(outlooks), solved)
        before, after = solved
        steps = steps.moved((after - before) / STEP_PCT, lowest=-math.floor(current_range[0] / STEP_PCT + _ROUNDING))
        outlooks.append(MeetingOutlook(meeting, before, after, steps.lowest_range(current_range), steps.probabilities))
    return ImpliedPath(observed_on, tuple(outlooks), None)


def unlisted(listed_until: date) -> str:
    """Why a path ends where the list of meetings does."""
    first = listed_until + timedelta(days=1)
    beyond = f"of {first.year}" if (first.month, first.day) == (1, 1) else f"after {listed_until.isoformat()}"
    return f"the meetings {beyond} are not listed"


def _unlisted_from(listed_until: date) -> date:
    """The first month of which not all meetings are listed."""
    return date.max if listed_until == date.max else _month(listed_until + timedelta(days=1))


def _rate_in_force(effective_rates: Mapping[date, float], last_decision: date, observed_on: date) -> float | None:
    """Median of the newest published rates since the last decision, which a dip at a month's end does not move."""
    days = [day for day in effective_rates if last_decision < day <= observed_on and observed_on - day <= OLDEST_RATE]
    return median(effective_rates[day] for day in sorted(days)[-PRESENT_DAYS:]) if days else None


@dataclass(frozen=True)
class _Steps:
    """How many quarter points the range has moved: the fewest, and the probabilities of that number and those above."""

    lowest: int
    probabilities: tuple[float, ...]

    def moved(self, change: float, lowest: int) -> _Steps:
        """One more meeting, expected to move by `change` steps; below `lowest` there is nothing."""
        whole = math.floor(change)
        up = change - whole
        split = [0.0] * (len(self.probabilities) + 1)
        for step, probability in enumerate(self.probabilities):
            split[step] += probability * (1 - up)
            split[step + 1] += probability * up
        first = self.lowest + whole
        below = max(lowest - first, 0)
        split = [sum(split[: below + 1]), *split[below + 1 :]]
        while len(split) > 1 and split[-1] <= NEGLIGIBLE:
            split.pop()
        return _Steps(first + below, tuple(split))

    def lowest_range(self, current_range: tuple[float, float]) -> tuple[float, float]:
        """The range that the fewest steps lead to."""
        lower, upper = current_range
        return lower + STEP_PCT * self.lowest, upper + STEP_PCT * self.lowest


@dataclass(frozen=True)
class _Curve:
    """Average rates by month, and the day of the meeting in months that have one."""

    first_month: date
    average: Mapping[date, float]
    meeting_day: Mapping[date, int]
    crowded: frozenset[date]
    in_force: float | None

    @classmethod
    def of(
        cls,
        settlements: Mapping[date, float],
        meetings: Sequence[date],
        observed_on: date,
        in_force: float | None,
        unlisted_from: date,
    ) -> _Curve:
        first = _month(observed_on)
        average = {}
        for delivery, price in settlements.items():
            month = _month(delivery)
            if month >= unlisted_from:
                continue
            if not price < 101:  # catches NaN as well
                raise ValueError(f"rate_path: settlement {price} of {month:%B %Y} is no price of a fed funds contract")
            if month >= first:
                average[month] = 100.0 - price
        months = [_month(m) for m in meetings]
        days = {month: m.day for month, m in zip(months, meetings, strict=True)}
        return cls(first, average, days, frozenset(m for m in months if months.count(m) > 1), in_force)

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
        before = _before(month)
        if before in self.average and before not in self.meeting_day:
            return self.average[before]
        if previous is not None:
            return previous.expected_rate_pct
        if self.in_force is not None:
            return self.in_force
        return self._start_backward(month)

    def _start_backward(self, month: date) -> float | None:
        end = self._end(month)
        if end is None and self._days_of(month)[1] > 0:
            return None
        if month not in self.average or month in self.crowded:
            return None
        n, m = self._days_of(month)
        return ((n + m) * self.average[month] - m * (end or 0.0)) / n

    def _end(self, month: date) -> float | None:
        following = _after(month)
        if following in self.meeting_day:
            return self._start_backward(following)
        return self.average.get(following)

    def _end_forward(self, month: date, start: float) -> float | None:
        n, m = self._days_of(month)
        return ((n + m) * self.average[month] - n * start) / m if m else None

    def _days_of(self, month: date) -> tuple[int, int]:
        """Days of the month at the rate before its meeting, the meeting's day with them, and after it."""
        n = self.meeting_day[month]
        return n, monthrange(month.year, month.month)[1] - n


def _month(day: date) -> date:
    return day.replace(day=1)


def _after(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _before(month: date) -> date:
    return date(month.year - (month.month == 1), (month.month - 2) % 12 + 1, 1)
