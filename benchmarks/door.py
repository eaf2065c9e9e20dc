"""The door against damage: seeded corruptions of a night's answers, over all sources.

Here: nights cut from a history, damage of ten kinds, what became of it. Not here: the door (assets.door.judgement).

A corruption counts where believing it would move a figure: a price by more than half a percent, a settlement or a rate
by five basis points, any other value by half a percent; or where a day would be gone that the calendar or the other
series of the table have. It is caught where the door keeps it out of what is known, or says something about the series.
Flows and operations come on one page each, so most damage there is done to all of it. Clean nights are judged beside.

Run as `python -m benchmarks.door [SEED] [FOLDER]`; without a folder in the format of the `files` source the history is
the simulated market.
"""

from __future__ import annotations

import itertools
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.random import Generator
from rich.table import Table

from assets.catalog import Catalog, load_catalog
from assets.contracts import raw
from assets.door.judgement import judge
from assets.framework.contract import RawTable
from assets.framework.rows import Rows, hold_to_contract
from assets.framework.table import FUNCTIONS
from assets.marts.cross_checks import cross_checks as cross_checks_asset
from assets.raw.gaps import holes
from assets.upstream import Upstream
from benchmarks.figures import CONSOLE, Figure, compared
from pipelines.sources.files import FilesUpstream
from pipelines.sources.sample import SampleUpstream
from quant.sessions import nyse_sessions

CATALOG = load_catalog()
SEED, CORRUPTIONS, NIGHTS = 20_261_125, 2_000, 500
LOOKBACK = {
    "price_bars": 8,
    "futures_settlements": 8,
    "macro_observations": 45,
    "treasury_operations": 14,
    "fund_flows": 14,
}
OF_A_PRICE, OF_A_RATE = 0.005, 0.05
LEAST = {"net_flow_usd_mn": 1.0, "accepted_usd_bn": 0.1, "RRPONTSYD": 5.0}  # in their units: below it no sum moves
CURRENCIES = (0.86, 1.27, 150.0, 1 / 150)
WEIGHTS = (0.35, 0.15, 0.3, 0.08, 0.12)  # of the tables: roughly as many answers as a night asks of each
POWERS = (1e-3, 1e-2, 0.1, 10.0, 100.0, 1e3)
Frame = pl.DataFrame
Damage = Callable[[Frame, "Night", Generator], Frame]


@dataclass(frozen=True)
class Source:
    """One raw table with all its history; floats: the columns damage is done to, the judged one first."""

    contract: type[RawTable]
    rows: Frame
    floats: tuple[str, ...]

    @property
    def series(self) -> str:
        """The column that says whose value it is."""
        assert self.contract.door is not None
        return self.contract.door.series

    @property
    def day(self) -> str:
        """The column that says of when."""
        assert self.contract.door is not None
        return self.contract.door.day


@dataclass(frozen=True)
class Night:
    """One evening: what is known of a table, what would come tonight, and which series is damaged."""

    source: Source
    today: date
    known: Frame
    answer: Frame
    target: str
    others: Sequence[Source] = ()
    whole_page: bool = False

    def own(self) -> pl.Expr:
        """The rows that are damaged together: one series, or a page."""
        return pl.lit(True) if self.whole_page else pl.col(self.source.series) == self.target


# ---------------------------------------------------------------------- ten kinds of damage
def scale(answer: Frame, night: Night, rng: Generator) -> Frame:
    """A power of ten: one field, one day or the whole answer."""
    columns = night.source.floats if rng.random() < 0.6 else (str(rng.choice(night.source.floats)),)
    rows = _some_days(answer, night, rng)
    return _multiplied(answer, rows, columns, float(rng.choice(POWERS)))


def currency(answer: Frame, night: Night, rng: Generator) -> Frame:
    """Everything in another money."""
    return _multiplied(answer, night.own(), night.source.floats, float(rng.choice(CURRENCIES)))


def swap_days(answer: Frame, night: Night, rng: Generator) -> Frame:
    """Two days change their values."""
    days = answer.filter(night.own())[night.source.day].unique().sort()
    if len(days) < 2:
        return answer
    one, other = rng.choice(len(days), 2, replace=False).tolist()
    exchange = {days[one]: days[other], days[other]: days[one]}
    return _redated(answer, night, lambda day: exchange.get(day, day))


def shift(answer: Frame, night: Night, rng: Generator) -> Frame:
    """Every date is one observation late."""
    days = answer.filter(night.own())[night.source.day].unique().sort().to_list()
    later = dict(itertools.pairwise(days))
    moved = answer.filter(night.own(), pl.col(night.source.day).is_in(list(later)))
    moved = moved.with_columns(pl.col(night.source.day).replace_strict(later, default=None, return_dtype=pl.Date))
    return pl.concat([answer.filter(~night.own()), moved])


def repeat(answer: Frame, night: Night, rng: Generator) -> Frame:
    """The newest day is the one before again."""
    day, key = night.source.day, [c for c in night.source.contract.key() if c != night.source.day]
    days = answer.filter(night.own())[day].unique().sort()
    if len(days) < 2 or night.source.contract is raw.TreasuryOperations:
        return answer
    newest, before = days[-1], days[-2]
    old = answer.filter(night.own(), pl.col(day) == before).with_columns(pl.lit(newest).alias(day))
    rest = answer.filter(~(night.own() & (pl.col(day) == newest)))
    return pl.concat([rest, old.select(answer.columns)]) if key else answer


def drop(answer: Frame, night: Night, rng: Generator) -> Frame:
    """A day is absent."""
    days = answer.filter(night.own())[night.source.day].unique()
    gone = days[int(rng.integers(len(days)))]
    return answer.filter(~(night.own() & (pl.col(night.source.day) == gone)))


def null(answer: Frame, night: Night, rng: Generator) -> Frame:
    """A field is empty on some days."""
    column, rows = str(rng.choice(night.source.floats)), _some_days(answer, night, rng)
    return answer.with_columns(pl.when(rows).then(None).otherwise(column).alias(column))


def swap_series(answer: Frame, night: Night, rng: Generator) -> Frame:
    """The answer to one question is another's."""
    names = [n for n in answer[night.source.series].unique().sort() if n != night.target]
    if not names:
        return answer
    other = answer.filter(pl.col(night.source.series) == str(rng.choice(names)))
    key = [c for c in night.source.contract.key() if c != night.source.series]
    kept = {c: answer.filter(night.own())[c][0] for c in answer.columns if c not in (*night.source.floats, *key)}
    taken = other.with_columns(pl.lit(v).alias(c) for c, v in kept.items() if c != "provisional")
    return pl.concat([answer.filter(~night.own()), taken.select(answer.columns).cast(answer.schema)])


def truncate(answer: Frame, night: Night, rng: Generator) -> Frame:
    """The answer ends, or begins, in the middle."""
    own = answer.filter(night.own()).sort(night.source.day)
    keep = int(rng.integers(1, max(2, own.height)))
    return pl.concat([answer.filter(~night.own()), own.head(keep) if rng.random() < 0.5 else own.tail(keep)])


def granularity(answer: Frame, night: Night, rng: Generator) -> Frame:
    """Weeks in answer to a question for days: the week's last values, dated by its Monday."""
    own, day = answer.filter(night.own()).sort(night.source.day), night.source.day
    series = night.source.series
    weeks = own.group_by(series, pl.col(day).dt.truncate("1w").alias("_week"), maintain_order=True)
    weekly = weeks.agg(pl.exclude("_week", series).last()).with_columns(pl.col("_week").alias(day)).drop("_week")
    return pl.concat([answer.filter(~night.own()), weekly.select(answer.columns)])


DAMAGE: dict[str, Damage] = {
    "scale": scale, "currency": currency, "swap of days": swap_days, "shift": shift, "repeat": repeat, "drop": drop,
    "null": null, "swap of series": swap_series, "truncation": truncate, "granularity": granularity,
}  # fmt: skip


def _some_days(answer: Frame, night: Night, rng: Generator) -> pl.Expr:
    """One day of the damaged series, its newest, or all that came."""
    days = answer.filter(night.own())[night.source.day].unique().sort()
    chosen = [days[int(rng.integers(len(days)))], days[-1], None][int(rng.integers(3))]
    return night.own() if chosen is None else night.own() & (pl.col(night.source.day) == chosen)


def _multiplied(answer: Frame, rows: pl.Expr, columns: Sequence[str], factor: float) -> Frame:
    return answer.with_columns(pl.when(rows).then(pl.col(c) * factor).otherwise(c).alias(c) for c in columns)


def _redated(answer: Frame, night: Night, to: Callable[[date], date]) -> Frame:
    day = night.source.day
    own = answer.filter(night.own())
    moved = own.with_columns(pl.Series(day, [to(d) for d in own[day]], dtype=pl.Date))
    return pl.concat([answer.filter(~night.own()), moved])


# ---------------------------------------------------------------------- nights
def sources(upstream: Upstream, catalog: Catalog) -> list[Source]:
    """Every judged table of a history."""
    prices = ("close", "adj_close", "open", "high", "low")
    found = [
        Source(raw.PriceBars, upstream.price_bars(catalog.symbol, {}).rows, prices),
        Source(raw.FuturesSettlements, upstream.futures_settlements(catalog.futures, {}).rows, ("settlement",)),
        Source(raw.MacroObservations, upstream.macro_observations(catalog.series, {}).rows, ("value",)),
        Source(
            raw.TreasuryOperations, upstream.treasury_operations(None).rows, ("accepted_usd_bn", "submitted_usd_bn")
        ),
        Source(raw.FundFlows, upstream.fund_flows(None).rows, ("net_flow_usd_mn",)),
    ]
    return [Source(s.contract, hold_to_contract(s.contract, s.rows).good, s.floats) for s in found]


def night_of(
    source: Source, today: date, rng: Generator, kind: str = "", others: Sequence[Source] = ()
) -> Night | None:
    """The evening of a day on which the table had something to say; adjusted closes come whole, like a live night's."""
    past = source.rows.filter(pl.col(source.day) < today)
    first = today - timedelta(days=LOOKBACK[source.contract.table_name()])
    window = source.rows.filter(pl.col(source.day).is_between(first, today))
    named = window.filter(pl.col(source.day) == today)[source.series].unique().sort().to_list()
    if not named:
        return None
    target = str(rng.choice(named))
    if source.contract is raw.PriceBars and target in _ADJUSTED:
        whole = source.rows.filter(pl.col(source.series) == target, pl.col(source.day) <= today)
        window = pl.concat([window.filter(pl.col(source.series) != target), whole])
    page = source.contract in (raw.TreasuryOperations, raw.FundFlows)
    return Night(source, today, past, window, target, others, page and kind not in _OF_ONE_SERIES)


_OF_ONE_SERIES = ("scale", "null", "swap of series")
_ADJUSTED = {s.id for s in CATALOG.symbol if s.price == "adj_close"}


def days_of(source: Source, last: int) -> list[date]:
    """The newest days on which the table has values."""
    return source.rows[source.day].unique().sort().tail(last).to_list()


# ---------------------------------------------------------------------- what became of it
@dataclass(frozen=True)
class Outcome:
    """One corruption: whether believing it would have moved a figure, whether the door moved none or said something."""

    matters: bool
    caught: bool


def outcome(night: Night, damaged: Frame) -> Outcome:
    """Judge a damaged answer and compare what is known after it with what would be known after the right one."""
    source = night.source
    right = _after(source, night.known, Rows(night.answer))
    try:
        held = hold_to_contract(source.contract, damaged)
    except pl.exceptions.PolarsError as error:  # pragma: no cover - a crash is what the harness looks for
        raise AssertionError(f"{source.contract.__name__} {night.today} {night.target}: {error}") from error
    believed = _after(source, night.known, held)
    if not _moved(night, right, believed):
        return Outcome(matters=False, caught=False)
    rows = judge(source.contract, held, night.known, entries=CATALOG.fetched())
    known = _after(source, night.known, rows)
    named = any(night.whole_page or f.series == night.target for f in rows.findings)
    if not named and _moved(night, right, known):
        named = _has_a_hole(night, known, rows) or bool(_breaches(night, known) - _breaches(night, right))
    return Outcome(matters=True, caught=named or not _moved(night, right, known))


def _after(source: Source, known: Frame, rows: Rows) -> Frame:
    """What is known once the believed rows are stored."""
    key = source.contract.key()
    good = rows.good
    if not rows.held.is_empty():
        good = good.join(rows.held, on=key, how="anti", nulls_equal=True)
    kept = known.join(good, on=key, how="anti", nulls_equal=True)
    return pl.concat([kept, good.select(known.columns)]).filter(pl.col(source.floats[0]).is_not_null())


def _moved(night: Night, right: Frame, found: Frame) -> bool:
    """Some value of the damaged series is another one, or not there although others of that day are."""
    key, first = list(night.source.contract.key()), night.source.floats[0]
    watched = [c for c in night.source.floats if c not in ("open", "submitted_usd_bn")]
    recent = pl.col(night.source.day) >= night.today - timedelta(days=400)
    right, found = (_due(night, frame.filter(night.own(), recent)) for frame in (right, found))
    both = right.join(found, on=key, how="full", suffix="_found", nulls_equal=True, coalesce=True)
    if night.source.contract is raw.MacroObservations:  # a day that never was says what was known then
        both = both.sort("date").with_columns(pl.col(first).forward_fill())
    gone = both.filter(pl.col(first).is_null() | pl.col(first + "_found").is_null())
    if night.whole_page:  # a page without its newest day is late; one with half of it is not right
        gone = gone.join(found, on=night.source.day, how="semi")
    if not gone.is_empty() and night.source.contract not in (raw.MacroObservations, raw.TreasuryOperations):
        return True
    return any(both.select(_apart(night, c)).to_series().any() for c in watched)


def _due(night: Night, rows: Frame) -> Frame:
    """Without bars on days that are no sessions: core leaves them out, whatever they say."""
    if night.source.contract is not raw.PriceBars or night.target in _EVERY_DAY:
        return rows
    return rows.filter(pl.col("date").is_in(nyse_sessions(night.today).implode()))


_EVERY_DAY = {s.id for s in CATALOG.symbol if s.frequency == "calendar_day"}


def _apart(night: Night, column: str) -> pl.Expr:
    is_value, found = pl.col(column), pl.col(column + "_found")
    is_rate = night.source.contract is raw.FuturesSettlements or night.target in _RATES
    least = LEAST.get(night.target, LEAST.get(column, 0.0))
    tolerance = pl.lit(OF_A_RATE) if is_rate else pl.max_horizontal(OF_A_PRICE * is_value.abs(), least)
    return ((found - is_value).abs() > tolerance).fill_null(False)


_RATES = {s.id for s in CATALOG.series if s.unit == "percent"}


def _has_a_hole(night: Night, known: Frame, rows: Rows) -> bool:
    """The gap is named by the calendar; of flows and operations by what their table says of its age."""
    if night.source.contract is not raw.PriceBars:
        return False
    symbols = CATALOG.symbol
    days = pl.concat([known.select("symbol", "date"), rows.good.select("symbol", "date")]).unique()
    return any(f.series in (night.target, "NYSE") for f in holes(symbols, days, night.today))


def _breaches(night: Night, known: Frame) -> set[tuple[str, date]]:
    """What the catalog's cross-checks say of the last month, given this table as known and the others as they are."""
    tables = {s.contract: s.rows for s in night.others} | {night.source.contract: known}
    first, catalog = night.today - timedelta(days=30), CATALOG
    recent = {c: rows.filter(pl.col(c.door.day).is_between(first, night.today)) for c, rows in tables.items() if c.door}
    millions = [s.id for s in catalog.series if s.unit == "usd_mn"]
    value = pl.when(pl.col("series_id").is_in(millions)).then(pl.col("value") / 1000).otherwise("value")
    found = FUNCTIONS[cross_checks_asset.key.path[-1]](
        recent[raw.PriceBars].select("symbol", "date", "close"),
        recent[raw.MacroObservations].select("series_id", "date", value=value),
        recent[raw.FundFlows].select("fund", "date", "net_flow_usd_mn"),
        catalog,
        _Horizon(night.today),
    )
    return set(found.filter("is_breached").select("cross_check", "date").iter_rows())


@dataclass(frozen=True)
class _Horizon:
    """A night's day, as the mart of cross-checks asks for it."""

    as_of: date
    simulated: bool = True


# ---------------------------------------------------------------------- the run
def corruptions(history: Sequence[Source], seed: int, count: int) -> Iterator[tuple[str, str, Outcome]]:
    """Kind, table and outcome of seeded corruptions."""
    rng = np.random.default_rng(seed)
    days = {s.contract: days_of(s, 750) for s in history}
    kinds = list(DAMAGE)
    done = 0
    while done < count:
        source, kind = history[int(rng.choice(len(history), p=WEIGHTS))], kinds[done % len(kinds)]
        today = days[source.contract][int(rng.integers(len(days[source.contract])))]
        night = night_of(source, today, rng, kind, history)
        if night is None:
            continue
        yield kind, source.contract.table_name(), outcome(night, DAMAGE[kind](night.answer, night, rng))
        done += 1


def clean_nights(history: Sequence[Source], count: int) -> tuple[int, int]:
    """Nights with something held or in quarantine although nothing was damaged, and nights."""
    rng, nights, held = np.random.default_rng(0), 0, 0
    for source in history:
        for today in days_of(source, count):
            night = night_of(source, today, rng)
            if night is not None:
                rows = judge(source.contract, Rows(night.answer), night.known, entries=CATALOG.fetched())
                nights, held = nights + 1, held + (not rows.held.is_empty() or not rows.broken.is_empty())
    return held, nights


def measured(upstream: Upstream, seed: int, count: int = CORRUPTIONS, nights: int = NIGHTS) -> list[Figure]:
    """The matrix on the console, and its sum as figures."""
    history = sources(upstream, CATALOG)
    matters, caught = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    begun = time.process_time()
    for kind, table, found in corruptions(history, seed, count):
        matters[kind, table] += found.matters
        caught[kind, table] += found.matters and found.caught
    seconds = time.process_time() - begun
    _print(matters, caught)
    held, all_nights = clean_nights(history, nights)
    total = float(sum(matters.values()))
    return [
        compared(
            "door: corruptions held or named", float(sum(caught.values())), "corruptions", "that move a figure", total
        ),
        compared("door: clean nights held", float(held), "nights", "clean nights", float(all_nights)),
        compared("door: time per judged night", 1000 * seconds / count, "ms", "bound", 1000.0),
    ]


def run() -> list[Figure]:
    """On the simulated market, with the usual seed."""
    return measured(SampleUpstream(CATALOG), SEED, count=500, nights=100)


def _print(matters: Counter[tuple[str, str]], caught: Counter[tuple[str, str]]) -> None:
    tables = sorted({table for _, table in matters})
    grid = Table("kind", *tables)
    for kind in DAMAGE:
        grid.add_row(kind, *(f"{caught[kind, t]} / {matters[kind, t]}" for t in tables))
    CONSOLE.print(grid)


if __name__ == "__main__":
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else SEED
    chosen = FilesUpstream(Path(sys.argv[2]), CATALOG) if len(sys.argv) > 2 else SampleUpstream(CATALOG)
    for figure in measured(chosen, seed):
        print(f"{figure['name']}: {figure['value']:g} of {figure['baseline_value']:g}")
