"""Upstream clients, one file each, behind the Protocols of assets.upstream.

Here: how a source is asked and how its answer becomes raw rows. Not here: which symbols exist (assets.catalog), how
rows are kept (pipelines.warehouse.store).
"""
