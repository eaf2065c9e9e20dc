"""Benchmarks: figures as ratios measured in one run.

Here: one module per subject with a function `run`. Not here: facts that must always hold (tests).
"""
