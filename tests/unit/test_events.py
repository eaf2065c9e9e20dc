from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quant.bootstrap import resampled_days
from quant.events import (
    circular_shift_test,
    effective_hits,
    event_mean_interval,
    forward_returns,
    hit_rate_interval,
    independent_events,
    quiet_sessions,
    sessions_to_next,
    within,
)
from quant.null_markets import null_pair

seeds = st.integers(0, 2**32 - 1)


def study(seed: int, length: int = 120, cells: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    outcomes = rng.standard_normal((length, cells))
    outcomes[-5:, -1] = np.nan
    return outcomes, rng.random(length) < 0.15


@pytest.mark.parametrize(
    ("records", "quiet"),
    [([], []), ([7], [-1]), ([3, 4, 10], [-1, 0, 5]), ([0, 21, 43], [-1, 20, 21])],
)
def test_quiet_is_counted_between_records_and_the_first_record_has_none(records: list[int], quiet: list[int]) -> None:
    assert quiet_sessions(np.array(records, np.int64)).tolist() == quiet


@given(seeds, st.integers(1, 20), st.integers(1, 30))
def test_a_known_forward_return_never_changes_when_prices_are_appended(seed: int, horizon: int, more: int) -> None:
    price = np.exp(np.random.default_rng(seed).standard_normal(40 + more).cumsum() * 0.02)
    before, after = forward_returns(price[:40], horizon), forward_returns(price, horizon)
    known = np.isfinite(before)
    assert np.array_equal(before[known], after[:40][known])
    assert known.sum() == 40 - horizon


@given(seeds, st.integers(1, 20), st.integers(1, 30))
def test_whether_it_followed_never_changes_once_known(seed: int, horizon: int, more: int) -> None:
    rng = np.random.default_rng(seed)
    rows, marks = (np.flatnonzero(rng.random(40 + more) < 0.1) for _ in range(2))
    before = within(rows[rows < 40], marks[marks < 40], horizon, 40)
    after = within(rows, marks, horizon, 40 + more)[: len(before)]
    known = np.isfinite(before)
    assert np.array_equal(before[known], after[known])


def test_a_mark_on_the_row_itself_does_not_follow_it() -> None:
    assert sessions_to_next(np.array([2, 5, 9]), np.array([2, 5, 6])).tolist() == [3, 1, -1]
    assert within(np.array([2, 9]), np.array([2, 5]), 3, 12).tolist()[0] == 1.0
    assert np.isnan(within(np.array([9]), np.array([2]), 3, 12))


@given(st.lists(st.integers(0, 500), unique=True).map(sorted), st.integers(1, 130))
def test_independent_events_share_no_session_of_their_outcomes(rows: list[int], horizon: int) -> None:
    number = independent_events(np.array(rows, np.int64), horizon)
    assert number <= len(rows)
    assert (number > 0) == (len(rows) > 0)
    if rows:
        assert number <= (rows[-1] - rows[0]) // (horizon + 1) + 1


@given(seeds, st.floats(0.01, 100), st.floats(-10, 10))
def test_units_and_level_of_the_outcomes_do_not_matter(seed: int, scale: float, level: float) -> None:
    outcomes, events = study(seed)
    one = circular_shift_test(outcomes, events)
    other = circular_shift_test(outcomes * scale + level, events)
    np.testing.assert_allclose(one.p_value, other.p_value, atol=1e-12)
    np.testing.assert_allclose(one.p_value_family, other.p_value_family, atol=1e-12)


@given(seeds, st.integers(0, 119))
def test_where_the_circle_begins_does_not_matter(seed: int, start: int) -> None:
    outcomes, events = study(seed)
    one = circular_shift_test(outcomes, events)
    other = circular_shift_test(np.roll(outcomes, start, axis=0), np.roll(events, start))
    np.testing.assert_allclose(one.p_value, other.p_value, atol=1e-12)


@given(seeds)
def test_looking_at_more_outcomes_makes_the_best_one_less_certain(seed: int) -> None:
    outcomes, events = study(seed, cells=4)
    outcomes = np.where(np.isnan(outcomes), 0.0, outcomes)
    test = circular_shift_test(outcomes, events)
    if np.isfinite(test.p_value_family):
        assert test.p_value_family >= np.min(test.p_value) - 1e-12


@given(seeds)
def test_looking_at_the_same_outcome_twice_changes_nothing(seed: int) -> None:
    outcomes, events = study(seed, cells=1)
    test = circular_shift_test(np.hstack([outcomes, outcomes]), events)
    np.testing.assert_allclose(test.p_value_family, test.p_value[0], atol=1e-12)


def test_a_strong_effect_is_found_and_its_absence_is_not() -> None:
    outcomes, events = study(3, length=400, cells=1)
    assert circular_shift_test(outcomes + 3 * events[:, None], events).p_value[0] < 0.01
    assert circular_shift_test(outcomes - 3 * events[:, None], events).p_value[0] > 0.99


def test_too_few_events_give_no_p_value() -> None:
    outcomes, _ = study(1)
    test = circular_shift_test(outcomes, np.arange(120) < 2)
    assert np.isnan(test.p_value).all() and np.isnan(test.p_value_family)


@settings(max_examples=20)
@given(seeds)
def test_an_interval_holds_the_mean_and_needs_five_events(seed: int) -> None:
    outcomes, events = study(seed, cells=1)
    days = resampled_days(120, 5, 99, seed=2)
    low, high = event_mean_interval(outcomes[:, 0], events, days, 5)
    known = events & np.isfinite(outcomes[:, 0])
    if known.sum() < 5:
        assert np.isnan(low) and np.isnan(high)
    else:
        assert low <= outcomes[known, 0].mean() <= high
        other = event_mean_interval(3 * outcomes[:, 0] - 2, events, days, 5)
        assert other == pytest.approx((3 * low - 2, 3 * high - 2))


def test_the_more_outcomes_overlap_the_wider_is_the_interval_of_their_mean() -> None:
    outcomes, events = study(5, length=400, cells=1)
    days = resampled_days(400, 20, 199, seed=2)
    widths = np.diff([event_mean_interval(outcomes[:, 0], events, days, horizon) for horizon in (1, 20, 60)], axis=1)
    assert (np.diff(widths[:, 0]) > 0).all()


@given(st.lists(st.integers(0, 500), min_size=1, unique=True).map(sorted), st.integers(1, 130))
def test_effective_events_are_as_many_as_the_events_only_where_no_outcomes_overlap(
    rows: list[int], horizon: int
) -> None:
    number = effective_hits(np.array(rows, np.int64), horizon)
    assert 1 <= number <= len(rows) + 1e-9
    overlapping = len(rows) > 1 and min(np.diff(rows)) < horizon
    assert (number < len(rows) - 1e-9) == overlapping


@given(seeds, st.integers(1, 60))
def test_a_hit_rate_interval_holds_the_rate_and_lies_within_zero_and_one(seed: int, horizon: int) -> None:
    outcomes, events = study(seed, cells=1)
    rises = np.where(np.isnan(outcomes[:, 0]), np.nan, outcomes[:, 0] > 0)
    low, high = hit_rate_interval(rises, events, horizon)
    known = rises[events & np.isfinite(rises)]
    if len(known) < 5:
        assert np.isnan(low) and np.isnan(high)
    else:
        assert 0 <= low <= known.mean() <= high <= 1
        assert hit_rate_interval(1 - rises, events, horizon) == pytest.approx((1 - high, 1 - low))


def test_hits_only_are_not_certainty() -> None:
    events = np.arange(400) % 50 == 0
    low, high = hit_rate_interval(np.ones(400), events, 20)
    assert 0.5 < low < 0.95
    assert high == 1


def test_a_nominal_95_percent_of_hit_rate_intervals_hold_the_truth_at_every_horizon() -> None:
    rng = np.random.default_rng(12)
    markets = [_rises_and_events(rng) for _ in range(250)]
    for k, horizon in enumerate(HIT_HORIZONS):
        truth = np.mean([np.nanmean(rises[:, k]) for rises, _ in markets])
        intervals = [hit_rate_interval(rises[:, k], events, horizon) for rises, events in markets]
        held = np.mean([low <= truth <= high for low, high in intervals if np.isfinite(low)])
        assert 0.91 < held < 0.99, horizon


def test_markets_without_an_effect_are_rejected_about_as_often_as_promised() -> None:
    rng = np.random.default_rng(11)
    rejected = np.array([_p_values(rng) <= 0.05 for _ in range(300)]).mean(axis=0)
    assert (rejected < 0.09).all() and rejected.mean() > 0.02


HIT_HORIZONS = (21, 63, 126)


def _breakouts(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A price, and breakouts of a market that says nothing about its future."""
    asset, benchmark = null_pair(2500, rng)
    level = benchmark.cumsum()
    records = np.flatnonzero(np.append(True, level[1:] > np.maximum.accumulate(level)[:-1]))
    rows = records[quiet_sessions(records) >= 20]
    events = np.isin(np.arange(2500), rows[rows >= 500])[500:]
    return np.exp(asset[500:].cumsum()), events


def _rises_and_events(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    price, events = _breakouts(rng)
    forward = np.column_stack([forward_returns(price, h) for h in HIT_HORIZONS])
    return np.where(np.isnan(forward), np.nan, forward > 0), events


def _p_values(rng: np.random.Generator) -> np.ndarray:
    """21 and 63 sessions ahead, and the family of both."""
    price, events = _breakouts(rng)
    test = circular_shift_test(np.column_stack([forward_returns(price, h) for h in (21, 63)]), events)
    return np.append(test.p_value, test.p_value_family)
