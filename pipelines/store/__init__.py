"""Where objects lie that more than one machine reads: a folder, or a bucket of a cloud.

Here: named bytes that are written whole or not at all, and replacing one only where nobody else has. Not here: what
the objects hold: states of universes (pipelines.universe), published runs (pipelines.publishing.shared).
"""
