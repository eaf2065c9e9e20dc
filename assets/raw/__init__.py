"""Raw: what the upstreams said, appended and never overwritten.

Here: what is asked of which source, one module per subject. Not here: how it is asked (pipelines.sources), how
revisions are told (pipelines.warehouse).
"""
