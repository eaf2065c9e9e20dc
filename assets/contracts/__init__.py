"""Table contracts: the only place where a table or a column is explained.

Here: the list of all contracts. The UI, the checks, DuckDB's comments and the data dictionary read from here.
"""

from __future__ import annotations

from assets.contracts import (
    claims,
    core,
    flows,
    market,
    operations,
    policy,
    policy_studies,
    raw,
    regimes,
    studies,
)
from assets.contracts.base import Mart, RawTable, Table

RAW_TABLES: tuple[type[RawTable], ...] = (
    raw.PriceBars,
    raw.FuturesSettlements,
    raw.MacroObservations,
    raw.TreasuryOperations,
    raw.FundFlows,
    raw.FomcMeetings,
)
CORE_TABLES: tuple[type[Table], ...] = (
    core.Symbols,
    core.Series,
    core.Pairs,
    core.Sessions,
    core.Programs,
    core.FirstCuts,
    core.PublishedExpectations,
    core.DailyPrices,
    core.SessionPrices,
    core.MacroSeries,
)
DERIVED_TABLES: tuple[type[Table], ...] = (policy.Meetings, policy.TargetDecisions, studies.SignalInputs)
MARTS: tuple[type[Mart], ...] = (
    market.MarketState,
    market.RollingCorrelations,
    regimes.CorrelationRegimes,
    regimes.RegimeSpells,
    market.RelativeStrength,
    market.DivergenceEpisodes,
    market.PeakPairs,
    studies.BreakoutEvents,
    studies.BreakoutStudy,
    studies.LeadLag,
    studies.RecouplingSignal,
    studies.SignalScorecard,
    policy.FedDecisions,
    policy.PolicyState,
    policy.ImpliedRates,
    policy.RatePath,
    policy.RatePathProbabilities,
    policy.FedLiquidity,
    policy.FedPrograms,
    policy.TreasuryPurchases,
    policy_studies.EasingCycleStudy,
    policy_studies.RateSensitivity,
    policy_studies.LiquidityStudy,
    flows.EtfFlows,
    flows.EarningsExpectations,
    claims.Claims,
    operations.SeriesFreshness,
)

CONTRACTS: dict[str, type[Table]] = {c.table_name(): c for c in (*RAW_TABLES, *CORE_TABLES, *DERIVED_TABLES, *MARTS)}
"""Every table by its name; names are unique across layers, so a name alone says which table."""
