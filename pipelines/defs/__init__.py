"""What `dg scaffold defs` writes, until it has found its room.

Here: nothing that stays. A scaffolded asset, sensor or component is loaded from here beside the rest
(pipelines.definitions), so that it can be tried at once; `environment` tells dg which variables are read. Not here:
tables (assets, sql), which have contracts.
"""
