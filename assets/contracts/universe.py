"""Contracts of universes: many symbols, all their pairs, and only what can be read of them.

Here: promised columns and the rules their rows keep. Not here: who belongs to a universe (assets.universe), how pairs
are computed (quant.universe_regimes, quant.universe_latest).
"""

from __future__ import annotations

import dataframely as dy
import polars as pl

from assets.contracts.raw import PriceBars
from assets.contracts.regimes import REGIMES
from assets.framework.contract import CoreTable, DerivedTable, Mart, count, number

_UNIVERSE = "id of the universe, as in universe.toml"


class UniverseBars(PriceBars):
    """One daily bar of one symbol that is fetched for a universe alone; columns and rules are those of price_bars."""

    may_be_empty = True


class UniverseMembers(CoreTable):
    """A symbol's time in a universe."""

    subject = "universe"
    may_be_empty = True
    universe = dy.String(primary_key=True, description=_UNIVERSE)
    symbol = dy.String(primary_key=True, description="name at the source of prices")
    position = dy.Int64(primary_key=True, min=0, description="place in the universe's list")
    first_session = dy.Date(nullable=True, description="first session in the universe; null: from the beginning")
    last_session = dy.Date(nullable=True, description="last session in the universe; null: to this day")


class UniverseReturns(CoreTable):
    """Log returns of every symbol of any universe on NYSE sessions; missing where a session or its neighbour is."""

    subject = "universe"
    may_be_empty = True
    symbol = dy.String(primary_key=True, description="name at the source of prices")
    session = dy.Date(primary_key=True, description="NYSE session")
    log_return = number("log return", "from the session before to this one")


class UniverseBlocks(DerivedTable):
    """A block of pairs, the unit of work: what it was continued from, and to which session."""

    subject = "universe"
    may_be_empty = True
    universe = dy.String(primary_key=True, description=_UNIVERSE)
    block = dy.Int64(primary_key=True, min=0, description="number of the block")
    pairs = count("pairs in the block")
    continued_from = dy.Date(nullable=True, description="last session of the state it continued; null: from the start")
    session = dy.Date(description="last session it has seen")
    days = count("sessions that were new to it", metadata={"unit": "sessions"})
    tries = count("times it was tried", min=1)


class UniverseLatest(Mart):
    """A pair of a universe on the last session: rolling correlation by window, regime, and since when."""

    subject = "universe"
    may_be_empty = True
    universe = dy.String(primary_key=True, description=_UNIVERSE)
    pair = dy.String(primary_key=True, description="asset/benchmark")
    window_sessions = dy.Int64(primary_key=True, min=20, description="length of the rolling window, sessions")
    asset = dy.String(description="symbol; the anchor where the universe has anchors")
    benchmark = dy.String(description="symbol it is held against")
    session = dy.Date(description="the last session")
    correlation = number("-1 to 1", "of daily log returns; null: too few", nullable=True, min=-1, max=1)
    ci95_low = number("-1 to 1", "lower end of the 95% band", nullable=True, min=-1, max=1)
    ci95_high = number("-1 to 1", "upper end of the 95% band", nullable=True, min=-1, max=1)
    observations = count("sessions in the window with both returns", metadata={"unit": "sessions"})
    change_5 = number("correlation", "correlation minus that of 5 sessions ago", nullable=True)
    change_21 = number("correlation", "correlation minus that of 21 sessions ago", nullable=True)
    change_63 = number("correlation", "correlation minus that of 63 sessions ago", nullable=True)
    regime = dy.Enum(REGIMES, description="the regime the pair is in, as in correlation_regimes")
    since_session = dy.Date(description="first session of the regime")
    p_coupled = number("probability", "correlation is +0.30 or more", min=0, max=1)
    p_decoupled = number("probability", "correlation lies between", min=0, max=1)
    p_inverse = number("probability", "correlation is -0.15 or less", min=0, max=1)
    correlation_estimate = number("-1 to 1", "mean of the filtered correlation", min=-1, max=1)
    correlation_sd = number("correlation", "standard deviation of the filtered correlation", min=0)
    confirmed_regime = dy.Enum(
        REGIMES, nullable=True, description="the last regime that was beyond doubt (universe.toml, confirm_above)"
    )
    confirmed_since = dy.Date(nullable=True, description="session on which it was confirmed")

    @dy.rule()
    def probabilities_sum_to_one(cls) -> pl.Expr:  # noqa: N805
        """The three regimes leave no fourth."""
        return (pl.sum_horizontal("p_coupled", "p_decoupled", "p_inverse") - 1).abs() < 1e-9


class UniverseChanges(Mart):
    """What changed in a universe: regimes beyond doubt, and the moves of correlation that are not chance.

    A regime change is told on the session on which the new regime's probability exceeds `confirm_above`; simulated, at
    most 0.01 a pair and year are false, even where a constant correlation stands on a border. A move compares a window
    with the one before it, on the last session; of those told at most the `false_discovery_rate` is none
    (Benjamini-Hochberg over all pairs).
    """

    subject = "universe"
    may_be_empty = True
    universe = dy.String(primary_key=True, description=_UNIVERSE)
    pair = dy.String(primary_key=True, description="asset/benchmark")
    session = dy.Date(primary_key=True, description="session on which it was known")
    kind = dy.Enum(["regime", "move"], primary_key=True, description="a regime changed, or a correlation moved")
    window_sessions = dy.Int64(primary_key=True, min=0, description="window of the move; 0: a regime has none")
    asset = dy.String(description="symbol")
    benchmark = dy.String(description="symbol it is held against")
    regime_before = dy.Enum(REGIMES, nullable=True, description="the regime confirmed before; null for a move")
    regime_after = dy.Enum(REGIMES, nullable=True, description="the regime confirmed now; null for a move")
    probability = number("probability", "of the new regime; null for a move", nullable=True, min=0, max=1)
    correlation = number("-1 to 1", "of the window; null for a regime", nullable=True, min=-1, max=1)
    move = number("correlation", "correlation minus that of the window before", nullable=True)
    q_value = number("probability", "smallest false discovery rate at which it is told", nullable=True, min=0, max=1)


class UniverseBreadth(Mart):
    """What a universe did as a whole on a session."""

    subject = "universe"
    may_be_empty = True
    universe = dy.String(primary_key=True, description=_UNIVERSE)
    session = dy.Date(primary_key=True, description="NYSE session")
    window_sessions = dy.Int64(min=20, description="window of the correlations, sessions")
    pairs = count("pairs of members that have a regime", min=1)
    share_coupled = number("fraction", "of the pairs that are coupled", min=0, max=1)
    share_decoupled = number("fraction", "of the pairs that are decoupled", min=0, max=1)
    share_inverse = number("fraction", "of the pairs that are inverse", min=0, max=1)
    mean_correlation = number("-1 to 1", "mean over pairs", nullable=True, min=-1, max=1)
    median_correlation = number("-1 to 1", "median over pairs", nullable=True, min=-1, max=1)
    correlation_dispersion = number("correlation", "standard deviation over pairs", nullable=True, min=0)
    first_eigenvalue_share = number(
        "fraction", "largest eigenvalue of the correlation matrix over its size", nullable=True, min=0, max=1 + 1e-9
    )
    return_dispersion = number("log return", "standard deviation of the session's returns", nullable=True, min=0)


class UniverseNeighbours(Mart):
    """The symbols that a symbol moves most alike with, over the longest window."""

    subject = "universe"
    may_be_empty = True
    universe = dy.String(primary_key=True, description=_UNIVERSE)
    symbol = dy.String(primary_key=True, description="symbol")
    rank = dy.Int64(primary_key=True, min=1, description="1: the nearest")
    neighbour = dy.String(description="the other symbol")
    session = dy.Date(description="the last session")
    window_sessions = dy.Int64(min=20, description="length of the rolling window, sessions")
    correlation = number("-1 to 1", "of daily log returns", min=-1, max=1)
    regime = dy.Enum(REGIMES, description="the regime the two are in")
    p_coupled = number("probability", "correlation is +0.30 or more", min=0, max=1)
