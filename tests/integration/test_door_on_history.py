"""The door on everything that really happened: what is refused of the real history, and what must not be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from assets.catalog import Catalog
from assets.contracts import raw
from assets.door.judgement import judge
from assets.framework.contract import RawTable
from assets.framework.rows import Rows, hold_to_contract
from benchmarks import door as harness
from pipelines.sources.files import FilesUpstream
from pipelines.sources.sample import SampleUpstream

WILD_DAYS = {
    "BTC-USD": [
        date(2015, 1, 14), date(2020, 3, 12), date(2020, 3, 16), date(2021, 5, 19), date(2022, 11, 9),
        date(2026, 8, 19), date(2026, 8, 20), date(2026, 8, 21),
    ],
    "ETH-USD": [date(2020, 3, 12), date(2021, 5, 19), date(2026, 8, 19)],
    "^GSPC": [date(1929, 10, 28), date(1987, 10, 19), date(2020, 3, 16)],
    "^DJI": [date(1987, 10, 19)], "^NDX": [date(1987, 10, 19)], "^RUT": [date(1987, 10, 19)],
    "SI=F": [date(2006, 4, 20), date(2013, 4, 15), date(2026, 1, 30)],
    "GC=F": [date(2001, 9, 14), date(2013, 4, 15), date(2026, 1, 30)],
    "^VIX": [date(2018, 2, 5), date(2024, 8, 5)],
    "HYG": [date(2008, 9, 17), date(2020, 3, 12), date(2020, 4, 9)],
}  # fmt: skip
ODD_RATES = {
    "SOFR": [date(2019, 9, 17)], "DFF": [date(2020, 3, 4), date(1974, 12, 31)], "DGS3MO": [date(2008, 9, 17)],
    "RRPONTSYD": [date(2019, 11, 18)], "TREAST": [date(2009, 4, 1)], "T10YIE": [date(2008, 11, 20)],
}  # fmt: skip


@pytest.fixture(scope="module")
def tables(history: Path, catalog: Catalog) -> Mapping[type[RawTable], pl.DataFrame]:
    files = FilesUpstream(history, catalog)
    return {
        raw.PriceBars: files.price_bars(catalog.symbol, {}).rows,
        raw.FuturesSettlements: files.futures_settlements(catalog.futures, {}).rows,
        raw.MacroObservations: files.macro_observations(catalog.series, {}).rows,
        raw.TreasuryOperations: files.treasury_operations(None).rows,
        raw.FundFlows: files.fund_flows(None).rows,
    }


def test_of_four_hundred_thousand_values_only_one_broken_bar_is_refused(
    tables: Mapping[type[RawTable], pl.DataFrame], catalog: Catalog
) -> None:
    refused = []
    for contract, frame in tables.items():
        rows = judge(contract, hold_to_contract(contract, frame), contract.create_empty(), entries=catalog.fetched())
        refused += [(f.series, f.day, f.rule) for f in rows.findings if f.state == "quarantined"]
        assert rows.held.is_empty()
    assert sum(frame.height for frame in tables.values()) > 400_000
    assert refused == [("GC=F", date(2009, 11, 23), "high_is_not_below_low")]


@pytest.mark.parametrize(
    ("contract", "series", "day"),
    [
        *((raw.PriceBars, symbol, day) for symbol, days in WILD_DAYS.items() for day in days),
        *((raw.MacroObservations, series, day) for series, days in ODD_RATES.items() for day in days),
    ],
)
def test_a_day_that_was_wild_is_believed_on_its_own_evening(
    tables: Mapping[type[RawTable], pl.DataFrame],
    catalog: Catalog,
    contract: type[RawTable],
    series: str,
    day: date,
) -> None:
    assert contract.door is not None
    frame = tables[contract]
    tonight = hold_to_contract(contract, frame.filter(pl.col("date") == day)).good
    known = hold_to_contract(contract, frame.filter(pl.col("date") < day)).good
    rows = judge(contract, Rows(tonight), known, entries=catalog.fetched())
    assert series in tonight[contract.door.series]
    assert (rows.broken.height, rows.held.height, rows.good.height) == (0, 0, tonight.height)


def test_nothing_of_the_sample_is_refused(sample: SampleUpstream, catalog: Catalog) -> None:
    tables = harness.sources(sample, catalog)
    judged = [judge(t.contract, Rows(t.rows), t.contract.create_empty(), entries=catalog.fetched()) for t in tables]
    assert [finding for rows in judged for finding in rows.findings if finding.state == "quarantined"] == []


def test_seeded_damage_is_held_or_named(history: Path, catalog: Catalog) -> None:
    tables = harness.sources(FilesUpstream(history, catalog), catalog)
    found = [outcome for _, _, outcome in harness.corruptions(tables, seed=3, count=60)]
    matters = [outcome for outcome in found if outcome.matters]
    assert len(matters) > 25
    assert sum(outcome.caught for outcome in matters) >= len(matters) - 1
