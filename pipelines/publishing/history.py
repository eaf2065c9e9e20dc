"""The as-of days of a home, side by side: which there are, one database over all of them, two of them compared.

Here: reading trees that are published. Not here: computing them (pipelines.orchestration.past_days), one tree's own
serving database (pipelines.publishing.serving).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
import polars as pl
from sqlglot import exp

from assets.catalog import Pair
from assets.contracts import MARTS
from assets.framework.contract import Mart
from assets.framework.errors import KnownFault
from pipelines.home import Home, Run, Tree
from pipelines.published.contract import is_readable
from pipelines.publishing.tables import STORAGE_VERSION

_SAME_DIGITS = 1e-9


class NoSuchDay(KnownFault):
    """A day was asked for that was never computed, or only by another release."""


@dataclass(frozen=True)
class PastDay:
    """One as-of tree."""

    day: date
    published_at: str
    run_id: str
    rows: int
    megabytes: float


@dataclass(frozen=True)
class Difference:
    """What one mart says otherwise on another day."""

    mart: str
    only_first: int
    only_second: int
    changed: int
    columns: tuple[str, ...]


def days(home: Path) -> list[PastDay]:
    """Every as-of tree that is published, oldest first."""
    folder = Home(home).as_of_days
    trees = sorted(folder.iterdir()) if folder.exists() else []
    return [_day(Tree(tree)) for tree in trees if Tree(tree).current.exists()]


def _day(tree: Tree) -> PastDay:
    manifest = json.loads(Run(tree.current).manifest.read_text())
    return PastDay(
        day=date.fromisoformat(manifest["as_of"]),
        published_at=manifest["published_at"],
        run_id=manifest["run_id"],
        rows=sum(mart["rows"] for mart in manifest["marts"].values()),
        megabytes=sum(f.stat().st_size for f in tree.root.rglob("*") if f.is_file() and not f.is_symlink()) / 1e6,
    )


def compare(home: Path, first: date, second: date) -> Iterator[Difference]:
    """What the marts of two days say otherwise, mart by mart; the as-of date itself is left out. Raises NoSuchDay."""
    folders = []
    for day in (first, second):
        link = Home(home).as_of(day).current
        if not link.exists():
            raise NoSuchDay(f"{day} has not been computed; run `recouple asof {day}` first")
        folders.append(link.resolve())
        if not is_readable(folders[-1]):
            raise NoSuchDay(f"{day} was computed by another release; run `recouple asof {day}` again")
    for mart in MARTS:
        one, two = (pl.read_parquet(Run(folder).mart(mart.table_name())) for folder in folders)
        difference = _difference(mart, one, two)
        if difference.only_first or difference.only_second or difference.changed:
            yield difference


def _difference(mart: type[Mart], first: pl.DataFrame, second: pl.DataFrame) -> Difference:
    key = list(mart.key())
    both = first.join(second, on=key, how="inner", suffix=" then", nulls_equal=True)
    columns = [c for c in first.columns if c in second.columns and c not in (*key, "as_of", "simulated")]
    told = both.select(_otherwise(c, both.schema[c]).alias(c) for c in columns)
    return Difference(
        mart=mart.table_name(),
        only_first=first.height - both.height,
        only_second=second.height - both.height,
        changed=int(told.select(pl.any_horizontal(pl.all()).sum()).item() or 0) if columns else 0,
        columns=tuple(c for c in columns if told[c].any()),
    )


def _otherwise(column: str, dtype: pl.DataType) -> pl.Expr:
    one, two = pl.col(column), pl.col(f"{column} then")
    if dtype != pl.Float64:
        return one.ne_missing(two)
    scale = pl.max_horizontal(one.abs(), two.abs())
    return (one.is_null() != two.is_null()) | ((one - two).abs() > _SAME_DIGITS * scale).fill_null(False)


def serve_history(home: Path, headline: Pair) -> Path:
    """Write `as_of/history.duckdb`: every mart over all days, and `as_of_history`, a row of figures for each day."""
    target = Home(home).as_of_history
    target.parent.mkdir(parents=True, exist_ok=True)
    building = target.with_name(f".building-{target.name}")
    building.unlink(missing_ok=True)
    answers = Path(__file__).with_name("as_of_history.sql").read_text(encoding="utf-8")
    with duckdb.connect() as connection:
        connection.execute(f"attach {_literal(building)} as history (storage_version '{STORAGE_VERSION}')")
        for mart in MARTS:
            files = Tree(Home(home).as_of_days / "*").current / f"{mart.table_name()}.parquet"
            columns = ", ".join(exp.to_identifier(c, quoted=True).sql("duckdb") for c in mart.ordered_columns())
            connection.execute(
                f"create view history.main.{mart.table_name()} as "
                f"select {columns} from read_parquet({_literal(files)}, union_by_name = true)"
            )
        named = answers.replace("$pair", _literal(headline.id))
        connection.execute("use history")
        connection.execute(f"create view as_of_history as {named}")
        connection.execute("use memory")
        connection.execute("detach history")
    return building.replace(target)


def _literal(text: object) -> str:
    return exp.Literal.string(str(text)).sql("duckdb")
