"""What is kept between nights is what computing anew says, bit for bit, and is believed no further than that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import numpy as np
import polars as pl
import polars.selectors as cs
import pytest

import assets.derived.meeting_outlooks
import assets.marts.recoupling
import assets.marts.regimes  # noqa: F401  (they register their functions)
from assets.catalog import Catalog
from assets.contracts import CONTRACTS
from assets.framework import kept as past
from assets.framework.checks import KEPT_HOLDS
from assets.framework.contract import Table
from assets.framework.rows import Rows
from assets.framework.table import FUNCTIONS, Arguments, asset_key, rows_of
from assets.marts.correlations import rolling_correlations
from assets.reference.facts import load_reference
from assets.reference.fomc_calendar import load_fomc_calendar
from assets.studies import load_studies
from pipelines.orchestration.io_manager import WarehouseIOManager
from pipelines.orchestration.resources import RunHorizon
from pipelines.warehouse.opening import open_warehouse
from pipelines.warehouse.store import Warehouse
from quant.stored_state import state_bytes, state_of

KEPT = [name for name, function in FUNCTIONS.items() if Arguments.of(function).keeps]
FIRST, DAYS = date(2023, 6, 1), 420
ALL_DAYS = [FIRST + timedelta(days=n) for n in range(DAYS)]
SYMBOLS = ("BTC-USD", "^RUT", "^GSPC")
LAST = ALL_DAYS[-1]
HEADLINE = "BTC-USD/^RUT"

Frames = dict[str, pl.DataFrame]


@dataclass(frozen=True)
class World:
    """All that the tables read up to a day, with what was restated in between, and the parameters."""

    until: date = LAST
    restated: date | None = None
    lacking: date | None = None
    resources: Mapping[str, Any] = field(default_factory=dict)

    def frames(self) -> Frames:
        """By table; only days up to the last, but for meetings, which are announced."""
        days = [day for day in ALL_DAYS if day <= self.until]
        return {
            "session_prices": self._prices(days),
            "signal_inputs": self._signals(days),
            "implied_rates": self._curves(days[DAYS - 110 :]),
            "macro_series": pl.DataFrame(
                {
                    "series_id": "DFF",
                    "date": days,
                    "available_on": days,
                    "value": np.linspace(5.0, 5.1, DAYS)[: len(days)],
                }
            ),
            "meetings": load_fomc_calendar().meetings(),
            "target_decisions": pl.DataFrame(
                {"meeting_date": [date(2023, 5, 3)], "target_lower_pct": [5.0], "target_upper_pct": [5.25]}
            ),
        }

    def _prices(self, days: list[date]) -> pl.DataFrame:
        draws = np.random.default_rng(3).standard_t(4, size=(DAYS, 4)) / 100
        returns = pl.concat(
            pl.DataFrame({"symbol": name, "session": ALL_DAYS, "log_return": draws[:, 3] + draws[:, n]})
            for n, name in enumerate(SYMBOLS)
        ).filter(pl.col("session").is_in(days))
        moved = pl.when(session=self.restated, symbol=SYMBOLS[0]).then(1.5).otherwise(1.0) if self.restated else 1.0
        prices = returns.with_columns(return_price=100 * pl.col("log_return").cum_sum().over("symbol").exp())
        return prices.filter(
            (pl.col("session") != self.lacking) | (pl.col("symbol") != SYMBOLS[1]) if self.lacking else pl.lit(True)
        ).with_columns(pl.col("log_return") * moved)

    def _signals(self, days: list[date]) -> pl.DataFrame:
        ratio = np.exp(np.cumsum(np.random.default_rng(5).standard_t(4, size=DAYS) / 50))[: len(days)]
        moved = np.where([day == self.restated for day in days], 1.05, 1.0)
        inputs = {"ratio": ratio * moved, "volatility": 0.5 + 0.1 * np.cos(np.arange(len(days)) / 30)}
        return (
            pl.DataFrame({"session": days, **inputs})
            .filter(pl.col("session") != self.lacking if self.lacking else pl.lit(True))
            .select(
                "session",
                "ratio",
                pair=pl.lit(HEADLINE),
                gap_63d=(pl.col("ratio") / pl.col("ratio").shift(63)).log(),
                p_coupled=pl.col("volatility"),
                liquidity_impulse=-pl.col("volatility"),
                policy_direction=pl.lit(1.0),
                asset_volatility_annualized="volatility",
                fund_flows_21d_usd_mn=pl.when(pl.col("session") > FIRST + timedelta(days=90)).then(
                    100 * pl.col("ratio")
                ),
            )
        )

    def _curves(self, days: list[date]) -> pl.DataFrame:
        frame = pl.DataFrame({"observed_on": days}).join(pl.DataFrame({"ahead": range(20)}), how="cross")
        price = 94.9 + pl.col("ahead") * 0.02 - 0.001 * pl.col("observed_on").dt.day()
        moved = pl.when(observed_on=self.restated).then(0.05).otherwise(0.0) if self.restated else 0.0
        return frame.select(
            "observed_on",
            delivery_month=pl.col("observed_on").dt.truncate("1mo").dt.offset_by(pl.format("{}mo", "ahead")),
            settlement=price + moved,
        )


@pytest.fixture
def small(catalog: Catalog) -> Catalog:
    """Two pairs of three symbols."""
    pairs = tuple(p for p in catalog.pair if {p.asset, p.benchmark} <= set(SYMBOLS))
    return catalog.model_copy(update={"pair": pairs, "windows_sessions": (20, 60)})


@pytest.fixture
def of_day(small: Catalog, catalog: Catalog) -> Callable[..., World]:
    """A world with the small catalog, or what is named instead."""
    studies = load_studies(catalog)
    soon = studies.recoupling.model_copy(update={"horizons_sessions": (21, 42), "fewest_outcomes": 60})
    entries = {"reference": load_reference(), "studies": studies.model_copy(update={"recoupling": soon})}

    def world(*, until: date = LAST, chosen: Catalog = small, **other: Any) -> World:
        return World(until=until, resources={"catalog": chosen, **entries}, **other)

    return world


@pytest.fixture
def warehouse() -> Iterator[Warehouse]:
    """A real one, for the nights of one test."""
    with open_warehouse(Path(":memory:"), as_of=LAST, simulated=False) as opened:
        yield opened


class Nothing:
    """Where nothing is kept."""

    def kept(self, contract: type[Table]) -> dict[str, bytes]:
        """No part of any table."""
        return {}


def night(warehouse: Warehouse, name: str, world: World) -> Rows:
    """One table computed and stored, from what the nights before kept."""
    rows = computed(name, world, warehouse)
    warehouse.replace(CONTRACTS[name], rows, "run")
    return rows


def computed(name: str, world: World, warehouse: past.KeptBytes) -> Rows:
    frames = world.frames()
    given = {table: frames[table] for table in Arguments.of(FUNCTIONS[name]).tables}
    horizon = RunHorizon(world.until, simulated=False)
    return rows_of(CONTRACTS[name], given, {**world.resources, "warehouse": warehouse}, horizon)


def anew(name: str, world: World) -> Rows:
    return computed(name, world, Nothing())


def assert_same_bits(name: str, one: Rows, other: Rows) -> None:
    key = CONTRACTS[name].key()
    assert past._same(one.good.sort(key), other.good.sort(key))


@pytest.mark.parametrize("name", KEPT)
def test_every_night_is_bit_for_bit_what_computing_anew_says(
    name: str, of_day: Callable[..., World], small: Catalog, warehouse: Warehouse
) -> None:
    one_pair = small.model_copy(update={"pair": small.pair[:1]})
    other_windows = small.model_copy(update={"windows_sessions": (25,)})
    before = {days: LAST - timedelta(days=days) for days in range(60)}
    nights = [
        of_day(until=before[50], chosen=one_pair),
        of_day(until=before[49], chosen=one_pair),
        of_day(until=before[48]),  # a new pair
        of_day(until=before[47], restated=before[55]),
        of_day(until=before[46], restated=before[55], lacking=before[46]),
        of_day(until=before[45], restated=before[55]),  # the session has come
        of_day(until=before[3], chosen=other_windows, restated=before[20]),
        of_day(until=before[4], chosen=other_windows, restated=before[20]),  # a day that is gone again
        of_day(chosen=other_windows),
    ]
    for world in nights:
        found = night(warehouse, name, world)
        assert found.good.height > 0
        assert found.kept is not None
        assert not found.kept.doubt
        assert_same_bits(name, found, anew(name, world))


@pytest.mark.parametrize("name", KEPT)
def test_a_night_with_one_more_session_computes_that_session(
    name: str, of_day: Callable[..., World], warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    night(warehouse, name, of_day(until=LAST - timedelta(days=1)))
    behind: list[int] = []

    def counting(kept: past.KeptParts, part: str, stands_on: Any, compute: past.Compute, says: object = None) -> Any:
        def seen(known: pl.DataFrame | None) -> pl.DataFrame:
            rows = compute(known)
            days = rows[rows.columns[0]]
            behind.append(days.n_unique() - (known[known.columns[0]].n_unique() if known is not None else 0))
            return rows

        return continued(kept, part, stands_on, seen, says)

    continued = past.KeptParts.continued
    monkeypatch.setattr(past.KeptParts, "continued", counting)
    rows = night(warehouse, name, of_day())
    *parts, sample = behind
    assert set(parts) <= {0, 1}
    assert sample > 10
    assert rows.kept is not None
    assert not rows.kept.renewed  # writing costs more than a session


def tamper(warehouse: Warehouse, name: str, change: Callable[[bytes], bytes]) -> None:
    """Change every part that is kept of a table."""
    contract = CONTRACTS[name]
    changed = {part: partial(change, state) for part, state in warehouse.kept(contract).items()}
    warehouse.replace(contract, Rows(warehouse.load(contract), kept=past.Keeping((), changed)), "run")


def cut_short(state: bytes) -> bytes:
    return state[: len(state) // 2]


def one_bit_off(state: bytes) -> bytes:
    at = len(state) // 2
    return state[:at] + bytes([state[at] ^ 1]) + state[at + 1 :]


def of_other_code(state: bytes) -> bytes:
    return state_of(state, "a part", lambda _, arrays: state_bytes("another fingerprint", arrays))


def of_another_kind(state: bytes) -> bytes:
    return state_of(state, "a part", lambda mark, _: state_bytes(mark, {"something": np.arange(3)}))


def of_no_rows(state: bytes) -> bytes:
    return state_of(state, "a part", lambda mark, a: state_bytes(mark, {**a, "rows": np.arange(9, dtype=np.uint8)}))


@pytest.mark.parametrize("change", [cut_short, one_bit_off, of_other_code, of_another_kind, of_no_rows, lambda _: b""])
def test_what_is_damaged_or_foreign_is_as_good_as_nothing(
    change: Callable[[bytes], bytes], of_day: Callable[..., World], warehouse: Warehouse
) -> None:
    name, world = "rolling_correlations", of_day()
    night(warehouse, name, world)
    tamper(warehouse, name, change)
    found = night(warehouse, name, world)
    assert found.kept is not None
    assert (found.kept.standing, found.kept.doubt) == ((), "")
    assert_same_bits(name, found, anew(name, world))


def planted(state: bytes) -> bytes:
    """Numbers that are slightly off, otherwise in perfect order."""

    mark, rows, stood_on = state_of(state, "a part", past._stored_part)
    return past._bytes(mark, stood_on, rows.with_columns(cs.float() * (1 + 1e-15), -cs.integer()))


@pytest.mark.parametrize("name", KEPT)
def test_the_nightly_sample_finds_a_difference_and_nothing_kept_is_believed(
    name: str, of_day: Callable[..., World], warehouse: Warehouse
) -> None:
    world = of_day()
    night(warehouse, name, world)
    tamper(warehouse, name, planted)
    found = night(warehouse, name, world)
    assert found.kept is not None
    assert found.kept.standing == ()
    assert f"{CONTRACTS[name].full_name()}: what was kept of " in found.kept.doubt
    assert_same_bits(name, found, anew(name, world))
    again = night(warehouse, name, world)
    assert again.kept is not None
    assert (again.kept.renewed, again.kept.doubt) == ({}, "")


def test_the_sample_is_another_part_from_night_to_night(of_day: Callable[..., World], warehouse: Warehouse) -> None:
    name = "rolling_correlations"
    night(warehouse, name, of_day())
    tamper(warehouse, name, planted)
    doubts = {computed(name, of_day(until=LAST - timedelta(days=n)), warehouse).kept.doubt for n in range(4)}  # type: ignore[union-attr]
    assert len(doubts) > 1


def test_a_write_that_fails_leaves_table_and_parts_of_one_night(
    of_day: Callable[..., World], warehouse: Warehouse
) -> None:
    name = "rolling_correlations"
    night(warehouse, name, of_day(until=LAST - timedelta(days=40)))
    before = warehouse.kept(CONTRACTS[name])
    tonight = computed(name, of_day(), warehouse)
    assert tonight.kept is not None
    assert tonight.kept.renewed
    torn = replace(tonight, broken=pl.DataFrame({"rule": [1], "no_such_column": [2]}))
    with pytest.raises(duckdb.Error):  # the last thing that is written
        warehouse.replace(CONTRACTS[name], torn, "run")
    assert warehouse.load(CONTRACTS[name])["session"].max() == LAST - timedelta(days=40)
    assert warehouse.kept(CONTRACTS[name]) == before


def test_the_check_of_a_run_names_table_and_part(
    of_day: Callable[..., World], small: Catalog, warehouse: Warehouse
) -> None:
    night(warehouse, "rolling_correlations", of_day())
    tamper(warehouse, "rolling_correlations", planted)
    warehouse.lay_down(CONTRACTS["session_prices"], Rows(_as_stored(of_day().frames()["session_prices"])))
    upstream: Any = None  # nothing is fetched
    ran = dg.materialize(
        [rolling_correlations, dg.AssetSpec(asset_key(CONTRACTS["session_prices"]))],
        resources={
            "catalog": small,
            "warehouse": warehouse,
            "horizon": RunHorizon(LAST, simulated=False),
            "io_manager": WarehouseIOManager(warehouse, upstream, small),
        },
    )
    (check,) = [c for c in ran.get_asset_check_evaluations() if c.check_name == KEPT_HOLDS]
    assert ran.success
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert "marts.rolling_correlations: what was kept of BTC-USD/" in (check.description or "")


def _as_stored(frame: pl.DataFrame) -> pl.DataFrame:
    """With every column that the contract has."""
    columns = CONTRACTS["session_prices"].columns()
    return frame.with_columns(pl.lit(None, c.dtype).alias(n) for n, c in columns.items() if n not in frame.columns)
