"""What exists: the tables of Recouple and the thin Dagster assets that fill them.

Here: the catalog, the contracts, one module per subject. Not here: how something is computed (quant), how it is
fetched, stored, scheduled or published (pipelines). Nothing below this folder reads the environment or the clock.
"""
