"""Dagster's event log with its connections kept."""

from __future__ import annotations

import shutil
from pathlib import Path
from threading import Event

import dagster as dg
import pytest

from pipelines.orchestration.instance import open_instance


@dg.op
def says() -> None:
    """Nothing."""


@dg.job
def short() -> None:
    """One step."""
    says()


def finished(instance: dg.DagsterInstance, run_id: str) -> bool:
    said = instance.all_logs(run_id)
    return any(entry.is_dagster_event and entry.get_dagster_event().is_job_success for entry in said)


@pytest.fixture(autouse=True)
def _no_postgres(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECOUPLE_POSTGRES_URL", raising=False)
    monkeypatch.setenv("DAGSTER_HOME", "")


def test_what_a_run_says_is_read_by_this_process_and_the_next(tmp_path: Path) -> None:
    with open_instance(tmp_path) as instance, open_instance(tmp_path) as beside:
        runs = [short.execute_in_process(instance=instance).run_id for _ in range(2)]
        assert all(finished(reader, run) for reader in (instance, beside) for run in runs)
    with open_instance(tmp_path) as later:
        assert all(finished(later, run) for run in runs)


def test_a_log_that_is_put_back_is_read_instead_of_the_one_that_was_open(tmp_path: Path) -> None:
    log, kept = tmp_path / "dagster" / "history", tmp_path / "kept"
    with open_instance(tmp_path) as before:
        told = short.execute_in_process(instance=before).run_id
    shutil.copytree(log, kept)
    with open_instance(tmp_path) as instance:
        later = short.execute_in_process(instance=instance).run_id
        assert finished(instance, later)
        shutil.rmtree(log)
        kept.rename(log)
        assert finished(instance, told)
        assert not finished(instance, later)
        assert finished(instance, short.execute_in_process(instance=instance).run_id)


def test_who_watches_a_run_hears_of_an_event_while_the_writer_keeps_its_file_open(tmp_path: Path) -> None:
    heard = Event()

    def hear(entry: dg.EventLogEntry, cursor: str) -> None:
        if "one more" in entry.message:
            heard.set()

    with open_instance(tmp_path) as writer, open_instance(tmp_path) as page:
        run = short.execute_in_process(instance=writer).run_id
        page.watch_event_logs(run, None, hear)
        writer.report_engine_event("one more", run_id=run, job_name="short")
        assert heard.wait(60)
        page.end_watch_event_logs(run, hear)
