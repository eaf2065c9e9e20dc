"""How soon a nightly begins after *Launch Run* was clicked, in a real browser under a warm `recouple dev`.

Run as `python -m benchmarks.clicks 5`. Here: the wait of a person, so it is the clock's and means something where
nothing else runs. Not here: days of the past (benchmarks.backfill), what a nightly takes (benchmarks.orchestration).
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

import dagster as dg
from playwright.sync_api import Page, expect, sync_playwright

from pipelines.orchestration.instance import open_instance
from tests.serving.dagster_ui import NIGHTLY_MS, Ui, opened_page, served

ALLOWED_SECONDS = 5
_POLL_SECONDS = 0.1


def main(clicks: int) -> None:
    """Click, each time after the run before has ended; print the waits."""
    home = Path(tempfile.mkdtemp(prefix="recouple-clicks-"))
    with served(home) as ui, sync_playwright() as running, open_instance(home) as instance:
        page = opened_page(running.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"]))
        waits = [_waited(page, ui, instance) for _ in range(clicks)]
    print("click to the start of a nightly:", *(f"{wait:.1f} s" for wait in waits))
    print(f"median {statistics.median(waits):.1f} s (allowed {ALLOWED_SECONDS} s on a machine with nothing else to do)")


def _waited(page: Page, ui: Ui, instance: dg.DagsterInstance) -> float:
    """Seconds from the click to RUN_START."""
    page.goto(ui.launchpad("nightly"))
    button = page.get_by_role("button", name="Launch Run")
    expect(button).to_be_enabled()
    clicked = time.time()
    button.click()
    page.wait_for_url("**/runs/*")
    run_id = page.url.rpartition("/")[2]
    started = None
    while started is None:
        time.sleep(_POLL_SECONDS)
        record = instance.get_run_record_by_id(run_id)
        started = record.start_time if record else None
    expect(page.get_by_text("Success", exact=True).first).to_be_visible(timeout=NIGHTLY_MS)
    return started - clicked


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
