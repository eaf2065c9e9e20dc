"""Contracts of the marts about correlation regimes.

Here: promised columns and the rules their rows keep. Not here: how a regime is found (quant.regimes).
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from assets.framework.chart import Chart, Headline
from assets.framework.contract import Mart, count, number

REGIMES = ["coupled", "decoupled", "inverse"]


class CorrelationRegimes(Mart):
    """Whether a pair's daily returns move together, as a filter that knows only the past saw it on the day.

    Coupled from a correlation of +0.30, inverse from -0.15, decoupled between. The regime is left only when its own
    probability falls below one third, so that a single odd week does not end it.
    """

    subject = "does_bitcoin_follow"
    grows_by = "session"
    chart = Chart(x="session", y=("p_coupled",), where={"pair": Headline.PAIR})
    pair = dy.String(primary_key=True, description="asset/benchmark")
    session = dy.Date(primary_key=True, description="NYSE session")
    asset = dy.String(description="catalog symbol")
    benchmark = dy.String(description="catalog symbol it is held against")
    regime = dy.Enum(REGIMES, description="the regime the pair is in")
    p_coupled = number("probability", "correlation is +0.30 or more", min=0, max=1)
    p_decoupled = number("probability", "correlation lies between", min=0, max=1)
    p_inverse = number("probability", "correlation is -0.15 or less", min=0, max=1)
    correlation_estimate = number("-1 to 1", "mean of the filtered correlation", min=-1, max=1)
    correlation_sd = number("correlation", "standard deviation of the filtered correlation", min=0)
    spell_id = count("number of the spell within the pair, from 1", min=1)

    @dy.rule()
    def probabilities_sum_to_one(cls) -> pl.Expr:  # noqa: N805
        """The three regimes leave no fourth."""
        return (pl.sum_horizontal("p_coupled", "p_decoupled", "p_inverse") - 1).abs() < 1e-9


class RegimeSpells(Mart):
    """An unbroken time in one regime, and what both sides earned in it."""

    subject = "does_bitcoin_follow"
    pair = dy.String(primary_key=True, description="asset/benchmark")
    spell_id = dy.Int64(primary_key=True, min=1, description="number of the spell within the pair, from 1")
    regime = dy.Enum(REGIMES, description="the regime of the spell")
    start_session = dy.Date(description="first session of the spell")
    end_session = dy.Date(nullable=True, description="last session of the spell; null while it is open")
    band_end_session = dy.Date(
        description="where a painted band ends: the first session of the next spell, so that bands touch; the newest "
        "session while the spell is open"
    )
    sessions = count("sessions of the spell so far", min=1, metadata={"unit": "sessions"})
    mean_correlation = number("-1 to 1", "mean of correlation_estimate over the spell", min=-1, max=1)
    asset_return = number("fraction", "asset, from the session before the spell to its last", nullable=True)
    benchmark_return = number("fraction", "benchmark, from the session before the spell to its last", nullable=True)
