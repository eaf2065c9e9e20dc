"""Settings -> the one upstream of a run.

Here: the choice between live, files and sample. Not here: the sources themselves.
"""

from __future__ import annotations

from assets.catalog import Catalog
from assets.upstream import Upstream
from pipelines.settings import Settings
from pipelines.sources.files import FilesUpstream


def select_upstream(settings: Settings, catalog: Catalog) -> Upstream:
    """The configured source; live is never replaced by another one."""
    if settings.source == "files" and settings.files is not None:
        return FilesUpstream(settings.files, catalog)
    if settings.source == "sample":
        from pipelines.sources.sample import SampleUpstream

        return SampleUpstream(catalog)
    from pipelines.sources.live import live_upstream  # heavy clients, loaded only where they are used

    return live_upstream(settings)
