"""The brief as one HTML file that needs nothing but itself.

Here: putting reading and sections into the template. Not here: their content (brief.reading, brief.sections), the
look (brief.css beside this file).
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import jinja2

from pipelines.brief.charts import specification
from pipelines.brief.content import Content, Section
from pipelines.brief.rendering import Rendering
from pipelines.brief.sections import SECTIONS
from pipelines.published import palette
from pipelines.published.marts import Marts
from pipelines.published.reading import read
from pipelines.published.words import day

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class _Shown:
    """A section on the page."""

    section: Section
    content: Content
    drawn: tuple[Future[str], ...]

    @property
    def drawings(self) -> list[str]:
        """The pictures as SVG, once they are drawn."""
        return [each.result() for each in self.drawn]


def brief_page(marts: Marts, rendering: Rendering) -> str:
    """The whole page."""
    shown = [_shown(section, marts, rendering) for section in SECTIONS]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    published = datetime.fromisoformat(marts.manifest["published_at"])
    return environment.get_template("brief.html.j2").render(
        reading=read(marts),
        shown=shown,
        as_of=day(marts.as_of),
        simulated=marts.simulated,
        manifest=marts.manifest,
        published=f"{day(published.date())}, {published:%H:%M} UTC",
        pair=marts.pair,
        style=_style(),
    )


def _shown(section: Section, marts: Marts, rendering: Rendering) -> _Shown:
    content = section.content(marts)
    mark = f"SIMULATED, as of {day(marts.as_of)}" if marts.simulated else f"as of {day(marts.as_of)}"
    drawn = (
        rendering.svg(specification(picture, mark, warn=marts.simulated), picture.description)
        for picture in content.pictures
    )
    return _Shown(section, content, tuple(drawn))


def _style() -> str:
    """The style sheet with the palette of both modes before it; paper is always light."""
    dark = palette.variables(dark=True)
    return "\n".join(
        [
            f":root {{ color-scheme: light dark; {palette.variables(dark=False)} }}",
            f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}",
            palette.repainting(),
            (_HERE / "brief.css").read_text(encoding="utf-8"),
        ]
    )
