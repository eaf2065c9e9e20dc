"""How often the claims about an effect would hold where there is none: the number each of them states."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assets.claims import load_claims
from pipelines.settings import Settings
from quant.events import forward_returns, within
from quant.regression import hac_slope
from quant.verdicts import LARGEST_CHANCE, verdict
from tests.conftest import mart

DRAWS = 4_000
EFFECTS = {claim.id: claim for claim in load_claims() if claim.chance_without_effect is not None}


class History:
    """Prices on the sessions of the S&P 500, and what the marts studied."""

    def __init__(self, home: Settings, fred: Path) -> None:
        self.home = home
        state = mart(home, "market_state")
        self.state = state
        self.sessions = state.filter(symbol="^GSPC").select("session").sort("session")
        self.yields = pl.read_parquet(fred).filter(series_id="DGS2").select(session="date", rate="value")

    def price(self, symbol: str) -> np.ndarray:
        own = self.state.filter(symbol=symbol).select("session", "close")
        return self.sessions.join(own, on="session", how="left").sort("session")["close"].fill_null(np.nan).to_numpy()

    def since(self, first: date) -> np.ndarray:
        return (self.sessions.sort("session")["session"] >= first).to_numpy()


@pytest.fixture(scope="module")
def past(history_home: Settings, history: Path) -> History:
    return History(history_home, history / "fred.parquet")


def purchase_programmes(past: History, rng: np.random.Generator) -> list[float]:
    """Mean percentiles of programmes that begin on any day; Bitcoin's cases share the days of the S&P 500's."""
    studied = mart(past.home, "liquidity_study").filter(
        pl.col("program") != "reserve_management_2025", horizon_sessions=126
    )
    of_bitcoin, of_stocks = (studied.filter(symbol=s).height for s in ("BTC-USD", "^GSPC"))
    bitcoin, stocks = (_percentiles(forward_returns(past.price(s), 126)) for s in ("BTC-USD", "^GSPC"))
    anywhere, with_bitcoin = np.flatnonzero(np.isfinite(stocks)), np.flatnonzero(np.isfinite(bitcoin))
    means = []
    for _ in range(DRAWS):
        shared = rng.choice(with_bitcoin, of_bitcoin)
        days = np.append(shared, rng.choice(anywhere, of_stocks - of_bitcoin))
        means.append(float(np.append(stocks[days], bitcoin[shared]).mean()))
    return means


def _percentiles(outcome: np.ndarray) -> np.ndarray:
    known = np.isfinite(outcome)
    ranks = np.full(len(outcome), np.nan)
    ranks[known] = np.searchsorted(np.sort(outcome[known]), outcome[known]) / known.sum()
    return ranks


def first_cuts(past: History, rng: np.random.Generator) -> np.ndarray:
    """Returns of small caps against large caps after as many days as there were first cuts, any days since 1990."""
    cuts = mart(past.home, "easing_cycle_study").filter(symbol="^RUT", horizon_sessions=63).height
    against = forward_returns(past.price("^RUT"), 63) - forward_returns(past.price("^GSPC"), 63)
    days = np.flatnonzero(np.isfinite(against) & past.since(date(1990, 1, 1)))
    return against[rng.choice(days, (DRAWS, cuts))]


def lead_early(past: History, rng: np.random.Generator) -> list[float]:
    return [float(drawn.mean()) for drawn in first_cuts(past, rng)]


def lead_mostly(past: History, rng: np.random.Generator) -> list[float]:
    return [float((drawn > 0).mean()) for drawn in first_cuts(past, rng)]


def rate_sensitivity(large: str) -> Callable[[History, np.random.Generator], list[float]]:
    """The weaker t of both samples when returns are laid beside the yield changes of another time."""

    def draw(past: History, rng: np.random.Generator) -> list[float]:
        rates = past.sessions.join(past.yields, on="session", how="left").sort("session")["rate"]
        chosen = past.since(date(1990, 1, 1))
        change = np.diff(rates.fill_null(np.nan).to_numpy(), prepend=np.nan)[chosen]
        small, big = (np.diff(np.log(past.price(s)), prepend=np.nan)[chosen] for s in ("^RUT", large))
        found = []
        for shift in rng.integers(250, len(change) - 250, 300):
            moved = np.roll(change, int(shift))
            slopes = [hac_slope((small - big)[rows], moved[rows]) for rows in (slice(None), slice(-1260, None))]
            found.append(max(s.t_statistic for s in slopes if s))
        return found

    return draw


def breakouts(past: History, rng: np.random.Generator) -> list[float]:
    """Shares of followed breakouts when they are moved around the sample together."""
    events = mart(past.home, "breakout_events").filter(benchmark="^RUT", asset="BTC-USD").drop_nulls("followed")
    begun = past.since(date(2014, 9, 17))
    days = past.sessions.sort("session")["session"].filter(begun)
    records = past.state.filter(pl.col("is_record_close"), symbol="BTC-USD")["session"].sort()
    marks = np.unique(days.search_sorted(records).to_numpy().astype(np.int64))
    followed = within(np.arange(len(days)), marks, 126, len(days))[: len(days) - 126]
    rows = days.search_sorted(events["session"]).to_numpy()
    shifts = rng.integers(0, len(followed), DRAWS)
    return [float(followed[(rows + shift) % len(followed)].mean()) for shift in shifts]


WITHOUT_EFFECT: dict[str, Callable[[History, np.random.Generator], list[float]]] = {
    "breakouts_almost_always_followed": breakouts,
    "programmes_supported_prices": purchase_programmes,
    "small_caps_lead_early_in_easing": lead_early,
    "small_caps_lead_in_most_easing_cycles": lead_mostly,
    "small_caps_more_rate_sensitive_than_megacaps": rate_sensitivity("^NDX"),
    "small_caps_more_rate_sensitive_than_sp_500": rate_sensitivity("^GSPC"),
}


def test_every_claim_about_an_effect_is_simulated_without_it() -> None:
    assert set(WITHOUT_EFFECT) == set(EFFECTS)


@pytest.mark.parametrize("name", sorted(WITHOUT_EFFECT))
def test_a_claim_states_how_often_its_rule_is_kept_without_any_effect(past: History, name: str) -> None:
    claim = EFFECTS[name]
    found = WITHOUT_EFFECT[name](past, np.random.default_rng(20251212))
    kept = np.mean([verdict(claim.claimed_value, v, claim.tolerance, claim.comparison) == "holds" for v in found])
    assert claim.chance_without_effect == pytest.approx(kept, abs=0.04)


@pytest.mark.parametrize("name", sorted(WITHOUT_EFFECT))
def test_nothing_holds_that_chance_gives_as_often(history_home: Settings, name: str) -> None:
    verdicts = mart(history_home, "claims").filter(claim_id=name)["verdict"]
    if (EFFECTS[name].chance_without_effect or 0) > LARGEST_CHANCE:
        assert set(verdicts) <= {"not_shown", "fails", "unknown"}


def test_the_breakout_claim_shows_its_base_rate_and_its_answer_under_other_quiets(history_home: Settings) -> None:
    row = mart(history_home, "claims").filter(claim_id="breakouts_almost_always_followed")[-1].row(0, named=True)
    events = mart(history_home, "breakout_events").filter(
        pl.col("session") <= row["measured_on"] - pl.duration(days=190), benchmark="^RUT", asset="BTC-USD"
    )
    for quiet in (20, 63, 252):
        own = events.filter(pl.col("sessions_since_previous_record") > quiet)
        assert f"{100 * own['followed'].mean():.0f}% of {own.height}" in row["context"]  # type: ignore[operator]
    newest = events.sort("session")["any_day_follow_rate"][-1]
    assert row["context"].endswith(f"any day: {100 * newest:.0f}%")
