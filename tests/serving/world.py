"""A small published world: marts made by hand, published by the real publisher.

Here: frames that keep the contracts, two years of two symbols, and a publisher fed with them instead of a warehouse.
Not here: anything that computes marts.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.contracts import MARTS
from assets.framework.contract import Table
from assets.framework.rows import hold_to_contract
from pipelines.published import contract
from pipelines.publishing import publish as publishing
from pipelines.publishing import tables
from pipelines.publishing.publish import Publisher
from pipelines.publishing.shared import SharedRuns

AS_OF = date(2025, 12, 12)
PAIR = "BTC-USD/^RUT"
SESSIONS = 560
KEEP = timedelta(hours=48)


def sessions(as_of: date = AS_OF) -> list[date]:
    """Weekdays up to the as-of date."""
    days = (as_of - timedelta(days=n) for n in range(2 * SESSIONS))
    return sorted([day for day in days if day.weekday() < 5][:SESSIONS])


def frames(as_of: date = AS_OF, *, simulated: bool = False) -> dict[str, pl.DataFrame]:
    """One frame per mart, with the columns its contract promises."""
    days = sessions(as_of)
    made = {
        "market_state": pl.concat([_state("BTC-USD", days, _falling(days)), _state("^RUT", days, _rising(days))]),
        "rolling_correlations": _correlations(days),
        "relative_strength": _strength(days),
        "divergence_episodes": _episodes(days),
        "lag_history": _lag(days),
        "peak_pairs": _peaks(days),
        "fed_decisions": _decisions(),
        "fed_liquidity": _liquidity(as_of),
        "series_freshness": _freshness(as_of),
    }
    shared = {"as_of": pl.lit(as_of), "simulated": pl.lit(simulated)}
    return {name: frame.with_columns(**shared) for name, frame in made.items()}


def later_marts(as_of: date = AS_OF) -> dict[str, pl.DataFrame]:
    """Marts of the design that a run may publish besides, with the columns the design promises."""
    days = sessions(as_of)
    regimes = ["coupled"] * 300 + ["decoupled"] * 160 + ["inverse"] * 100
    chances = {"coupled": (0.7, 0.2, 0.1), "decoupled": (0.2, 0.7, 0.1), "inverse": (0.1, 0.2, 0.7)}
    return {
        "correlation_regimes": pl.DataFrame(
            {
                "pair": PAIR,
                "session": days,
                "regime": regimes,
                "spell_id": [1] * 300 + [2] * 160 + [3] * 100,
                **{f"p_{r}": [chances[at][n] for at in regimes] for n, r in enumerate(chances)},
            }
        ),
        "breakout_study": pl.DataFrame(
            [
                {
                    "benchmark": "^RUT", "asset": "BTC-USD", "horizon_sessions": h, "condition": condition,
                    "events": 14, "independent_events": 5.0, "hit_rate": 0.6,
                    "hit_rate_ci95_low": 0.4, "hit_rate_ci95_high": 0.8,
                    "baseline_hit_rate": 0.55, "mean_return": 0.03, "baseline_mean_return": 0.02, "p_value": 0.4,
                    "median_return": 0.02, "baseline_median_return": 0.015, "p_value_family": 0.6,
                }
                for condition in ("all", "asset_20pct_below_record")
                for h in (5, 21, 63, 126)
            ]
        ),
        "recoupling_signal": pl.DataFrame(
            [
                {"session": day, "horizon_sessions": h, "probability_catch_up": 0.3 + 0.001 * n / h, "base_rate": 0.28,
                 "leader": "^RUT", "follower": "BTC-USD", "gap_63d": -0.2, "to_make_up": 0.1, "price_to_reach": 80_000.0,
                 "probability_random_walk": 0.33, "probability_within_random_walk": 0.6, "reference_days": 200,
                 "reference_independent": 12, "reference_rate": 0.25, "reference_rate_within": 0.5,
                 "forecasts_scored": 900, "skill_so_far": 0.01, "skill_so_far_ci95_low": -0.05,
                 "skill_so_far_ci95_high": 0.07,
                 "reading": f"No better than usual over {h} sessions."}
                for n, day in enumerate(days)
                for h in (21, 63)
            ]
        ),
        "rate_path": pl.DataFrame(
            {
                "observed_on": as_of,
                "meeting_date": [date(2026, 1, 28), date(2026, 3, 18), date(2026, 6, 17)],
                "expected_rate_pct": [3.6, 3.5, 3.3],
                "priced_change_12m_bp": -40.0,
            }
        ),
        "treasury_purchases": pl.DataFrame(
            {
                "operation_date": [as_of - timedelta(days=n) for n in (400, 390, 3, 1)],
                "operation_type": "bill purchase",
                "program": ["earlier purchases", "earlier purchases", "reserve management", "reserve management"],
                "submitted_usd_bn": [20.0, 21.0, 30.0, 31.0],
                "accepted_usd_bn": [5.0, 5.0, 8.0, 6.8],
                "program_cumulative_usd_bn": [5.0, 10.0, 8.0, 14.8],
                "is_complete": True,
            }
        ),
        "claims": pl.DataFrame(
            {
                "claim_id": ["records", "records", "bills"],
                "measured_on": [date(2025, 11, 28), as_of, as_of],
                "statement": ["Small caps at a record while Bitcoin is <30% & below", "the same", "USD 40 bn of bills"],
                "claimed_value": [0.3, 0.3, 40.0],
                "measured_value": [0.27, 0.28, None],
                "unit": ["fraction", "fraction", "USD bn"],
                "verdict": ["close", "close", "unknown"],
            }
        ),
    }  # fmt: skip


@dataclass(frozen=True)
class FrameWarehouse:
    """Stands where the publisher expects a warehouse; it only ever loads marts."""

    frames: dict[str, pl.DataFrame]

    def load(self, contract: type[Table]) -> pl.DataFrame:
        """The rows of one mart, as the warehouse would return them."""
        rows = hold_to_contract(contract, self.frames[contract.table_name()])
        assert rows.broken.is_empty(), rows.broken
        return rows.good

    def has_laid_down(self, contract: type[Table]) -> bool:
        """Its rows were in anybody's hand, so the publisher holds them to their contract."""
        return False

    def lines(self) -> tuple[str, ...]:
        """Nothing came that is to be looked at."""
        return ()


@contextmanager
def few_marts() -> Iterator[None]:
    """While this lasts, a run is three marts: for tests of how runs are published, not of what they hold."""
    few = [mart for mart in MARTS if mart.table_name() in {"market_state", "fed_decisions", "fed_liquidity"}]
    with pytest.MonkeyPatch.context() as patch:
        for room in (contract, publishing, tables):
            patch.setattr(room, "MARTS", few)
        yield


def publish(
    tree: Path,
    run_id: str = "run-0001",
    *,
    as_of: date = AS_OF,
    simulated: bool = False,
    keep: timedelta = KEEP,
    shared: SharedRuns | None = None,
    attempts: Collection[str] = (),
) -> dict[str, Any]:
    """Publish one run of this world under `tree`."""
    made = frames(as_of, simulated=simulated)
    missing = [mart.table_name() for mart in publishing.MARTS if mart.table_name() not in made]
    made |= {name: _no_rows(name) for name in missing}
    return Publisher(
        warehouse=FrameWarehouse(made),  # type: ignore[arg-type]
        tree=tree,
        as_of=as_of,
        source="sample" if simulated else "files",
        simulated=simulated,
        keep=keep,
        clock=lambda: datetime.now(UTC),
        shared=shared,
    ).publish(run_id, attempts)


def _no_rows(name: str) -> pl.DataFrame:
    contract = next(mart for mart in MARTS if mart.table_name() == name)
    columns = contract.columns()
    return pl.DataFrame(schema={c: columns[c].dtype for c in contract.ordered_columns()})


def _falling(days: list[date]) -> list[float]:
    return [60_000 + 60_000 * math.sin(3.6 * n / len(days)) ** 2 for n in range(len(days))]


def _rising(days: list[date]) -> list[float]:
    return [2_000 + n + 30 * math.sin(n / 9) for n in range(len(days))]


def _state(symbol: str, days: list[date], closes: list[float]) -> pl.DataFrame:
    rows = pl.DataFrame({"session": days, "close": closes})
    record = pl.col("close").cum_max()
    return rows.with_columns(
        symbol=pl.lit(symbol),
        return_1d=pl.col("close").pct_change(),
        record_close=record,
        record_session=pl.when(pl.col("close") == record).then(pl.col("session")).forward_fill(),
        record_high=record * 1.01,
        is_record_close=pl.col("close") == record,
        record_is_censored=pl.lit(False),
        high=pl.col("close") * 1.01,
        low=pl.col("close") * 0.99,
        is_far_below_record=pl.col("close") / record - 1 <= -0.2,
        far_below_record_at=record * 0.8,
        missing=pl.lit(None, dtype=pl.String),
        drawdown=pl.col("close") / record - 1,
        drawdown_from_high=pl.col("close") / (record * 1.01) - 1,
        sessions_since_record=pl.lit(0),
        volatility_30d_annualized=pl.lit(0.5),
        momentum_21d=pl.col("close").pct_change(21),
        momentum_63d=pl.col("close").pct_change(63),
        momentum_252d=pl.col("close").pct_change(252),
    )


def _correlations(days: list[date]) -> pl.DataFrame:
    values = [0.4 + 0.3 * math.sin(n / 60) for n in range(len(days))]
    rows = pl.DataFrame({"session": days, "correlation": values}).with_columns(
        pair=pl.lit(PAIR),
        asset=pl.lit("BTC-USD"),
        benchmark=pl.lit("^RUT"),
        ci95_low=pl.col("correlation") - 0.25,
        ci95_high=pl.col("correlation") + 0.2,
    )
    return pl.concat(rows.with_columns(window_sessions=pl.lit(w), observations=pl.lit(w)) for w in (20, 60, 120))


def _strength(days: list[date]) -> pl.DataFrame:
    gap = [-0.2 + 0.2 * math.sin(n / 50) for n in range(len(days))]
    return pl.DataFrame({"session": days, "gap_63d": gap}).with_columns(
        pair=pl.lit(PAIR),
        ratio=pl.lit(40.0),
        ratio_drawdown=pl.lit(-0.3),
        gap_126d=pl.col("gap_63d"),
        gap_252d=pl.col("gap_63d"),
        gap_63d_zscore=pl.lit(-1.2),
        lagging_at_or_below=pl.lit(-0.15),
        leading_at_or_above=pl.lit(0.15),
        trend_state=pl.lit("lagging"),
    )


def _episodes(days: list[date]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "leader": ["^RUT", "^RUT"],
            "follower": ["BTC-USD", "BTC-USD"],
            "start_session": [days[20], days[-12]],
            "end_session": [days[60], None],
            "leader_record_closes": [4, 5],
            "follower_drawdown_at_start": [-0.21, -0.26],
            "follower_max_drawdown": [-0.24, -0.33],
            "is_censored": [False, False],
            "outcome": ["follower_recovered", "open"],
            "sessions": [40, 12],
        }
    )


def _lag(days: list[date]) -> pl.DataFrame:
    lives = [(days[20:60], 4, "follower_recovered"), (days[-12:], 5, "open")]
    return pl.concat(
        pl.DataFrame(
            {
                "session": life,
                "outcome": ["open"] * (len(life) - 1) + [outcome],
                "sessions": range(1, len(life) + 1),
                "coupled_return": [0.01 * n for n in range(len(life))],
            }
        ).with_columns(
            leader=pl.lit("^RUT"),
            follower=pl.lit("BTC-USD"),
            start_session=pl.lit(life[0]),
            leader_record_closes=pl.min_horizontal("sessions", pl.lit(records)).cast(pl.Int64),
            follower_max_drawdown=pl.lit(-0.33),
            leader_return=pl.lit(0.04),
            follower_return=pl.lit(-0.06),
            explained_share=pl.lit(0.1),
            earlier_ended=pl.lit(number),
            earlier_recovered=pl.lit(number),
            earlier_shorter=pl.lit(0),
            earlier_longest_sessions=pl.lit(40 * number),
            earlier_median_sessions=pl.lit(40.0 if number else None, dtype=pl.Float64),
            others_open=pl.lit(0),
            outlasting_share=pl.lit(1.0 if number else None, dtype=pl.Float64),
        )
        for number, (life, records, outcome) in enumerate(lives)
    )


def _peaks(days: list[date]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "asset": ["BTC-USD"],
            "peak_session": [days[240]],
            "peak_close": [120_000.0],
            "peak_high": [121_000.0],
            "benchmark": ["^RUT"],
            "benchmark_record_session": [days[239]],
            "gap_sessions": [-1],
            "benchmark_drawdown_at_peak": [-0.01],
            "is_joint": [True],
            "confirmed_on": [days[260]],
            "is_censored": [False],
            "missing": [None],
        }
    )


def _decisions() -> pl.DataFrame:
    meetings = [date(2024, 9, 18), date(2024, 11, 7), date(2025, 9, 17), date(2025, 10, 29), date(2025, 12, 10)]
    upper = [5.0, 4.75, 4.25, 4.0, 3.75]
    return pl.DataFrame({"meeting_date": meetings, "target_upper_pct": upper}).with_columns(
        target_lower_pct=pl.col("target_upper_pct") - 0.25,
        change_bp=pl.lit(-25.0),
        action=pl.lit("cut"),
        cuts_this_year=pl.Series([1, 2, 1, 2, 3]),
        hikes_this_year=pl.lit(0),
        cycle=pl.lit("easing"),
        cycle_start=pl.lit(meetings[0]),
        cumulative_change_bp=pl.Series([-25.0, -50.0, -75.0, -100.0, -125.0]),
    )


def _liquidity(as_of: date) -> pl.DataFrame:
    yesterday = as_of - timedelta(days=1)
    wednesday = yesterday - timedelta(days=(yesterday.weekday() - 2) % 7)
    dates = sorted(wednesday - timedelta(weeks=n) for n in range(200))
    return pl.DataFrame({"date": dates}).with_columns(
        available_on=pl.col("date") + pl.duration(days=1),
        total_assets_usd_bn=pl.Series([7000 - n for n in range(200)], dtype=pl.Float64),
        treasuries_usd_bn=pl.lit(4200.0),
        bills_usd_bn=pl.lit(200.0),
        mbs_usd_bn=pl.lit(2000.0),
        reserves_usd_bn=pl.lit(3000.0),
        treasury_general_account_usd_bn=pl.lit(800.0),
        reverse_repo_usd_bn=pl.lit(5.0),
        net_liquidity_usd_bn=pl.Series([6195 - n for n in range(200)], dtype=pl.Float64),
        net_liquidity_change_4w_usd_bn=pl.lit(-4.0),
        net_liquidity_change_13w_usd_bn=pl.lit(-13.0),
    )


def _freshness(as_of: date) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "source": ["yahoo", "yahoo", "fred"],
            "series": ["BTC-USD", "^RUT", "WSHOBL"],
            "last_observation": [as_of, as_of, as_of - timedelta(days=40)],
            "last_fetched_at": [datetime(2025, 12, 12, 23)] * 3,
            "expected_observation": [as_of, as_of, as_of - timedelta(days=9)],
            "expected_by": [as_of, as_of, as_of - timedelta(days=4)],
            "is_stale": [False, False, True],
            "revisions_30d": [0, 0, 2],
            "rows": [4000, 9000, 900],
            "last_close": [None, None, None],
            "missing": [None, None, None],
            "required": [True, True, False],
            "dependants": [PAIR, PAIR, "fed_liquidity.bills_usd_bn"],
        }
    )
