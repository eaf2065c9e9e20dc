"""Promises of universes: a typo has a line, a night costs its new days, and no night changes what a pair is."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import assets.raw.universe  # noqa: F401
from assets.catalog import Symbol, load_catalog
from assets.contracts.universe import UniverseBars
from assets.framework.table import FUNCTIONS
from assets.marts import universe as _marts  # noqa: F401  (registers the functions)
from assets.marts.regimes import parameters
from assets.universe import Universe, UniverseError, Universes, load_universes
from assets.upstream import Fetched, UpstreamError
from pipelines.store.objects import Folder
from pipelines.universe.blocks import PAIRS_A_BLOCK, cut
from pipelines.universe.map_blocks import BlockFailed, InThisProcess, Processes
from pipelines.universe.states import StatesGone, StoredStates
from quant.correlation import rolling_correlation
from quant.regimes import filter_regimes
from quant.universe_simulation import simulate_universe

SESSIONS = [date(2020, 1, 1) + timedelta(days=n) for n in range(500)]
NAMES = ("A", "B", "C", "D", "E")
ALL = Universe(id="all", name="All", members=NAMES, all_pairs=True, windows_sessions=(20, 60), changes_sessions=500)
PARAMETERS = parameters()
MATRIX = simulate_universe(NAMES, len(SESSIONS), seed=1, mean_spell=120).returns


def rows(matrix: np.ndarray = MATRIX, stop: int = len(SESSIONS)) -> pl.DataFrame:
    wide = pl.DataFrame({"session": SESSIONS[:stop], **dict(zip(NAMES, matrix[:stop].T, strict=True))})
    return wide.unpivot(index="session", variable_name="symbol", value_name="log_return").drop_nulls()


def members(universe: Universe) -> pl.DataFrame:
    return Universes(universe=(universe,)).members_frame(simulated=False)


def states(folder: Path) -> StoredStates:
    return StoredStates(Folder(folder), InThisProcess(), simulated=False)


def night(
    folder: Path, universe: Universe = ALL, matrix: np.ndarray = MATRIX, stop: int = len(SESSIONS)
) -> StoredStates:
    kept = states(folder)
    kept.advance(universe, rows(matrix, stop), members(universe))
    return kept


def marts(kept: StoredStates, universe: Universe = ALL) -> dict[str, pl.DataFrame]:
    return {
        name: FUNCTIONS[name](pl.DataFrame(), Universes(universe=(universe,)), kept)
        for name in ("universe_latest", "universe_changes", "universe_breadth", "universe_neighbours")
    }


# ---------------------------------------------------------------- entries
@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (
            '[[universe]]\nid = "x"\nname = "X"\nall_pairs = true',
            "universe.toml, line 1: universe x: it has no members",
        ),
        ('[[universe]]\nid = "x"\nname = "X"\nmembers = ["A"]', "line 1: universe x: it has no pairs; name anchors"),
        (
            '[[universe]]\nid = "x"\nname = "X"\nmembers = ["A", "A"]\nall_pairs = true',
            "line 4: universe x: member A is",
        ),
        ('[[universe]]\nid = "x"\nname = "X"\nmembrs = ["A"]', "universe.toml, line 4: universe x: membrs"),
        (
            '[[universe]]\nid = "x"\nname = "X"\nmembers_file = "no.csv"\nall_pairs = true',
            "line 4: members_file no.csv: .*; name a CSV",
        ),
    ],
)
def test_a_typo_ends_in_a_sentence_with_its_line(tmp_path: Path, entry: str, said: str) -> None:
    path = tmp_path / "universe.toml"
    path.write_text(entry)
    with pytest.raises(UniverseError, match=said):
        load_universes(path)


def test_membership_has_dates_where_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("symbol,first_session,last_session\nA,2020-01-01,2020-06-30\nB,,\n")
    (tmp_path / "universe.toml").write_text(
        '[[universe]]\nid = "x"\nname = "X"\nmembers_file = "index.csv"\nanchors = ["C"]\n'
    )
    found = load_universes(tmp_path / "universe.toml").universe[0]
    assert [m.last_session for m in found.memberships(False)] == [date(2020, 6, 30), None]
    assert list(found.pairs(False)) == [("C", "A"), ("C", "B")]


def test_no_pair_is_told_twice() -> None:
    both = Universe(id="x", name="X", members=NAMES, anchors=("A", "B"), all_pairs=True)
    pairs = [frozenset(p) for p in both.pairs(False)]
    assert len(pairs) == len(set(pairs)) == 10


def test_symbols_of_the_catalog_are_not_fetched_twice() -> None:
    bundled, catalog = load_universes(), load_catalog()
    assert bundled.fetched(catalog, simulated=False) == ()
    assert len(bundled.fetched(catalog, simulated=True)) == 16


# ---------------------------------------------------------------- pairs
def test_marts_say_of_every_pair_what_the_one_pair_functions_say(tmp_path: Path) -> None:
    latest = marts(night(tmp_path))["universe_latest"]
    assert latest.height == 10 * 2
    names = {-1: "inverse", 0: "decoupled", 1: "coupled"}
    for row in latest.iter_rows(named=True):
        x, y = (MATRIX[:, NAMES.index(row[side])] for side in ("asset", "benchmark"))
        assert row["correlation"] == pytest.approx(rolling_correlation(x, y, row["window_sessions"])[0][-1], abs=1e-9)
        one = filter_regimes(np.column_stack([x, y]), PARAMETERS)
        assert row["regime"] == names[int(one.labels[-1])]
        assert row["p_coupled"] == pytest.approx(one.probabilities[-1, 2], abs=1e-9)
        changed = np.flatnonzero(np.diff(one.labels[40:])) + 41
        assert row["since_session"] == SESSIONS[changed[-1] if len(changed) else 40]


def test_night_after_night_says_what_one_night_from_the_start_says(tmp_path: Path) -> None:
    for stop in (300, 301, 301, 420, 500):
        kept = night(tmp_path / "kept", stop=stop)
    for name, frame in marts(kept).items():
        assert frame.equals(marts(night(tmp_path / "anew"))[name]), name


def test_a_night_looks_at_its_new_days_alone(tmp_path: Path) -> None:
    night(tmp_path, stop=499)
    report = states(tmp_path).advance(ALL, rows(), members(ALL))
    assert report["days"].to_list() == [1]
    assert report["continued_from"].to_list() == [SESSIONS[498]]


def test_later_prices_change_no_earlier_session(tmp_path: Path) -> None:
    other = MATRIX.copy()
    other[400:] = np.random.default_rng(1).standard_normal((100, 5))
    one, two = (marts(night(tmp_path / name, matrix=matrix)) for name, matrix in (("one", MATRIX), ("two", other)))
    early = pl.col("session") < SESSIONS[400]
    for name in ("universe_breadth", "universe_changes"):
        assert one[name].filter(early).equals(two[name].filter(early)), name


@pytest.mark.parametrize("what", ["restated", "parameter", "damaged", "membership", "unread"])
def test_what_no_longer_stands_is_computed_anew(tmp_path: Path, what: str) -> None:
    night(tmp_path / "kept", stop=450)
    universe, matrix = ALL, MATRIX.copy()
    if what == "restated":
        matrix[100, 2] += 0.01
    elif what == "parameter":
        universe = ALL.model_copy(update={"confirm_above": 0.8})
    elif what == "membership":
        universe = ALL.model_copy(update={"members": ("B", "A", "C", "D")})
    else:
        (state,) = (tmp_path / "kept").rglob("state-*" if what == "damaged" else "result-*")
        state.write_bytes(state.read_bytes()[:1000])
    kept = states(tmp_path / "kept")
    report = kept.advance(universe, rows(matrix), members(universe))
    assert report["continued_from"].to_list() == [None]
    anew = night(tmp_path / "anew", universe, matrix)
    for name, frame in marts(kept, universe).items():
        assert frame.equals(marts(anew, universe)[name]), name


def test_a_state_that_recomputing_does_not_confirm_is_discarded(tmp_path: Path) -> None:
    night(tmp_path, stop=450)
    (path,) = tmp_path.rglob("state-*")
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    arrays["density"] = np.flip(arrays["density"], axis=-1)  # still a density, of another correlation
    np.savez(path, **arrays)
    kept = night(tmp_path)
    assert marts(kept)["universe_latest"].equals(marts(night(tmp_path / "anew"))["universe_latest"])


def test_the_last_digits_of_adjusted_prices_restate_nothing(tmp_path: Path) -> None:
    night(tmp_path, stop=499)
    noise = 1e-7 * np.random.default_rng(0).standard_normal(MATRIX.shape)
    report = states(tmp_path).advance(ALL, rows(MATRIX + noise), members(ALL))
    assert report["days"].to_list() == [1]


def test_a_pair_is_shown_while_both_belong(tmp_path: Path) -> None:
    left = Universe.model_validate(
        {
            **ALL.model_dump(exclude={"members"}),
            "dated": ({"symbol": "A", "last_session": SESSIONS[300]}, *({"symbol": s} for s in NAMES[1:])),
        }
    )
    tables = marts(night(tmp_path, left), left)
    assert not tables["universe_latest"].filter(pl.col("pair").str.contains("A")).height
    pairs = dict(tables["universe_breadth"].select("session", "pairs").iter_rows())
    assert (pairs[SESSIONS[300]], pairs[SESSIONS[301]]) == (10, 6)


def test_a_universe_without_prices_is_empty_and_no_fault(tmp_path: Path) -> None:
    absent = Universe(id="x", name="X", members=("P", "Q"), all_pairs=True)
    kept = states(tmp_path)
    assert kept.advance(absent, rows(), members(absent)).is_empty()
    assert all(frame.is_empty() for frame in marts(kept, absent).values())


def test_the_breadth_counts_what_the_pairs_are(tmp_path: Path) -> None:
    tables = marts(night(tmp_path))
    last = tables["universe_breadth"].row(-1, named=True)
    latest = tables["universe_latest"].filter(window_sessions=20)
    assert last["share_coupled"] == pytest.approx((latest["regime"] == "coupled").mean())
    assert last["mean_correlation"] == pytest.approx(latest["correlation"].mean(), abs=1e-9)
    assert last["median_correlation"] == pytest.approx(latest["correlation"].median(), abs=1e-9)


def test_neighbours_are_ranked_by_the_longest_window(tmp_path: Path) -> None:
    tables = marts(night(tmp_path))
    mine = tables["universe_neighbours"].filter(symbol="C").sort("rank")
    assert mine["neighbour"].n_unique() == 4
    assert mine["correlation"].is_sorted(descending=True)
    assert mine["window_sessions"].unique().to_list() == [60]


def test_marts_are_read_from_the_store_in_another_process(tmp_path: Path) -> None:
    tables = marts(night(tmp_path))
    for name, frame in marts(states(tmp_path)).items():
        assert frame.equals(tables[name]), name


def test_a_universe_that_was_never_computed_says_so(tmp_path: Path) -> None:
    with pytest.raises(StatesGone, match="materialize derived/universe_blocks first"):
        marts(states(tmp_path))


# ---------------------------------------------------------------- prices
@dataclass
class Market:
    """A source that gives out after so many symbols."""

    gives_out_after: int
    asked: list[str] = field(default_factory=list)

    simulated = True

    def price_bars(self, symbols: Sequence[Symbol], stored: Mapping[str, date]) -> Fetched:
        """One bar of each."""
        if len(self.asked) + len(symbols) > self.gives_out_after:
            raise UpstreamError("the source has had enough", transient=True)
        self.asked += [s.id for s in symbols]
        bar = {"date": SESSIONS[0], **dict.fromkeys(("open", "high", "low", "close", "adj_close", "volume"), 1.0)}
        rows = [{"symbol": s.id, **bar, "provisional": False} for s in symbols]
        return Fetched(pl.DataFrame(rows, schema=UniverseBars.create_empty().schema))


@dataclass(frozen=True)
class Stored:
    """A history that has some symbols."""

    symbols: tuple[str, ...] = ()

    def watermarks(self, contract: object, series: str, day: str) -> dict[str, date]:
        """All up to the first session."""
        return dict.fromkeys(self.symbols, SESSIONS[0])


def fetched(market: Market, stored: Stored) -> Fetched:
    many = Universes(universe=(Universe(id="many", name="Many", simulated=500, all_pairs=True),))
    result: Fetched = FUNCTIONS["universe_bars"](many, load_catalog(), market, stored)
    return result


def test_what_came_before_the_source_gave_out_is_kept_and_the_rest_is_named() -> None:
    answer = fetched(Market(gives_out_after=450), Stored())
    assert answer.rows["symbol"].n_unique() == 400
    assert [m.id for m in answer.missing] == [f"SIM{n:04d}" for n in range(401, 501)]


def test_known_symbols_are_asked_for_before_new_ones() -> None:
    market = Market(gives_out_after=1000)
    fetched(market, Stored(("SIM0500", "SIM0499")))
    assert market.asked[:3] == ["SIM0499", "SIM0500", "SIM0001"]


def test_a_source_that_says_nothing_at_all_is_a_fault() -> None:
    with pytest.raises(UpstreamError, match="had enough"):
        fetched(Market(gives_out_after=0), Stored())


# ---------------------------------------------------------------- blocks
@pytest.mark.parametrize(("symbols", "anchors"), [(100, 0), (2000, 5), (7, 2)])
def test_every_pair_is_in_exactly_one_block(symbols: int, anchors: int) -> None:
    left, right = (
        np.triu_indices(symbols, 1)
        if not anchors
        else (np.repeat(np.arange(anchors), symbols), np.tile(np.arange(anchors, anchors + symbols), anchors))
    )
    blocks = list(cut(np.asarray(left), np.asarray(right)))
    np.testing.assert_array_equal(np.sort(np.concatenate(blocks)), np.arange(len(left)))
    assert max(map(len, blocks)) <= PAIRS_A_BLOCK


@dataclass(frozen=True)
class Marked:
    """Work that fails until its mark is there."""

    folder: Path
    number: int
    tries_needed: int

    def __str__(self) -> str:
        return f"block {self.number}"


def fails_at_first(work: Marked) -> int:
    marks = len(list(work.folder.glob(f"{work.number}-*")))
    (work.folder / f"{work.number}-{marks}").touch()
    if marks + 1 < work.tries_needed:
        raise ValueError(f"try {marks + 1}")
    return work.number * 10


def test_a_block_that_fails_is_tried_again_alone(tmp_path: Path) -> None:
    work = [Marked(tmp_path, n, tries_needed=3 if n == 1 else 1) for n in range(3)]
    found = {block.number: (result, tries) for block, result, tries in Processes(2).map_blocks(fails_at_first, work)}
    assert found == {0: (0, 1), 1: (10, 3), 2: (20, 1)}


def dies_at_first(work: Marked) -> int:
    mark = work.folder / f"{work.number}"
    if work.number == 1 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return work.number * 10


def test_blocks_of_a_process_that_was_killed_come_back(tmp_path: Path) -> None:
    work = [Marked(tmp_path, n, tries_needed=1) for n in range(4)]
    found = {block.number: result for block, result, _ in Processes(2).map_blocks(dies_at_first, work)}
    assert found == {0: 0, 1: 10, 2: 20, 3: 30}


def test_a_block_that_never_works_ends_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(BlockFailed, match=r"^block 0 failed 3 times, last with ValueError: try 3;"):
        list(Processes(1).map_blocks(fails_at_first, [Marked(tmp_path, 0, tries_needed=9)]))


def test_memory_bounds_the_number_of_processes() -> None:
    assert Processes.within(2.0, processors=64).workers == 2
    assert Processes.within(0.5, processors=64).workers == 1
    assert Processes.within(200.0, processors=4).workers == 4
