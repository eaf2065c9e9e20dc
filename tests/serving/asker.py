"""A client that asks the same questions again and again: asker.py serving.duckdb TIMES < questions.json

It knows nothing of Recouple. Prints one JSON object: the version, and of each question the 95th percentile of its
milliseconds by the clock and the median of its processor's.
"""

import json
import statistics
import sys
import time

import duckdb


def main() -> None:
    database, times = sys.argv[1], int(sys.argv[2])
    connection = duckdb.connect(database, read_only=True)
    told = {title: ask(connection, sql, times) for title, sql in json.load(sys.stdin).items()}
    print(json.dumps({"duckdb": duckdb.__version__, "questions": told}))


def ask(connection: duckdb.DuckDBPyConnection, sql: str, times: int) -> dict[str, float]:
    connection.execute(sql).fetchall()
    clock, processor = [], []
    for _ in range(times):
        begun, worked = time.perf_counter(), time.process_time()
        connection.execute(sql).fetchall()
        clock.append((time.perf_counter() - begun) * 1_000)
        processor.append((time.process_time() - worked) * 1_000)
    return {"p95_ms": statistics.quantiles(clock, n=20)[-1], "processor_ms": statistics.median(processor)}


if __name__ == "__main__":
    main()
