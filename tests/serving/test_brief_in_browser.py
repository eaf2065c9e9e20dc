"""The brief in a real browser: quiet, drawn, accessible, usable on a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from pipelines.brief import write_brief
from pipelines.home import Run
from tests.serving import world


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
    opened = browser.new_page()
    yield opened
    opened.close()


def test_it_opens_without_a_word_and_without_a_request(page: Page, brief: Path) -> None:
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url))
    page.goto(brief.as_uri())
    assert said == [brief.as_uri()]


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


def test_it_prints(page: Page, brief: Path) -> None:
    page.goto(brief.as_uri())
    assert page.pdf(format="A4").startswith(b"%PDF")
