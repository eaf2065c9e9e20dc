"""Every brief is kept, listed and linked, and outlives its run."""

from __future__ import annotations

import re
import shutil
from datetime import date, timedelta
from pathlib import Path

import pytest

from pipelines import brief
from pipelines.home import Home, Run, Tree
from pipelines.publishing.archive import keep_brief
from tests.serving import world

DAYS = [world.AS_OF + timedelta(days=n) for n in (0, 3, 4)]


def night(tree: Path, day: date, text: str = "a & b") -> None:
    """Publish a run of a day with a small brief of the real template's shape, and archive it."""
    world.publish(tree, f"run-{day}", as_of=day)
    folder = Tree(tree).current.resolve()
    marker = re.search(r"<!-- other days -->.*\n", (BRIEF / "brief.html.j2").read_text())
    assert marker
    page = f'<body><h1 id="headline">{text.replace("&", "&amp;")} {day}.</h1>{marker[0]}<script>data</script>'
    Run(folder).brief.write_text(page, encoding="utf-8")
    keep_brief(folder)


BRIEF = Path(brief.__file__).parent


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Three nights, one of them twice, a day looked back on; then every run is removed."""
    home = Home(tmp_path_factory.mktemp("home"))
    with world.few_marts():
        for day in (*DAYS, DAYS[-1]):
            night(home.root, day)
        night(home.as_of(DAYS[0]).root, DAYS[0], "then")
    shutil.rmtree(home.marts)
    shutil.rmtree(home.as_of_days)
    return home


def test_all_are_listed_newest_first_with_what_they_said(home: Home) -> None:
    rows = re.findall(r'<a href="(briefs/[^"]+)">.*?<td>(.*?)</td>', home.archive.read_text(), re.DOTALL)
    assert rows == [
        (f"briefs/{DAYS[2]}.html", f"a &amp; b {DAYS[2]}."),
        (f"briefs/{DAYS[1]}.html", f"a &amp; b {DAYS[1]}."),
        (f"briefs/as-of-{DAYS[0]}.html", f"then {DAYS[0]}."),
        (f"briefs/{DAYS[0]}.html", f"a &amp; b {DAYS[0]}."),
    ]


def test_every_page_links_the_one_before_and_after_and_none_into_the_void(home: Home) -> None:
    pages = [f"{DAYS[0]}.html", f"as-of-{DAYS[0]}.html", f"{DAYS[1]}.html", f"{DAYS[2]}.html"]
    for name, before, after in zip(pages, [None, *pages], [*pages[1:], None], strict=False):
        text = (home.briefs / name).read_text()
        assert re.findall(r'href="([^"]+)" rel="prev"', text) == ([before] if before else [])
        assert re.findall(r'href="([^"]+)" rel="next"', text) == ([after] if after else [])
        assert all((home.briefs / link).exists() for link in re.findall(r'href="([^"]+)"', text))
        assert "<script" not in text


def test_the_brief_of_a_day_looked_back_on_links_its_neighbours_and_the_list_from_its_own_tree(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with world.few_marts():
        for tree, day in ((home.root, DAYS[0]), (home.as_of(DAYS[1]).root, DAYS[1]), (home.root, DAYS[2])):
            night(tree, day)
    looked_back, tonight = (Run(tree.current).brief for tree in (home.as_of(DAYS[1]), Tree(home.root)))
    named = re.findall(r'href="([^"]+)"', looked_back.read_text())
    links = [(looked_back.parent / link).resolve() for link in named]
    assert links == [home.briefs / f"{DAYS[0]}.html", home.archive, home.briefs / f"{DAYS[2]}.html"]
    assert all(link.exists() for link in links)
    assert "<script" in looked_back.read_text()
    assert "href" not in tonight.read_text()


def test_a_run_without_a_brief_adds_nothing(tmp_path: Path) -> None:
    with world.few_marts():
        world.publish(tmp_path)
    assert not Home(tmp_path).archive.exists()
