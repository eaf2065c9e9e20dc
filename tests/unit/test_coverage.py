"""A short, seeded slice of `benchmarks/coverage.py`: what the page claims comes true as often as it says."""

from __future__ import annotations

import numpy as np

from benchmarks import coverage
from benchmarks.figures import Figure


def told(figures: list[Figure], *parts: str) -> float:
    """The one figure whose name holds all parts."""
    (value,) = (figure["value"] for figure in figures if all(part in figure["name"] for part in parts))
    return value


def test_correlation_bands_hold_a_correlation_that_moves() -> None:
    figures = list(coverage.bands(6))
    for window in (20, 60):
        for scenario in coverage.SCENARIOS:  # a promise of 93 to 97%, and two standard errors of 200 to 600 windows
            assert 0.90 <= told(figures, f"band, {window} sessions", scenario) <= 0.995


def test_chances_of_catching_up_come_true_as_often_as_they_say() -> None:
    figures = list(coverage.signal(12, 21))
    for model in ("by the model", "at the end, by the size of the gap", "within, by the size of the gap"):
        assert 0.6 <= told(figures, model, "slope") <= 1.4  # a promise of 0.8 to 1.2, of many more markets


def test_a_boast_is_told_from_a_chance() -> None:
    """The measure itself: chances twice as far from even odds as they should be."""
    rng = np.random.default_rng(5)
    log_odds = rng.standard_normal(20_000)
    came = (rng.random(20_000) < 1 / (1 + np.exp(-log_odds))).astype(float)
    bold = coverage.Issued(1 / (1 + np.exp(-2 * log_odds)), came)
    assert 0.45 < told(list(coverage.calibration("bold", [bold])), "slope") < 0.55
