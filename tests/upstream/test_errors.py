"""An error names the thing, the reason and the remedy, and carries the same facts as attributes."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest

from assets.framework.errors import KnownFault
from pipelines.sources.errors import RateLimited, ServiceDown, SourceError, UnknownSeries
from pipelines.sources.http import Pace, Patience, RetryPolicy, retry_after_seconds
from tests.upstream.services import FakeClock


def test_the_message_says_which_what_and_what_to_do() -> None:
    error = RateLimited("FRED", "WALCL", "HTTP 429", status=429).after(4, 92.4)
    error = error.keeping(date(2026, 11, 18), date(2026, 11, 11))
    assert str(error) == (
        "FRED WALCL: HTTP 429 after 4 tries in 92 s; kept 2026-11-18 as the last observation. "
        "The next run fetches from 2026-11-11."
    )
    assert (error.service, error.series, error.status, error.attempts, error.elapsed) == ("FRED", "WALCL", 429, 4, 92.4)
    assert isinstance(error, KnownFault)


def test_a_remedy_of_its_own_comes_before_the_next_run() -> None:
    error = UnknownSeries("FRED", "X", "unknown series", remedy="Correct the id.").keeping(None, date(2026, 11, 11))
    assert str(error.missing()) == "X: FRED: unknown series. Correct the id"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 120 ", 120.0),
        ("Sat, 21 Nov 2026 03:31:00 GMT", 60.0),
        ("Sat, 21 Nov 2026 03:29:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, datetime(2026, 11, 21, 3, 30, tzinfo=UTC)) == seconds


def test_waits_grow_with_jitter_and_stay_bounded(clock: FakeClock) -> None:
    policy = RetryPolicy(tries=9, first_wait_seconds=1.0, longest_wait_seconds=8.0, budget_seconds=1000.0)

    def down() -> None:
        raise ServiceDown("FRED", "X", "HTTP 500", status=500)

    with pytest.raises(ServiceDown) as caught:
        Patience(policy, clock).call(down)
    assert caught.value.attempts == 9
    assert len(clock.pauses) == 8
    assert len(set(clock.pauses)) > 4
    assert all(0 < pause <= 8.0 for pause in clock.pauses)
    assert caught.value.elapsed == pytest.approx(sum(clock.pauses))


def test_an_error_another_try_cannot_help_is_not_tried_again(clock: FakeClock) -> None:
    calls = []

    def unknown() -> None:
        calls.append(1)
        raise UnknownSeries("FRED", "X", "unknown series")

    with pytest.raises(SourceError):
        Patience(RetryPolicy(), clock).call(unknown)
    assert (calls, clock.pauses) == ([1], [])


def test_the_pace_holds_in_any_minute_and_leaves_a_breath(clock: FakeClock) -> None:
    pace, moments = Pace(10, clock, apart_seconds=0.5), []
    for _ in range(35):
        pace.wait()
        moments.append(clock.monotonic())
    gaps = [timedelta(seconds=b - a).total_seconds() for a, b in itertools.pairwise(moments)]
    assert min(gaps) >= 0.5
    assert all(moments[n + 10] - moments[n] >= 60.0 for n in range(25))
