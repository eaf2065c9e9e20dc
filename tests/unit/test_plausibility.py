"""What a series' own past and the others of the day allow, on small paths made by hand and by a seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant.plausibility import (
    FloatArray,
    Limits,
    Moves,
    Verdict,
    implausible,
    left_behind,
    never_repeats,
    outside_its_levels,
    repeated_bars,
    unusual_weekdays,
    wild_fields,
)

TRADED = Limits(unexplained=12.0)
OIL = [
    61.1, 60.9, 61.4, 60.5, 58.8, 58.3, 57.7, 56.7, 55.9, 53.1, 53.4, 53.5, 52.1, 51.6, 50.1, 49.6, 50.9, 50.8, 49.6,
    50.3, 49.6, 49.9, 51.2, 51.4, 52.1, 52.0, 53.3, 53.8, 53.4, 51.4, 49.9, 48.7, 47.1, 44.8, 46.8, 47.2, 46.8, 45.9,
    41.3, 31.1, 34.4, 33.0, 31.5, 31.7, 28.7, 27.0, 20.4, 25.2, 22.4, 23.4, 24.0, 24.5, 22.6, 21.5, 20.1, 20.5, 20.3,
    25.3, 28.3, 26.1, 23.6, 25.1, 22.8, 22.4, 20.1, 19.9, 19.9, 18.3, -37.6, 10.0, 13.8, 16.5, 16.9, 12.8, 12.3, 15.1,
]  # fmt: skip
"""The front future of crude oil in spring 2020, to a tenth of a dollar: it closed below zero once."""


def walk(days: int, seed: int, *, start: float = 100.0, daily: float = 0.01) -> FloatArray:
    """A price that moves by about so much a day."""
    return start * np.exp(np.cumsum(np.random.default_rng(seed).standard_t(4, days) * daily))


def judged(*paths: FloatArray, limits: Limits = TRADED, only_last: bool = False) -> list[Verdict]:
    """Verdicts on paths of equal length, all days or the last one judged."""
    days = len(paths[0])
    series, day = np.repeat(np.arange(len(paths)), days), np.tile(np.arange(days), len(paths))
    looked_at = np.tile(np.arange(days) == days - 1, len(paths)) if only_last else np.ones(days * len(paths), bool)
    return implausible(series, day, np.concatenate(paths), looked_at, limits)


def rules(verdicts: list[Verdict]) -> list[tuple[int, str]]:
    return [(v.row, v.rule) for v in verdicts]


# ---------------------------------------------------------------------- what is not possible
@pytest.mark.parametrize("factor", [0.001, 0.01, 0.1, 10.0, 100.0, 1000.0])
def test_a_step_of_a_power_of_ten_is_refused_on_arrival(factor: float) -> None:
    path = walk(300, 1)
    path[-1] *= factor
    (verdict,) = judged(path, only_last=True)
    assert (verdict.row, verdict.rule) == (299, "unit_step")
    assert verdict.low < path[-2] < verdict.high
    assert not verdict.low <= path[-1] <= verdict.high


def test_what_is_refused_is_no_past_of_what_follows() -> None:
    path = walk(300, 2)
    path[200:205] *= 100
    assert rules(judged(path)) == [(row, "unit_step") for row in range(200, 205)]


def test_a_large_move_alone_is_refused_and_with_its_peers_believed() -> None:
    path, quiet, shaken = walk(300, 3), walk(300, 4), walk(300, 4)
    path[-1] = path[-2] * 0.7
    shaken[-1] = shaken[-2] * 0.8
    assert rules(judged(path, quiet, only_last=True)) == [(299, "unexplained")]
    assert judged(path, shaken, only_last=True) == []


def test_a_large_move_alone_is_believed_once_the_next_day_stays_there() -> None:
    path, quiet = walk(301, 5), walk(301, 6)
    path[299:] *= 0.7
    assert judged(path, quiet) == []
    path[300] /= 0.7
    assert rules(judged(path, quiet)) == [(299, "unexplained")]


def test_a_jump_that_comes_back_is_refused_sooner() -> None:
    path, quiet = walk(301, 5, daily=0.01), walk(301, 6)
    path[299] = path[298] * np.exp(9.5 * Moves(np.zeros(301, int), path).scale(299, logs=True))
    path[300] = path[298]
    assert rules(judged(path, quiet)) == [(299, "spike")]
    assert judged(path[:300], quiet[:300]) == []


def test_the_yardstick_is_the_series_own() -> None:
    calm, wild = walk(300, 7, daily=0.0005), walk(300, 8, daily=0.05)
    calm[-1], wild[-1] = calm[-2] * 1.05, wild[-2] * 1.05
    assert rules(judged(calm, limits=Limits())) == [(299, "enormous")]
    assert judged(wild, limits=Limits()) == []


# ---------------------------------------------------------------------- what is
def test_a_price_below_zero_is_possible_for_what_can_be_below_zero() -> None:
    path = np.array(OIL)
    assert judged(path, limits=Limits()) == []
    assert judged(path[: OIL.index(-37.6) + 1], limits=Limits(), only_last=True) == []


def test_a_rate_that_stands_for_years_may_step_as_it_did_before() -> None:
    path = np.repeat([0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 2.25, 2.0, 1.75, 1.25, 0.25], 40)
    assert judged(path, limits=Limits()) == []
    assert rules(judged(np.append(path, 25.0), limits=Limits())) == [(len(path), "unit_step")]


def test_a_rate_may_be_cut_by_a_point_to_a_tenth_of_itself() -> None:
    path = np.append(1.1 + 0.01 * (np.arange(100) % 3), 0.11)
    series, day = np.zeros(101, int), np.arange(101)
    assert rules(implausible(series, day, path, day == 100, Limits())) == [(100, "unit_step")]
    assert implausible(series, day, path, day == 100, Limits(), 1.5) == []


def test_too_young_a_series_is_not_judged() -> None:
    assert judged(np.array([1.0, 1.1, 1000.0, 1.0]), limits=TRADED) == []


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(1e-6, 1e6))
def test_the_unit_does_not_matter(seed: int, scale: float) -> None:
    path, other = walk(120, seed), walk(120, seed + 1)
    path[100] *= 30
    assert rules(judged(path * scale, other)) == rules(judged(path, other))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_what_comes_later_takes_no_verdict_back_but_by_confirming_a_step(seed: int) -> None:
    rng = np.random.default_rng(seed)
    path, other = walk(200, seed), walk(200, seed + 1)
    path[rng.integers(50, 190)] *= 10.0 ** rng.integers(1, 4)
    whole = {row for row, _ in rules(judged(path, other))}
    for days in (150, 180, 195):
        early = rules(judged(path[:days], other[:days]))
        kept = {row for row, rule in early if rule in ("unit_step", "enormous")}
        assert kept == {row for row in whole if row < days}


# ---------------------------------------------------------------------- levels, bars, repetitions, weekdays
def test_a_flow_far_larger_than_any_before_is_refused_and_a_larger_one_is_not() -> None:
    flows = np.append(np.random.default_rng(1).normal(0, 100, 40), [250.0, 2_500.0, -90.0, 0.0])
    verdicts = outside_its_levels(np.zeros(44, int), flows, np.ones(44, bool), times=4.0)
    assert rules(verdicts) == [(41, "enormous")]


def test_an_amount_in_another_unit_is_refused() -> None:
    amounts = np.append(np.full(30, 4.0), 4e-6)
    assert rules(outside_its_levels(np.zeros(31, int), amounts, np.ones(31, bool), times=4.0)) == [(30, "unit_step")]


def test_a_high_out_of_proportion_is_told_from_a_wild_day() -> None:
    close = walk(200, 9)
    bars = {"open": close * 1.001, "high": close * 1.02, "low": close * 0.9}
    bars["high"][150] *= 100
    wild = wild_fields(Moves(np.zeros(200, int), close), np.ones(200, bool), bars, scales=20.0)
    assert {name: np.flatnonzero(rows).tolist() for name, rows in wild.items()} == {
        "open": [],
        "high": [150],
        "low": [],
    }


def test_a_bar_that_repeats_the_day_before_is_told_from_a_day_without_a_range() -> None:
    high, low = np.array([2.0, 2.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0, 1.0])
    bars = {"open": low, "high": high, "low": low, "close": low}
    assert repeated_bars(np.zeros(4, int), bars, np.ones(4, bool)).tolist() == [False, True, False, False]


def test_only_a_series_that_never_repeats_is_told_of_when_it_does() -> None:
    restless, at_rest = walk(120, 10), np.repeat(walk(60, 11), 2)
    restless[-1] = restless[-2]
    series = np.repeat([0, 1], 120)
    assert never_repeats(series, np.concatenate([restless, at_rest]), np.ones(240, bool)) == [119]


def test_standing_still_is_odd_only_between_neighbours_that_move_the_same_way() -> None:
    moves = np.array([0.0, 0.03, 0.0, 0.02, 0.0, -0.02, 0.0, 0.01, 0.02, 0.03, 0.0])
    assert np.flatnonzero(left_behind(moves, 0.02)).tolist() == [2, 10]


def test_a_weekly_series_has_its_weekday() -> None:
    wednesdays = np.arange(20_002, 20_002 + 7 * 30, 7)
    assert not unusual_weekdays(np.zeros(30, int), wednesdays, np.ones(30, bool)).any()
    thursday = np.append(wednesdays, wednesdays[-1] + 8)
    assert np.flatnonzero(unusual_weekdays(np.zeros(31, int), thursday, np.ones(31, bool))).tolist() == [30]
    daily = np.arange(20_002, 20_100)
    assert not unusual_weekdays(np.zeros(98, int), daily, np.ones(98, bool)).any()
