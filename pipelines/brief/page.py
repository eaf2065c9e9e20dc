"""The brief as one HTML file that needs nothing but itself.

Here: putting reading and sections into the template, and the script that makes its charts answer, with its engine and
its data. Without scripts the page stands as it is. Not here: their content (published.reading, brief.sections), the
look (brief.css beside this file).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipelines.brief.chart_data import packed
from pipelines.brief.charts import specification
from pipelines.brief.content import Content, Section
from pipelines.brief.rendering import Rendering, Spec
from pipelines.brief.sections import SECTIONS
from pipelines.published import palette
from pipelines.published.marts import Marts
from pipelines.published.reading import read
from pipelines.published.templates import templates
from pipelines.published.words import day

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class _Shown:
    """A section on the page."""

    section: Section
    content: Content
    specifications: tuple[Spec, ...]
    drawn: tuple[Future[str], ...]

    @property
    def drawings(self) -> list[str]:
        """The pictures as SVG, once they are drawn."""
        return [each.result() for each in self.drawn]


def brief_page(marts: Marts, rendering: Rendering) -> str:
    """The whole page."""
    shown = [_shown(section, marts, rendering) for section in SECTIONS]
    scripts = [rendering.engine.result(), (_HERE / "brief.js").read_text(encoding="utf-8")]
    published = datetime.fromisoformat(marts.manifest["published_at"])
    return (
        templates(_HERE)
        .get_template("brief.html.j2")
        .render(
            reading=read(marts),
            shown=shown,
            as_of=day(marts.as_of),
            simulated=marts.simulated,
            historical=marts.historical,
            manifest=marts.manifest,
            published=f"{day(published.date())}, {published:%H:%M} UTC",
            pair=marts.pair,
            style=house_style(),
            scripts=scripts,
            allowed=" ".join(f"'sha256-{_digest(script)}'" for script in scripts),
            chart_data=packed(marts),
            specifications=_specifications(shown),
        )
    )


def _shown(section: Section, marts: Marts, rendering: Rendering) -> _Shown:
    content = section.content(marts)
    mark = f"SIMULATED, as of {day(marts.as_of)}" if marts.simulated else f"as of {day(marts.as_of)}"
    specifications = tuple(specification(picture, mark, warn=marts.simulated) for picture in content.pictures)
    drawn = (
        rendering.svg(spec, picture.description) for spec, picture in zip(specifications, content.pictures, strict=True)
    )
    return _Shown(section, content, specifications, tuple(drawn))


def _specifications(shown: Sequence[_Shown]) -> str:
    """What the script redraws: every chart's specification, and the colours by role."""
    charts = [
        {"anchor": each.section.anchor, "specifications": each.specifications} for each in shown if each.specifications
    ]
    inks = {ink.name.lower(): ink.light for ink in palette.Ink}
    return json.dumps({"inks": inks, "charts": charts}, separators=(",", ":")).replace("<", "\\u003c")


def _digest(script: str) -> str:
    """What the page's own policy lets run: this text and no other."""
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def house_style() -> str:
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
