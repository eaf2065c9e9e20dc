"""The sample source: a simulated market behind the same questions as the real ones, offline and repeatable.

Here: the simulated paths in the raw contracts' columns. Not here: the paths (pipelines.sources.sample_paths),
the figures they are pinned to (sample_market.toml).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time

import numpy as np
import polars as pl

from assets.catalog import Catalog, Futures, Series, Symbol, load_catalog
from assets.contracts.raw import (
    FomcMeetings,
    FundFlows,
    FuturesSettlements,
    MacroObservations,
    PriceBars,
    TreasuryOperations,
)
from assets.framework.contract import RawTable
from assets.reference.fomc_calendar import load_fomc_calendar
from assets.universe import ROLE as UNIVERSE
from assets.upstream import Fetched, Watermarks
from pipelines.sources.sample_market import (
    SampleMarket,
    SimulatedFund,
    SimulatedOperations,
    load_sample_market,
)
from pipelines.sources.sample_paths import SimulatedMarket
from quant.simulation import FloatArray
from quant.universe_simulation import simulate_universe

SEED = 8
YIELD_HORIZON_MONTHS = 24  # where the curve of fed funds futures meets the 2-year yield
SETTLEMENT_TICK = 0.0025
CRYPTO_SHARE_OF_FLOWS = 0.5  # correlation of a fund's flow with bitcoin's move of the day


class SampleUpstream:
    """The simulated market as an Upstream; watermarks are ignored, every answer is the whole history."""

    def __init__(self, catalog: Catalog, seed: int = SEED, market: SampleMarket | None = None) -> None:
        """Simulates nothing before it is asked; market: another description than the bundled one."""
        self._seed = seed
        entries = (load_catalog(), catalog)  # what is tracked may be missing from the catalog at hand
        self._paths = SimulatedMarket(
            market or load_sample_market(),
            {symbol.id: symbol for known in entries for symbol in known.symbol},
            {series.id: series for known in entries for series in known.series},
            seed,
        )

    @property
    def name(self) -> str:
        """The source's name in settings."""
        return "sample"

    @property
    def simulated(self) -> bool:
        """Nothing here is real but the anchors."""
        return True

    def today(self) -> date:
        """The last simulated day."""
        return self._paths.market.last

    def now(self) -> datetime:
        """The end of the last simulated day."""
        return datetime.combine(self.today(), time(23, 59, 59), tzinfo=UTC)

    def true_regimes(self) -> pl.DataFrame:
        """What an estimate of regimes should find: session, regime."""
        at = self._paths.sessions
        return pl.DataFrame({"session": self._paths.days[at], "regime": self._paths.regimes[at].tolist()})

    def price_bars(self, symbols: Sequence[Symbol], stored: Watermarks) -> Fetched:
        """Every bar of the symbols."""
        own = [symbol for symbol in symbols if symbol.role == UNIVERSE]
        bars = (self._bars(symbol) for symbol in symbols if symbol.role != UNIVERSE)
        return _fetched(PriceBars, (*bars, *([self._universe_bars(own)] if own else [])))

    def futures_settlements(self, futures: Sequence[Futures], stored: Watermarks) -> Fetched:
        """Settlements on a curve from the policy rate to the 2-year yield."""
        return _fetched(FuturesSettlements, (self._settlements(family) for family in futures))

    def macro_observations(self, series: Sequence[Series], stored: Watermarks) -> Fetched:
        """Every observation of the series that is public at the end of today."""
        return _fetched(MacroObservations, (self._observations(one) for one in series))

    def treasury_operations(self, stored: date | None) -> Fetched:
        """Every outright operation."""
        return _fetched(TreasuryOperations, (self._operations(one) for one in self._paths.market.operations))

    def fund_flows(self, stored: date | None) -> Fetched:
        """Every fund's flows and their TOTAL; those of today are not reported yet."""
        funds = pl.concat(self._flows(ticker, fund) for ticker, fund in self._paths.market.fund.items())
        total = funds.group_by("date").agg(pl.col("net_flow_usd_mn").sum().round(1), fund=pl.lit("TOTAL"))
        return _fetched(FundFlows, (funds, total.sort("date").select(funds.columns)))

    def fomc_meetings(self) -> Fetched:
        """The real calendar: the sample's Fed decides what the real one decided."""
        return _fetched(FomcMeetings, (load_fomc_calendar(),))

    def _bars(self, symbol: Symbol) -> pl.DataFrame:
        entry = self._paths.market.symbol_entry(symbol)
        at, close, _ = self._paths.prices(symbol.id)
        days = self._paths.days[at]
        bars = self._paths.bars(symbol.id)
        activity = np.exp(0.3 * self._paths.rng(f"{symbol.id} volume").standard_normal(len(at)))
        quarters = days.astype("datetime64[M]").astype(np.int64) // 3
        still_to_pay = quarters[-1] - quarters
        return pl.DataFrame(
            {
                "date": days,
                "open": bars.open,
                "high": bars.high,
                "low": bars.low,
                "close": close,
                "adj_close": close * (1 - entry.dividend_yield / 4) ** still_to_pay,
                "volume": np.round(entry.volume * activity),
            }
        ).with_columns(symbol=pl.lit(symbol.id), provisional=False)

    def _universe_bars(self, symbols: Sequence[Symbol]) -> pl.DataFrame:
        """A universe of any size: paths correlated by factors, whose regimes are known (quant.universe_simulation)."""
        days = self._paths.days[self._paths.sessions]
        names = [symbol.id for symbol in symbols]
        close = 100.0 * np.exp(np.cumsum(simulate_universe(names, len(days), self._seed).returns, axis=0))
        frame = pl.DataFrame({"date": days, **dict(zip(names, close.T, strict=True))})
        prices = frame.unpivot(index="date", variable_name="symbol", value_name="close")
        same = {name: pl.col("close") for name in ("open", "high", "low", "adj_close")}
        return prices.with_columns(**same, volume=pl.lit(None, pl.Float64), provisional=False)

    def _settlements(self, family: Futures) -> pl.DataFrame:
        """Every session, every month ahead: the policy rate, and its expected way to where the 2-year yield points."""
        paths = self._paths
        at = paths.sessions[np.isfinite(paths.levels("DGS2")[paths.sessions])]
        days = paths.days[at]
        rate, yield_2y = paths.levels("DFF")[at], paths.levels("DGS2")[at]
        months = days.astype("datetime64[M]")
        frames = []
        for ahead in range(family.months_ahead + 1):
            implied = rate + (yield_2y - rate) * min(ahead / YIELD_HORIZON_MONTHS, 1.0)
            delivery = (months + ahead).astype("datetime64[D]")
            frames.append(
                pl.DataFrame(
                    {
                        "contract": [family.contract(month) for month in delivery.tolist()],
                        "date": days,
                        "delivery_month": delivery,
                        "settlement": np.round((100 - implied) / SETTLEMENT_TICK) * SETTLEMENT_TICK,
                    }
                )
            )
        return pl.concat(frames).with_columns(root=pl.lit(family.id), provisional=False)

    def _observations(self, series: Series) -> pl.DataFrame:
        values = self._paths.levels(series.id)
        at = self._paths.observed(series.frequency)
        public = self._paths.days[at] + series.release_lag_days <= np.datetime64(self.today())
        at = at[public & np.isfinite(values[at])]
        return pl.DataFrame({"date": self._paths.days[at], "value": values[at]}).with_columns(
            series_id=pl.lit(series.id), realtime_start=pl.lit(None, pl.Date)
        )

    def _operations(self, programme: SimulatedOperations) -> pl.DataFrame:
        """Operations at an even distance that together take the programme's amount."""
        open_days = self._paths.days[self._paths.observed("business_day")]
        inside = (open_days >= np.datetime64(programme.first)) & (open_days <= np.datetime64(programme.last))
        days = open_days[inside][:: programme.every_business_days]
        rng = self._paths.rng(f"operations {programme.first}")
        known = {day: (submitted, accepted) for day, submitted, accepted in programme.results}
        left = programme.accepted_usd_bn - sum(accepted for _, accepted in known.values())
        simulated = ~np.isin(days, np.array(list(known), dtype="datetime64[D]"))
        accepted = _shares(left, rng.uniform(0.7, 1.3, len(days)) * simulated)
        submitted = accepted * rng.uniform(2.2, 4.5, len(days))
        for day, result in known.items():
            at = days == np.datetime64(day)
            submitted[at], accepted[at] = result
        settlement = np.busday_offset(days, 1, holidays=self._paths.holidays)
        return pl.DataFrame(
            {
                "operation_id": [f"SAMPLE {day}" for day in days],
                "operation_date": days,
                "settlement_date": settlement,
                "submitted_usd_bn": np.round(submitted, 3),
                "accepted_usd_bn": np.round(accepted, 3),
                "note": np.where(simulated, "simulated", "as published").tolist(),
            }
        ).with_columns(operation_type=pl.lit(programme.operation_type))

    def _flows(self, ticker: str, fund: SimulatedFund) -> pl.DataFrame:
        """Flows that lean on bitcoin's move of the day and sum to the fund's total."""
        paths = self._paths
        at = paths.sessions[:-1]
        at = at[paths.days[at] >= np.datetime64(fund.first)]
        own = paths.rng(f"{ticker} flows").standard_normal(len(at))
        lean = CRYPTO_SHARE_OF_FLOWS * paths.drivers["crypto"][at] + np.sqrt(1 - CRYPTO_SHARE_OF_FLOWS**2) * own
        average = fund.total_usd_mn / len(at)
        flow = average + 1.2 * abs(average) * (lean - lean.mean())
        return pl.DataFrame({"date": paths.days[at], "net_flow_usd_mn": np.round(flow, 1)}).with_columns(
            fund=pl.lit(ticker)
        )


def _shares(amount: float, weights: FloatArray) -> FloatArray:
    """The amount, split in proportion to the weights."""
    return weights * (amount / float(weights.sum()))


def _fetched(contract: type[RawTable], frames: Iterable[pl.DataFrame]) -> Fetched:
    """The frames as one, in the contract's columns and types."""
    empty = contract.create_empty()
    columns = list(empty.schema)
    return Fetched(pl.concat([empty, *(frame.select(columns).cast(empty.schema) for frame in frames)]))
