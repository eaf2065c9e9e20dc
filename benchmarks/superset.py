"""The dashboard of docs/bi in a real Superset: imported, opened in a browser, every chart drawn without an error.

Here: the bar, and how long the charts take. Not here: that the dashboard names nothing that is not there, which is
tested (tests/serving/test_superset.py).
"""

from __future__ import annotations

import os
import secrets
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, Response, expect

from benchmarks.figures import CONSOLE, Figure, compared
from benchmarks.orchestration import HISTORY
from docs.bi.superset import documents, write_dashboard
from pipelines.cli.runs import run_job
from pipelines.settings import Settings
from tests.conftest import CLIENTS
from tests.serving.browsing import browsing, chromium
from tests.serving.programs import started

BIN = CLIENTS / "superset" / "bin"
PICTURE = Path(tempfile.gettempdir()) / "recouple-superset.png"
_ADMIN = {"username": "admin", "password": secrets.token_hex(8)}
_CONFIG = """
SECRET_KEY = "{key}"
SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/superset.db"
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
"""


def run() -> list[Figure]:
    """Nothing where `make superset` has not installed Superset, or where there is no browser."""
    program = chromium()
    if program is None or not (BIN.parent / ".complete").exists():
        return []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(source="files" if HISTORY.is_dir() else "sample", files=HISTORY, home=folder / "home")
        run_job(settings, "nightly")
        serving = settings.tree / "serving.duckdb"
        charts = sum(path.startswith("charts/") for path in documents(serving))
        answers = _opened(program, serving, folder, charts)
    for answer in answers:
        if answer["error"]:
            CONSOLE.print(answer["error"])
    drawn = sum(answer["error"] is None and answer["rowcount"] > 0 for answer in answers)
    CONSOLE.print(f"looks like this: {PICTURE}")
    return [compared("Superset: queries of the dashboard answered with rows", drawn, "queries", "asked", len(answers))]


def _opened(program: str, serving: Path, folder: Path, charts: int) -> list[dict[str, Any]]:
    """What Superset answered to every query of the dashboard's charts and its filter."""
    config = folder / "superset_config.py"
    config.write_text(_CONFIG.format(key=secrets.token_hex(24), folder=folder))
    paths = {"PATH": f"{BIN}:{os.environ['PATH']}", "SUPERSET_CONFIG_PATH": str(config), "FLASK_APP": "superset"}
    env = {**os.environ, **paths}
    dashboard = folder / "dashboard.zip"
    write_dashboard(serving, dashboard)
    name, word = _ADMIN.values()
    person = ["--firstname", "A", "--lastname", "B", "--email", "a@example.com"]
    for command in (
        ["db", "upgrade"],
        ["fab", "create-admin", "--username", name, "--password", word, *person],
        ["init"],
        ["import-dashboards", "--path", str(dashboard), "--username", name],
    ):
        subprocess.run([BIN / "superset", *command], cwd=folder, env=env, check=True, capture_output=True)
    server = [BIN / "superset", "run", "--with-threads"]
    with started(server, folder / "log", answers="/health", cwd=folder, env=env) as address:
        return _looked_at(program, address, charts)


def _looked_at(program: str, address: str, charts: int) -> list[dict[str, Any]]:
    answers: list[dict[str, Any]] = []

    def note(response: Response) -> None:
        if "/api/v1/chart/data" in response.url:
            said = response.json()
            answers.extend(said.get("result") or [{"error": str(said), "rowcount": 0}])

    with browsing(program) as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 2800})
        page.on("response", note)
        page.request.post(f"{address}/login/", form=_ADMIN)
        page.goto(f"{address}/superset/dashboard/recouple/")
        _all_drawn(page, charts)
        page.screenshot(path=PICTURE)
    return answers


def _all_drawn(page: Page, charts: int) -> None:
    expect(page.locator(".slice_container")).to_have_count(charts, timeout=60_000)
    expect(page.locator("[data-test='loading-indicator']")).to_have_count(0, timeout=60_000)
    expect(page.locator(".slice_container [role='alert']")).to_have_count(0)
