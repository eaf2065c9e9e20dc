"""The whole nightly on the simulated market and on folders made from it."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from assets.contracts import MARTS
from assets.contracts.quality import DataQuality
from assets.framework.contract import Mart
from pipelines.cli.runs import run_job
from pipelines.settings import Settings
from tests.conftest import AsOfRun, mart, succeed

CAUSAL = {
    "market_state": "session",
    "rolling_correlations": "session",
    "correlation_regimes": "session",
    "relative_strength": "session",
    "pair_day": "session",
    "fed_decisions": "meeting_date",
    "policy_state": "session",
    "implied_rates": "observed_on",
    "rate_path": "observed_on",
    "rate_path_probabilities": "observed_on",
    "fed_liquidity": "available_on",
    "treasury_purchases": "operation_date",
    "etf_flows": "available_on",
    "easing_cycle_study": "available_on",
    "rate_sensitivity": "available_on",
    "liquidity_study": "available_on",
    "peak_pairs": "confirmed_on",
}
"""Marts whose rows never change once they are known, with the column that says since when they are."""


_AGREED_AND_DUE_LATER = {
    "calendars": ["complete_until", "falls_short_on"],
    "rate_path": ["meeting_date"],
    "rate_path_probabilities": ["meeting_date"],
    "implied_rates": ["delivery_month"],
    "treasury_purchases": ["settlement_date"],
    "claims": ["judged_from"],
}


def newest_dates(settings: Settings, contract: type[Mart]) -> pl.DataFrame:
    """The newest date of every column of a mart, but those that were known then and lie ahead."""
    name = contract.table_name()
    dates = mart(settings, name).drop(_AGREED_AND_DUE_LATER.get(name, [])).select(pl.selectors.temporal())
    return dates.select(pl.all().cast(pl.Date).max())


def manifest(settings: Settings) -> dict[str, object]:
    loaded: dict[str, object] = json.loads((settings.tree / "manifest.json").read_text())
    return loaded


@pytest.mark.parametrize("contract", MARTS, ids=lambda c: c.table_name())
def test_every_mart_is_published_and_holds_its_contract(sample_home: Settings, contract: type[Mart]) -> None:
    frame = mart(sample_home, contract.table_name())
    assert tuple(frame.columns) == contract.ordered_columns()
    contract.validate(frame, cast=True)
    assert frame.is_empty() == (contract is DataQuality), "the simulated market has nothing that the door would hold"


def test_every_row_of_a_simulated_run_says_so(sample_home: Settings) -> None:
    assert manifest(sample_home)["simulated"] is True
    for contract in MARTS:
        assert mart(sample_home, contract.table_name())["simulated"].all()
    with duckdb.connect(str(sample_home.tree / "serving.duckdb"), read_only=True) as connection:
        comments = connection.execute("select comment from duckdb_views() where not internal and view_name <> '_meta'")
        assert all(comment.startswith("SIMULATED DATA") for (comment,) in comments.fetchall())


def test_a_second_identical_run_adds_nothing_and_publishes_the_same(folder: Path, tmp_path: Path) -> None:
    settings = Settings(source="files", files=folder, home=tmp_path / "home")
    hashes, counts = [], []
    for _ in range(2):
        succeed(run_job(settings, "nightly"))
        hashes.append(manifest(settings)["marts"])
        with duckdb.connect(str(settings.home / "warehouse.duckdb")) as connection:
            counts.append(
                [
                    connection.execute(f"select count(*) from raw.{t}").fetchone()
                    for t in ("price_bars", "macro_observations")
                ]
            )
    assert hashes[0] == hashes[1]
    assert counts[0] == counts[1]


def test_a_restated_price_becomes_a_revision_and_shows_in_the_freshness(folder: Path, tmp_path: Path) -> None:
    settings = Settings(source="files", files=folder, home=tmp_path / "home")
    succeed(run_job(settings, "nightly"))
    prices = pl.read_parquet(folder / "prices.parquet")
    last = prices.filter(symbol="^DJI")["date"].max()
    restated = (pl.col("symbol") == "^DJI") & (pl.col("date") == last)
    changed = [
        pl.when(restated).then(pl.col(c) * 1.001).otherwise(pl.col(c)).alias(c) for c in ("high", "close", "adj_close")
    ]
    prices.with_columns(changed).write_parquet(folder / "prices.parquet")
    assert succeed(run_job(settings, "nightly")).revisions == 1
    freshness = mart(settings, "series_freshness")
    assert freshness.filter(series="^DJI")["revisions_30d"].item() == 1
    assert freshness["revisions_30d"].sum() == 1


def test_a_missing_optional_symbol_is_named_and_its_pair_left_out(folder: Path, tmp_path: Path) -> None:
    pl.read_parquet(folder / "prices.parquet").filter(pl.col("symbol") != "TLT").write_parquet(
        folder / "prices.parquet"
    )
    settings = Settings(source="files", files=folder, home=tmp_path / "home")
    report = succeed(run_job(settings, "nightly"))
    assert any("optional TLT: not in prices.parquet" in w for w in report.warnings)
    assert any("yahoo TLT: never arrived" in w and "BTC-USD/TLT" in w for w in report.warnings)
    assert "BTC-USD/TLT" not in mart(settings, "rolling_correlations")["pair"]


def test_a_missing_optional_series_leaves_its_column_empty(folder: Path, tmp_path: Path) -> None:
    fred = pl.read_parquet(folder / "fred.parquet")
    fred.filter(pl.col("series_id") != "WSHOBL").write_parquet(folder / "fred.parquet")
    settings = Settings(source="files", files=folder, home=tmp_path / "home")
    report = succeed(run_job(settings, "nightly"))
    assert any("WSHOBL" in w and "fed_liquidity.bills_usd_bn" in w for w in report.warnings)
    assert mart(settings, "fed_liquidity")["bills_usd_bn"].is_null().all()


@pytest.mark.parametrize(("file", "column", "missing"), [("fred", "series_id", "WALCL"), ("prices", "symbol", "^RUT")])
def test_a_missing_required_series_fails_the_run_and_the_last_good_marts_stay(
    folder: Path, tmp_path: Path, file: str, column: str, missing: str
) -> None:
    settings = Settings(source="files", files=folder, home=tmp_path / "home")
    succeed(run_job(settings, "nightly"))
    before = manifest(settings)
    frame = pl.read_parquet(folder / f"{file}.parquet")
    frame.filter(pl.col(column) != missing).write_parquet(folder / f"{file}.parquet")
    report = run_job(settings, "nightly")
    assert not report.success
    assert any(f"required {missing}" in failure and "drop its catalog entry" in failure for failure in report.failures)
    assert manifest(settings) == before


def test_damaged_rows_are_quarantined_and_counted_and_the_night_goes_on(folder: Path, tmp_path: Path) -> None:
    prices = pl.read_parquet(folder / "prices.parquet")
    damaged = (pl.col("symbol") == "^VIX") & (pl.col("date") == prices.filter(symbol="^VIX")["date"].max())
    prices.with_columns(low=pl.when(damaged).then(1e6).otherwise("low")).write_parquet(folder / "prices.parquet")
    settings = Settings(source="files", files=folder, home=tmp_path / "home")
    report = succeed(run_job(settings, "nightly"))
    assert report.quarantined == 1
    assert any("high_is_not_below_low (1)" in w for w in report.warnings)


def test_a_flood_of_damaged_rows_stops_the_night(folder: Path, tmp_path: Path) -> None:
    prices = pl.read_parquet(folder / "prices.parquet")
    prices.with_columns(low=pl.col("high") * 2).write_parquet(folder / "prices.parquet")
    report = run_job(Settings(source="files", files=folder, home=tmp_path / "home"), "nightly")
    assert not report.success
    assert any("high_is_not_below_low" in failure for failure in report.failures)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: (f / "prices.parquet").unlink(), "prices.parquet does not exist; set RECOUPLE_FILES"),
        (lambda f: (f / "fred.parquet").write_bytes(b"PAR1 no"), "fred.parquet cannot be read as parquet"),
        (
            lambda f: pl.read_parquet(f / "fred.parquet").drop("value").write_parquet(f / "fred.parquet"),
            "fred.parquet lacks the column value",
        ),
        (lambda f: (f / "fomc_meetings.csv").write_text("a,b\n1,2\n"), "meeting_end_date and scheduled"),
    ],
)
def test_a_damaged_folder_is_named_with_the_remedy(folder: Path, tmp_path: Path, damage, said: str) -> None:  # type: ignore[no-untyped-def]
    damage(folder)
    report = run_job(Settings(source="files", files=folder, home=tmp_path / "home"), "nightly")
    assert not report.success
    assert said in " ".join(report.failures)


def test_the_marts_job_computes_from_what_is_stored(folder: Path, tmp_path: Path) -> None:
    settings = Settings(source="files", files=folder, home=tmp_path / "home")
    succeed(run_job(settings, "ingest"))
    assert not (settings.tree / "marts").exists()
    succeed(run_job(settings, "marts"))
    assert (settings.tree / "marts" / "current" / "market_state.parquet").exists()


@pytest.mark.parametrize("as_of", [date(2025, 3, 14), date(2025, 10, 3), date(2025, 12, 12)])
def test_marts_as_of_a_day_equal_the_rows_known_by_then_of_later_marts(
    sample_home: Settings, as_of_run: AsOfRun, as_of: date
) -> None:
    settings = as_of_run(sample_home, as_of)
    for name, known_on in CAUSAL.items():
        early = mart(settings, name)
        later = mart(sample_home, name).filter(pl.col(known_on) <= as_of)
        assert not early.is_empty()
        assert_frame_equal(early.drop("as_of"), later.drop("as_of"), check_exact=True)
        assert (early["as_of"] == as_of).all()
    closed = pl.col("end_session") <= as_of
    early, later = (mart(s, "divergence_episodes").filter(closed).drop("as_of") for s in (settings, sample_home))
    assert_frame_equal(early, later, check_exact=True)
    assert date.fromisoformat(manifest(sample_home)["as_of"]) > as_of, "the as-of run was published over today's"


def test_nothing_in_an_as_of_run_is_dated_after_it(sample_home: Settings, as_of_run: AsOfRun) -> None:
    as_of = date(2025, 10, 3)
    settings = as_of_run(sample_home, as_of)
    for contract in MARTS:
        newest = newest_dates(settings, contract)
        assert all(day is None or day <= as_of for day in newest.row(0)), contract.table_name()


def test_an_as_of_run_equals_a_run_on_data_that_ends_there(folder: Path, tmp_path: Path) -> None:
    as_of = date(2025, 11, 14)
    whole = Settings(source="files", files=folder, home=tmp_path / "whole", as_of=as_of)
    succeed(run_job(whole, "nightly"))
    cut = tmp_path / "cut"
    shutil.copytree(folder, cut)
    for name in ("prices", "fred"):
        frame = pl.read_parquet(cut / f"{name}.parquet")
        frame.filter(pl.col("date") <= as_of).write_parquet(cut / f"{name}.parquet")
    ended = Settings(source="files", files=cut, home=tmp_path / "ended")
    succeed(run_job(ended, "nightly"))
    for contract in MARTS:
        fetched = ["last_fetched_at"] if contract.table_name() == "series_freshness" else []
        early, late = (mart(s, contract.table_name()).drop(fetched) for s in (whole, ended))
        assert_frame_equal(early, late, check_exact=True)
