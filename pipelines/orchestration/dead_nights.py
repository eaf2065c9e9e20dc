"""A night whose process died is run again, once and whole.

Here: which one. Not here: how its death is known (pipelines.orchestration.run_processes), the sensor that asks
(pipelines.orchestration.housekeeping).

Dagster's own retries follow the log of events: they read one before the run that it speaks of is marked as failed, and
never look at it again. Here the runs themselves are asked, as often as one looks.
"""

from __future__ import annotations

import dagster as dg

from pipelines.orchestration.jobs import nightly

REPEATS = "recouple/repeats"  # the run that died
_WHERE = "recouple/started"
NOT_AGAIN = {_WHERE: "at a terminal"}  # it is for whoever sits there to repeat
_FAILED_BY_ITSELF = {"STEP_FAILURE", "RUN_EXCEPTION", "JOB_INITIALIZATION_FAILURE"}


def is_run_again(run: dg.DagsterRun) -> bool:
    """A nightly that no process computed to its end; one that failed has asked its sources again already."""
    return (
        run.job_name == nightly.name
        and run.status == dg.DagsterRunStatus.FAILURE
        and run.tags.get("dagster/failure_reason") not in _FAILED_BY_ITSELF
        and not {REPEATS, _WHERE} & run.tags.keys()
    )


def again(instance: dg.DagsterInstance) -> dg.RunRequest | None:
    """The night to run again: the newest, where it died; Dagster takes a request of one key once."""
    newest = instance.get_runs(dg.RunsFilter(job_name=nightly.name), limit=1)
    if not newest or not is_run_again(newest[0]):
        return None
    return dg.RunRequest(run_key=newest[0].run_id, job_name=nightly.name, tags={REPEATS: newest[0].run_id})
