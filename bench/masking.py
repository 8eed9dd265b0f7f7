"""How many values a second does masking in DuckDB make, hashed row by row or once per distinct value?

Run: ``python -m bench.masking [ROWS]``. Prints Markdown; best of five, with the time that two unshared cores would need
(processor time / 2) beside the time on the clock, so that a busy machine does not hide the answer.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from pii_policies.masking import mask_query
from pii_policies.model import MaskRule, MasterKey, Profile, SqlQuery, Technique

KEY = MasterKey(bytes(range(32)), 1)
COLUMNS = (("id", "long"), ("email", "string"), ("amount", "decimal(12, 2)"))
THREADS = 2


@dataclass(frozen=True)
class Timing:
    """Seconds on the clock and of processor time."""

    wall: float
    cpu: float


def batch(rows: int, cardinality: int) -> pa.Table:
    """Return rows whose addresses repeat after ``cardinality`` of them."""
    addresses = pa.array([f"Customer{row * 7919 % cardinality}@Example.com" for row in range(rows)], pa.large_string())
    amounts = pa.array([row % 10_000 for row in range(rows)], pa.decimal128(12, 2))
    return pa.table({"id": pa.array(range(rows), pa.int64()), "email": addresses, "amount": amounts})


def measured(table: pa.Table, query: SqlQuery) -> Timing:
    """Return the best of five runs, result as Arrow included."""
    connection = duckdb.connect(config={"threads": THREADS})
    connection.register("batch", table)
    timings = []
    for _ in range(5):
        wall, cpu = time.perf_counter(), time.process_time()
        connection.sql(query.sql, params=list(query.parameters)).to_arrow_table()
        timings.append(Timing(time.perf_counter() - wall, time.process_time() - cpu))
    return min(timings, key=lambda timing: timing.cpu)


def main(arguments: Sequence[str]) -> int:
    """Print million values a second for every profile, share of distinct values, and way."""
    rows = int(arguments[0]) if arguments else 1_000_000
    print(f"{rows:,} rows, {THREADS} threads\n")
    print(
        "| profile | distinct values | way | seconds | M values/s | M values/s on two free cores |\n|---|---|---|---|---|---|"
    )
    for cardinality in (rows, rows // 2, rows // 10, rows // 500):
        table = batch(rows, cardinality)
        for profile in Profile:
            rule = MaskRule("email", Technique.TOKEN, "customer-email", profile)
            for way, distinct in (("each row", ()), ("each distinct value", ("email",))):
                timing = measured(table, mask_query("batch", COLUMNS, [rule], KEY, distinct=distinct))
                rates = f"{rows / timing.wall / 1e6:.2f} | {rows / timing.cpu * THREADS / 1e6:.2f}"
                print(f"| {profile.value} | {cardinality:,} | {way} | {timing.wall:.2f} | {rates} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
