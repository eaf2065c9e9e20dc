"""How large Dagster's history grows: one real nightly, its events copied for 400 simulated nights, forgotten by age.

Here: the copying. Not here: what is forgotten (pipelines.orchestration.retention).
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from benchmarks.figures import Figure, compared
from pipelines.cli.runs import run_job
from pipelines.home import Home
from pipelines.orchestration.instance import open_instance
from pipelines.orchestration.retention import forget_old_runs
from pipelines.settings import Settings

NIGHTS = int(os.environ.get("RECOUPLE_BENCH_NIGHTS", "400"))
ALLOWED_MB = 60


def run() -> list[Figure]:
    """Megabytes of history after the nights, against what is allowed."""
    with tempfile.TemporaryDirectory() as folder:
        size_mb, one_night_mb = simulated(Path(folder), NIGHTS)
    return [
        compared(f"run_history.after_{NIGHTS}_nights", size_mb, "MB", "allowed", ALLOWED_MB),
        compared("run_history.one_night", one_night_mb, "MB", "without forgetting", one_night_mb * NIGHTS),
    ]


def simulated(home: Path, nights: int) -> tuple[float, float]:
    """Size of the history after so many weekday nights, and after the first, in MB."""
    settings = Settings(source="sample", home=home)
    report = run_job(settings, "nightly")
    history = Home(home).dagster
    first_mb = _megabytes(history)
    begin = datetime.now(UTC) + timedelta(days=1)
    days = [begin + timedelta(days=n) for n in range(nights * 7 // 5 + 7)]
    with open_instance(home) as instance:
        for night in [day for day in days if day.weekday() < 5][:nights]:
            _copied(history / "history", report.run_id, night)
            forget_old_runs(instance, night - timedelta(days=settings.keep_history_days))
    return _megabytes(history), first_mb


def _copied(folder: Path, run_id: str, night: datetime) -> None:
    """Another night: the rows of one run under another id and date."""
    new = str(uuid4())
    shard = folder / "runs" / f"{run_id}.db"
    template = folder / "template.db"
    if not template.exists():
        with closing(sqlite3.connect(shard)) as source, closing(sqlite3.connect(template)) as copy:
            source.backup(copy)
    target = folder / "runs" / f"{new}.db"
    target.write_bytes(template.read_bytes())
    for database, tables in (
        (target, ("event_logs",)),
        (folder / "runs" / "index.db", ("event_logs", "asset_check_executions")),
        (folder / "runs.db", ("runs",)),
    ):
        with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
            for table in tables:
                _rows_under_another_id(connection, table, run_id, new, night, in_place=database == target)


def _rows_under_another_id(
    connection: sqlite3.Connection, table: str, old: str, new: str, night: datetime, *, in_place: bool
) -> None:
    columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]
    texts = {"event", "evaluation_event", "run_body"}
    changed = {c: f"replace({c}, :old, :new)" for c in columns if c in texts} | {"run_id": ":new"}
    if "create_timestamp" in columns and table == "runs":
        changed["create_timestamp"] = ":night"
    values = {"old": old, "new": new, "night": night.strftime("%Y-%m-%d %H:%M:%S.%f")}
    if in_place:
        sets = ", ".join(f"{c} = {value}" for c, value in changed.items())
        connection.execute(f"update {table} set {sets}", values)
        return
    kept = [c for c in columns if c != "id"]
    selected = ", ".join(changed.get(c, c) for c in kept)
    keep = f"_template_{table}"
    connection.execute(f"create table if not exists {keep} as select * from {table} where run_id = :old", values)
    connection.execute(f"insert into {table} ({', '.join(kept)}) select {selected} from {keep}", values)


def _megabytes(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6
