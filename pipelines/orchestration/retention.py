"""What is kept of Dagster's run history, and for how long.

Here: runs with their events and logs are forgotten when they are old. Not here: published runs of marts
(pipelines.publishing.serving), ticks of schedules and sensors, which Dagster forgets by itself
(pipelines.orchestration.instance).

As-of runs stay: they say which days have been computed.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import dagster as dg

_AT_ONCE = 50  # so that the first pruning of a long history delays no night much
_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


def forget_old_runs(instance: dg.DagsterInstance, before: datetime, lasting_job: str = "") -> int:
    """Delete the oldest finished runs from before a moment, all they said with them; returns how many.

    lasting_job: the job whose runs stay.
    """
    old = dg.RunsFilter(statuses=_FINISHED, created_before=before)
    ids: list[str] = []
    for record in instance.get_run_records(old, ascending=True):
        if record.dagster_run.job_name != lasting_job and len(ids) < _AT_ONCE:
            ids.append(record.dagster_run.run_id)
    for run_id in ids:
        instance.delete_run(run_id)
    _forget_files(Path(instance.root_directory), ids)
    return len(ids)


def _forget_files(folder: Path, run_ids: list[str]) -> None:
    """What Dagster leaves of a deleted run: its logs, its emptied file of events, the results of its checks."""
    for run_id in run_ids:
        shutil.rmtree(folder / "storage" / run_id, ignore_errors=True)
        for file in (folder / "history" / "runs").glob(f"{run_id}.db*"):
            file.unlink()
    index = folder / "history" / "runs" / "index.db"
    if run_ids and index.exists():
        with closing(sqlite3.connect(index, timeout=30)) as connection, connection:
            delete = "delete from asset_check_executions where run_id = ?"
            connection.executemany(delete, [(run_id,) for run_id in run_ids])
