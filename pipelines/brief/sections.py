"""The sections of the brief, in reading order, and the card for chat.

Here: the list; adding a section takes one entry and one function. Not here: the functions (brief.market,
brief.policy, brief.evidence).
"""

from __future__ import annotations

import textwrap

import altair as alt

from pipelines.brief import evidence, market, policy
from pipelines.brief.charts import HEIGHT, WIDTH, Drawing
from pipelines.brief.content import Section
from pipelines.published.marts import Marts
from pipelines.published.palette import Ink
from pipelines.published.reading import read

SECTIONS = (
    Section("levels", "Both from the same start", "Who has gained more?", ("market_state",), market.levels),
    Section(
        "drawdowns", "Distance from the record", "Who is behind its own past?", ("market_state",), market.drawdowns
    ),
    Section(
        "correlation", "Day to day", "Do their days still move together?", ("rolling_correlations",), market.correlation
    ),
    Section("trend", "Trend gap", "Who is pulling ahead?", ("relative_strength",), market.trend_gap),
    Section(
        "divergences", "Divergences", "How did it end the other times?", ("divergence_episodes",), market.divergences
    ),
    Section("breakouts", "After a breakout", "Do small-cap records help?", ("breakout_study",), evidence.breakouts),
    Section("signal", "Catching up", "What are the odds, against any day?", ("recoupling_signal",), evidence.signal),
    Section("policy", "Policy rate", "What does the Fed do?", ("fed_decisions",), policy.policy_rate),
    Section("liquidity", "Net liquidity", "Does money come or go?", ("fed_liquidity",), policy.liquidity),
    Section("bills", "Bills", "Does the Fed buy bills again?", ("fed_liquidity",), policy.bills),
    Section("purchases", "Purchases", "How much, under which programme?", ("treasury_purchases",), policy.purchases),
    Section("claims", "Claims", "What of all that is said holds?", ("claims",), evidence.claims, wide=True),
    Section(
        "freshness", "Age of the data", "Can today's reading be trusted?", ("series_freshness",), evidence.freshness
    ),
)


def card(marts: Marts) -> Drawing | None:
    """The reading and two pictures, for a chat message or a run's page; None when there is nothing to draw."""
    panels = [
        picture.drawing.properties(
            width=WIDTH, height=HEIGHT * 0.62, title=alt.TitleParams(section.title, anchor="start", fontSize=14)
        )
        for section in SECTIONS[:2]
        for picture in section.content(marts).pictures
    ]
    if not panels:
        return None
    mark = f"as of {marts.as_of}, source {marts.manifest['source']}"
    title = alt.TitleParams(
        text=textwrap.wrap(read(marts).headline, 62),
        subtitle=f"SIMULATED MARKET, nothing here is real. {mark}" if marts.simulated else mark,
        subtitleColor=(Ink.WARNING if marts.simulated else Ink.MUTED).light,
        subtitleFontSize=14,
        color=Ink.TEXT.light,
        fontSize=18,
        anchor="start",
        offset=14,
    )
    return alt.vconcat(*panels, background=Ink.PAPER.light).properties(title=title)
