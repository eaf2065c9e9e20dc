"""The door: what comes in is held against what is known before it is believed.

Here: the rules a raw table declares, the judging, what it finds in words. Not here: when a value is implausible
(quant.plausibility, quant.restatements), how the outcome is stored (pipelines.warehouse), the limits of a table
(assets.contracts.raw).
"""
