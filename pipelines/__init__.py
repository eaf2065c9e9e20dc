"""When and with what it runs: the only place that assembles things.

Here: settings, sources, the warehouse, publishing, jobs, the schedule, the command line. Not here: what exists
(assets) or how it is computed (quant). Only this folder reads the environment or the clock.
"""
