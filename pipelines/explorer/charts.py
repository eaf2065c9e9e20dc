"""Charts that answer: the brief's drawings with their rows as JSON, values under the pointer, and zoom.

Here: what a drawing gains for a browser. Not here: the drawing (brief.charts), embedding it (explorer.js).
"""

from __future__ import annotations

import io
from typing import Any

import polars as pl

from pipelines.brief.rendering import Spec

_POINTED = "pointed"


def answering(spec: Spec) -> Spec:
    """A finished drawing, for a page whose policy forbids the engine to read text with code made on the fly."""
    texts = spec.get("datasets", {})
    layers = [_with_rows(layer, texts) for layer in spec["layer"]]
    line = next((layer for layer in layers if layer["name"].startswith("lines-")), None)
    made = _with_rows({name: part for name, part in spec.items() if name != "datasets"}, texts)
    if line is None:
        return {**made, "layer": [_telling(layer) for layer in layers]}
    layers = [_of_its_rows(layer) for layer in layers]
    return {**made, "layer": [*layers, _hover(_of_its_rows(line)["encoding"])]}


def _with_rows(part: Spec, texts: dict[str, str]) -> Spec:
    if "data" not in part:
        return part
    text = part["data"].get("values") or texts[part["data"]["name"]]
    rows = pl.read_csv(io.StringIO(text), infer_schema_length=None).to_dicts()
    return {**part, "data": {"values": rows}}


def _of_its_rows(layer: Spec) -> Spec:
    """An axis of time as long as the rows: one that is fixed cannot be zoomed."""
    encoding = layer["encoding"]
    if "x" not in encoding:
        return layer
    scale = {name: value for name, value in encoding["x"]["scale"].items() if name != "domain"}
    return {**layer, "encoding": {**encoding, "x": {**encoding["x"], "scale": scale}}}


def _telling(layer: Spec) -> Spec:
    return {**layer, "mark": {**layer["mark"], "tooltip": {"content": "data"}}}


def _hover(encoding: dict[str, Any]) -> Spec:
    """Points that show themselves under the pointer, and an axis of time that zooms."""
    told = [
        {"field": "line", "title": "line"},
        {"field": "date", "type": "temporal", "title": "day", "format": "%-d %B %Y"},
        {"field": "value", "type": "quantitative", "title": "value", "format": ",.4~g"},
    ]
    return {
        "name": "hover",
        "params": [
            {"name": _POINTED, "select": {"type": "point", "on": "pointerover", "clear": "pointerout"}},
            {"name": "zoom", "select": {"type": "interval", "encodings": ["x"]}, "bind": "scales"},
        ],
        "mark": {"type": "point", "filled": True, "size": 400},
        "encoding": {
            **{axis: encoding[axis] for axis in ("x", "y", "color")},
            "opacity": {"condition": {"param": _POINTED, "empty": False, "value": 0.35}, "value": 0},
            "tooltip": told,
        },
    }
