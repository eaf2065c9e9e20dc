from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from assets.claims import PATH as CLAIMS
from assets.contracts import MARTS
from quant.divergence import FAR_BELOW_RECORD, Episode, divergence_episodes


def episodes(leader: list[float], follower: list[float]) -> list[Episode]:
    a, b = (np.array(p, float) for p in (leader, follower))
    leader, follower = _record(a), _record(b)
    return divergence_episodes(
        leader[0], leader[1] <= -FAR_BELOW_RECORD, follower[0], follower[1] <= -FAR_BELOW_RECORD, follower[1]
    )


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


def test_a_leader_that_stands_far_below_its_own_record_again_starts_no_episode() -> None:
    record, far_below = np.array([False, True, False]), np.array([False, True, True])  # set on a weekend, lost since
    follower = np.array([-0.3, -0.3, -0.3])
    assert divergence_episodes(record, far_below, np.zeros(3, bool), follower <= -FAR_BELOW_RECORD, follower) == []
    (found,) = divergence_episodes(
        record, np.zeros(3, bool), np.zeros(3, bool), follower <= -FAR_BELOW_RECORD, follower
    )
    assert found.start == 1


def test_a_row_on_which_the_follower_is_not_known_can_still_end_the_episode() -> None:
    record, fell = np.array([True, False, False]), np.array([False, False, True])
    follower = np.array([-0.3, np.nan, np.nan])
    (found,) = divergence_episodes(record, fell, np.zeros(3, bool), follower <= -FAR_BELOW_RECORD, follower)
    assert (found.end, found.outcome, found.follower_max_drawdown) == (2, "leader_fell", -0.3)


PATHS = hnp.arrays(float, st.integers(2, 60), elements=st.floats(1, 1000))


@given(PATHS, st.integers(0, 2**32 - 1), st.integers(1, 59))
def test_appending_rows_leaves_ended_episodes_unchanged(leader: np.ndarray, seed: int, cut: int) -> None:
    follower = np.random.default_rng(seed).uniform(1, 1000, len(leader))
    whole = episodes(list(leader), list(follower))
    early = episodes(list(leader[:cut]), list(follower[:cut]))
    assert [e for e in early if e.end is not None] == [e for e in whole if e.end is not None and e.end < cut]


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="equal length"):
        divergence_episodes(*(np.zeros(n, bool) for n in (1, 1, 2, 1)), np.zeros(1))


def test_texts_that_cannot_take_the_threshold_state_this_one() -> None:
    texts = [CLAIMS.read_text(encoding="utf-8"), *(mart.__doc__ or "" for mart in MARTS)]
    stated = re.findall(r"stood (\d+)% or more below|stands (\d+)% or more below|falls (\d+)% below", "\n".join(texts))
    assert {number for found in stated for number in found if number} == {f"{100 * FAR_BELOW_RECORD:.0f}"}
    assert len(stated) == 3
