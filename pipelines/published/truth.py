"""What a reading of one day must agree with: values looked up in the marts by a way of their own.

Here: the newest rows known by a day, those of the sessions it is compared with, and what follows from them by
arithmetic. Not here: the code that makes the reading: nothing of published.facts is used, so that a fault there shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from pipelines.home import Run
from pipelines.published.marts import Marts

_COMPARED = {"last": 1, "week": 5, "month": 21}  # sessions before
_STATES = ("regime.regime", "trend.trend_state", "decision.cycle")


class Values(dict[str, Any]):
    """Values by name; what no mart holds is None."""

    def __missing__(self, name: str) -> None:
        return None


@dataclass(frozen=True)
class Truth:
    """The values of one day, what a person calls each symbol, and the ids nobody should read."""

    values: Values
    names: Mapping[str, str]
    ids: frozenset[str]


def truths(marts: Marts, days: Iterable[date]) -> Iterator[Truth]:
    """The truth of several days of one run."""
    ledger = _Ledger(marts)
    ids = frozenset({*marts.names, *ledger.column("fed_programs", "program")})
    for day in days:
        yield Truth(ledger.values(day), marts.names, ids)


class _Ledger:
    """A run's marts by the day their rows were known."""

    def __init__(self, marts: Marts) -> None:
        self._marts = marts
        self._frames: dict[tuple[Any, ...], tuple[pl.DataFrame, np.ndarray[Any, Any]]] = {}
        self._days: dict[date, Values] = {}
        episodes = pl.read_parquet(Run(marts.folder).mart("divergence_episodes"))
        self._starts, self._ends = (
            episodes[c].cast(pl.Int32).fill_null(2**31 - 1).to_numpy() for c in ("start_session", "end_session")
        )
        self._sessions = episodes["sessions"].to_numpy()
        self._recovered = (episodes["outcome"] == "follower_recovered").to_numpy()

    def column(self, mart: str, column: str) -> list[str]:
        """One column of a mart that a run may lack."""
        path = Run(self._marts.folder).mart(mart)
        return pl.read_parquet(path)[column].to_list() if path.exists() else []

    def values(self, day: date) -> Values:
        """All values of a day, those of the sessions it is compared with under their span's name."""
        values = Values(self._own(day))
        sessions, known = self._known("market_state", "session", day, symbol=self._marts.pair.benchmark)
        for span, back in _COMPARED.items():
            if known > back:
                then_day = sessions["session"][known - 1 - back]
                then = self._own(then_day)
                values |= {f"{span}.{name}": value for name, value in then.items()}
                values |= {f"{span}.{name}": value for name, value in _moved(values, then).items()}
                values[f"{span}.session"] = then_day
        return values

    def _own(self, day: date) -> Values:
        if day not in self._days:
            values = Values(as_of=day)
            for name, row in self._rows(day).items():
                values |= {f"{name}.{column}": value for column, value in row.items() if value is not None}
            self._days[day] = Values(_derived(values, self._gaps(day)) | self._lags(values, day))
        return self._days[day]

    def _rows(self, day: date) -> dict[str, dict[str, Any]]:
        a, b, pair = self._marts.pair.asset, self._marts.pair.benchmark, self._marts.pair.id
        lags = [self._newest("lag_history", "session", day, leader=x, follower=y) for x, y in ((a, b), (b, a))]
        return {
            "asset": self._newest("market_state", "session", day, symbol=a),
            "benchmark": self._newest("market_state", "session", day, symbol=b),
            "correlation": self._newest("rolling_correlations", "session", day, pair=pair, window_sessions=60),
            "regime": self._newest("correlation_regimes", "session", day, pair=pair)
            | {"since": self._regime_since(day)},
            "trend": self._newest("relative_strength", "session", day, "gap_63d", pair=pair),
            "lag": max(lags, key=lambda row: (row.get("session", date.min), row.get("start_session", date.min))),
            "signal": self._newest("recoupling_signal", "session", day, horizon_sessions=63),
            "decision": self._newest("fed_decisions", "meeting_date", day),
            "change": self._newest("fed_decisions", "meeting_date", day, changed=True),
            "priced": self._newest("rate_path", "observed_on", day),
            "liquidity": self._newest("fed_liquidity", "available_on", day, "net_liquidity_usd_bn"),
        }

    def _newest(self, mart: str, known_on: str, day: date, needs: str = "", **where: Any) -> dict[str, Any]:
        frame, known = self._known(mart, known_on, day, needs, **where)
        return frame.row(known - 1, named=True) if known else {}

    def _known(self, mart: str, known_on: str, day: date, needs: str = "", **where: Any) -> tuple[pl.DataFrame, int]:
        key = (mart, needs, *where.items())
        if key not in self._frames:
            self._frames[key] = self._load(mart, known_on, needs, **where)
        frame, days = self._frames[key]
        return frame, int(np.searchsorted(days, np.datetime64(day), side="right"))

    def _load(self, mart: str, known_on: str, needs: str, **where: Any) -> tuple[pl.DataFrame, Any]:
        path = Run(self._marts.folder).mart(mart)
        if not path.exists():
            return pl.DataFrame(), np.empty(0, dtype="datetime64[D]")
        frame = pl.read_parquet(path)
        if where.pop("changed", False):
            frame = frame.filter(pl.col("change_bp") != 0)
        frame = frame.filter(**where).drop_nulls([needs] if needs else []).sort(known_on, maintain_order=True)
        return frame.with_columns(pl.col(pl.Enum, pl.Categorical).cast(pl.String)), frame[known_on].to_numpy()

    def _regime_since(self, day: date) -> date | None:
        frame, known = self._known("correlation_regimes", "session", day, pair=self._marts.pair.id)
        if not known:
            return None
        labels = frame["regime"][:known]
        others = (labels != labels[-1]).arg_true()
        since: date = frame["session"][int(others[-1]) + 1 if len(others) else 0]
        return since

    def _gaps(self, day: date) -> np.ndarray[Any, Any]:
        frame, known = self._known("relative_strength", "session", day, "gap_63d", pair=self._marts.pair.id)
        return frame["gap_63d"][max(known - 756, 0) : known].to_numpy() if known else np.empty(0)

    def _lags(self, values: Values, day: date) -> Values:
        """All lags counted anew in divergence_episodes, for the day of a lag that is open."""
        if values["lag.outcome"] != "open":
            return Values({"lag.open": False})
        number = (day - date(1970, 1, 1)).days
        ended = self._ends <= number
        still = (self._starts <= number) & (self._ends > number)
        shorter = self._sessions[ended] < values["lag.sessions"]
        return Values(
            {
                "lag.open": True,
                "lag.earlier_ended": int(ended.sum()),
                "lag.earlier_recovered": int(self._recovered[ended].sum()),
                "lag.fell": int((~self._recovered[ended]).sum()),
                "lag.earlier_shorter": int(shorter.sum()),
                "lag.earlier_longest_sessions": int(self._sessions[ended].max(initial=0)),
                "lag.others_open": int(still.sum()) - 1,
            }
        )


def _derived(v: Values, gaps: np.ndarray[Any, Any]) -> Values:
    """What follows from the rows by arithmetic."""
    made = Values(v)
    for who in ("asset", "benchmark"):
        if f"{who}.close" in v:
            made[f"{who}.below"] = 1 - v[f"{who}.close"] / v[f"{who}.record_close"]
    if "regime.regime" in v:
        chances = {label: v[f"regime.p_{label}"] for label in ("coupled", "decoupled", "inverse")}
        made["regime.p"] = chances.pop(v["regime.regime"])
        made["regime.rival"] = max(chances, key=lambda label: chances[label])
        made["regime.p_rival"] = chances[made["regime.rival"]]
    if "trend.gap_63d" in v:
        made["trend.size"] = abs(math.expm1(v["trend.gap_63d"]))
        made["trend.rated"] = v["trend.trend_state"] or "not rated"
    if len(gaps) >= 252:
        mean, deviation = float(np.mean(gaps)), float(np.std(gaps, ddof=1))
        made["edges.lagging"], made["edges.leading"] = mean - deviation, mean + deviation
    if "change.meeting_date" in v:
        made |= _since_change(v["change.meeting_date"], v["as_of"])
    return Values(made | _to_catch_up(v) | _ends_of_the_lag(v))


def _since_change(meeting: date, as_of: date) -> dict[str, Any]:
    months = 0
    while _months_later(meeting, months + 1) <= (as_of.year, as_of.month, as_of.day):
        months += 1
    return {
        "change.months": months or None,
        "change.less_than_a_month": None if months else "less",
        "change.hold_after": meeting + timedelta(days=365),
    }


def _months_later(day: date, months: int) -> tuple[int, int, int]:
    years, month = divmod(day.month - 1 + months, 12)
    return day.year + years, month + 1, day.day


def _to_catch_up(v: Values) -> dict[str, Any]:
    if "signal.gap_63d" not in v:
        return {}
    half = abs(v["signal.gap_63d"]) / 2
    who = next((w for w in ("asset", "benchmark") if v[f"{w}.symbol"] == v["signal.follower"]), None)
    same_day = who and v[f"{who}.session"] == v["signal.session"]
    price = v[f"{who}.close"] * math.exp(half) if same_day else v["signal.price_to_reach"]
    return {"signal.half": math.expm1(half), "signal.price": price}


def _ends_of_the_lag(v: Values) -> dict[str, Any]:
    if v["lag.outcome"] != "open":
        return {}
    made: dict[str, Any] = {}
    for role in ("leader", "follower"):
        who = "asset" if v["asset.symbol"] == v[f"lag.{role}"] else "benchmark"
        made |= {f"{role}.{c}": v[f"{who}.{c}"] for c in ("session", "close", "record_close")}
    made["follower.to_record"] = made["follower.record_close"] / made["follower.close"] - 1
    made["leader.fallen"] = 0.8 * made["leader.record_close"]
    made["leader.to_fallen"] = made["leader.fallen"] / made["leader.close"] - 1
    return made


def _moved(now: Values, then: Values) -> dict[str, Any]:
    """From an earlier day to this one."""
    made: dict[str, Any] = {"any_state_changed": _any_state_changed(now, then)}
    for who in ("asset", "benchmark"):
        if f"{who}.close" in now and f"{who}.close" in then:
            made[f"{who}.moved"] = now[f"{who}.close"] / then[f"{who}.close"] - 1
    for name, value, scale in (
        ("target_moved", "decision.target_upper_pct", 100),
        ("liquidity_moved", "liquidity.net_liquidity_usd_bn", 1),
    ):
        if value in now and value in then:
            made[name] = scale * (now[value] - then[value])
    return made


def _any_state_changed(now: Values, then: Values) -> bool:
    states = ((now[s], then[s]) for s in _STATES)
    lag_now, lag_then = (v["lag.start_session"] if v["lag.open"] else None for v in (now, then))
    return any(None not in pair and pair[0] != pair[1] for pair in states) or lag_now != lag_then
