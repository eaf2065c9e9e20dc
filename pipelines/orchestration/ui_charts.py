"""Small pictures of marts for the Dagster UI.

Here: a contract's chart and the table's rows -> a PNG of a few kilobytes, and the newest figures in words. Not here:
what is drawn (the contracts), the brief's large pictures (pipelines.brief.charts), which are drawn in a process of
their own because of what their library takes; this takes 15 MB and some milliseconds.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from html import escape
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from assets.catalog import Pair
from assets.framework.chart import Chart
from assets.framework.contract import Table
from assets.published import PublishesRuns
from pipelines.home import Run
from pipelines.published.palette import Ink

_WIDTH, _HEIGHT = 560, 210
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 44, 24
_INKS = (Ink.ASSET, Ink.BENCHMARK, Ink.THIRD)
_MOST_POINTS = 300  # more than the picture has pixels for


@dataclass(frozen=True)
class Trace:
    """One line of a small picture."""

    name: str
    points: tuple[tuple[date, float], ...]


def chart_lines(chart: Chart, rows: pl.DataFrame) -> list[Trace]:
    """The chart's lines that have points, thinned to what a small picture can show."""
    for column, value in chart.where.items():
        rows = rows.filter(pl.col(column) == value)
    if chart.newest is not None:
        rows = rows.filter(pl.col(chart.newest) == pl.col(chart.newest).max())
    if chart.by is None:
        lines = [_line(column, rows, chart.x, column) for column in chart.y]
    else:
        parts = {value: rows.filter(pl.col(chart.by) == value) for value in chart.lines}
        lines = [_line(_named(chart.by, value), part, chart.x, chart.y[0]) for value, part in parts.items()]
    return [line for line in lines if line.points]


def _named(by: str, value: object) -> str:
    return str(value) if isinstance(value, str) else f"{by} {value}"


def _line(name: str, rows: pl.DataFrame, x: str, y: str) -> Trace:
    known = rows.select(x, y).drop_nulls().sort(x)
    every = math.ceil(known.height / _MOST_POINTS) or 1
    offset = (known.height - 1) % every  # so that the newest point stays
    return Trace(name, tuple(known.gather_every(every, offset).iter_rows()))


def picture(contract: type[Table], rows: pl.DataFrame, headline: Pair) -> dict[str, dg.MetadataValue[Any]]:
    """The table's chart, a PNG inside markdown, and its newest figures; nothing where there is nothing to draw."""
    chart = contract.chart.of(headline) if contract.chart else None
    lines = chart_lines(chart, rows) if chart else []
    if chart is None or not lines:
        return {}
    import vl_convert  # here, as below: only nights draw

    title = _title(contract, chart, simulated=bool(rows.get_column("simulated", default=pl.Series([False])).any()))
    words = newest(lines)
    chart_png = vl_convert.svg_to_png(draw(chart, lines, title))
    return {
        "chart": embedded(chart_png, f"{title}: {words}"),
        "newest": dg.MetadataValue.text(words),
        **{f"newest {line.name}": dg.MetadataValue.float(float(line.points[-1][1])) for line in lines},
    }


def embedded(png: bytes, description: str) -> dg.MarkdownMetadataValue:
    """A picture inside markdown, as Dagster's UI shows it."""
    return dg.MetadataValue.md(f"![{description}](data:image/png;base64,{base64.b64encode(_smaller(png)).decode()})")


@dataclass(frozen=True)
class PublisherWithCard:
    """A publisher that shows the brief's picture with what it published."""

    publisher: PublishesRuns

    def publish(self, run_id: str, attempts: Collection[str] = ()) -> dict[str, Any]:
        """Publish; returns what a person wants to know of it."""
        told = self.publisher.publish(run_id, attempts)
        card = Run(Path(told["folder"])).card
        return told | ({"card": embedded(card.read_bytes(), "The brief in one picture")} if card.exists() else {})


def _smaller(png: bytes) -> bytes:
    """The same picture in 16 colours and a fraction of the bytes: Dagster keeps every night's, for good."""
    from PIL import Image

    small = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(16, Image.Quantize.FASTOCTREE).save(small, "PNG")
    return small.getvalue()


def newest(lines: list[Trace]) -> str:
    """The last point of every line, in words."""
    return ", ".join(f"{line.name}: {_figure(line.points[-1][1])} on {line.points[-1][0]}" for line in lines)


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _title(contract: type[Table], chart: Chart, *, simulated: bool) -> str:
    """What is drawn, of which rows, in which unit."""
    unit = (contract.columns()[chart.y[0]].metadata or {}).get("unit")
    drawn = [chart.y[0]] if chart.by else []
    rows = [f"{column} {value}" for column, value in chart.where.items()]
    words = ", ".join([f"{contract.table_name()}{f': {drawn[0]}' if drawn else ''}", *rows])
    return f"{words}{f' [{unit}]' if unit else ''}{', SIMULATED MARKET' if simulated else ''}"


def draw(chart: Chart, lines: list[Trace], title: str) -> str:
    """The chart as SVG."""
    frame = _Frame.around(lines, from_zero=chart.mark == "stem")
    marks = {"line": _drawn_line, "step": _drawn_step, "stem": _drawn_stems}[chart.mark]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        f'font-family="Liberation Sans, sans-serif" font-size="11">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="{Ink.PAPER.light}"/>',
        _text(8, 16, title, Ink.TEXT, weight="bold"),
        *_legend(lines),
        *frame.grid(),
        *(marks(frame, line, ink) for line, ink in zip(lines, _INKS, strict=False)),
        "</svg>",
    ]
    return "".join(parts)


@dataclass(frozen=True)
class _Frame:
    """Where a date and a value lie in the picture."""

    first: date
    last: date
    ticks: tuple[float, ...]
    low: float
    high: float

    @classmethod
    def around(cls, lines: list[Trace], *, from_zero: bool) -> _Frame:
        days = [day for line in lines for day, _ in line.points]
        values = [value for line in lines for _, value in line.points] + [0.0] * from_zero
        low, high = min(values), max(values)
        ticks = _ticks(low, high)
        return cls(min(days), max(days), ticks, min(low, ticks[0]), max(high, ticks[-1]))

    def x(self, day: date) -> float:
        span = (self.last - self.first).days or 1
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (day - self.first).days / span

    def y(self, value: float) -> float:
        span = (self.high - self.low) or 1.0
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (value - self.low) / span

    def grid(self) -> Iterator[str]:
        for tick in self.ticks:
            y = self.y(tick)
            yield (
                f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
                f'stroke="{Ink.AXIS.light if tick == 0 else Ink.GRID.light}"/>'
            )
            yield _text(_LEFT - 6, y + 4, f"{tick:,.6g}", Ink.MUTED, anchor="end")
        middle = self.first + timedelta(days=(self.last - self.first).days // 2)
        for day, anchor in ((self.first, "start"), (middle, "middle"), (self.last, "end")):
            yield _text(self.x(day), _HEIGHT - 8, day.isoformat(), Ink.MUTED, anchor=anchor)


def _ticks(low: float, high: float) -> tuple[float, ...]:
    """Three to six round values from at or below the lowest to at or above the highest."""
    span = (high - low) or abs(high) or 1.0
    rough = span / 4
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(m * magnitude for m in (1, 2, 2.5, 5, 10) if m * magnitude >= rough)
    start, end = math.floor(low / step), math.ceil(high / step)
    return tuple(round(n * step, 10) for n in range(start, max(end, start + 1) + 1))


def _drawn_line(frame: _Frame, line: Trace, ink: Ink) -> str:
    return _path([(frame.x(day), frame.y(value)) for day, value in line.points], ink)


def _drawn_step(frame: _Frame, line: Trace, ink: Ink) -> str:
    """Each value holds until the next."""
    corners = [(frame.x(day), frame.y(value)) for day, value in line.points]
    held = [(x, y) for (x, _), (_, y) in zip(corners[1:], corners, strict=False)]
    return _path([corners[0], *(p for pair in zip(held, corners[1:], strict=True) for p in pair)], ink)


def _drawn_stems(frame: _Frame, line: Trace, ink: Ink) -> str:
    zero = frame.y(0)
    return "".join(
        f'<line x1="{frame.x(day):.1f}" x2="{frame.x(day):.1f}" y1="{zero:.1f}" y2="{frame.y(value):.1f}" '
        f'stroke="{ink.light}" stroke-width="2"/>'
        for day, value in line.points
    )


def _path(points: list[tuple[float, float]], ink: Ink) -> str:
    drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{drawn}" fill="none" stroke="{ink.light}" stroke-width="1.5" stroke-linejoin="round"/>'


def _legend(lines: list[Trace]) -> Iterator[str]:
    """Every line's name and newest value in its colour."""
    left = 8.0
    for line, ink in zip(lines, _INKS, strict=False):
        words = f"{line.name}: {_figure(line.points[-1][1])}"
        yield _text(left, 33, words, ink)
        left += 7 * len(words) + 14


def _text(x: float, y: float, words: str, ink: Ink, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{ink.light}" text-anchor="{anchor}" font-weight="{weight}">'
        f"{escape(words)}</text>"
    )
