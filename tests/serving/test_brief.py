"""The brief keeps its promises: it says what is known, what is missing and what is not real."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from pathlib import Path

import polars as pl
import pytest

from pipelines.brief import write_brief
from pipelines.brief.sections import SECTIONS
from pipelines.home import Run
from pipelines.published.marts import Marts
from pipelines.published.reading import read
from tests.serving import world


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("tree")
    world.publish(tree)
    return drawn(tree)


@pytest.fixture(scope="module")
def full_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated run that holds every mart of the design."""
    tree = tmp_path_factory.mktemp("full")
    world.publish(tree, simulated=True)
    folder = (tree / "marts" / "current").resolve()
    for name, frame in world.later_marts().items():
        frame.write_parquet(folder / f"{name}.parquet")
    return drawn(tree)


def drawn(tree: Path) -> Path:
    """The folder of the current run, with its brief."""
    folder = (tree / "marts" / "current").resolve()
    write_brief(folder, json.loads((folder / "manifest.json").read_text()))
    return folder


def page(folder: Path) -> str:
    return Run(folder).brief.read_text(encoding="utf-8")


def markup(folder: Path) -> str:
    """The page without its scripts."""
    return re.sub(r"<script.*?</script>", "", page(folder), flags=re.DOTALL)


def marts(folder: Path) -> Marts:
    return Marts.of(folder, json.loads((folder / "manifest.json").read_text()))


def test_every_run_carries_its_brief_and_card(run: Path) -> None:
    assert page(run).startswith("<!doctype html>")
    assert Run(run).card.read_bytes().startswith(b"\x89PNG")


def test_brief_needs_nothing_but_itself(full_run: Path) -> None:
    addresses = re.findall(r"""(?:src|href|url)\s*[=(]\s*["']?([^"')>\s]+)""", markup(full_run))
    assert {a for a in addresses if not a.startswith(("#", "data:"))} == set()
    code = re.findall(r"<script>(.*?)</script>", page(full_run), flags=re.DOTALL)
    allowed = re.search(r"script-src ([^;]*);", unescape(page(full_run)))
    assert allowed
    assert [f"'sha256-{b64encode(sha256(c.encode()).digest()).decode()}'" for c in code] == allowed[1].split()


def test_every_section_has_a_picture_or_a_table_when_its_marts_are_there(full_run: Path) -> None:
    empty = [s.anchor for s in SECTIONS if not s.content(marts(full_run)).table]
    assert empty == []


def test_every_picture_has_a_table_behind_it(full_run: Path) -> None:
    contents = [section.content(marts(full_run)) for section in SECTIONS]
    assert all(content.table and content.table.rows for content in contents if content.pictures)


def test_a_section_without_its_mart_says_so(run: Path) -> None:
    absent = [s for s in SECTIONS if not all(marts(run).has(need) for need in s.needs)]
    for section in absent:
        assert "was not published" in section.content(marts(run)).text[0]


def test_a_mart_without_rows_is_said_not_drawn(run: Path, tmp_path: Path) -> None:
    for path in run.glob("*.parquet"):
        pl.read_parquet(path).clear().write_parquet(tmp_path / path.name)
    (tmp_path / "manifest.json").write_text((run / "manifest.json").read_text())
    for section in SECTIONS:
        if all(marts(tmp_path).has(need) for need in section.needs) and section.anchor != "freshness":
            content = section.content(marts(tmp_path))
            assert content.text and not content.pictures, section.anchor
    write_brief(tmp_path, json.loads((tmp_path / "manifest.json").read_text()))
    assert not Run(tmp_path).card.exists()


def test_simulated_cannot_be_missed(full_run: Path, run: Path) -> None:
    assert page(full_run).count("SIMULATED") > 2 * len(SECTIONS)
    assert "<title>SIMULATED" in page(full_run)
    assert "SIMULATED" not in page(run)


def test_every_picture_is_described_and_dated(full_run: Path) -> None:
    drawn = markup(full_run).split("<svg ")[1:]
    assert drawn
    for svg in drawn:
        assert svg.startswith('role="img" aria-label="')
        assert "SIMULATED, as of 12 December 2025" in svg


def test_text_from_a_mart_cannot_become_markup(full_run: Path) -> None:
    assert "&lt;30% &amp; below" in page(full_run)


def test_brief_is_a_function_of_the_marts(run: Path) -> None:
    before = page(run)
    write_brief(run, json.loads((run / "manifest.json").read_text()))
    assert page(run) == before


def test_reading_tells_the_link_of_returns_from_who_is_ahead(run: Path) -> None:
    reading = read(marts(run))
    assert reading.headline.startswith("Bitcoin has lagged the records of the Russell 2000 since ")
    topics = {"Levels", "Records", "Decoupling or delay?", "Day to day", "Trend", "Fed policy", "Fed liquidity"}
    assert {s.topic for s in reading.sentences} >= topics


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [
        (0.1, 0.7, "from day to day they are linked (60-session correlation 0.60, 95% interval 0.10 to 0.70)"),
        (-0.1, 0.5, "from day to day they are without a link that can be told from none ("),
        (-0.7, -0.1, "from day to day they are opposed ("),
    ],
)
def test_headline_follows_the_interval(run: Path, tmp_path: Path, low: float, high: float, said: str) -> None:
    for path in [*run.glob("*.parquet"), run / "manifest.json"]:
        (tmp_path / path.name).write_bytes(path.read_bytes())
    changed = pl.read_parquet(run / "rolling_correlations.parquet").with_columns(
        correlation=pl.lit((low + high) / 2 + 0.2 * (1 if low + high > 0 else -1)),
        ci95_low=pl.lit(low),
        ci95_high=pl.lit(high),
    )
    changed.write_parquet(tmp_path / "rolling_correlations.parquet")
    assert said in read(marts(tmp_path)).headline


def test_brief_is_small(full_run: Path) -> None:
    assert len(page(full_run).encode()) < 3_000_000
