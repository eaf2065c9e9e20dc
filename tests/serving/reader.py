"""A reader as a BI tool would be: it opens serving.duckdb and asks, for as long as it is told.

    reader.py serving.duckdb STOP_FILE CONNECTIONS

It knows nothing of Recouple. Prints `reading` once every connection has read, then one JSON object: queries, errors,
how often one query saw more than one run, how many runs each connection saw.
"""

import json
import sys
import threading
import time
from pathlib import Path

import duckdb

TABLES = ("market_state", "fed_decisions", "fed_liquidity", "_meta")
SPANS = ", ".join(f"(select min(as_of)::date::varchar || ' ' || max(as_of)::date::varchar from {t})" for t in TABLES)
QUESTION = f"select {SPANS}, (select count(*) from market_state), (select count(*) from fed_liquidity)"

PAUSE_SECONDS = 0.5  # a dashboard, not a load test


def main() -> None:
    database, stop, connections = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    seen = [{"queries": 0, "mixed": 0, "errors": [], "runs": set(), "rows": set()} for _ in range(connections)]
    first = threading.Barrier(connections + 1)
    threads = [threading.Thread(target=ask, args=(database, stop, first, result)) for result in seen]
    for thread in threads:
        thread.start()
    first.wait()
    print("reading", flush=True)
    for thread in threads:
        thread.join()
    print(
        json.dumps(
            {
                "duckdb": duckdb.__version__,
                "connections": connections,
                "queries": sum(r["queries"] for r in seen),
                "mixed": sum(r["mixed"] for r in seen),
                "errors": [e for r in seen for e in r["errors"]],
                "runs": [len(r["runs"]) for r in seen],
                "rows": sorted(set().union(*(r["rows"] for r in seen))),
            }
        )
    )


def ask(database: str, stop: Path, first: threading.Barrier, result: dict) -> None:
    """One pooled connection, kept open all the while."""
    with duckdb.connect(database, read_only=True) as connection:
        cursor = connection.cursor()
        cursor.execute("set threads = 1")
        cursor.execute(QUESTION).fetchone()
        first.wait()
        while not stop.exists():
            try:
                *spans, states, weeks = cursor.execute(QUESTION).fetchone()
            except duckdb.Error as error:
                result["errors"].append(str(error)[:300])
                continue
            finally:
                time.sleep(PAUSE_SECONDS)
            result["queries"] += 1
            runs = {day for span in spans for day in (span or "none none").split()}
            result["mixed"] += len(runs) != 1
            result["runs"] |= runs
            result["rows"].add(f"{states} {weeks}")


if __name__ == "__main__":
    main()
