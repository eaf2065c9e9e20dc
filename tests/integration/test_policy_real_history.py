"""Policy, liquidity and the claims on the real history, against published figures and independent arithmetic."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.marts.claims import CLAIMS
from assets.reference.fomc_calendar import load_fomc_calendar
from pipelines.settings import Settings
from quant.fedwatch import rate_path
from tests.conftest import ARTICLE_DAY, mart

PROGRAM = "reserve_management_2025"


@pytest.fixture
def served(history_home: Settings) -> Iterator[duckdb.DuckDBPyConnection]:
    """The serving database of today's run, as any DuckDB client opens it."""
    with duckdb.connect(str(history_home.tree / "serving.duckdb"), read_only=True) as connection:
        yield connection


# ------------------------------------------------------------------ decisions
def test_every_decision_has_the_count_of_its_year_and_the_published_cycle(
    history_home: Settings, history: Path
) -> None:
    published = pl.read_csv(history / "fomc_meetings.csv", try_parse_dates=True).sort("meeting_end_date")
    found = mart(history_home, "fed_decisions").sort("meeting_date")
    assert found.height == published.height
    year = pl.col("meeting_end_date").dt.year()
    counts = published.select(
        cuts_this_year=(pl.col("decision") == "cut").cast(pl.Int64).cum_sum().over(year),
        hikes_this_year=(pl.col("decision") == "hike").cast(pl.Int64).cum_sum().over(year),
    )
    assert_frame_equal(found.select(counts.columns), counts)
    starts = found.filter(pl.col("cycle") != "hold").select("cycle", "cycle_start").unique().sort("cycle_start").rows()
    assert starts == [
        ("tightening", date(2015, 12, 16)),
        ("easing", date(2019, 7, 31)),
        ("tightening", date(2022, 3, 16)),
        ("easing", date(2024, 9, 18)),
    ]
    newest = found.filter(meeting_date=date(2025, 12, 10)).select("cuts_this_year", "cycle", "cumulative_change_bp")
    assert newest.row(0) == (3, "easing", -175.0)


def test_the_days_since_the_first_cut_are_counted(history_home: Settings) -> None:
    state = mart(history_home, "policy_state")
    found = dict(state.select("session", "days_since_first_cut").iter_rows())
    assert found[ARTICLE_DAY] == (ARTICLE_DAY - date(2024, 9, 18)).days
    assert found[date(2024, 9, 18)] is None  # the decision is in force from the next day
    assert found[date(2024, 9, 19)] == 1


# ------------------------------------------------------------------ the rate path
def test_the_recorded_settlements_give_the_published_probabilities(history: Path) -> None:
    recordings = history.parent / "recordings" / "cme"
    if not recordings.exists():
        pytest.skip("no recordings beside the real history")
    body = {path.name.split("_")[0]: json.loads(json.loads(path.read_text())["response"]["body"])
            for path in recordings.glob("*.json")}  # fmt: skip
    curve = {
        datetime.strptime(line["month"].title(), "%b %y").date(): float(line["settle"])
        for line in body["settlements"]["settlements"]
        if line["month"] != "Total"
    }
    meetings = load_fomc_calendar().meetings()["meeting_date"].to_list()
    path = rate_path(curve, meetings, date(2026, 9, 18), (3.75, 4.0))
    found = {m.meeting_date.isoformat(): m for m in path.meetings}
    for meeting, outcomes in body["EXPECTED"]["meetings"].items():
        for target, percent in outcomes.items():
            lower = float(target.split("-")[0])
            assert 100 * found[meeting].probability(lower) == pytest.approx(percent, abs=0.1)


def test_the_path_of_the_articles_day_ends_at_the_missing_contract(history_home: Settings) -> None:
    rows = mart(history_home, "rate_path").filter(observed_on=ARTICLE_DAY)
    assert rows.height == 1
    assert rows["expected_rate_pct"][0] is None
    assert "January 2026" in rows["path_ends"][0]


@pytest.mark.parametrize(
    ("meeting", "decided_bp"), [(date(2017, 11, 1), 0), (date(2018, 8, 1), 0), (date(2022, 11, 2), 75)]
)
def test_a_meeting_early_in_a_month_is_priced_from_the_rate_in_force(
    history_home: Settings, meeting: date, decided_bp: float
) -> None:
    on_the_day = mart(history_home, "rate_path").filter(observed_on=meeting, meeting_date=meeting)
    assert on_the_day["change_bp"].item() == pytest.approx(decided_bp, abs=2)


def test_the_path_starts_at_the_effective_rate(history_home: Settings, history: Path) -> None:
    fred = pl.read_parquet(history / "fred.parquet").filter(series_id="DFF")
    path = mart(history_home, "rate_path").drop_nulls("expected_rate_pct").sort("observed_on", "meeting_date")
    starts = (
        path.group_by("observed_on", maintain_order=True)
        .first()
        .join(fred.select(observed_on="date", effective="value"), on="observed_on")
        .with_columns(miss_bp=100 * (pl.col("rate_before_pct") - pl.col("effective")).abs())
    )
    early = starts.filter(pl.col("meeting_date").dt.day() <= 3)
    assert early.height > 300
    assert early["miss_bp"].mean() < 1.5  # type: ignore[operator]
    under_way = early.filter(pl.col("meeting_date").dt.month_start() == pl.col("observed_on").dt.month_start())
    assert under_way.height == 20
    assert under_way["miss_bp"].mean() < 0.5  # type: ignore[operator]
    assert starts["miss_bp"].mean() < 1  # type: ignore[operator]


def test_no_path_of_history_gives_a_chance_to_a_range_below_zero(history_home: Settings) -> None:
    assert mart(history_home, "rate_path_probabilities")["target_lower_pct"].min() == 0


def test_probabilities_and_path_say_the_same(history_home: Settings) -> None:
    path = mart(history_home, "rate_path").drop_nulls("expected_rate_pct").sort("observed_on", "meeting_date")
    likely = (
        mart(history_home, "rate_path_probabilities")
        .group_by("observed_on", "meeting_date")
        .agg(total=pl.col("probability").sum(), top=pl.col("probability").max())
        .sort("observed_on", "meeting_date")
    )
    assert likely.height == path.height
    assert (likely["total"] - 1).abs().max() < 1e-9  # type: ignore[operator]
    assert likely["top"].equals(path["most_likely_probability"])


def test_the_committee_mostly_did_what_futures_expected_the_day_before(history_home: Settings) -> None:
    path = mart(history_home, "rate_path").drop_nulls("expected_rate_pct")
    eve = path.filter((pl.col("meeting_date") - pl.col("observed_on")).dt.total_days() == 1)
    decided = mart(history_home, "fed_decisions").select("meeting_date", "target_lower_pct", "target_upper_pct")
    joint = eve.join(decided, on="meeting_date")
    hit = (joint["most_likely_lower_pct"] - joint["target_lower_pct"]).abs() < 1e-9
    assert joint.height > 70
    assert hit.mean() > 0.95  # type: ignore[operator]


# ------------------------------------------------------------------ purchases
def test_the_first_bill_purchase_is_as_published(history_home: Settings) -> None:
    first = mart(history_home, "treasury_purchases").filter(program=PROGRAM).sort("operation_date").row(0, named=True)
    assert (first["operation_date"], first["settlement_date"]) == (ARTICLE_DAY, date(2025, 12, 15))
    assert (first["submitted_usd_bn"], first["accepted_usd_bn"]) == (27.458, 8.167)
    assert first["includes_agency_reinvestment"]


def test_cumulative_amounts_equal_an_independent_sum(history_home: Settings, history: Path) -> None:
    operations = pl.read_parquet(history / "treasury_operations.parquet").filter(
        pl.col("operation_type") == "Outright Bill Purchase", pl.col("operation_date") >= ARTICLE_DAY
    )
    found = mart(history_home, "treasury_purchases").filter(program=PROGRAM).sort("operation_date", "operation_id")
    expected = operations.sort("operation_date", "operation_id")["accepted_usd_billions"].cum_sum()
    assert found["program_cumulative_usd_bn"].to_list() == pytest.approx(expected.to_list())
    total = mart(history_home, "fed_programs").filter(program=PROGRAM)
    assert total["accepted_usd_bn"].item() == pytest.approx(expected[-1])


def test_the_first_weeks_rise_of_bills_is_what_settled(history_home: Settings) -> None:
    bills = dict(mart(history_home, "fed_liquidity").select("date", "bills_usd_bn").iter_rows())
    settled = mart(history_home, "treasury_purchases").filter(
        pl.col("program") == PROGRAM, pl.col("settlement_date").is_between(date(2025, 12, 11), date(2025, 12, 17))
    )
    assert settled.height == 2
    assert settled["accepted_usd_bn"].sum() == pytest.approx(14.968, abs=1e-9)
    assert bills[date(2025, 12, 17)] - bills[date(2025, 12, 10)] == pytest.approx(14.968, abs=1e-9)


# ------------------------------------------------------------------ studies
def test_returns_after_first_cuts_agree_with_the_closes(history_home: Settings, history: Path) -> None:
    prices = pl.read_parquet(history / "prices.parquet")
    closes = {
        symbol: prices.filter(pl.col("symbol") == symbol, pl.col("date") >= date(1995, 7, 6)).sort("date")["close"]
        for symbol in ("^RUT", "^GSPC")
    }
    change = {symbol: close[63] / close[0] - 1 for symbol, close in closes.items()}
    row = mart(history_home, "easing_cycle_study").filter(
        cycle_start=date(1995, 7, 6), symbol="^RUT", horizon_sessions=63
    )
    assert row["return_since_first_cut"].item() == pytest.approx(change["^RUT"])
    assert row["return_relative_to_large_caps"].item() == pytest.approx(change["^RUT"] - change["^GSPC"])


def test_every_first_cut_since_1990_is_studied(history_home: Settings) -> None:
    study = mart(history_home, "easing_cycle_study").filter(symbol="^RUT", horizon_sessions=252)
    assert sorted(study["cycle_start"].dt.year()) == [1995, 1998, 2001, 2007, 2019, 2024]


def test_the_baseline_of_a_programme_is_the_assets_own_past(history_home: Settings, history: Path) -> None:
    row = (
        mart(history_home, "liquidity_study")
        .filter(program="covid", symbol="BTC-USD", horizon_sessions=126)
        .row(0, named=True)
    )
    state = mart(history_home, "market_state")
    sessions = state.filter(symbol="^GSPC")["session"].implode()
    bitcoin = state.filter(pl.col("symbol") == "BTC-USD", pl.col("session").is_in(sessions)).sort("session")
    known = bitcoin.filter(pl.col("session") <= row["available_on"])["close"]
    changes = (known.shift(-126) / known - 1).drop_nulls()
    assert row["forward_return"] == pytest.approx(changes[-1])
    assert row["baseline_observations"] == len(changes)
    assert row["baseline_mean_return"] == pytest.approx(changes.mean())
    assert row["percentile_of_baseline"] == pytest.approx((changes < changes[-1] - 1e-12).mean())


def test_what_is_not_significant_is_called_so(history_home: Settings) -> None:
    found = mart(history_home, "rate_sensitivity")
    assert (found.filter(pl.col("ci95_low") < 0, pl.col("ci95_high") > 0)["finding"] == "not_significant").all()
    assert {"all", "fomc"} == set(found["days"])


# ------------------------------------------------------------------ claims
def test_every_claim_has_a_verdict_for_its_day_and_for_today(history_home: Settings) -> None:
    ledger = mart(history_home, "claims")
    today = ledger["as_of"][0]
    assert ledger.select("claim_id", "measured_on").rows() == sorted(
        (claim.id, day) for claim in CLAIMS for day in claim.days(today)
    )
    assert set(ledger.filter(kind="dated_event")["measured_on"]) == {ARTICLE_DAY}
    assert set(ledger["measured_on"]) == {ARTICLE_DAY, today}


def test_the_evidence_of_every_claim_returns_its_value_in_any_client(
    served: duckdb.DuckDBPyConnection, history_home: Settings
) -> None:
    views = {name for (name,) in served.execute("select view_name from duckdb_views() where not internal").fetchall()}
    reads = {claim.id: set(claim.reads) for claim in CLAIMS}
    for row in mart(history_home, "claims").iter_rows(named=True):
        if not reads[row["claim_id"]] <= views:
            assert row["verdict"] == "unknown"
            continue
        pasted = served.execute(row["evidence"]).fetchall()
        value = pasted[0][0] if pasted else None
        assert value == pytest.approx(row["measured_value"]), row["claim_id"]


def test_what_is_measured_for_the_articles_day_was_measurable_on_it(article: Settings, history_home: Settings) -> None:
    then = mart(article, "claims").drop("as_of")
    now = mart(history_home, "claims").filter(measured_on=ARTICLE_DAY).drop("as_of")
    assert_frame_equal(then, now, check_exact=True)


@pytest.mark.parametrize(
    ("claim", "measured", "verdict"),
    [
        ("bitcoin_level", 92400, "holds"),
        ("bitcoin_below_peak", -0.27, "holds"),
        ("bitcoin_peak_level", 126198.07, "holds"),
        ("russell_2000_record", 0, "holds"),
        ("sp_500_record", 0, "holds"),
        ("dow_record", 0, "holds"),
        ("silver_record", 0, "holds"),
        ("nasdaq_100_just_below_peak", -0.0166, "holds"),
        ("joint_peak_november_2021", 0, "holds"),
        ("joint_peak_november_2024", -0.0148, "holds"),
        ("joint_peak_october_2025", 0, "holds"),
        ("cut_of_25_bp", -25, "holds"),
        ("third_cut_of_the_year", 3, "holds"),
        ("first_bill_purchase", 8.167, "holds"),
        ("programme_of_40_bn_announced", 40, "holds"),
        ("another_50_bp_priced", None, "unknown"),
        ("another_50_bp_in_the_contract", -53.5, "holds"),
        ("programme_of_40_bn_bought", None, "unknown"),
        ("russell_2000_earnings_growth_2026", None, "unknown"),
        ("programmes_supported_prices", 0.5969, "not_shown"),
        ("small_caps_more_rate_sensitive_than_sp_500", 4.4458, "fails"),
        ("small_caps_more_rate_sensitive_than_megacaps", -0.1241, "fails"),
        ("breakouts_almost_always_followed", 0.6429, "fails"),
    ],
)
def test_the_articles_claims_read_as_measured(
    history_home: Settings, claim: str, measured: float | None, verdict: str
) -> None:
    row = mart(history_home, "claims").filter(claim_id=claim, measured_on=ARTICLE_DAY).row(0, named=True)
    assert row["verdict"] == verdict
    assert row["measured_value"] == (None if measured is None else pytest.approx(measured, abs=5e-3, rel=1e-4))
