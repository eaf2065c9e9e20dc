"""Reference facts that no upstream serves as data, written once by hand with their source.

Here: the FOMC's calendar, purchase programmes, first cuts, expectations. Not here: what changes by itself and is
therefore fetched (pipelines.sources), the shape of the tables (assets.contracts).
"""
