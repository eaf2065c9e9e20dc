"""The simulated market's paths: calendars, drivers, closes and levels, all on one grid of days.

Here: how an entry of sample_market.toml becomes numbers on days, out of the pieces of quant.simulation. Not
here: the raw contracts' columns (pipelines.sources.sample). A path's own randomness comes from the seed and
its id, so that a new entry leaves all others as they were.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from pandas.tseries.holiday import USFederalHolidayCalendar

from assets.catalog import Series, Symbol
from pipelines.sources.sample_market import (
    Driver,
    Points,
    SampleMarket,
    SampleMarketError,
    SimulatedSymbol,
    Window,
)
from quant import simulation
from quant.sessions import nyse_sessions
from quant.simulation import FloatArray, IntArray

Days = NDArray[np.datetime64]

DEGREES_OF_FREEDOM = 6.0
OFF_SESSION_VOLATILITY = 0.6  # crypto's while exchanges are closed, in units of a session's
PERIODS = {"session": 252.0, "calendar_day": 365.0}
DECIMALS = {"percent": 2, "index_points": 4, "usd_bn": 3, "usd_mn": 0}


class Prices(NamedTuple):
    """A symbol's days (positions on the grid), closes and daily volatility, as a fraction."""

    at: IntArray
    close: FloatArray
    volatility: FloatArray


class SimulatedMarket:
    """Paths of the symbols and series given, each simulated when first asked for."""

    def __init__(
        self, market: SampleMarket, symbols: Mapping[str, Symbol], series: Mapping[str, Series], seed: int
    ) -> None:
        """Nothing is simulated yet."""
        self.market = market
        self.days: Days = np.arange(np.datetime64(market.first), np.datetime64(market.last) + 1)
        self._symbols, self._series, self._seed = symbols, series, seed
        self._prices: dict[str, Prices] = {}
        self._levels: dict[str, FloatArray] = {}

    def rng(self, purpose: str) -> Generator:
        """Randomness of one purpose, the same whatever else was drawn before."""
        return np.random.default_rng([self._seed, zlib.crc32(purpose.encode())])

    # ------------------------------------------------------------------ days

    @cached_property
    def sessions(self) -> IntArray:
        """Positions of the NYSE sessions."""
        return np.searchsorted(self.days, nyse_sessions(self.market.last, self.market.first).to_numpy())

    @cached_property
    def holidays(self) -> Days:
        """Federal holidays, and those of the month after the last day."""
        end = np.datetime64(self.market.last) + 31
        holidays = USFederalHolidayCalendar().holidays(self.market.first, end)
        days: Days = holidays.to_numpy().astype("datetime64[D]")
        return days

    def observed(self, frequency: str) -> IntArray:
        """Positions of the days that a frequency of the catalog observes."""
        match frequency:
            case "session":
                return self.sessions
            case "business_day":
                return np.flatnonzero(np.is_busday(self.days, holidays=self.holidays))
            case "weekly_wednesday":
                return np.flatnonzero(np.is_busday(self.days, weekmask="Wed"))
            case "weekly_friday":
                return np.flatnonzero(np.is_busday(self.days, weekmask="Fri"))
            case "monthly":
                return np.flatnonzero(self.days == self.days.astype("datetime64[M]"))
            case _:
                return np.arange(len(self.days))

    # ------------------------------------------------------------------ what markets share

    @cached_property
    def regimes(self) -> NDArray[np.str_]:
        """The true regime of every day."""
        spells = self.market.spells
        return np.array(list(spells.values()))[_latest(self.days, list(spells))]

    @cached_property
    def drivers(self) -> Mapping[Driver, FloatArray]:
        """Unit-variance shocks; on sessions, crypto is bound to equity as the day's regime says."""
        equity, own = self._shocks("equity"), self._shocks("crypto")
        correlation = np.array([self.market.correlation[regime] for regime in self.regimes])
        is_session = np.isin(np.arange(len(self.days)), self.sessions)
        correlation[~is_session] = 0.0
        weight = np.where(is_session, 1.0, OFF_SESSION_VOLATILITY)
        crypto = simulation.correlated(equity, own, correlation) * weight / np.sqrt(np.mean(weight**2))
        return {
            "equity": equity,
            "crypto": crypto,
            "metal": self._shocks("metal"),
            "rates": self._shocks("rates"),
        }

    @cached_property
    def _fat_tails(self) -> FloatArray:
        return simulation.student_t_scale(len(self.days), DEGREES_OF_FREEDOM, self.rng("fat tails"))

    def _shocks(self, purpose: str) -> FloatArray:
        shocks = self.rng(purpose).standard_normal(len(self.days)) * self._fat_tails
        return np.clip(shocks, -simulation.LARGEST_SHOCK, simulation.LARGEST_SHOCK)

    # ------------------------------------------------------------------ symbols

    def prices(self, symbol_id: str) -> Prices:
        """Closes of a symbol on its days."""
        if symbol_id not in self._prices:
            symbol = self._symbols[symbol_id]
            entry = self.market.symbol_entry(symbol)
            make = self._tracking if entry.tracks else self._pinned
            self._prices[symbol_id] = make(symbol, entry)
        return self._prices[symbol_id]

    def bars(self, symbol_id: str) -> simulation.Bars:
        """Open, high and low on the days of `prices`."""
        at, close, volatility = self.prices(symbol_id)
        entry = self.market.symbol_entry(self._symbols[symbol_id])
        days = self.days[at]
        ceiling = _ceiling(entry.high_caps, days)
        bars = simulation.daily_bars(close, volatility, ceiling, self.rng(f"{symbol_id} bars"))
        positions, highs = _points(symbol_id, entry.highs, days)
        bars.high[positions] = highs
        return bars

    def _pinned(self, symbol: Symbol, entry: SimulatedSymbol) -> Prices:
        """A path of its own: driven, clustered, through the anchors, below the caps."""
        at = self._from(self.observed(symbol.frequency), entry.first)
        days, periods = self.days[at], PERIODS[symbol.frequency]
        shocks = self._driven_shocks(symbol.id, entry.loadings)[at]
        daily = entry.volatility / np.sqrt(periods)
        volatility = daily * simulation.garch_volatility(shocks)
        positions, closes = _points(symbol.id, entry.anchors or ((days[0].item(), entry.start),), days)
        if entry.half_life_days:
            noise = simulation.mean_reverting(volatility * shocks, entry.half_life_days)
            path = simulation.reverting_bridge(noise, positions, np.log(closes), entry.half_life_days)
        else:
            path = np.cumsum(volatility * shocks + entry.drift / periods)
        ceiling = np.log(_ceiling(entry.caps, days))
        gap = daily * self.rng(f"{symbol.id} caps").uniform(0.2, 1.2, len(at))
        close = np.exp(simulation.bridge_below(path, positions, np.log(closes), ceiling, gap))
        close[positions] = closes
        return Prices(at, close, volatility)

    def _tracking(self, symbol: Symbol, entry: SimulatedSymbol) -> Prices:
        """A fund's path: what it tracks, times a ratio, with an error that does not accumulate."""
        tracked = self.prices(str(entry.tracks))
        own = self._from(self.observed(symbol.frequency), entry.first)
        at, _, there = np.intersect1d(own, tracked.at, assume_unique=True, return_indices=True)
        error = entry.tracking_error * self._shocks(symbol.id)[at]
        return Prices(at, tracked.close[there] * entry.ratio * np.exp(error), tracked.volatility[there])

    def _driven_shocks(self, name: str, loadings: Mapping[Driver, float]) -> FloatArray:
        shocks: FloatArray = np.sqrt(1.0 - sum(loading**2 for loading in loadings.values())) * self._shocks(name)
        for driver, loading in loadings.items():
            shocks = shocks + loading * self.drivers[driver]
        return shocks

    def _from(self, at: IntArray, first: date | None) -> IntArray:
        return at if first is None else at[self.days[at] >= np.datetime64(first)]

    # ------------------------------------------------------------------ series

    def levels(self, series_id: str) -> FloatArray:
        """Values of a series, or closes of a symbol, on every day; NaN where there is none."""
        if series_id not in self._levels:
            make = self._levels_of_symbol if series_id in self._symbols else self._levels_of_series
            self._levels[series_id] = make(series_id)
        return self._levels[series_id]

    def _levels_of_symbol(self, symbol_id: str) -> FloatArray:
        at, close, _ = self.prices(symbol_id)
        levels = np.full(len(self.days), np.nan)
        levels[at] = close
        return levels

    def _levels_of_series(self, series_id: str) -> FloatArray:
        entry = self.market.series_entry(self._series[series_id])
        positions, values = _points(series_id, entry.anchors, self.days)
        noise = simulation.mean_reverting(entry.noise * self._shocks(series_id), entry.half_life_days)
        levels = simulation.reverting_bridge(noise, positions, values, entry.half_life_days) + entry.offset
        for other, weight in entry.sum_of.items():
            levels = levels + weight * self.levels(other)
        if entry.steps:
            levels = (
                levels
                + np.array([value for _, value in entry.steps])[_latest(self.days, [day for day, _ in entry.steps])]
            )
        if entry.floor is not None:
            levels = np.maximum(levels, entry.floor)
        levels = np.round(levels, DECIMALS[self._series[series_id].unit])
        return np.where(self.days >= np.datetime64(entry.first or self.market.first), levels, np.nan)


def _latest(days: Days, starts: Sequence[date]) -> IntArray:
    """Position of the latest start at or before each day."""
    return np.searchsorted(np.array(starts, dtype="datetime64[D]"), days, side="right") - 1


def _points(name: str, points: Points, days: Days) -> tuple[IntArray, FloatArray]:
    """Positions and values of points; raises SampleMarketError for a day the name is not observed on."""
    dates = np.array([day for day, _ in points], dtype="datetime64[D]")
    if (strangers := dates[~np.isin(dates, days)]).size:
        raise SampleMarketError(f"sample_market.toml: {name}: nothing is observed on {strangers[0]}; move that point")
    return np.searchsorted(days, dates), np.array([value for _, value in points], dtype=np.float64)


def _ceiling(windows: Sequence[Window], days: Days) -> FloatArray:
    """The lowest cap in force on each day, inf where there is none."""
    ceiling = np.full(len(days), np.inf)
    for first, last, level in windows:
        inside = (days >= np.datetime64(first)) & (days <= np.datetime64(last))
        ceiling[inside] = np.minimum(ceiling[inside], level)
    return ceiling
