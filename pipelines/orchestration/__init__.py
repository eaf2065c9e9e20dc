"""What Dagster sees: jobs, the schedule, sensors, the launchpad's form, the instance, what is shown of a run.

Here: everything that speaks Dagster and is no table. Not here: the tables (assets), their storage
(pipelines.warehouse), the assembly of it all (pipelines.build).
"""
