from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assets.catalog import Catalog, Series, Symbol, load_catalog
from assets.contracts.raw import FomcMeetings, FundFlows, MacroObservations, PriceBars, TreasuryOperations
from assets.framework.entries import EntryError
from assets.reference.fomc_calendar import load_fomc_calendar
from assets.upstream import Upstream
from pipelines.sources.sample import SampleUpstream
from pipelines.sources.sample_market import PATH as MARKET
from pipelines.sources.sample_market import (
    SampleMarketError,
    SimulatedSymbol,
    load_sample_market,
)

CATALOG = load_catalog()
DESCRIPTION = load_sample_market()
PEAK, BREAKOUT = date(2025, 10, 6), date(2025, 12, 11)


def prices_of(upstream: SampleUpstream, catalog: Catalog = CATALOG) -> pl.DataFrame:
    return upstream.price_bars(catalog.symbol, {}).rows


@pytest.fixture(scope="module")
def upstream() -> SampleUpstream:
    return SampleUpstream(CATALOG)


@pytest.fixture(scope="module")
def prices(upstream: SampleUpstream) -> pl.DataFrame:
    return prices_of(upstream)


@pytest.fixture(scope="module")
def macro(upstream: SampleUpstream) -> pl.DataFrame:
    return upstream.macro_observations(CATALOG.series, {}).rows


@pytest.fixture(scope="module")
def flows(upstream: SampleUpstream) -> pl.DataFrame:
    return upstream.fund_flows(None).rows


@pytest.fixture(scope="module", params=[1, 2, 3])
def other_market(request: pytest.FixtureRequest) -> pl.DataFrame:
    return prices_of(SampleUpstream(CATALOG, seed=request.param))


def value(macro: pl.DataFrame, series_id: str, day: date) -> float:
    return float(macro.filter(series_id=series_id, date=day)["value"].item())


def test_it_is_a_complete_upstream_whose_today_is_its_last_price() -> None:
    upstream: Upstream = SampleUpstream(CATALOG)
    last = prices_of(SampleUpstream(CATALOG))["date"].max()
    assert (upstream.name, upstream.simulated, upstream.today()) == ("sample", True, last)
    assert upstream.now() == datetime(2026, 1, 30, 23, 59, 59, tzinfo=UTC)


def test_every_answer_keeps_its_raw_contract(
    upstream: SampleUpstream, prices: pl.DataFrame, macro: pl.DataFrame, flows: pl.DataFrame
) -> None:
    PriceBars.validate(prices)
    MacroObservations.validate(macro)
    TreasuryOperations.validate(upstream.treasury_operations(None).rows)
    FundFlows.validate(flows)
    FomcMeetings.validate(upstream.fomc_meetings().rows)


def test_every_catalog_entry_has_rows_and_none_is_provisional(prices: pl.DataFrame, macro: pl.DataFrame) -> None:
    assert set(prices["symbol"]) == {symbol.id for symbol in CATALOG.symbol}
    assert set(macro["series_id"]) == {series.id for series in CATALOG.series}
    assert not prices["provisional"].any()


def test_the_same_seed_gives_the_same_market_and_another_seed_another(prices: pl.DataFrame) -> None:
    assert prices.equals(prices_of(SampleUpstream(CATALOG)))
    assert not prices.equals(prices_of(SampleUpstream(CATALOG, seed=99)))


def test_what_is_asked_first_changes_nothing(prices: pl.DataFrame) -> None:
    backwards = SampleUpstream(CATALOG).price_bars(CATALOG.symbol[::-1], {}).rows
    assert backwards.sort("symbol", "date").equals(prices.sort("symbol", "date"))


# ------------------------------------------------------------------ anchors and records


def assert_pinned(prices: pl.DataFrame) -> None:
    for symbol, entry in DESCRIPTION.symbol.items():
        bars = prices.filter(symbol=symbol)
        for column, points in (("close", entry.anchors), ("high", entry.highs)):
            at = bars.filter(pl.col("date").is_in([day for day, _ in points]))
            np.testing.assert_allclose(at[column], [level for _, level in points], rtol=1e-9, err_msg=symbol)
        for column, points, windows in (
            ("close", entry.anchors, entry.caps),
            ("high", entry.highs, entry.high_caps),
        ):
            free = bars.filter(~pl.col("date").is_in([day for day, _ in points]))
            for first, last, level in windows:
                inside = free.filter(pl.col("date").is_between(first, last))
                assert inside[column].max() < level, (symbol, column, first)


def test_paths_hit_their_anchors_and_stay_below_their_caps(prices: pl.DataFrame) -> None:
    assert_pinned(prices)


def test_anchors_and_caps_hold_whatever_the_seed(other_market: pl.DataFrame) -> None:
    assert_pinned(other_market)


@pytest.mark.parametrize(
    ("symbol", "day", "close", "stands_until"),
    [
        ("BTC-USD", PEAK, 124_753, date(2026, 1, 30)),
        ("^RUT", date(2021, 11, 8), 2_442.74, date(2025, 9, 17)),
        ("^RUT", date(2025, 9, 18), 2_467.70, date(2025, 9, 18)),
        ("^RUT", PEAK, 2_486.35, PEAK),
        ("^RUT", date(2025, 12, 10), 2_559.61, date(2025, 12, 10)),
        ("^RUT", BREAKOUT, 2_590.61, date(2025, 12, 12)),
        ("^GSPC", date(2025, 10, 28), 6_890.89, date(2025, 12, 10)),
        ("^GSPC", BREAKOUT, 6_901.00, date(2025, 12, 12)),
        ("^DJI", date(2025, 11, 12), 48_254.82, date(2025, 12, 10)),
        ("^DJI", BREAKOUT, 48_704.01, BREAKOUT),
        ("^NDX", date(2025, 10, 29), 26_119.85, date(2026, 1, 30)),
        ("SI=F", BREAKOUT, 63.93, BREAKOUT),
    ],
)
def test_a_record_is_the_highest_close_until_the_day_it_falls(
    prices: pl.DataFrame, symbol: str, day: date, close: float, stands_until: date
) -> None:
    so_far = prices.filter(pl.col("symbol") == symbol, pl.col("date") <= stands_until)
    top = so_far.sort("close", descending=True).row(0, named=True)
    assert (top["date"], top["close"]) == (day, pytest.approx(close, rel=1e-9))


def test_bitcoin_lags_while_small_caps_set_records_and_daily_returns_stay_coupled(
    upstream: SampleUpstream, prices: pl.DataFrame
) -> None:
    closes = prices.filter(pl.col("date") <= BREAKOUT).pivot("symbol", index="date", values="close").sort("date")
    sessions = closes.drop_nulls("^RUT")
    assert sessions["BTC-USD"][-1] / closes["BTC-USD"].max() - 1 == pytest.approx(-0.258, abs=0.001)
    returns = sessions.select(pl.col("BTC-USD", "^RUT").log().diff()).tail(60)
    assert 0.4 < returns.select(pl.corr("BTC-USD", "^RUT")).item() < 0.65


def test_bars_enclose_their_open_and_close(prices: pl.DataFrame) -> None:
    assert prices.filter(
        (pl.col("high") < pl.max_horizontal("open", "close")) | (pl.col("low") > pl.min_horizontal("open", "close"))
    ).is_empty()


def test_bitcoins_record_high_is_of_its_record_day(prices: pl.DataFrame) -> None:
    top = prices.filter(symbol="BTC-USD").sort("high", descending=True).row(0, named=True)
    assert (top["date"], top["high"]) == (PEAK, 126_198)


def test_dividends_put_the_adjusted_close_below_the_close_until_the_last_one(prices: pl.DataFrame) -> None:
    fund = prices.filter(symbol="HYG").sort("date")
    ratio = (fund["adj_close"] / fund["close"]).to_numpy()
    assert ratio[0] < 0.6
    assert ratio[-1] == 1.0
    assert (np.diff(ratio) > -1e-12).all()
    assert (prices.filter(symbol="^RUT")["adj_close"] == prices.filter(symbol="^RUT")["close"]).all()


# ------------------------------------------------------------------ calendars


def test_crypto_trades_every_day_and_the_rest_on_nyse_sessions(prices: pl.DataFrame) -> None:
    bitcoin = prices.filter(symbol="BTC-USD")["date"]
    assert (bitcoin.min(), bitcoin.max()) == (date(2014, 9, 17), date(2026, 1, 30))
    assert bitcoin.diff().drop_nulls().dt.total_days().unique().to_list() == [1]
    small_caps = set(prices.filter(symbol="^RUT")["date"])
    closed = {
        date(2025, 1, 9),
        date(2025, 12, 25),
        date(2025, 12, 13),
    }  # a day of mourning, a holiday, a Saturday
    assert date(2025, 11, 11) in small_caps
    assert not small_caps & closed
    assert prices.filter(symbol="IBIT")["date"].min() == date(2024, 1, 11)


@pytest.mark.parametrize("series", CATALOG.series, ids=lambda series: series.id)
def test_a_series_is_dated_as_published_and_public_by_today(
    macro: pl.DataFrame, upstream: SampleUpstream, series: Series
) -> None:
    dates = macro.filter(series_id=series.id)["date"]
    weekdays = {"weekly_wednesday": {3}, "weekly_friday": {5}, "business_day": {1, 2, 3, 4, 5}}
    assert set(dates.dt.weekday()) <= weekdays.get(series.frequency, set(range(1, 8)))
    if series.frequency == "monthly":
        assert set(dates.dt.day()) == {1}
    lag = (upstream.today() - dates.max()).days  # type: ignore[operator]
    longest_wait = {"weekly_wednesday": 6, "weekly_friday": 6, "monthly": 30}.get(series.frequency, 3)
    assert series.release_lag_days <= lag <= series.release_lag_days + longest_wait


# ------------------------------------------------------------------ regimes


def test_true_regimes_name_every_session_once(upstream: SampleUpstream, prices: pl.DataFrame) -> None:
    regimes = upstream.true_regimes()
    assert regimes["session"].equals(prices.filter(symbol="^RUT")["date"].rename("session"))
    assert set(regimes["regime"]) == {"coupled", "decoupled", "inverse"}


def test_correlation_inside_a_long_spell_is_that_of_its_regime(upstream: SampleUpstream, prices: pl.DataFrame) -> None:
    returns = (
        prices.pivot("symbol", index="date", values="close")
        .sort("date")
        .join(upstream.true_regimes(), left_on="date", right_on="session")
        .with_columns(pl.col("BTC-USD", "^RUT").log().diff(), spell=pl.col("regime").rle_id())
        .drop_nulls(["BTC-USD", "^RUT"])
    )
    spells = (
        returns.group_by("spell", "regime")
        .agg(correlation=pl.corr("BTC-USD", "^RUT"), sessions=pl.len())
        .filter(pl.col("sessions") >= 100)
    )
    in_regime = {name: spells.filter(regime=name)["correlation"] for name in ("coupled", "decoupled", "inverse")}
    assert len(in_regime["coupled"]) >= 4
    assert in_regime["coupled"].min() > 0.35
    assert len(in_regime["inverse"]) >= 3
    assert in_regime["inverse"].max() < -0.1
    assert in_regime["decoupled"].abs().max() < 0.35


def test_equities_move_together(prices: pl.DataFrame) -> None:
    returns = prices.pivot("symbol", index="date", values="close").sort("date").drop_nulls("^RUT")
    returns = returns.select(pl.col("^RUT", "^GSPC", "^DJI", "^NDX").log().diff()).drop_nulls()
    assert np.corrcoef(returns.to_numpy().T).min() > 0.75


# ------------------------------------------------------------------ the Fed


def test_balance_sheet_is_in_usd_millions_and_reverse_repo_in_billions(macro: pl.DataFrame) -> None:
    assert value(macro, "WALCL", date(2025, 12, 10)) == 6_539_300
    assert value(macro, "WSHOBL", date(2025, 12, 17)) - value(macro, "WSHOBL", date(2025, 12, 10)) == 14_968
    assert value(macro, "RRPONTSYD", date(2022, 12, 30)) == 2_553.7
    balance_sheet = macro.filter(pl.col("series_id").is_in(["WALCL", "TREAST", "WRESBAL"]))
    assert balance_sheet["value"].min() > 1.0e6
    assert macro.filter(series_id="RRPONTSYD")["value"].max() < 3_000


def test_target_range_moves_the_day_after_a_meeting_and_is_a_quarter_wide(macro: pl.DataFrame) -> None:
    upper = macro.filter(series_id="DFEDTARU").sort("date")
    lower = macro.filter(series_id="DFEDTARL").sort("date")
    assert ((upper["value"] - lower["value"]) == 0.25).all()
    moves = upper.filter(pl.col("value").diff() != 0).with_columns(pl.col("date").dt.offset_by("-1d"))
    assert moves.height == 31
    assert set(moves["date"]) <= set(load_fomc_calendar().meetings()["meeting_date"])
    assert value(macro, "DFEDTARU", date(2025, 12, 10)) == 4.00
    assert value(macro, "DFEDTARU", BREAKOUT) == 3.75


def test_sums_of_series_add_up_in_the_published_decimals(macro: pl.DataFrame) -> None:
    wide = macro.pivot("series_id", index="date", values="value").drop_nulls(["T10Y2Y", "DGS10", "DGS2"])
    np.testing.assert_allclose(wide["T10Y2Y"], wide["DGS10"] - wide["DGS2"], atol=1e-9)


def test_the_first_bill_purchase_is_as_published_and_the_first_month_takes_its_amount(
    upstream: SampleUpstream,
) -> None:
    bills = upstream.treasury_operations(None).rows.filter(pl.col("operation_date") >= date(2025, 12, 1))
    first = bills.sort("operation_date").row(0, named=True)
    assert (first["operation_date"], first["settlement_date"]) == (date(2025, 12, 12), date(2025, 12, 15))
    assert (first["accepted_usd_bn"], first["submitted_usd_bn"]) == (8.167, 27.458)
    month = bills.filter(pl.col("operation_date") <= date(2026, 1, 8))
    assert month["accepted_usd_bn"].sum() == pytest.approx(54.4, abs=0.01)
    assert (bills["accepted_usd_bn"] < bills["submitted_usd_bn"]).all()


def test_fund_flows_begin_with_trading_and_total_is_their_sum(flows: pl.DataFrame, upstream: SampleUpstream) -> None:
    by_fund = flows.filter(pl.col("fund") != "TOTAL").group_by("date").agg(pl.col("net_flow_usd_mn").sum())
    both = by_fund.join(flows.filter(fund="TOTAL"), on="date", suffix="_total", validate="1:1")
    assert both.height == by_fund.height
    np.testing.assert_allclose(both["net_flow_usd_mn"], both["net_flow_usd_mn_total"], atol=0.051)
    assert flows["date"].min() == date(2024, 1, 11)
    assert flows["date"].max() < upstream.today()  # type: ignore[operator]
    grayscale = flows.filter(fund="GBTC")["net_flow_usd_mn"].sum()
    assert grayscale == pytest.approx(-25_000, rel=1e-3)


# ------------------------------------------------------------------ the FOMC's calendar


def test_calendar_marks_the_meetings_of_march_2020_as_unscheduled_and_omits_the_cancelled_one() -> None:
    calendar = load_fomc_calendar().meetings()
    unscheduled = calendar.filter(~pl.col("scheduled"))["meeting_date"].to_list()
    assert unscheduled == [date(2020, 3, 3), date(2020, 3, 15)]
    assert date(2020, 3, 18) not in calendar["meeting_date"].to_list()
    per_year = calendar.filter("scheduled").group_by(pl.col("meeting_date").dt.year()).len().sort("meeting_date")
    assert per_year["len"].to_list() == [7 if year == 2020 else 8 for year in range(2009, 2028)]


def test_calendar_agrees_with_independently_collected_meetings() -> None:
    collected = next(
        (found for root in Path(__file__).parents if (found := root / "shared/data/fomc_meetings.csv").exists()),
        None,
    )
    if collected is None:
        pytest.skip("no independently collected fomc_meetings.csv beside the repository")
    known = pl.read_csv(collected, try_parse_dates=True).select(meeting_date="meeting_end_date", scheduled="scheduled")
    ours = load_fomc_calendar().meetings().filter(pl.col("meeting_date") <= known["meeting_date"].max())
    assert ours.equals(known.sort("meeting_date"))


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ('2026 = ["02-30"]', "line 3: scheduled 2026-02-30: day is out of range"),
        ('2026 = ["01-28", "01-28"]', "line 3: 2026-01-28 is there twice"),
        ("2026 = [128]", "line 3: scheduled.2026.0: input should be a valid string"),
    ],
)
def test_calendar_names_the_line_that_is_wrong(tmp_path: Path, entry: str, reason: str) -> None:
    path = tmp_path / "fomc_calendar.toml"
    path.write_text(f"complete_until = 2026-12-31\n[scheduled]\n{entry}\n[unscheduled]\n")
    with pytest.raises(EntryError, match=reason):
        load_fomc_calendar(path)


# ------------------------------------------------------------------ new entries, wrong entries


def with_new_entries() -> Catalog:
    symbol = CATALOG.symbol[0].model_copy(update={"id": "SOL-USD", "required": False})
    fund = next(s for s in CATALOG.symbol if s.id == "HYG").model_copy(update={"id": "NEW", "role": "unheard_of"})
    series = CATALOG.series[6].model_copy(update={"id": "NEWSERIES"})
    return CATALOG.model_copy(update={"symbol": (symbol, fund, *CATALOG.symbol), "series": (series, *CATALOG.series)})


def test_a_new_catalog_entry_is_simulated_from_its_role_and_unit_and_changes_no_other(
    prices: pl.DataFrame, macro: pl.DataFrame
) -> None:
    catalog = with_new_entries()
    upstream = SampleUpstream(catalog)
    wider = prices_of(upstream, catalog)
    PriceBars.validate(wider)
    new = pl.col("symbol").is_in(["SOL-USD", "NEW"])
    assert wider.filter(~new).equals(prices)
    assert wider.filter(symbol="SOL-USD", date=date(2014, 1, 1))["close"].item() == pytest.approx(100)
    assert wider.filter(symbol="NEW").height == wider.filter(symbol="^RUT").height
    observations = upstream.macro_observations(catalog.series, {}).rows
    assert observations.filter(pl.col("series_id") != "NEWSERIES").equals(macro)
    assert observations.filter(series_id="NEWSERIES")["value"].mean() == pytest.approx(1.0e6, rel=0.1)


def test_a_fund_is_simulated_although_the_catalog_lacks_what_it_tracks(prices: pl.DataFrame) -> None:
    alone = CATALOG.model_copy(update={"symbol": tuple(s for s in CATALOG.symbol if s.id == "IBIT")})
    assert prices_of(SampleUpstream(alone), alone).equals(prices.filter(symbol="IBIT"))


def test_a_point_on_a_day_without_a_bar_is_named() -> None:
    weekend = SimulatedSymbol(anchors=((date(2025, 12, 13), 100.0),))
    market = DESCRIPTION.model_copy(update={"symbol": {**DESCRIPTION.symbol, "^RUT": weekend}})
    small_caps: list[Symbol] = [s for s in CATALOG.symbol if s.id == "^RUT"]
    with pytest.raises(SampleMarketError, match=r"\^RUT: nothing is observed on 2025-12-13"):
        SampleUpstream(CATALOG, market=market).price_bars(small_caps, {})


@pytest.mark.parametrize(
    ("right", "wrong", "reason"),
    [
        ("loadings = { crypto = 0.82 }", "loadings = { crypto = 1.82 }", r"symbol\.ETH-USD.*loadings"),
        ("tracking_error = 0.006", "tracking_eror = 0.006", r"symbol\.IBIT\.tracking_eror"),
        ("[2014-09-17, 457.33],", "[2024-09-17, 457.33],", r"symbol\.BTC-USD\.anchors.*increase"),
        ('2014-01-01 = "decoupled"', '2014-02-01 = "decoupled"', "spells must"),
        ("[correlation]", "[correlation", "correct the TOML"),
    ],
)
def test_a_typo_in_the_description_is_named(tmp_path: Path, right: str, wrong: str, reason: str) -> None:
    text = MARKET.read_text()
    assert right in text
    path = tmp_path / "sample_market.toml"
    path.write_text(text.replace(right, wrong))
    with pytest.raises(SampleMarketError, match=reason):
        load_sample_market(path)
