"""How Dagster's daemon starts runs, and how it learns that one has died.

Here: Dagster's own launcher, which can also say whether a run's process lives; run monitoring asks it every few
seconds. Not here: how that is known (pipelines.orchestration.run_processes).

The two words of the answer are names from inside Dagster: there is no public place for them.
"""

from __future__ import annotations

import os
import signal

import dagster as dg
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus

from pipelines.orchestration.run_processes import RunProcess, death, started_at


class WatchfulRunLauncher(dg.DefaultRunLauncher):
    """Starts runs beside the code server; knows the runs of the terminal too."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Run monitoring may ask."""
        return True

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """Whether the run's process lives."""
        record = self._instance.get_run_record_by_id(run.run_id)
        reason = death(run, started_at(record) if record else None)
        return CheckRunHealthResult(WorkerStatus.RUNNING if reason is None else WorkerStatus.FAILED, reason)

    def terminate(self, run_id: str) -> bool:
        """End a run: one of this launcher through its code server, one of the terminal by a signal."""
        run = self._instance.get_run_by_id(run_id)
        process = RunProcess.of(run) if run else None
        if run is None or run.is_finished or process is None or ".dagster/grpc_info" in run.tags:
            return bool(super().terminate(run_id))  # type: ignore[no-untyped-call]
        self._instance.report_run_canceling(run)
        if not (process.is_here and process.lives):
            return False
        os.kill(process.pid, signal.SIGTERM)
        return True
