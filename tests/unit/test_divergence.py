from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quant.divergence import Episode, divergence_episodes


def episodes(leader: list[float], follower: list[float]) -> list[Episode]:
    a, b = (np.array(p, float) for p in (leader, follower))
    return divergence_episodes(*_record(a), *_record(b))


def _record(price: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    record = np.maximum.accumulate(price)
    is_record = np.append(True, price[1:] > record[:-1]) if len(price) else np.empty(0, bool)
    return is_record, price / record - 1


def test_a_follower_that_regains_its_record_ends_the_episode() -> None:
    (found,) = episodes([10, 9, 11, 12, 11], [100, 75, 78, 90, 101])
    assert (found.start, found.end, found.outcome) == (2, 4, "follower_recovered")
    assert found.leader_record_closes == 1  # on the second record the follower stood only 10% below
    assert found.follower_drawdown_at_start == pytest.approx(-0.22)
    assert found.follower_max_drawdown == pytest.approx(-0.22)


def test_a_leader_that_falls_as_deep_ends_the_episode() -> None:
    (found,) = episodes([10, 9, 11, 8], [100, 75, 70, 72])
    assert (found.end, found.outcome, found.sessions) == (3, "leader_fell", 2)


def test_an_episode_without_outcome_is_open() -> None:
    (found,) = episodes([10, 9, 11, 12], [100, 75, 70, 72])
    assert (found.end, found.outcome, found.sessions, found.leader_record_closes) == (None, "open", 2, 2)


def test_a_follower_just_above_the_threshold_is_no_divergence() -> None:
    assert episodes([10, 9, 11, 12], [100, 81, 82, 81]) == []


PATHS = hnp.arrays(float, st.integers(2, 60), elements=st.floats(1, 1000))


@given(PATHS, st.integers(0, 2**32 - 1), st.integers(1, 59))
def test_appending_rows_leaves_ended_episodes_unchanged(leader: np.ndarray, seed: int, cut: int) -> None:
    follower = np.random.default_rng(seed).uniform(1, 1000, len(leader))
    whole = episodes(list(leader), list(follower))
    early = episodes(list(leader[:cut]), list(follower[:cut]))
    assert [e for e in early if e.end is not None] == [e for e in whole if e.end is not None and e.end < cut]


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="equal length"):
        divergence_episodes(np.array([True]), np.array([0.0]), np.array([True, False]), np.array([0.0]))
