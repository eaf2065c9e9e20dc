"""`make bench`: run every benchmark, print a table, write benchmarks/latest.json."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
from pathlib import Path

from rich.table import Table

from benchmarks.figures import CONSOLE, Figure

OUTPUT = Path(__file__).with_name("latest.json")
_NOT_BENCHMARKS = {
    *("__main__", "backfill", "clicks", "dead_runs", "figures", "known_markets", "known_truth", "plain_nightly"),
    *("processes", "regime_peers", "struck_nights"),
}


def main(wanted: list[str]) -> None:
    """Run the named benchmarks, or all."""
    here = [m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]) if m.name not in _NOT_BENCHMARKS]
    unknown = [name for name in wanted if name not in here]
    if unknown:
        sys.exit(f"no benchmark named {', '.join(unknown)}; there are {', '.join(here)}")
    figures: list[Figure] = []
    for name in wanted or here:
        print(f"running {name}", file=sys.stderr)
        figures += importlib.import_module(f"benchmarks.{name}").run()
    OUTPUT.write_text(json.dumps(figures, indent=2) + "\n")
    _print(figures)


def _print(figures: list[Figure]) -> None:
    table = Table("name", "value", "unit", "baseline", "baseline value", "ratio")
    for f in figures:
        numbers = [
            f"{v:.4g}" if isinstance(v, int | float) else "" for v in (f["value"], f["baseline_value"], f["ratio"])
        ]
        table.add_row(f["name"], numbers[0], f["unit"], f["baseline"] or "", numbers[1], numbers[2])
    CONSOLE.print(table)


if __name__ == "__main__":
    main(sys.argv[1:])
