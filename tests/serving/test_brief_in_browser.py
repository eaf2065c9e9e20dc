"""The brief in a real browser: quiet, drawn, accessible, usable on a phone."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page

from pipelines.brief import write_brief
from pipelines.home import Run, Tree
from pipelines.settings import Settings
from tests.serving import world
from tests.serving.pointing import pointed_at


@pytest.fixture(scope="module")
def brief(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated run that holds every mart of the design, with every section of the brief."""
    tree = tmp_path_factory.mktemp("tree")
    world.publish(tree, simulated=True)
    folder = (tree / "marts" / "current").resolve()
    for name, frame in world.later_marts().items():
        frame.write_parquet(folder / f"{name}.parquet")
    write_brief(folder, json.loads((folder / "manifest.json").read_text()))
    return Run(folder).brief


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    opened = browser.new_page(bypass_csp=True)  # so that a test may ask the page; the first one keeps the policy
    yield opened
    opened.close()


def test_it_opens_without_a_word_and_without_a_request(browser: Browser, brief: Path) -> None:
    page = browser.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    page.goto(brief.as_uri())
    for section in page.locator("section:has(.picture)").all():
        alive(page, str(section.get_attribute("id")))
    page.close()
    assert said == [brief.as_uri()]


@pytest.fixture
def printed(browser: Browser) -> Iterator[Page]:
    """The page without its script."""
    opened = browser.new_page(java_script_enabled=False)
    yield opened
    opened.close()


def test_every_picture_has_marks(page: Page, brief: Path) -> None:
    page.goto(brief.as_uri())
    marks = page.eval_on_selector_all(
        ".picture svg",
        "svgs => svgs.map(s => [...s.querySelectorAll('[class*=mark-] path, [class*=mark-] line')]"
        ".filter(e => { const b = e.getBBox(); return b.width + b.height > 2 }).length)",
    )
    assert len(marks) >= 12
    assert min(marks) > 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing(browser: Browser, brief: Path, scheme: str, width: int) -> None:
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True)
    page.goto(brief.as_uri())
    page.eval_on_selector_all("details", "all => all.forEach(d => d.open = true)")
    found = Axe().run(page)
    page.close()
    assert found.violations_count == 0, found.generate_report()


def test_a_phone_shows_everything_without_scrolling_sideways(browser: Browser, brief: Path) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740})
    page.goto(brief.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    smallest = page.evaluate(
        "Math.min(...[...document.querySelectorAll('.picture text')].map(t => t.getBoundingClientRect().height))"
    )
    page.close()
    assert smallest >= 9


def test_simulated_stays_in_sight(page: Page, brief: Path) -> None:
    page.goto(f"{brief.as_uri()}#freshness")
    assert page.locator(".simulated").is_visible()
    box = page.locator(".simulated").bounding_box()
    assert box and box["y"] < 50


def test_keyboard_reaches_reading_and_tables(page: Page, brief: Path) -> None:
    page.goto(brief.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "reading"
    page.locator("#drawdowns summary").focus()
    page.keyboard.press("Enter")
    assert page.locator("#drawdowns table").is_visible()


def test_it_prints_on_few_pages(page: Page, brief: Path) -> None:
    page.goto(brief.as_uri())
    alive(page, "levels")
    pages = re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))
    assert 1 <= len(pages) <= 5


def test_without_scripts_every_picture_stands_and_no_control_is_shown(printed: Page, brief: Path) -> None:
    printed.goto(brief.as_uri())
    assert printed.locator("#drawdowns .picture > svg").is_visible()
    assert not printed.locator("#controls").is_visible()
    assert not printed.locator("#drawdowns .csv").is_visible()


def alive(page: Page, anchor: str) -> Locator:
    """The section's first chart, once it answers."""
    page.locator(f"#{anchor}").scroll_into_view_if_needed()
    page.wait_for_selector(f"#{anchor} .picture.alive .live svg")
    return page.locator(f"#{anchor} .live svg").first


def test_pointing_at_a_line_gives_its_value(page: Page, brief: Path) -> None:
    page.goto(brief.as_uri())
    said = pointed_at(page, alive(page, "drawdowns"))
    assert re.search(r"\d+ \w+ \d{4}", said) and "%" in said


@pytest.fixture(scope="module")
def sample_brief(tmp_path_factory: pytest.TempPathFactory, sample_home: Settings) -> Path:
    """The simulated market with all pairs of the catalog."""
    folder = tmp_path_factory.mktemp("sample") / "run"
    shutil.copytree(Tree(sample_home.tree).current, folder)
    write_brief(folder, json.loads(Run(folder).manifest.read_text()))
    return Run(folder).brief


PAIR_SECTIONS = ("levels", "drawdowns", "correlation", "trend")


def test_another_pair_changes_every_chart_of_a_pair(page: Page, sample_brief: Path) -> None:
    page.goto(sample_brief.as_uri())
    before = {anchor: alive(page, anchor).text_content() for anchor in PAIR_SECTIONS}
    other = page.locator("select[name=pair] option").nth(1)
    page.locator("select[name=pair]").select_option(other.get_attribute("value"))
    for anchor in PAIR_SECTIONS:
        page.locator(f"#{anchor}").scroll_into_view_if_needed()
        page.wait_for_function(CHANGED, arg=[anchor, before[anchor]])
        assert (other.text_content() or "") in (alive(page, anchor).text_content() or "")


CHANGED = "([anchor, before]) => document.querySelector(`#${anchor} .live svg`)?.textContent !== before"


def test_a_shorter_range_changes_the_axis_and_the_address_keeps_the_choice(page: Page, brief: Path) -> None:
    page.goto(brief.as_uri())
    before = alive(page, "drawdowns").text_content()
    page.locator("select[name=range]").select_option("3m")
    page.wait_for_function(CHANGED, arg=["drawdowns", before])
    link = page.locator("#drawdowns a.permalink").get_attribute("href")
    assert link and "range=3m" in link
    page.goto(f"{brief.as_uri()}{link}")
    page.reload()
    alive(page, "drawdowns")
    assert page.locator("select[name=range]").input_value() == "3m"


def test_the_rows_behind_a_chart_are_there_to_take(page: Page, brief: Path) -> None:
    page.goto(brief.as_uri())
    alive(page, "drawdowns")
    with page.expect_download() as taken:
        page.locator("#drawdowns .csv").click()
    rows = taken.value.path().read_text().splitlines()
    assert rows[0] == "date,value,line"
    assert len(rows) > 10
