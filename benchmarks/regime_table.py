"""The regime filter beside what one would otherwise use, on the same markets with known truth.

Here: the table of all detectors against the oracle. Not here: the peers (benchmarks.regime_peers), all scenarios of
our own filter on more paths (benchmarks.regimes). Takes about a minute: refitting peers every year is slow, hence few
paths.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator

from rich.table import Table

from benchmarks.figures import CONSOLE, Figure, compared
from benchmarks.known_truth import Detector, Judged, market
from benchmarks.regime_peers import PEERS, REQUIRED
from quant.regimes import classify

SCENARIO, PATHS, SALT = "switch", 10, "peers"
DETECTORS: dict[str, Detector] = {"quant.regimes.classify": classify, **PEERS}


def run() -> list[Figure]:
    """Print the table; return its figures. Exits when a library to compare with is missing."""
    missing = [name for name in REQUIRED if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(f"benchmarks.regime_table: {', '.join(missing)} not installed; `make .venv/.bench` installs the peers")
    known = market(SCENARIO, PATHS, SALT)
    judged = {name: known.judge(detect) for name, detect in DETECTORS.items()}
    _print(known.oracle, judged)
    return [figure for name, found in judged.items() for figure in _figures(name, found, known.oracle)]


def _figures(name: str, found: Judged, oracle: Judged) -> Iterator[Figure]:
    prefix = f"regimes.{SCENARIO}, {PATHS} paths, {name}"
    ours, best = found.scores, oracle.scores
    yield compared(f"{prefix}: accuracy", ours["accuracy"], "share of days", "oracle", best["accuracy"])
    yield compared(f"{prefix}: false switches", ours["false_per_year"], "1/year", "oracle", best["false_per_year"])
    yield compared(f"{prefix}: median delay", ours["delay_median"], "days", "oracle", best["delay_median"])
    if "log_loss" in ours:
        yield compared(f"{prefix}: log loss", ours["log_loss"], "nats/day", "oracle", best["log_loss"])
    yield compared(f"{prefix}: cost", found.milliseconds, "ms a path", "oracle", oracle.milliseconds)


def _print(oracle: Judged, judged: dict[str, Judged]) -> None:
    table = Table(
        *("detector", "accuracy / oracle", "false switches a year", "median delay, days"),
        *("excess log loss", "ms a path"),
        title=f"Known regimes, scenario {SCENARIO}, {PATHS} paths",
    )
    for name, found in {f"oracle ({oracle.scores['accuracy']:.3f})": oracle, **judged}.items():
        scores, best = found.scores, oracle.scores
        excess = f"{scores['log_loss'] - best['log_loss']:.3f}" if "log_loss" in scores else "no probabilities"
        table.add_row(
            name,
            f"{scores['accuracy'] / best['accuracy']:.3f}",
            f"{scores['false_per_year']:.1f}",
            f"{scores['delay_median']:.0f}",
            excess,
            f"{found.milliseconds:.0f}",
        )
    CONSOLE.print(table)
