"""`recouple dev` on the simulated market, and what a person does in its pages.

Here: starting and ending the server, clicks that more than one caller makes, what the pages are asked for. Not here:
what is expected of them (tests.serving.test_dagster_ui, benchmarks.backfill).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import Browser, Page, expect

from pipelines.home import Home, Run
from tests.serving import programs

NIGHTLY_MS, PAGE_MS = 600_000, 60_000
_NEWEST = "{ assetNodes { assetKey { path } assetMaterializations(limit: 1) { runId timestamp } } }"


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


@contextmanager
def served(home: Path, settings: Mapping[str, str] | None = None) -> Iterator[Ui]:
    """The UI and the daemon of a home, ended with all they started."""
    with programs.served("dev", home, home / "dev.log", answers="/server_info", settings=settings) as url:
        yield Ui(url, home)


def opened_page(browser: Browser) -> Page:
    """A page as large as a common screen."""
    page = browser.new_page(viewport={"width": 1440, "height": 1000})
    page.set_default_timeout(PAGE_MS)
    expect.set_options(timeout=PAGE_MS)
    return page


def launch(page: Page) -> str:
    """Click the launchpad's button; the address of the run's page."""
    button = page.get_by_role("button", name="Launch Run")
    expect(button).to_be_enabled()
    button.click()
    page.wait_for_url("**/runs/*")
    return page.url


def launch_backfill(page: Page, ui: Ui, first: date, last: date) -> None:
    """Choose the sessions of a range on the page of days of the past, and launch them."""
    page.goto(ui.asset("as_of/run", view="partitions"))
    page.get_by_role("button", name=re.compile("Materialize")).first.click()
    form = page.get_by_role("dialog")
    form.get_by_text("Show all partitions").click()
    chosen = form.get_by_role("textbox").first
    chosen.fill(f"[{first}...{last}]")
    chosen.press("Enter")
    form.get_by_role("button", name="Launch backfill").click()


def newest_states(page: Page, ui: Ui) -> dict[str, object]:
    """The newest state of every live table that has one, as the UI asks for it."""
    nodes = page.request.post(f"{ui.url}/graphql", data={"query": _NEWEST}).json()["data"]["assetNodes"]
    told = {"/".join(node["assetKey"]["path"]): node["assetMaterializations"] for node in nodes}
    return {key: newest for key, newest in told.items() if newest and not key.startswith("as_of/")}


def hashes(home: Path, day: date) -> dict[str, str]:
    """The content of every mart as of a day, by the manifest of its tree."""
    manifest = json.loads(Run(Home(home).as_of(day).current).manifest.read_text())
    return {name: mart["content_hash"] for name, mart in manifest["marts"].items()}
