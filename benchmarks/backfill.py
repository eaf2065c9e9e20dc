"""Twenty days of the past, launched from the UI in a real browser: how long a day takes, and that it says what is true.

Run as `python -m benchmarks.backfill 20`. The live tables' newest state must be the same before and after, and each
day's marts those of `recouple asof DAY`, computed alone. Not here: a slice of it (tests/serving/test_dagster_ui.py).
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from datetime import date
from pathlib import Path

import dagster as dg
from playwright.sync_api import expect, sync_playwright

from assets.as_of import KEY, SESSIONS
from pipelines.cli.runs import run_days, run_job
from pipelines.orchestration.instance import open_instance
from pipelines.settings import Settings
from tests.serving.dagster_ui import hashes, launch_backfill, newest_states, opened_page, served

ALLOWED_SECONDS = 3
_LAST = "2025-12-12"
_DAY_MS = 600_000  # a person may have other things running


def main(number: int) -> None:
    """Launch, wait, compare, print the seconds of each day."""
    home = Path(tempfile.mkdtemp(prefix="recouple-backfill-"))
    settings = Settings(source="sample", home=home)
    days = [date.fromisoformat(key) for key in SESSIONS.get_partition_keys() if key <= _LAST][-number:]
    run_job(settings, "nightly")
    with served(home) as ui, sync_playwright() as running:
        page = opened_page(running.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"]))
        before = newest_states(page, ui)
        launch_backfill(page, ui, days[0], days[-1])
        expect(page.get_by_text(f"Materialized ({number})")).to_be_visible(timeout=number * _DAY_MS)
        untouched = newest_states(page, ui) == before
    with open_instance(home) as instance:
        first, *others = _seconds(instance, number)
    of_range = {day: hashes(home, day) for day in days}
    otherwise = [day for day in days if not run_days(settings, day, day).success or hashes(home, day) != of_range[day]]
    print(f"live tables {'untouched' if untouched else 'CHANGED'}; {len(otherwise)} of {number} days differ when alone")
    print(
        f"first day {first:.1f} s, others {sum(others) / len(others):.1f} s on average, at most {max(others):.1f} s",
        end=" ",
    )
    print(f"(allowed {ALLOWED_SECONDS} s on a machine with nothing else to do)")


def _seconds(instance: dg.DagsterInstance, number: int) -> list[float]:
    """How long each day took, in the order they were computed."""
    records = instance.fetch_materializations(KEY, limit=number, ascending=True).records
    told = [record.asset_materialization for record in records]
    return [float(str(day.metadata["seconds"].value)) for day in told if day is not None]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
