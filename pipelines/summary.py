"""A readable summary of the published run, for the end of a run at a terminal.

Here: a few lines of plain words from the marts. Not here: the marts, the brief.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from pipelines.brief import BRIEF

HEADLINE = {"pair": "BTC-USD/^RUT", "asset": "BTC-USD", "benchmark": "^RUT"}

_STATE = """
select symbol, close, drawdown, record_session from market_state
where symbol in ($asset, $benchmark) qualify row_number() over (partition by symbol order by session desc) = 1
order by symbol
"""
_CORRELATION = """
select correlation, ci95_low, ci95_high from rolling_correlations
where pair = $pair and window_sessions = 60 order by session desc limit 1
"""
_TREND = """
select trend_state, 100 * (exp(gap_63d) - 1) as gap_pct from relative_strength
where pair = $pair and gap_63d is not null order by session desc limit 1
"""
_DECISION = "select * from fed_decisions order by meeting_date desc limit 1"
_LIQUIDITY = "select * from fed_liquidity where net_liquidity_usd_bn is not null order by date desc limit 1"


def run_summary(tree: Path) -> str:
    """The current run in a dozen lines."""
    manifest = json.loads((tree / "manifest.json").read_text())
    with duckdb.connect(str(tree / "serving.duckdb"), read_only=True) as connection:
        reading = list(_reading(connection))
    rows = sum(mart["rows"] for mart in manifest["marts"].values())
    return "\n".join(
        [
            *(["SIMULATED MARKET: nothing below is real"] if manifest["simulated"] else []),
            f"as of {manifest['as_of']}, source {manifest['source']}",
            *(f"  {line}" for line in reading),
            f"marts   {tree / 'marts' / 'current'} ({len(manifest['marts'])} tables, {rows:,} rows)",
            f"for BI  {tree / 'serving.duckdb'}",
            f"brief   {tree / 'marts' / 'current' / BRIEF}",
        ]
    )


def _reading(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    for row in _rows(connection, _STATE):
        below = f"{-100 * row['drawdown']:.1f}% below its record close of {row['record_session']}"
        where = "at its record close" if row["drawdown"] == 0 else below
        yield f"{row['symbol']:<15} {row['close']:,.2f}, {where}"
    for row in _rows(connection, _CORRELATION):
        band = f"95% interval {row['ci95_low']:.2f} to {row['ci95_high']:.2f}"
        yield f"{'daily returns':<15} 60-session correlation {row['correlation']:.2f}, {band}"
    for row in _rows(connection, _TREND):
        gap = f"{row['gap_pct']:+.1f}% against small caps in 63 sessions"
        yield f"{'trend':<15} Bitcoin {row['trend_state'] or 'unrated'}, {gap}"
    for row in _rows(connection, _DECISION):
        target = f"target {row['target_lower_pct']:.2f} to {row['target_upper_pct']:.2f}%"
        cycle = f"{row['cycle']} since {row['cycle_start']}"
        yield f"{'Fed':<15} {row['action']} on {row['meeting_date']}, {target}, {cycle}"
    for row in _rows(connection, _LIQUIDITY):
        change = row["net_liquidity_change_13w_usd_bn"]
        since = "" if change is None else f", {change:+,.0f} in 13 weeks"
        yield f"{'net liquidity':<15} {row['net_liquidity_usd_bn']:,.0f} USD bn on {row['date']}{since}"


def _rows(connection: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    wanted = {name: value for name, value in HEADLINE.items() if f"${name}" in sql}
    result = connection.execute(sql, wanted)
    names = [column[0] for column in result.description or []]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
