"""The studies on whole nightlies: what was known stays, what is published agrees with independent arithmetic."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.catalog import load_catalog
from assets.studies import PATH, StudiesError, load_studies
from pipelines.settings import Settings
from tests.conftest import AsOfRun, mart

EVENT = ["benchmark", "asset", "session"]
FORECAST = ["session", "horizon_sessions"]
OUTCOME = ["resolved_on", "made_up", "caught_up", "caught_up_within"]
WHEN = [("sample_home", date(2025, 3, 14)), ("sample_home", date(2025, 12, 12)), ("history_home", date(2025, 12, 12))]


@pytest.fixture(scope="module", params=WHEN, ids=lambda p: f"{p[0]}-{p[1]}")
def homes(request: pytest.FixtureRequest, as_of_run: AsOfRun) -> tuple[Settings, Settings]:
    """The marts as of an earlier day, and those of today."""
    name, as_of = request.param
    later: Settings = request.getfixturevalue(name)
    return as_of_run(later, as_of), later


def pairs(homes: tuple[Settings, Settings], name: str, key: list[str]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One mart as of the earlier day, and today's rows of that mart up to then, in the same order."""
    early, later = (mart(settings, name).sort(key).drop("as_of") for settings in homes)
    later = later.filter(pl.col("session") <= homes[0].as_of)
    assert not early.is_empty()
    return early, later


def test_an_event_gains_values_and_none_that_it_has_ever_changes(homes: tuple[Settings, Settings]) -> None:
    early, later = pairs(homes, "breakout_events", EVENT)
    assert_frame_equal(early.select(EVENT), later.select(EVENT))
    for column in early.columns:
        known = early[column].is_not_null()
        assert_frame_equal(early.filter(known).select(column), later.filter(known).select(column), check_exact=True)


def test_an_event_knows_all_that_could_be_known(homes: tuple[Settings, Settings]) -> None:
    early, later = pairs(homes, "breakout_events", EVENT)
    days = mart(homes[1], "relative_strength")["session"].unique().sort()
    days = days.filter(days <= homes[0].as_of)
    passed = len(days) - 1 - days.search_sorted(early["session"])
    for horizon in (5, 21, 63, 126):
        due = pl.Series(passed >= horizon)
        column = f"forward_return_{horizon}d"
        assert early[column].is_not_null().equals(due & later[column].is_not_null(), check_names=False)
    assert early["followed"].filter(pl.Series(passed >= 126)).is_not_null().all()


def test_a_forecast_is_recomputed_as_it_was_issued(homes: tuple[Settings, Settings]) -> None:
    early, later = pairs(homes, "recoupling_signal", FORECAST)
    assert_frame_equal(early.drop(OUTCOME), later.drop(OUTCOME), check_exact=True)
    resolved = pl.col("resolved_on") <= homes[0].as_of
    assert_frame_equal(early.drop_nulls("resolved_on"), later.filter(resolved), check_exact=True)


def test_the_scorecard_of_a_day_scores_what_had_ended_by_then(homes: tuple[Settings, Settings]) -> None:
    early, later = homes
    ended = mart(later, "recoupling_signal").filter(pl.col("resolved_on") <= early.as_of)
    losses = (pl.col("probability_catch_up") - pl.col("caught_up").cast(pl.Float64)) ** 2
    usual = (pl.col("base_rate") - pl.col("caught_up").cast(pl.Float64)) ** 2
    expected = (
        ended.group_by("horizon_sessions")
        .agg(
            forecasts=pl.len().cast(pl.Int64),
            brier_score=losses.mean(),
            brier_skill=1 - losses.sum() / usual.sum(),
            last_session=pl.col("session").max(),
        )
        .sort("horizon_sessions")
    )
    card = mart(early, "signal_scorecard").filter(model="signal").sort("horizon_sessions")
    assert_frame_equal(card.select(expected.columns), expected, rel_tol=1e-9)


def test_skill_is_claimed_only_where_its_interval_lies_above_zero(homes: tuple[Settings, Settings]) -> None:
    for row in mart(homes[1], "signal_scorecard").iter_rows(named=True):
        assert ("Beats the base rate" in row["reading"]) == (row["brier_skill_ci95_low"] > 0)
        foresight = row["brier_skill_random_walk_ci95_low"] > 0
        assert ("more than the size of the gap" in row["reading"]) == foresight
        if not foresight:
            assert "no foresight" in row["reading"] or "No skill" in row["reading"]


def test_the_study_of_a_day_is_the_mean_of_what_its_events_knew(homes: tuple[Settings, Settings]) -> None:
    events, study = mart(homes[0], "breakout_events"), mart(homes[0], "breakout_study")
    for row in study.iter_rows(named=True):
        quiet = int(row["condition"].removeprefix("quiet_"))
        returns = events.filter(
            pl.col("sessions_since_previous_record") > quiet, benchmark=row["benchmark"], asset=row["asset"]
        )[f"forward_return_{row['horizon_sessions']}d"].drop_nulls()
        assert row["events"] == len(returns)
        assert row["mean_return"] == (pytest.approx(returns.mean()) if len(returns) else None)
        assert row["hit_rate"] == (pytest.approx((returns > 0).mean()) if len(returns) else None)


def test_lag_zero_is_the_correlation_of_the_same_day(homes: tuple[Settings, Settings]) -> None:
    rolling = mart(homes[0], "rolling_correlations").filter(window_sessions=252)
    newest = rolling.sort("session").group_by("pair").last().select("pair", "session", rolling="correlation")
    same_day = mart(homes[0], "lead_lag").filter(window_sessions=252, lag_sessions=0)
    joined = same_day.join(newest, left_on=["pair", "last_session"], right_on=["pair", "session"])
    assert joined.height >= 6
    np.testing.assert_allclose(joined["correlation"], joined["rolling"], atol=1e-9)


def test_the_note_about_closing_times_stands_where_bitcoin_seems_to_lead(homes: tuple[Settings, Settings]) -> None:
    noted = mart(homes[0], "lead_lag").drop_nulls("note")
    assert set(noted["lag_sessions"]) == {-1}
    assert "BTC-USD/^RUT" in noted["pair"] and "BTC-USD/ETH-USD" not in noted["pair"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('assets = ["BTC-USD"', 'assets = ["BTC-EUR"', "breakouts.assets names BTC-EUR, which is no symbol"),
        ('benchmark = "^RUT"', 'benchmark = "IWM"', "recoupling is about BTC-USD/IWM, which is no pair"),
        ("max_lag_sessions = 20", "max_lag_session = 20", "lead_lag.max_lag_session: extra inputs"),
        ("draws = 399", "draws = 1", "lead_lag.draws: input should be greater"),
        ("[lead_lag]", "[lead_lag", "line"),
    ],
)
def test_a_typo_in_the_studies_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = PATH.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "studies.toml").write_text(text.replace(old, new))
    with pytest.raises(StudiesError, match=r"studies\.toml: ") as caught:
        load_studies(load_catalog(), tmp_path / "studies.toml")
    assert said in str(caught.value)
