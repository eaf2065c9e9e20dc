"""The Dagster UI as a newcomer meets it, in a real browser: the graph, the forms, a nightly, a mart's page, a failure.

One server and one nightly for all tests; each waits for what the page says, never for a time.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.serving.programs import served

NIGHTLY_MS, PAGE_MS = 600_000, 60_000


@dataclass(frozen=True)
class Ui:
    """A running `recouple dev`."""

    url: str
    home: Path

    def launchpad(self, job: str, config: str = "") -> str:
        """The page on which a job's form is filled in; with a config, that form filled in."""
        page = f"{self.url}/locations/recouple/jobs/{job}/playground"
        return f"{page}/setup?{urlencode({'config': config})}" if config else page

    def asset(self, key: str, view: str = "overview") -> str:
        """An asset's own page."""
        return f"{self.url}/assets/{key}?view={view}"


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    home = tmp_path_factory.mktemp("ui")
    with served("dev", home, home / "dev.log", answers="/server_info") as url:
        yield Ui(url, home)


def wait_until(true: Callable[[], bool]) -> None:
    """Until something has become true on disk."""
    until = time.monotonic() + NIGHTLY_MS / 1000
    while not true():
        assert time.monotonic() < until
        time.sleep(0.2)


@pytest.fixture
def page(browser: Browser, ui: Ui) -> Iterator[Page]:
    """A page that notes every request to elsewhere."""
    opened = browser.new_page(viewport={"width": 1440, "height": 1000})
    opened.set_default_timeout(PAGE_MS)
    expect.set_options(timeout=PAGE_MS)
    elsewhere: list[str] = []
    local = (ui.url, ui.url.replace("http", "ws"), "data:", "blob:")
    opened.on("request", lambda request: None if request.url.startswith(local) else elsewhere.append(request.url))
    yield opened
    opened.close()
    assert elsewhere == []


@pytest.fixture(scope="module")
def nightly(browser: Browser, ui: Ui) -> str:
    """The address of a nightly that was launched by a click and ended well."""
    opened = browser.new_page(viewport={"width": 1440, "height": 1000})
    opened.goto(ui.launchpad("nightly"))
    address = launch(opened)
    expect(opened.get_by_text("Success", exact=True).first).to_be_visible(timeout=NIGHTLY_MS)
    look(opened, "nightly")
    opened.close()
    return address


def launch(page: Page) -> str:
    """Click the launchpad's button; the address of the run's page."""
    button = page.get_by_role("button", name="Launch Run")
    expect(button).to_be_enabled(timeout=PAGE_MS)
    button.click()
    page.wait_for_url("**/runs/*", timeout=PAGE_MS)
    return page.url


def look(page: Page, name: str) -> None:
    """Keep a picture where a person asked for pictures."""
    if folder := os.environ.get("RECOUPLE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_the_graph_shows_every_subject(page: Page, ui: Ui) -> None:
    page.set_viewport_size({"width": 2400, "height": 2000})  # a box out of sight is not drawn at all
    page.goto(f"{ui.url}/asset-groups")
    boxes, listed = page.locator("svg foreignObject"), page.locator("[class*=AssetSidebarNode_itemContainer]")
    for group in ("prices", "does_bitcoin_follow", "policy", "balance_sheet", "judgement", "published", "as_of"):
        expect(boxes.filter(has_text=group).first).to_be_visible()
        expect(listed.filter(has=page.get_by_title(group, exact=True))).to_be_visible()
    listed.filter(has=page.get_by_title("does_bitcoin_follow", exact=True)).get_by_role("button").first.click()
    for mart in ("correlation_regimes", "lead_lag"):
        expect(listed.filter(has=page.get_by_title(mart, exact=True))).to_be_visible()
    page.get_by_title("correlation_regimes", exact=True).first.click()
    expect(page.get_by_text("Whether a pair's daily returns move together").first).to_be_visible()
    look(page, "graph")


@pytest.mark.parametrize(
    ("job", "fields"),
    [
        ("ingest", ("symbols: []",)),
        ("other_source", ("source: sample", "files: ''")),
    ],
)
def test_the_form_of_a_job_comes_filled_in_from_the_settings(
    page: Page, ui: Ui, job: str, fields: tuple[str, ...]
) -> None:
    page.goto(ui.launchpad(job))
    editor = page.locator(".CodeMirror-code").first
    for field in fields:
        expect(editor).to_contain_text(field)
    look(page, f"form-{job}")


def test_a_source_that_does_not_exist_is_refused_before_the_run(page: Page, ui: Ui) -> None:
    page.goto(ui.launchpad("other_source", "resources: {other_source: {config: {source: yahoo}}}"))
    expect(page.get_by_text("not in enum type SourceName got yahoo").first).to_be_visible()
    look(page, "refused")


@pytest.mark.usefixtures("nightly")
def test_a_mart_shows_its_chart_its_columns_with_units_and_its_contract(page: Page, ui: Ui) -> None:
    page.goto(ui.asset("marts/rolling_correlations"))
    expect(page.get_by_text("Pearson correlation of daily log returns [-1 to 1]")).to_be_visible()
    expect(page.get_by_text("RollingCorrelations in assets/contracts/market.py").first).to_be_visible()
    link = page.get_by_role("link", name="Open contract")
    assert re.search(r"/assets/contracts/market\.py:\d+$", link.get_attribute("href") or "")
    look(page, "mart")
    page.get_by_text("[Show Markdown]").first.click()
    chart = page.locator("img[src^='data:image/png']")
    expect(chart).to_be_visible()
    assert chart.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    assert "rolling_correlations" in (chart.get_attribute("alt") or "")
    look(page, "chart")


@pytest.mark.usefixtures("nightly")
def test_a_check_says_in_plain_words_what_it_looked_at_and_what_it_found(page: Page, ui: Ui) -> None:
    page.goto(ui.asset("marts/rolling_correlations", view="checks"))
    expect(page.get_by_text("Every row keeps the rules of the table's contract").first).to_be_visible()
    expect(page.get_by_text("rows keep every rule").first).to_be_visible()
    look(page, "checks")


def test_a_symbol_that_is_none_is_refused_before_the_run(page: Page, ui: Ui) -> None:
    page.goto(ui.launchpad("ingest", "resources: {asked: {config: {symbols: [BTCUSD]}}}"))
    expect(page.get_by_text("not in enum type CatalogId got BTCUSD").first).to_be_visible()
    look(page, "choice")


def test_a_folder_that_cannot_be_used_refuses_the_run_and_fails_nothing(page: Page, ui: Ui, tmp_path: Path) -> None:
    choices = {"source": "files", "files": str(tmp_path)}
    page.goto(ui.launchpad("other_source", json.dumps({"resources": {"other_source": {"config": choices}}})))
    launch(page)
    expect(page.get_by_text("Canceled", exact=True).first).to_be_visible(timeout=NIGHTLY_MS)
    sentence = f"{tmp_path / 'prices.parquet'} does not exist; set files to a folder that has it"
    expect(page.get_by_text(sentence).first).to_be_visible()
    look(page, "refused-run")


@pytest.mark.usefixtures("nightly")
def test_days_of_the_past_are_launched_by_their_partition_and_touch_nothing_live(page: Page, ui: Ui) -> None:
    before = json.loads((ui.home / "manifest.json").read_text())["run_id"]
    page.goto(ui.asset("as_of/run", view="partitions"))
    page.get_by_role("button", name=re.compile("Materialize")).first.click()
    launcher = page.get_by_role("dialog")
    launcher.get_by_role("textbox").first.fill("[2025-12-11...2025-12-12]")
    launcher.get_by_role("button", name=re.compile("Launch")).last.click()
    for day in ("2025-12-11", "2025-12-12"):
        wait_until((ui.home / "as_of" / day / "manifest.json").exists)
    assert json.loads((ui.home / "manifest.json").read_text())["run_id"] == before
    look(page, "as-of")
