"""Turning chart specifications into SVG and PNG beside the work that makes them.

Here: one process that holds the renderer. Not here: what is drawn (brief.charts), where it goes (brief.page).

The renderer is a JavaScript engine that takes most of a second to wake and lets no other thread run meanwhile. Woken
in a process of its own before the drawing library is imported, and fed while the sections are still being made, it
costs half the time.
"""

from __future__ import annotations

import hashlib
import os
import re
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import suppress
from html import escape
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any

import vl_convert

Spec = dict[str, Any]

_EXPORTS = "window.vegaEmbed = vegaEmbed;"
_NOTHING: Spec = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "data": {"values": []}, "mark": "bar"}


class Rendering:
    """A renderer that is awake while its `with` block lasts."""

    def __enter__(self) -> Rendering:
        self._process = ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))
        self._process.submit(_svg, _NOTHING, "")
        self.engine = self._process.submit(_engine)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.shutdown(cancel_futures=True)

    def svg(self, spec: Spec, description: str) -> Future[str]:
        """An SVG that carries its description and takes the width it is given."""
        return self._process.submit(_svg, spec, description)

    def png(self, spec: Spec) -> Future[bytes]:
        """A PNG at half again the drawing's size, for sharp screens."""
        return self._process.submit(_png, spec)


def _engine() -> str:
    """The drawing library for a browser, as one script without an address in it.

    Putting it together takes longer than all drawings do, so it is kept beside the bytecode, where that can be written.
    """
    digest = hashlib.sha256(_EXPORTS.encode()).hexdigest()[:8]
    kept = Path(__file__).parent / "__pycache__" / f"engine-{version('vl-convert-python')}-{digest}.js"
    with suppress(OSError):
        return kept.read_text(encoding="utf-8")
    engine = str(vl_convert.javascript_bundle(_EXPORTS)).replace("</script", "<\\/script")
    with suppress(OSError):
        fresh = kept.with_name(f".{kept.name}-{os.getpid()}")
        fresh.write_text(engine, encoding="utf-8")
        fresh.replace(kept)
    return engine


def _svg(spec: Spec, description: str) -> str:
    drawn = str(vl_convert.vegalite_to_svg(spec))
    silent = re.sub(r'\s(?:role|aria-[a-z]+)="[^"]*"', "", drawn)  # roles without names, which confuse screen readers
    described = silent.replace("<svg ", f'<svg role="img" aria-label="{escape(description)}" ', 1)
    return re.sub(r'\swidth="\d+" height="\d+"', "", described, count=1)


def _png(spec: Spec) -> bytes:
    return bytes(vl_convert.vegalite_to_png(spec, scale=1.5))
