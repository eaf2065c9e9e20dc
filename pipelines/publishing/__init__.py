"""Publishing: a run's marts as one versioned folder, and which run readers see.

Here: writing, validating, serving. Not here: reading a published run (pipelines.published), the brief
(pipelines.brief).
"""
