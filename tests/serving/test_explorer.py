"""The explorer as a person uses it, in a real browser, over one server; and through nights that publish meanwhile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from starlette.testclient import TestClient

from pipelines.explorer.app import explorer
from pipelines.explorer.panels import PANELS
from pipelines.explorer.queries import NoAnswer, answer
from pipelines.home import Home, Tree
from pipelines.settings import Settings
from tests.conftest import mart
from tests.serving import world
from tests.serving.pointing import pointed_at
from tests.serving.programs import served

EARLIER, LATER = "2025-03-13", "2025-12-12"  # no test computes the earlier one


@pytest.fixture(scope="module")
def url(sample_home: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("explorer") / "log"
    with served("explore", sample_home.home, log, answers="/query") as address:
        yield address
    assert "Traceback" not in log.read_text()


@pytest.fixture
def page(browser: Browser, url: str) -> Iterator[Page]:
    """A page that must stay silent and ask nobody but its own server."""
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    local = (url, "data:")
    opened.on("request", lambda request: None if request.url.startswith(local) else said.append(request.url))
    yield opened
    opened.close()
    assert said == []


def all_drawn(page: Page) -> None:
    """Asked from outside: the page's policy lets nobody put code into it."""
    expect(page.locator(".picture:not(.alive)")).to_have_count(0, timeout=60_000)


def test_the_pickers_choose_pair_and_two_days_and_every_panel_answers(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_label("Benchmark").select_option("^GSPC")
    page.get_by_label("As of").fill(EARLIER)
    page.get_by_label("beside").fill(LATER)
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "Bitcoin and the S&P 500, 13 March 2025 beside 12 December 2025"
    )
    all_drawn(page)
    for panel in PANELS:
        assert page.locator(f"#{panel.anchor} h3").all_inner_texts() == ["13 March 2025", "12 December 2025"]
    for anchor in ("prices", "drawdowns", "correlation", "gap", "policy", "liquidity"):
        expect(page.locator(f"#{anchor} canvas")).to_have_count(2)
    expect(page.locator("#signal")).to_contain_text("made for the pair of the headline alone")
    expect(page.locator("#quality")).to_contain_text(f"`recouple asof {EARLIER}` computes that day")


def test_pointing_at_a_line_gives_its_value(page: Page, url: str) -> None:
    page.goto(url)
    all_drawn(page)
    said = pointed_at(page, page.locator("#drawdowns canvas"))
    assert re.search(r"\d+ \w+ \d{4}", said)


def test_a_claims_evidence_is_run_and_can_be_changed(page: Page, url: str, sample_home: Settings) -> None:
    page.goto(url)
    claims = mart(sample_home, "claims").sort("claim_id", "measured_on").unique("claim_id", keep="last")
    known = claims.drop_nulls("measured_value").row(0, named=True)
    page.locator("#claims tr", has_text=known["statement"]).get_by_role("link").click()
    assert page.locator("#sql").input_value() == known["evidence"].strip()
    shown = float(page.locator("#result td").first.inner_text())
    assert shown == pytest.approx(known["measured_value"], rel=1e-9)
    page.locator("#sql").fill("select count(*) as days from pair_day where pair = 'BTC-USD/^RUT'")
    page.get_by_role("button", name="Run").click()
    days = mart(sample_home, "pair_day").filter(pair="BTC-USD/^RUT").height
    expect(page.locator("#result td")).to_have_text(str(days))
    page.locator("#sql").fill("select nonsense from nowhere")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("alert")).to_contain_text("nowhere does not exist")


@pytest.mark.parametrize("path", ["/", "/query?sql=select+42", "/?asset=nobody"])
def test_axe_finds_nothing_and_a_phone_need_not_scroll_sideways(browser: Browser, url: str, path: str) -> None:
    page = browser.new_page(viewport={"width": 360, "height": 740}, bypass_csp=True)
    page.goto(f"{url}{path}")
    all_drawn(page)
    found, width = Axe().run(page), page.evaluate("document.documentElement.scrollWidth")
    page.close()
    assert found.violations_count == 0, found.generate_report()
    assert width == 360


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("small")
    world.publish(tree)
    return tree


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("drop view market_state", "only one SELECT"),
        ("copy (select 1) to 'copied.csv'", "only one SELECT"),
        ("select 1; select 2", "only one SELECT"),
        ("set enable_external_access = true", "only one SELECT"),
        ("select * from read_text('/etc/hostname')", "disabled by configuration"),
        ("select count(*) from range(100000000000) t(a), range(1000) u(b) where a % 7 = b", "was ended after 0.2 s"),
    ],
)
def test_a_query_reads_the_marts_and_nothing_else(small: Path, sql: str, said: str) -> None:
    with pytest.raises(NoAnswer, match=said):
        answer(Tree(small), sql, seconds=0.2)


def test_a_reader_goes_on_reading_from_the_first_night_through_others(tmp_path: Path) -> None:
    """Runs come in force while one reader goes on reading; each is seen at once, by pages and by queries."""
    counted = "/query?sql=select+max(as_of)+as+newest+from+market_state"
    with TestClient(explorer(tmp_path), base_url="http://127.0.0.1") as reader:
        assert "holds no published run" in reader.get("/").text
        for night in range(2):
            day = world.AS_OF + timedelta(days=night)
            world.publish(tmp_path, f"run-{night:04}", as_of=day)
            page, asked = reader.get("/"), reader.get(counted)
            assert (page.status_code, asked.status_code) == (200, 200)
            assert f"{day.day} {day:%B %Y}</h1>" in page.text
            assert f"<td>{day}</td>" in asked.text
        assert reader.get("/", headers={"Host": "elsewhere.example"}).status_code == 400


def test_a_day_that_was_computed_is_read_from_its_own_run_and_another_says_what_it_lacks(tmp_path: Path) -> None:
    day, newest = world.AS_OF, world.AS_OF + timedelta(days=7)
    asked = {"day": day.isoformat()}
    world.publish(tmp_path, as_of=newest)
    with TestClient(explorer(tmp_path), base_url="http://127.0.0.1") as reader:
        assert f"`recouple asof {day}` computes that day" in reader.get("/", params=asked).text
        world.publish(Home(tmp_path).as_of(day).root, as_of=day)
        assert "computes that day" not in reader.get("/", params=asked).text
        rows = reader.get("/query", params={**asked, "sql": "select max(as_of) from market_state"}).text
        assert f"<td>{day}</td>" in rows
        late = reader.get("/", params={"day": (newest + timedelta(days=1)).isoformat()})
        assert late.status_code == 400
        assert "has not been computed" in late.text
