"""A person decides at the terminal: what becomes of it in the marts, the reading and the status."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import polars as pl
import pytest

from assets.catalog import Acknowledged, Catalog
from pipelines.cli import decisions
from pipelines.cli.runs import run_job
from pipelines.cli.terminal import Status
from pipelines.settings import Settings, SettingsError
from tests.conftest import mart, succeed


def last_day(folder: Path, symbol: str) -> date:
    day = pl.read_parquet(folder / "prices.parquet").filter(symbol=symbol)["date"].max()
    assert isinstance(day, date)
    return day


def damage(folder: Path, symbol: str, day: date, factor: float) -> None:
    prices = pl.read_parquet(folder / "prices.parquet")
    hit = (pl.col("symbol") == symbol) & (pl.col("date") == day)
    columns = ("open", "high", "low", "close", "adj_close")
    prices.with_columns(pl.when(hit).then(pl.col(c) * factor).otherwise(c).alias(c) for c in columns).write_parquet(
        folder / "prices.parquet"
    )


def test_what_a_person_releases_holds_and_asks_for_again_is_in_the_marts_with_who_and_why(
    folder: Path, tmp_path: Path
) -> None:
    settings = Settings(source="files", files=folder, home=tmp_path / "home")
    today = last_day(folder, "BTC-USD")
    damage(folder, "BTC-USD", today, 100)
    succeed(run_job(settings, "nightly"))
    assert "is in quarantine, so this rests on what was known before" in Status.of(settings.tree).reading.headline

    said = decisions.release(settings, "BTC-USD", today.isoformat(), "", "redenominated")
    assert said.startswith(f"released: BTC-USD {today} (1 value), by ")
    held = last_day(folder, "IWM")
    decisions.hold(settings, "IWM", held.isoformat(), "", "looks stale")
    decisions.ask_again(settings, "^DJI", "", "holes in May")
    succeed(run_job(settings, "ingest", only="^DJI"))
    succeed(run_job(settings, "marts"))

    status = Status.of(settings.tree)
    assert "quarantine" not in status.reading.headline
    assert [line.partition(" by ")[0] for line in status.decided] == [
        f"^DJI 0001-01-01 asked for again on {today}", f"IWM {held} held on {today}", f"BTC-USD {today} released on {today}",
    ]  # fmt: skip
    assert [line.rpartition(": ")[2] for line in status.decided] == ["holes in May", "looks stale", "redenominated"]
    bitcoin = mart(settings, "market_state").filter(symbol="BTC-USD", session=today)["close"].item()
    assert bitcoin == pl.read_parquet(folder / "prices.parquet").filter(symbol="BTC-USD", date=today)["close"].item()
    assert mart(settings, "market_state").filter(symbol="IWM", session=held).is_empty()
    quality = mart(settings, "data_quality")
    assert quality.filter(series="BTC-USD", day=today)["is_open"].to_list() == [False]
    assert quality.filter(series="IWM", day=held)["state"].to_list() == ["held"]


def test_a_decision_without_a_day_a_reason_or_a_known_series_is_refused_in_one_sentence(tmp_path: Path) -> None:
    settings = Settings(source="sample", home=tmp_path)
    with pytest.raises(SettingsError, match="'yesterday' is no day; write an ISO date"):
        decisions.hold(settings, "^RUT", "yesterday", "", "why")
    with pytest.raises(SettingsError, match="--why is empty"):
        decisions.hold(settings, "^RUT", "2025-12-12", "", " ")
    with pytest.raises(SettingsError, match=r"\^RUTT is no symbol.*close to \^RUT"):
        decisions.ask_again(settings, "^RUTT", "", "why")
    with pytest.raises(SettingsError, match="does not exist; run `make nightly` once"):
        decisions.hold(settings, "^RUT", "2025-12-12", "", "why")


def test_an_acknowledged_oddity_stays_in_quarantine_and_is_not_told_of(
    folder: Path, tmp_path: Path, catalog: Catalog
) -> None:
    settings = Settings(source="files", files=folder, home=tmp_path / "home")
    today = last_day(folder, "^VIX")
    damage(folder, "^VIX", today, 100)
    explained = Acknowledged(series="^VIX", first=today, reason="the exchange said so")
    known = catalog.model_copy(update={"acknowledged": (*catalog.acknowledged, explained)})
    told = succeed(run_job(settings, "ingest")).look_at
    silent = succeed(run_job(settings, "ingest", overrides={"catalog": known}))
    assert [line.split()[0] for line in told] == ["^VIX"]
    assert silent.look_at == ()
    with duckdb.connect(str(settings.home / "warehouse.duckdb")) as connection:
        assert connection.sql("select series from quarantine.rows").fetchall() == [("^VIX",)]
