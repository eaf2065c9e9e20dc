"""The explorer in a real browser through a whole nightly: what goes wrong as a run comes in force, how long it takes.

Here: errors, of which there may be none, and the time to an answer. Not here: the same in small, without a browser
(tests/serving/test_explorer.py), readers of the serving database (benchmarks.serving).
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from playwright.sync_api import Page, expect

from benchmarks.figures import CONSOLE, Figure, compared
from benchmarks.orchestration import HISTORY
from pipelines.cli.runs import run_job
from pipelines.settings import Settings
from tests.serving.browsing import browsing, chromium
from tests.serving.programs import served

PATHS = (
    "/",
    "/?asset=BTC-USD&benchmark=%5EGSPC",
    "/?day=2025-12-12&against=2025-03-13",
    "/?asset=BTC-USD&benchmark=GC%3DF&window=252&years=20",
    "/query?sql=select+*+from+pair_day+where+pair+%3D+%27BTC-USD%2F%5ERUT%27+order+by+session+desc",
)
_PATIENCE_MS = 120_000


def run() -> list[Figure]:
    """Nothing where there is no browser."""
    program = chromium()
    if program is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(source="files" if HISTORY.is_dir() else "sample", files=HISTORY, home=Path(folder) / "home")
        run_job(settings, "nightly")
        return through_a_night(program, settings, Path(folder) / "log")


def through_a_night(program: str, settings: Settings, log: Path) -> list[Figure]:
    """Look at a home that holds a run while the next one is made and put in force."""
    said: list[str] = []
    with served("explore", settings.home, log, answers="/query") as url, browsing(program) as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("response", lambda answer: None if answer.ok else said.append(f"{answer.status} {answer.url}"))
        alone = [_looked_at(page, url + path) for _ in range(2) for path in PATHS][len(PATHS) :]
        seconds = list(_until_it_ends(page, url, settings))
    said += [line for line in log.read_text().splitlines() if "Traceback" in line]
    for line in said:
        CONSOLE.print(line)
    figures = [compared("explorer through a nightly: errors", len(said), "errors", "pages", len(seconds))]
    slow, usual = (np.quantile(np.array(times), 0.95, axis=0) for times in (seconds, alone))
    for k, what in enumerate(("answered", "with its charts drawn")):
        name = f"explorer through a nightly: page {what}, 95th percentile"
        figures.append(compared(name, float(slow[k]), "s", "before the nightly", float(usual[k])))
    return figures


def _until_it_ends(page: Page, url: str, settings: Settings) -> Iterator[tuple[float, float]]:
    """Seconds to the answer and to the last chart of every page, for as long as a nightly runs and once after it."""
    chosen = {"RECOUPLE_SOURCE": settings.source, "RECOUPLE_FILES": str(HISTORY), "RECOUPLE_HOME": str(settings.home)}
    program = Path(sys.executable).with_name("recouple")
    with subprocess.Popen([program, "nightly"], env={**os.environ, **chosen}, stdout=subprocess.DEVNULL) as night:
        for path in itertools.cycle(PATHS):
            over = night.poll() is not None
            yield _looked_at(page, url + path)
            if over:
                break
    if night.returncode:
        raise RuntimeError(f"the nightly ended with {night.returncode}; run `recouple nightly` to see why")


def _looked_at(page: Page, address: str) -> tuple[float, float]:
    begun = time.perf_counter()
    answer = page.goto(address, timeout=_PATIENCE_MS)
    expect(page.locator(".picture:not(.alive)")).to_have_count(0, timeout=_PATIENCE_MS)
    drawn = time.perf_counter() - begun
    return answer.request.timing["responseEnd"] / 1000 if answer else drawn, drawn
