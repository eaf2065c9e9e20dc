import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quant.correlation import (
    ANCHOR_SESSIONS,
    FloatArray,
    one_against_all,
    required_observations,
    rolling_correlation,
)
from quant.correlation_bands import confidence_band
from quant.universe import RollingPairs, all_pairs
from quant.universe_window import latest_pairs

EXACT = 1e-9


def two_pass(x: FloatArray, y: FloatArray, needed: int) -> float:
    joint = np.isfinite(x) & np.isfinite(y)
    a, b = x[joint], y[joint]
    if len(a) < needed or (a == a[0]).all() or (b == b[0]).all():
        return np.nan
    a, b = a - a.mean(), b - b.mean()
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def reference(x: FloatArray, y: FloatArray, window: int) -> FloatArray:
    needed = required_observations(window)
    full = range(window - 1, len(x))
    values = [two_pass(x[t - window + 1 : t + 1], y[t - window + 1 : t + 1], needed) for t in full]
    return np.array([np.nan] * min(window - 1, len(x)) + values)


def returns(rows: int, columns: int, seed: int = 7) -> FloatArray:
    rng = np.random.default_rng(seed)
    return 0.01 * (rng.standard_t(4, (rows, columns)) + rng.standard_t(4, (rows, 1)))


def a_mean_of_a_million_deviations(r: FloatArray) -> FloatArray:
    return r + 1e4


def one_spike(r: FloatArray) -> FloatArray:
    r[150, 0] = 1e9
    return r


def spikes_on_both_sides(r: FloatArray) -> FloatArray:
    r[150, :2] = -1e9
    r[155, 1] = 1e9
    return r


def jump_in_level(r: FloatArray) -> FloatArray:
    r[:200, 1] += 1e6
    return r


def constant_after_a_spike(r: FloatArray) -> FloatArray:
    r[100:220, 0] = 0.1
    r[120, 0] = 1e9
    return r


def gaps(r: FloatArray) -> FloatArray:
    r[np.random.default_rng(1).random(r.shape) < 0.05] = np.nan
    r[200:260] = np.nan
    return r


def late_listing_and_delisting(r: FloatArray) -> FloatArray:
    r[:150, 0] = np.nan
    r[300:, 1] = np.nan
    r[0] = np.nan
    return r


def market_closed(r: FloatArray) -> FloatArray:
    r[[50, 51, 170]] = np.nan
    return r


def infinities(r: FloatArray) -> FloatArray:
    r[77, 0], r[200, 1] = np.inf, -np.inf
    return r


def gap_hides_a_spike(r: FloatArray) -> FloatArray:
    r[150, 0] = 1e9
    r[150, 1] = np.nan
    return r


def shrinking_volatility(r: FloatArray) -> FloatArray:
    return r * np.exp(-np.arange(len(r)) / 10.0)[:, None]


HARD_CASES: list[Callable[[FloatArray], FloatArray]] = [
    a_mean_of_a_million_deviations,
    one_spike,
    spikes_on_both_sides,
    jump_in_level,
    constant_after_a_spike,
    gaps,
    late_listing_and_delisting,
    market_closed,
    infinities,
    gap_hides_a_spike,
    shrinking_volatility,
]
hard_cases = pytest.mark.parametrize("spoil", HARD_CASES, ids=lambda spoil: spoil.__name__)
windows = pytest.mark.parametrize("window", [20, 90])


@hard_cases
@windows
def test_rolling_correlation_equals_two_passes_over_every_window(
    spoil: Callable[[FloatArray], FloatArray], window: int
) -> None:
    r = spoil(returns(400, 2))
    ours, observations = rolling_correlation(r[:, 0], r[:, 1], window)
    np.testing.assert_allclose(ours, reference(r[:, 0], r[:, 1], window), rtol=0, atol=EXACT)
    joint = np.isfinite(r).all(axis=1)
    assert observations.tolist() == [int(joint[max(0, t - window + 1) : t + 1].sum()) for t in range(400)]


@hard_cases
@windows
def test_all_pairs_equal_two_passes_over_every_window(spoil: Callable[[FloatArray], FloatArray], window: int) -> None:
    r = spoil(returns(400, 5))
    expected = [reference(r[:, i], r[:, j], window) for i, j in itertools.combinations(range(5), 2)]
    sessions, ours = zip(*((s, c.copy()) for s, c in all_pairs(r, window)), strict=True)
    assert list(sessions) == list(range(window - 1, 400))
    np.testing.assert_allclose(np.array(ours), np.array(expected).T[window - 1 :], rtol=0, atol=EXACT)


@hard_cases
@windows
def test_latest_pairs_equal_the_last_session_of_all_pairs(
    spoil: Callable[[FloatArray], FloatArray], window: int
) -> None:
    r = spoil(returns(400, 5))
    for session, condensed in all_pairs(r, window):
        square = latest_pairs(r[session - window + 1 : session + 1])
        np.testing.assert_allclose(square[np.triu_indices(5, 1)], condensed, rtol=0, atol=EXACT)
        np.testing.assert_array_equal(square, square.T)
        assert set(np.diag(square)[~np.isnan(np.diag(square))]) <= {1.0}


def test_many_gappy_columns_still_give_a_symmetric_exact_matrix() -> None:
    r = gaps(returns(190, 50))[100:]
    square = latest_pairs(r)
    np.testing.assert_array_equal(square, square.T)
    expected = [[two_pass(r[:, i], r[:, j], 72) for j in range(50)] for i in range(50)]
    np.testing.assert_allclose(square, expected, rtol=0, atol=EXACT)


@pytest.mark.parametrize("gap", [0, 3])
def test_appending_a_session_equals_computing_all_sessions_anew(gap: int) -> None:
    r = returns(90 + ANCHOR_SESSIONS + 40, 30)
    r[100 : 100 + gap, 4] = np.nan
    anew = {session: correlation.copy() for session, correlation in all_pairs(r, 90)}
    pairs = RollingPairs(r[100:190])
    for session in range(190, len(r)):
        np.testing.assert_allclose(pairs.append(r[session]), anew[session], rtol=0, atol=EXACT)


def test_updates_stay_exact_through_years_of_changing_volatility() -> None:
    rng = np.random.default_rng(3)
    r = rng.standard_normal((1_500, 6)) * np.exp(np.cumsum(0.3 * rng.standard_normal((1_500, 6)), axis=0))
    pairs = list(itertools.combinations(range(6), 2))
    expected = np.array([reference(r[:, i], r[:, j], 20) for i, j in pairs])
    ours = np.array([rolling_correlation(r[:, i], r[:, j], 20)[0] for i, j in pairs])
    np.testing.assert_allclose(ours, expected, rtol=0, atol=EXACT)
    streamed = np.array([c.copy() for _, c in all_pairs(r, 20)])
    np.testing.assert_allclose(streamed, expected.T[19:], rtol=0, atol=EXACT)


def test_one_against_all_is_rolling_correlation_column_by_column() -> None:
    r = gaps(returns(400, 4))
    matrix = one_against_all(r[:, 0], r[:, 1:], 60)
    for j in range(3):
        np.testing.assert_array_equal(matrix[:, j], rolling_correlation(r[:, 0], r[:, j + 1], 60)[0])
    assert one_against_all(r[:, 0], r[:, :0], 60).shape == (400, 0)


def test_a_yielded_session_cannot_be_written_to() -> None:
    _, correlation = next(all_pairs(returns(30, 3), 20))
    with pytest.raises(ValueError, match="read-only"):
        correlation[0] = 1.0


def test_appended_row_is_copied() -> None:
    r = returns(62, 3)
    pairs = RollingPairs(r[:60])
    row = r[60].copy()
    pairs.append(row)
    row[:] = 1e9
    pairs.append(r[61])
    np.testing.assert_allclose(pairs.correlation, latest_pairs(r[2:])[np.triu_indices(3, 1)], rtol=0, atol=EXACT)


values = st.floats(-10, 10, allow_subnormal=False).map(lambda v: round(v, 6))
columns = arrays(np.float64, (40, 2), elements=st.one_of(values, st.just(np.nan)))


@given(columns)
@settings(max_examples=100, deadline=None)
def test_any_columns_equal_two_passes(r: FloatArray) -> None:
    ours, _ = rolling_correlation(r[:, 0], r[:, 1], 10)
    expected = reference(r[:, 0], r[:, 1], 10)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=EXACT)
    streamed = np.array([c[0] for _, c in all_pairs(r, 10)])
    np.testing.assert_allclose(streamed, expected[9:], rtol=0, atol=EXACT)


@given(columns)
@settings(max_examples=50, deadline=None)
def test_correlation_is_symmetric(r: FloatArray) -> None:
    there, back = rolling_correlation(r[:, 0], r[:, 1], 10), rolling_correlation(r[:, 1], r[:, 0], 10)
    np.testing.assert_array_equal(there[0], back[0])
    np.testing.assert_array_equal(there[1], back[1])


@given(columns, st.integers(-40, 40), st.sampled_from([1.0, -1.0]))
@settings(max_examples=50, deadline=None)
def test_scale_changes_nothing_and_sign_flips(r: FloatArray, exponent: int, sign: float) -> None:
    plain, _ = rolling_correlation(r[:, 0], r[:, 1], 10)
    scaled, _ = rolling_correlation(sign * 2.0**exponent * r[:, 0], r[:, 1], 10)
    np.testing.assert_allclose(scaled, sign * plain, rtol=0, atol=EXACT)


@given(columns)
@settings(max_examples=50, deadline=None)
def test_correlations_and_bands_stay_between_minus_one_and_one(r: FloatArray) -> None:
    correlation, observations = rolling_correlation(r[:, 0], r[:, 1], 10)
    low, high = confidence_band(correlation, observations, r[:, 0], r[:, 1], 10)
    known = ~np.isnan(correlation)
    assert (np.isnan(low) == ~known).all()
    assert (np.isnan(high) == ~known).all()
    assert (low[known] >= -1.0).all()
    assert (low[known] <= correlation[known] + EXACT).all()
    assert (correlation[known] <= high[known] + EXACT).all()
    assert (high[known] <= 1.0).all()


@given(st.integers(61, 299), st.sampled_from(HARD_CASES))
@settings(max_examples=60, deadline=None)
def test_appending_rows_leaves_earlier_rows_bit_identical(cut: int, spoil: Callable[[FloatArray], FloatArray]) -> None:
    r = spoil(returns(400, 3))[50:350].copy()
    whole, part = rolling_correlation(r[:, 0], r[:, 1], 60), rolling_correlation(r[:cut, 0], r[:cut, 1], 60)
    np.testing.assert_array_equal(whole[0][:cut], part[0])
    np.testing.assert_array_equal(whole[1][:cut], part[1])
    whole_band = confidence_band(*whole, r[:, 0], r[:, 1], 60)
    part_band = confidence_band(*part, r[:cut, 0], r[:cut, 1], 60)
    np.testing.assert_array_equal(whole_band[0][:cut], part_band[0])
    np.testing.assert_array_equal(whole_band[1][:cut], part_band[1])
    streamed = [c.copy() for _, c in all_pairs(r, 60)]
    streamed_part = [c.copy() for _, c in all_pairs(r[:cut], 60)]
    np.testing.assert_array_equal(streamed[: len(streamed_part)], streamed_part)


def test_constant_windows_have_no_correlation_even_where_the_mean_rounds() -> None:
    r = returns(200, 2)
    r[50:150, 0] = 0.1
    correlation, _ = rolling_correlation(r[:, 0], r[:, 1], 30)
    assert np.isnan(correlation[79:150]).all()
    assert not np.isnan(correlation[150:]).any()


def test_a_window_longer_than_the_history_is_all_missing() -> None:
    r = returns(50, 3)
    correlation, observations = rolling_correlation(r[:, 0], r[:, 1], 60)
    assert np.isnan(correlation).all()
    assert observations[-1] == 50
    assert list(all_pairs(r, 60)) == []
    low, high = confidence_band(correlation, observations, r[:, 0], r[:, 1], 60)
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_an_empty_history_gives_empty_results() -> None:
    nothing = np.empty(0)
    correlation, observations = rolling_correlation(nothing, nothing, 60)
    assert correlation.size == observations.size == 0
    assert confidence_band(correlation, observations, nothing, nothing, 60)[0].size == 0


@pytest.mark.parametrize(("window", "needed"), [(3, 3), (5, 4), (20, 16), (60, 48), (90, 72), (252, 202)])
def test_four_fifths_of_the_window_are_needed_by_default(window: int, needed: int) -> None:
    assert required_observations(window) == needed


V = np.zeros(10)
BAD_CALLS: list[tuple[Callable[[], object], str]] = [
    (lambda: rolling_correlation(V, V[:9], 5), "equal length"),
    (lambda: rolling_correlation(V.reshape(5, 2), V.reshape(5, 2), 5), "one-dimensional"),
    (lambda: rolling_correlation(V, V, 2), "window must be at least 3"),
    (lambda: rolling_correlation(V, V, 5, 6), "between 3 and the window"),
    (lambda: rolling_correlation(V, V, 5, 2), "between 3 and the window"),
    (lambda: one_against_all(V, V, 5), "two-dimensional"),
    (lambda: all_pairs(V, 5), "two-dimensional"),
    (lambda: all_pairs(V.reshape(5, 2), 2), "window must be at least 3"),
    (lambda: latest_pairs(V), "two-dimensional"),
    (lambda: latest_pairs(V.reshape(2, 5)), "window must be at least 3"),
    (lambda: RollingPairs(V.reshape(5, 2)).append(V), "shape"),
    (lambda: confidence_band(V, V[:9].astype(int), V, V, 5), "one value per row"),
    (lambda: confidence_band(V, V.astype(int), V, V, 5, level=1.0), "level"),
    (lambda: confidence_band(V, V.astype(int), V, V, 2), "window must be at least 3"),
]


@pytest.mark.parametrize(("call", "reason"), BAD_CALLS)
def test_bad_input_says_what_is_wrong(call: Callable[[], object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        call()


def test_a_perfect_correlation_is_certain() -> None:
    x = returns(100, 1)[:, 0]
    correlation, observations = rolling_correlation(x, -2 * x, 20)
    low, high = confidence_band(correlation, observations, x, -2 * x, 20)
    np.testing.assert_allclose(low[19:], -1.0, atol=EXACT)
    np.testing.assert_allclose(high[19:], -1.0, atol=EXACT)


def test_a_higher_level_gives_a_wider_band() -> None:
    r = returns(300, 2)
    correlation, observations = rolling_correlation(r[:, 0], r[:, 1], 60)
    narrow = confidence_band(correlation, observations, r[:, 0], r[:, 1], 60, level=0.8)
    wide = confidence_band(correlation, observations, r[:, 0], r[:, 1], 60, level=0.99)
    assert (wide[0][59:] < narrow[0][59:]).all()
    assert (wide[1][59:] > narrow[1][59:]).all()


def test_one_bad_tick_makes_its_windows_say_nothing_and_later_ones_little_less() -> None:
    r = returns(600, 2)
    clean = _width(r)
    r[200] = 1e9
    spoilt = _width(r)
    assert (spoilt[200:260] > 1.9).all()
    assert (spoilt[260:] < 2.0 * clean[260:]).all()


def _width(r: FloatArray) -> FloatArray:
    correlation, observations = rolling_correlation(r[:, 0], r[:, 1], 60)
    low, high = confidence_band(correlation, observations, r[:, 0], r[:, 1], 60)
    return high - low


def _normal(rng: np.random.Generator, rho: float, rows: int) -> FloatArray:
    e = rng.standard_normal((rows, 2))
    e[:, 1] = rho * e[:, 0] + np.sqrt(1 - rho**2) * e[:, 1]
    return e


def _student(rng: np.random.Generator, rho: float, rows: int) -> FloatArray:
    return _normal(rng, rho, rows) * np.sqrt(4 / rng.chisquare(4, (rows, 1)))


def _autoregressive(rng: np.random.Generator, rho: float, rows: int) -> FloatArray:
    e = _normal(rng, rho, rows)
    for t in range(1, rows):
        e[t] += 0.3 * e[t - 1]
    return e


def _garch(rng: np.random.Generator, rho: float, rows: int) -> FloatArray:
    e = _normal(rng, rho, rows) * np.sqrt(4 / rng.chisquare(6, (rows, 1)))
    variance = 1.0
    for t in range(rows):
        e[t] *= np.sqrt(variance)
        variance = 0.02 + 0.04 * float(e[t] @ e[t]) + 0.9 * variance
    return e


@pytest.mark.parametrize("draw", [_normal, _student, _autoregressive, _garch])
@pytest.mark.parametrize(("rho", "window"), [(0.0, 20), (0.55, 60), (-0.5, 252)])
def test_a_nominal_95_percent_band_covers_the_truth_about_as_often(
    draw: Callable[[np.random.Generator, float, int], FloatArray], rho: float, window: int
) -> None:
    rng = np.random.default_rng(42)
    covered: list[bool] = []
    for _ in range(60):
        r = draw(rng, rho, 700)
        correlation, observations = rolling_correlation(r[:, 0], r[:, 1], window)
        low, high = confidence_band(correlation, observations, r[:, 0], r[:, 1], window)
        ends = slice(window - 1, None, window)
        covered.extend((low[ends] <= rho) & (rho <= high[ends]))
    # The promise is 93 to 97%; the margin is two standard errors of this small simulation.
    error = 2 * np.sqrt(0.05 * 0.95 / len(covered))
    assert 0.93 - error <= np.mean(covered) <= 0.97 + error
