"""How a picture of the brief is drawn.

Here: the building blocks (lines with their names at their ends, bands, spans, bars, intervals), one size and one look
for all. Not here: what is shown (brief.sections), the colours (brief.palette), making SVG of it (brief.rendering).

A picture is static: it prints, needs no script, and a screen reader hears its description while everybody can open
the table behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeAlias

import altair as alt
import polars as pl

from pipelines.brief.rendering import Spec
from pipelines.published.palette import Ink

Drawing: TypeAlias = alt.LayerChart | alt.FacetChart | alt.VConcatChart

WIDTH, HEIGHT = 520, 300  # a size whose text can still be read when a phone shows it at two thirds
_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_OWN_INK = alt.Color("ink:N", scale=None)
_LABEL_DISTANCE = 0.075  # of the value axis, between the names of two lines


@dataclass(frozen=True)
class PlottedLine:
    """One line over time; its name stands at its end. A step keeps its value until the next one."""

    name: str
    dates: pl.Series
    values: pl.Series
    ink: Ink
    step: bool = False
    dashed: bool = False

    @property
    def look(self) -> tuple[bool, bool]:
        """Lines of one look are drawn as one layer."""
        return self.step, self.dashed

    def rows(self) -> pl.DataFrame:
        """Its points, with what tells them from those of other lines."""
        known = pl.DataFrame({"date": self.dates, "value": self.values.cast(pl.Float64)}).drop_nulls()
        return known.with_columns(line=pl.lit(self.name), ink=pl.lit(self.ink.light), look=pl.lit(_look(self.look)))


@dataclass(frozen=True)
class Band:
    """A shaded range around a line."""

    dates: pl.Series
    low: pl.Series
    high: pl.Series
    ink: Ink


@dataclass(frozen=True)
class Span:
    """A stretch of time painted behind the lines."""

    start: date
    end: date
    ink: Ink


@dataclass(frozen=True)
class Bar:
    """One stretch of time on a row of its own."""

    row: str
    start: date
    end: date
    ink: Ink
    label: str


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval, beside what it is compared with."""

    place: str
    estimate: float
    low: float
    high: float
    baseline: float


@dataclass(frozen=True)
class Picture:
    """A drawing, and the words for those who do not see it."""

    drawing: Drawing
    description: str
    height: int = HEIGHT


def lines(
    drawn: Sequence[PlottedLine],
    *,
    format: str = ",.0f",
    zero: bool = False,
    band: Band | None = None,
    spans: Sequence[Span] = (),
    levels: Sequence[float] = (),
) -> Drawing:
    """Lines over time.

    format: how the value axis writes its numbers (d3). zero: the axis begins at zero. levels: dotted lines across.
    """
    dates = pl.concat([line.dates for line in drawn])
    first, last = _day(dates.min()), _day(dates.max())
    scale = alt.Scale(type="utc", domain=[_stamp(first), _stamp(last)], nice=False)
    x = alt.X("date:T", title=None, scale=scale, axis=_time_axis(first, last))
    y = alt.Y("value:Q", title=None, scale=alt.Scale(zero=zero, nice=True), axis=alt.Axis(format=format, tickCount=5))
    layers: list[alt.Chart] = [_spans(shown, first, x)] if (shown := [s for s in spans if s.end > first]) else []
    if band is not None:
        rows = pl.DataFrame({"date": band.dates, "value": band.low, "high": band.high}).drop_nulls()
        mark = _chart(rows, "band").mark_area(color=band.ink.light, opacity=0.2)
        layers.append(mark.encode(x=x, y=y, y2="high:Q"))
    layers += [_level(level, y) for level in levels]
    layers += [_paths(drawn, look, x, y) for look in dict.fromkeys(line.look for line in drawn)]
    layers.append(_names(drawn, levels, x, y))
    return alt.layer(*layers, data=_inline(pl.concat([line.rows() for line in drawn])))


def timeline(bars: Sequence[Bar]) -> Drawing:
    """Stretches of time, one row per kind, each with a label."""
    first, last = min(bar.start for bar in bars), max(bar.end for bar in bars)
    rows = pl.DataFrame(
        {
            "row": [bar.row for bar in bars],
            "date": [bar.start for bar in bars],
            "end": [bar.end for bar in bars],
            "label": [bar.label for bar in bars],
            "ink": [bar.ink.light for bar in bars],
        }
    )
    scale = alt.Scale(type="utc", domain=[_stamp(first), _stamp(last)], nice=True)
    x = alt.X("date:T", title=None, scale=scale, axis=_time_axis(first, last))
    y = alt.Y("row:N", title=None, axis=alt.Axis(labelLimit=220, domain=False, ticks=False))
    marks = _chart(rows, "bars").mark_bar(height=26, stroke=Ink.TEXT.light, strokeWidth=0.6)
    return alt.layer(marks.encode(x=x, x2="end:T", y=y, color=_OWN_INK))


def intervals(rows: Sequence[Interval], *, format: str = ".0%", zero: bool = True) -> Drawing:
    """Estimates as dots with their intervals, each beside a short line at what it is compared with."""
    data = pl.DataFrame([vars(row) for row in rows])
    x = alt.X("place:N", title=None, sort=[row.place for row in rows], axis=alt.Axis(labelAngle=0))
    scale = alt.Scale(zero=zero, nice=True)
    axis = alt.Axis(format=format, tickCount=5)
    bars = _chart(data, "intervals").mark_rule(color=Ink.ASSET.light, strokeWidth=3)
    base = _chart(data, "bases").mark_tick(color=Ink.TEXT.light, thickness=3, size=44)
    dots = _chart(data, "estimates").mark_point(color=Ink.ASSET.light, filled=True, size=110, opacity=1)
    return alt.layer(
        bars.encode(x=x, y=alt.Y("low:Q", title=None, scale=scale, axis=axis), y2="high:Q"),
        base.encode(x=x, y=alt.Y("baseline:Q", title=None, scale=scale, axis=axis)),
        dots.encode(x=x, y=alt.Y("estimate:Q", title=None, scale=scale, axis=axis)),
    )


def specification(picture: Picture, mark: str, *, warn: bool) -> Spec:
    """The picture for the renderer; mark: the line above it that says of which day it is, and whether it is real."""
    title = alt.TitleParams(
        text=mark,
        anchor="start",
        fontSize=13,
        fontWeight="bold" if warn else "normal",
        color=(Ink.WARNING if warn else Ink.MUTED).light,
    )
    fit = alt.AutoSizeParams(type="fit", contains="padding")
    sized = picture.drawing.properties(width=WIDTH, height=picture.height, title=title, autosize=fit)
    return finished(sized)


def finished(drawing: Drawing) -> Spec:
    """A drawing in the house look, for the renderer."""
    spec: Spec = _styled(drawing).to_dict(validate=False)  # every part was validated when it was made
    return spec


def _styled(drawing: Drawing) -> Drawing:
    """The look that all pictures share."""
    styled: Drawing = (
        drawing.configure(aria=False, font=_FONT, background=Ink.PAPER.light, padding=4)
        .configure_view(stroke=None)
        .configure_axis(
            labelColor=Ink.MUTED.light,
            labelFontSize=14,
            gridColor=Ink.GRID.light,
            domainColor=Ink.AXIS.light,
            tickColor=Ink.AXIS.light,
            labelPadding=5,
            labelLimit=220,
        )
    )
    return styled


def _time_axis(first: date, last: date) -> alt.Axis:
    few_years = (last - first).days < 4 * 365
    ticks = alt.TimeIntervalStep(interval="month", step=6) if few_years else 5
    return alt.Axis(format="%b %Y" if few_years else "%Y", tickCount=ticks, grid=False)


def _spans(spans: Sequence[Span], first: date, x: alt.X) -> alt.Chart:
    rows = pl.DataFrame(
        {
            "date": [max(span.start, first) for span in spans],
            "end": [span.end for span in spans],
            "ink": [span.ink.light for span in spans],
        }
    )
    painted: alt.Chart = _chart(rows, "spans").mark_rect(opacity=0.16).encode(x=x, x2="end:T", color=_OWN_INK)
    return painted


def _level(level: float, y: alt.Y) -> alt.Chart:
    across = _chart(pl.DataFrame({"value": [level]}), f"level {level:g}")
    rule = across.mark_rule(color=Ink.MUTED.light, strokeDash=[2, 3])
    drawn: alt.Chart = rule.encode(y=y)
    return drawn


def _paths(drawn: Sequence[PlottedLine], look: tuple[bool, bool], x: alt.X, y: alt.Y) -> alt.Chart:
    """All lines of one look, from the rows that the layers share."""
    step, dashed = look
    mark = alt.Chart(alt.Undefined, name=f"lines-{_look(look)}").mark_line(
        strokeWidth=2,
        strokeJoin="round",
        interpolate="step-after" if step else "linear",
        strokeDash=[5, 3] if dashed else alt.Undefined,
    )
    several = {line.look for line in drawn} != {look}
    chosen = mark.transform_filter(f"datum.look == '{_look(look)}'") if several else mark
    painted: alt.Chart = chosen.encode(x=x, y=y, color=_OWN_INK, detail="line:N")
    return painted


def _look(look: tuple[bool, bool]) -> str:
    return f"{'step' if look[0] else 'line'}{'-dashed' if look[1] else ''}"


def _names(drawn: Sequence[PlottedLine], levels: Sequence[float], x: alt.X, y: alt.Y) -> alt.Chart:
    """Every line's name at its end, beyond the axis, which ends where the data end."""
    placed = _apart(drawn, levels)
    rows = pl.DataFrame(
        {
            "date": [_day(line.dates.max()) for line, _ in placed],
            "value": [value for _, value in placed],
            "line": [line.name for line, _ in placed],
            "ink": [line.ink.light for line, _ in placed],
        }
    )
    text = _chart(rows, "names").mark_text(align="left", dx=6, fontSize=14, fontWeight="bold", clip=False)
    named: alt.Chart = text.encode(x=x, y=y, text="line:N", color=_OWN_INK)
    return named


def _apart(drawn: Sequence[PlottedLine], others: Sequence[float]) -> list[tuple[PlottedLine, float]]:
    """Each line with the height of its name, moved up where names would run into one another."""
    known = pl.concat([line.values.drop_nulls().cast(pl.Float64) for line in drawn])
    values = [*known.to_list(), *others]
    distance = (max(values) - min(values)) * _LABEL_DISTANCE
    placed: list[tuple[PlottedLine, float]] = []
    for line in sorted(drawn, key=lambda each: float(each.values.drop_nulls()[-1])):
        wanted = float(line.values.drop_nulls()[-1])
        placed.append((line, max(wanted, placed[-1][1] + distance) if placed else wanted))
    return placed


def _chart(rows: pl.DataFrame, name: str) -> alt.Chart:
    """A layer with rows of its own; by its name the page's script finds it."""
    return alt.Chart(_inline(rows), name=name)


def _inline(rows: pl.DataFrame) -> alt.InlineData:
    """Rows as one text: a list of values would be copied with every part of a drawing.

    Dates are text too: read as UTC, they mean the same day wherever the page is made.
    """
    return alt.InlineData(values=rows.write_csv(), format=alt.CsvDataFormat(type="csv"))


def _day(value: object) -> date:
    if not isinstance(value, date):
        raise TypeError(f"a line without dates cannot be drawn: {value!r}")
    return value


def _stamp(value: date) -> int:
    return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp() * 1000)
