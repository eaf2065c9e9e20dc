"""Promises of the block filter: one pair at a time or thousands, resumed or not, it says the same."""

from __future__ import annotations

import numpy as np
import pytest

from quant.copula import CORRELATION_GRID, density_constants, log_density, pair_densities, ranks
from quant.margins import MarginState, SymbolMargins, signed_tails, symbol_tails
from quant.regime_parameters import RegimeParameters
from quant.regimes import filter_regimes, spells
from quant.universe_regimes import BlockState, filter_block

PARAMETERS = RegimeParameters(leave_below=0.25)
DAYS = np.arange(1000, 1600)
LEFT, RIGHT = np.triu_indices(4, 1)


@pytest.fixture(scope="module")
def returns() -> np.ndarray:
    rng = np.random.default_rng(3)
    common = rng.standard_t(5, (len(DAYS), 1))
    loading = np.where(np.arange(len(DAYS))[:, None] < [0, 200, 300, 450], -0.6, 0.8)
    values: np.ndarray = 0.01 * (loading * common + 0.6 * rng.standard_t(5, (len(DAYS), 4)))
    return values


def whole(returns: np.ndarray):  # type: ignore[no-untyped-def]
    return filter_block(returns, DAYS, LEFT, RIGHT, PARAMETERS, BlockState.initial(4, len(LEFT), PARAMETERS))


def test_every_pair_of_a_block_is_the_one_pair_filter(returns: np.ndarray) -> None:
    block = whole(returns)
    coupled = np.zeros(len(DAYS), dtype=int)
    for p, (i, j) in enumerate(zip(LEFT, RIGHT, strict=True)):
        one = filter_regimes(returns[:, [i, j]], PARAMETERS)
        np.testing.assert_allclose(block.probabilities[p], one.probabilities[-1], atol=1e-9)
        np.testing.assert_allclose(block.correlation_mean[p], one.correlation_mean[-1], atol=1e-9)
        np.testing.assert_allclose(block.correlation_sd[p], one.correlation_sd[-1], atol=1e-9)
        last = spells(one.labels[PARAMETERS.warmup :])[-1]
        assert block.state.label[p] - 1 == last.label
        assert block.state.since[p] == DAYS[PARAMETERS.warmup + last.start]
        coupled[PARAMETERS.warmup :] += one.labels[PARAMETERS.warmup :] == 1
    np.testing.assert_array_equal(block.counted[:, 2], coupled)


@pytest.mark.parametrize("cuts", [[300], [1, 41, 42, 599]])
def test_resuming_a_block_from_bytes_equals_recomputing_bit_for_bit(returns: np.ndarray, cuts: list[int]) -> None:
    gappy = returns.copy()
    gappy[:100, 1] = np.nan
    gappy[[200, 201], [0, 2]] = np.nan
    at_once = whole(gappy)
    state, counted, days = BlockState.initial(4, len(LEFT), PARAMETERS), [], []
    for start, stop in zip([0, *cuts], [*cuts, len(DAYS)], strict=True):
        part = filter_block(gappy[start:stop], DAYS[start:stop], LEFT, RIGHT, PARAMETERS, state)
        state = BlockState.from_bytes(part.state.to_bytes())
        counted.append(part.counted)
        days.extend(part.changes.day.tolist())
    assert state.to_bytes() == at_once.state.to_bytes()
    np.testing.assert_array_equal(np.concatenate(counted), at_once.counted)
    assert sorted(days) == sorted(at_once.changes.day.tolist())
    np.testing.assert_array_equal(part.probabilities, at_once.probabilities)


def test_a_pair_does_not_depend_on_the_block_it_is_in(returns: np.ndarray) -> None:
    alone = filter_block(
        returns[:, [1, 3]], DAYS, np.array([0]), np.array([1]), PARAMETERS, BlockState.initial(2, 1, PARAMETERS)
    )
    together, p = whole(returns), int(np.flatnonzero((LEFT == 1) & (RIGHT == 3))[0])
    np.testing.assert_array_equal(alone.state.density[0], together.state.density[p])


def test_a_confirmed_change_is_dated_on_the_day_it_could_be_known(returns: np.ndarray) -> None:
    later = returns.copy()
    later[400:] = np.random.default_rng(1).standard_normal((200, 4))
    before = [c for c in zip(*whole(returns).changes, strict=True) if c[1] < DAYS[400]]
    assert before
    assert before == [c for c in zip(*whole(later).changes, strict=True) if c[1] < DAYS[400]]


def test_only_pairs_of_members_are_counted(returns: np.ndarray) -> None:
    members = np.ones(returns.shape, dtype=bool)
    members[:500, 0] = False
    block = filter_block(returns, DAYS, LEFT, RIGHT, PARAMETERS, BlockState.initial(4, len(LEFT), PARAMETERS), members)
    assert block.counted[499].sum() == 3
    assert block.counted[500].sum() == 6


def test_a_day_before_the_state_is_refused(returns: np.ndarray) -> None:
    with pytest.raises(ValueError, match="not after"):
        filter_block(returns[:1], DAYS[:1], LEFT, RIGHT, PARAMETERS, whole(returns).state)


def test_shared_margins_are_the_pairs_margins(returns: np.ndarray) -> None:
    shared, _ = symbol_tails(returns, SymbolMargins.initial(4))
    pair, _ = signed_tails(np.ascontiguousarray(returns[:, [2, 3]]), MarginState.initial())
    np.testing.assert_array_equal(shared[:, [2, 3]], pair)


def test_densities_without_logarithms_are_those_with(returns: np.ndarray) -> None:
    tails, _ = symbol_tails(returns[:, :2], SymbolMargins.initial(2))
    tails[-1] = [1e-12, -1e-12]
    reference, shared = np.exp(log_density(tails)), ranks(tails)
    out = np.empty(reference.shape[1:])
    for t in range(60, len(tails)):
        pair_densities(shared[t, 0], shared[t, 1], CORRELATION_GRID, density_constants(), out)
        np.testing.assert_allclose(out, reference[t], rtol=1e-11)
