"""The colours of the brief, in light and in dark.

Here: one entry per role. A picture is drawn in the light colours; in the dark the page's style sheet paints the same
SVG anew by matching them, so that a picture is stored once and stands alone too. Not here: what is drawn in which
role (brief.charts).
"""

from __future__ import annotations

from enum import Enum


class Ink(Enum):
    """A role: its colour on light paper and on dark. A light value belongs to one role, so that it can be matched."""

    PAPER = ("#ffffff", "#17191d")
    TEXT = ("#1c1f24", "#eceef1")
    MUTED = ("#59606b", "#a9b1bd")
    GRID = ("#e3e6ea", "#2e333b")
    AXIS = ("#9aa2ad", "#6a7280")
    ASSET = ("#b45309", "#f6a93b")
    BENCHMARK = ("#1d4ed8", "#86aefc")
    THIRD = ("#0f766e", "#4fd1c0")
    WARNING = ("#b91c1c", "#ff8f85")
    COUPLED = ("#0d9488", "#2aa597")
    DECOUPLED = ("#7c7f86", "#888d98")
    INVERSE = ("#be123c", "#e0526f")

    @property
    def light(self) -> str:
        """On paper, and in the SVG itself."""
        return self.value[0]

    @property
    def dark(self) -> str:
        """On a dark screen."""
        return self.value[1]

    @property
    def variable(self) -> str:
        """Its name in the style sheet."""
        return f"--{self.name.lower()}"


def variables(*, dark: bool) -> str:
    """The roles as custom properties of the style sheet."""
    return " ".join(f"{ink.variable}: {ink.dark if dark else ink.light};" for ink in Ink)


def repainting() -> str:
    """Rules that let a drawn SVG follow the page from light to dark."""
    return "\n".join(
        f'.picture svg [fill="{ink.light}"] {{ fill: var({ink.variable}); }} '
        f'.picture svg [stroke="{ink.light}"] {{ stroke: var({ink.variable}); }}'
        for ink in Ink
    )
