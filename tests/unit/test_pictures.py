from __future__ import annotations

import base64
from datetime import date, timedelta

import polars as pl
import pytest
import vl_convert

from assets.catalog import Pair
from assets.contracts import MARTS
from assets.contracts.market import DivergenceEpisodes, MarketState
from assets.framework.chart import Chart
from assets.framework.contract import Mart
from pipelines.orchestration.ui_charts import _smaller, chart_lines, draw, picture

HEADLINE = Pair(asset="BTC-USD", benchmark="^RUT")
DAYS = [date(2015, 1, 1) + timedelta(days=n) for n in range(4000)]


def market_state(drawdowns: list[float | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {"symbol": "BTC-USD", "session": DAYS[: len(drawdowns)], "drawdown": drawdowns, "simulated": True}
    )


@pytest.mark.parametrize("mart", [m for m in MARTS if m.chart], ids=lambda m: m.table_name())
def test_a_chart_names_columns_that_the_contract_has(mart: type[Mart]) -> None:
    chart = mart.chart
    assert chart is not None
    named = {chart.x, *chart.y, *chart.where, *filter(None, (chart.by, chart.newest))}
    assert named <= set(mart.columns())


def test_the_picture_is_a_small_png_that_says_what_is_not_real() -> None:
    shown = picture(MarketState, market_state([-0.5 + (n * 37 % 101) / 250 for n in range(4000)]), HEADLINE)
    text = str(shown["chart"].value)
    assert text.startswith("![market_state: drawdown [fraction], SIMULATED MARKET: BTC-USD: ")
    png = base64.b64decode(text.split("base64,")[1].rstrip(")"))
    assert png.startswith(b"\x89PNG")
    assert len(png) < 25_000


def test_the_newest_figure_stays_however_much_is_thinned() -> None:
    chart = (MarketState.chart or Chart("", ())).of(HEADLINE)
    lines = chart_lines(chart, market_state([-0.2] * 3999 + [-0.7]))
    assert len(lines[0].points) <= 300
    assert lines[0].points[-1] == (DAYS[3999], -0.7)


def test_nothing_to_draw_is_no_picture() -> None:
    assert picture(MarketState, market_state([None, None]), HEADLINE) == {}
    assert picture(DivergenceEpisodes, DivergenceEpisodes.create_empty(), HEADLINE) == {}


@pytest.mark.parametrize("mark", ["line", "step", "stem"])
@pytest.mark.parametrize("values", [[0.0], [3.0, 3.0], [-2.0, 5.0]], ids=["one", "flat", "both signs"])
def test_every_kind_of_mark_is_drawn_whatever_the_values(mark: str, values: list[float | None]) -> None:
    chart = Chart("session", ("drawdown",), mark=mark)  # type: ignore[arg-type]
    svg = draw(chart, chart_lines(chart, market_state(values)), "title")
    small = _smaller(vl_convert.svg_to_png(svg))
    assert small.startswith(b"\x89PNG")
    assert small != vl_convert.svg_to_png(svg)
