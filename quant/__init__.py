"""How things are computed: pure functions on arrays and frames.

Here: statistics, filters and studies that a notebook could import. Not here: Dagster, files, databases, networks or
the clock; whatever a function needs to know arrives as an argument.
"""
