"""The warehouse: the one private DuckDB file of a home.

Here: opening it, the rules of writing to it, what was known when, Dagster's IO manager over it. Not here: what the
tables mean (assets.contracts), what readers see (pipelines.publishing).
"""
