"""Pointing at a chart as a person does: down a third of its width, until something is said."""

from __future__ import annotations

from playwright.sync_api import Locator, Page


def pointed_at(page: Page, chart: Locator) -> str:
    """What the chart says of the first line that the pointer meets; nothing where it meets none."""
    chart.scroll_into_view_if_needed()
    box = chart.bounding_box()
    assert box
    said = page.locator("#vg-tooltip-element.visible")
    for below in range(4, int(box["height"]), 4):
        page.mouse.move(box["x"] + box["width"] / 3, box["y"] + below)
        if said.count():
            return said.inner_text()
    return ""
