"""The brief: one page that says where Bitcoin, small caps and the Fed stand, with a picture and a table of each.

Here: writing brief.html and brief.png into a run's folder. Not here: what the reading says (brief.reading), what the
sections show (brief.sections), how a picture is drawn (brief.charts), how the page is put together (brief.page). All
of it is made from the run's parquet files and its manifest alone, so the same run always gives the same brief.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.home import Run


def write_brief(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the brief of the run in `folder` beside its marts, as a page and as a picture for chat.

    It starts a process to draw in, so a script that calls it does so under `if __name__ == "__main__":`.
    """
    # Imported here because the drawing library takes half a second that only a publishing run needs to spend.
    from pipelines.brief.rendering import Rendering

    with Rendering() as rendering:
        from pipelines.brief.charts import finished
        from pipelines.brief.page import brief_page
        from pipelines.brief.sections import card
        from pipelines.published.marts import Marts

        marts = Marts.of(folder, manifest)
        drawing = card(marts)
        picture = None if drawing is None else rendering.png(finished(drawing))
        Run(folder).brief.write_text(brief_page(marts, rendering), encoding="utf-8")
        if picture is not None:
            Run(folder).card.write_bytes(picture.result())
