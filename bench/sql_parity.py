"""How a text written in Spark SQL gets to DuckDB: as it is, translated by sqlglot, or translated with our replacements.

Compares rows and types with local Spark (Java 17) for every construct of the allow list and for the hardest SELECTs.
Run: ``python -m bench.sql_parity``; the figures are in ``docs/adr/0002-one-sql-text.md``.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable

import pyarrow as pa
import sqlglot

from controlplane.compute.duckdb import DuckDbRunner
from controlplane.compute.spark import SparkRunner
from controlplane.kernel.errors import QueryFailedError
from controlplane.kernel.ports import SqlSession
from controlplane.usecases.sql_subset import to_engine
from tests.spark import expressions, hard_models
from tests.spark.comparing import Comparison, Verdict, compare

ROADS: dict[str, Callable[[str], str]] = {
    "as it is": lambda sql: sql,
    "sqlglot": lambda sql: sqlglot.transpile(sql, read="databricks", write="duckdb")[0],
    "to_engine": lambda sql: to_engine(sql, "duckdb"),
}


def timed(session: SqlSession, sql: str) -> tuple[pa.Table | None, float]:
    start = time.perf_counter()
    try:
        found = session.query(sql)
    except QueryFailedError:
        found = None
    return found, time.perf_counter() - start


def verdict(ours: pa.Table | None, theirs: pa.Table | None) -> Comparison:
    if ours is None or theirs is None:
        return Comparison(Verdict.FAILED)
    return compare(ours, theirs)


def measured(ours: SqlSession, theirs: SqlSession, cases: Iterable[tuple[str, str]]) -> dict[str, Counter[Verdict]]:
    """Run each SELECT on Spark once and on DuckDB by every road; print what each road gave, with seconds."""
    counts: dict[str, Counter[Verdict]] = {road: Counter() for road in ROADS}
    for name, sql in cases:
        expected, spark_seconds = timed(theirs, to_engine(sql, "spark"))
        line = []
        for road, translate in ROADS.items():
            found, seconds = timed(ours, translate(sql))
            given = verdict(found, expected).verdict
            counts[road][given] += 1
            line.append(f"{given} ({seconds * 1000:.0f} ms)")
        print(f"{name[:60]:60} Spark {spark_seconds * 1000:5.0f} ms | {' | '.join(line)}")
    return counts


def main() -> None:
    spark = SparkRunner(master="local[1]")
    totals: dict[str, dict[str, Counter[Verdict]]] = {}
    with DuckDbRunner(threads=1).session() as ours, spark.session() as theirs:
        for name, rows in {**hard_models.inputs(), expressions.RELATION: expressions.cells()}.items():
            ours.register(name, rows)
            theirs.register(name, rows)
        print(f"columns: {' | '.join(ROADS)}")
        totals["hard SELECTs"] = measured(ours, theirs, hard_models.MODELS.items())
        totals["constructs allowed"] = measured(ours, theirs, expressions.statements())
        totals["constructs refused"] = measured(ours, theirs, expressions.refused())
    spark.close()
    print()
    for kind, roads in totals.items():
        for road, counts in roads.items():
            agreed = sum(count for given, count in counts.items() if given.agrees)
            listed = ", ".join(f"{count} {given}" for given, count in counts.items())
            print(f"{kind:20} {road:10} {agreed:3} of {sum(counts.values())} agree; {listed}")


if __name__ == "__main__":
    main()
