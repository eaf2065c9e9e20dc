"""The Dagster UI as a newcomer meets it, in a real browser: the graph, the forms, a nightly, a mart's page, a failure.

One server and one nightly for all tests; each waits for what the page says, never for a time.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import dagster as dg
import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from pipelines.cli.installation import findings
from pipelines.cli.runs import run_days
from pipelines.orchestration.dead_nights import REPEATS
from pipelines.orchestration.instance import open_instance
from pipelines.orchestration.run_processes import RunProcess
from pipelines.publishing.in_force import complete_runs, manifest_of
from pipelines.settings import Settings
from tests.conftest import succeed
from tests.serving.dagster_ui import NIGHTLY_MS, Ui, hashes, launch, launch_backfill, newest_states, opened_page, served
from tests.serving.programs import awaited


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ui]:
    with served(tmp_path_factory.mktemp("ui")) as running:
        yield running


@pytest.fixture
def page(browser: Browser, ui: Ui) -> Iterator[Page]:
    """A page that notes every request to elsewhere."""
    opened = opened_page(browser)
    elsewhere: list[str] = []
    local = (ui.url, ui.url.replace("http", "ws"), "data:", "blob:")
    opened.on("request", lambda request: None if request.url.startswith(local) else elsewhere.append(request.url))
    yield opened
    opened.close()
    assert elsewhere == []


@pytest.fixture(scope="module")
def nightly(browser: Browser, ui: Ui) -> str:
    """The address of a nightly that was launched by a click, died as it began, was run again and ended well."""
    opened = opened_page(browser)
    opened.goto(ui.launchpad("nightly"))
    launched = launch(opened).rpartition("/")[2]
    with open_instance(ui.home) as instance:
        computing = awaited(lambda: RunProcess.of(instance.get_runs(dg.RunsFilter(run_ids=[launched]))[0]))
        psutil.Process(computing.pid).kill()
        again = awaited(lambda: next((r for r in instance.get_runs() if r.tags.get(REPEATS) == launched), None))
    address = f"{ui.url}/runs/{again.run_id}"
    opened.goto(address)
    expect(opened.get_by_text("Success", exact=True).first).to_be_visible(timeout=NIGHTLY_MS)
    look(opened, "nightly")
    opened.close()
    return address


def as_drawn(group: str) -> re.Pattern[str]:
    """A group's name on its box, where a long one may have lost its middle, and the number of its tables."""
    return re.compile(rf"^({group}|{group[:6]}.*….*{group[-6:]})\s*\d*$")


def look(page: Page, name: str) -> None:
    """Keep a picture where a person asked for pictures."""
    if folder := os.environ.get("RECOUPLE_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def test_the_graph_shows_every_subject(page: Page, ui: Ui) -> None:
    page.set_viewport_size({"width": 2400, "height": 2000})  # a box out of sight is not drawn at all
    page.goto(f"{ui.url}/asset-groups")
    boxes, listed = page.locator("svg foreignObject"), page.locator("[class*=AssetSidebarNode_itemContainer]")
    for group in ("prices", "does_bitcoin_follow", "policy", "balance_sheet", "judgement", "published", "as_of"):
        expect(boxes.filter(has_text=as_drawn(group))).to_be_visible()
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
    page.get_by_text("contract_holds", exact=True).first.click()
    expect(page.get_by_text("Every row keeps the rules of the table's contract").first).to_be_visible()
    expect(page.get_by_text("rows keep every rule").first).to_be_visible()
    look(page, "checks")


@pytest.mark.usefixtures("nightly")
def test_a_nightly_whose_process_died_is_run_again_and_published_once(ui: Ui) -> None:
    with open_instance(ui.home) as instance:
        again, died = instance.get_runs(dg.RunsFilter(job_name="nightly"))
    assert (died.status, again.status) == (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS)
    assert [manifest_of(run)["run_id"] for run in complete_runs(ui.home)] == [again.run_id]
    told = next(
        f for f in findings(Settings(source="sample", home=ui.home), datetime.now(UTC)) if f.name == "last night"
    )
    assert told.ok
    assert re.search(r"at the second try: .*(is gone|signal 9)", told.detail)


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
    first, last = date(2025, 12, 11), date(2025, 12, 12)
    before = newest_states(page, ui)
    assert "marts/market_state" in before
    launch_backfill(page, ui, first, last)
    expect(page.get_by_text("Materialized (2)")).to_be_visible(timeout=NIGHTLY_MS)
    look(page, "as-of")
    assert newest_states(page, ui) == before
    shared_with_the_last = hashes(ui.home, first)
    succeed(run_days(Settings(source="sample", home=ui.home), first, first))
    assert hashes(ui.home, first) == shared_with_the_last
