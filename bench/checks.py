"""What does sharing one scan save? Twelve checks over half a million rows: one SELECT for all against one SELECT each.

Both ways run the same engine over the same registered rows, turn by turn in one process; the ratios are the figures to look at,
the seconds depend on the machine (processor seconds less than seconds on the clock). Then: what each check costs alone, because
what cannot be shared (a pattern, an exact distinct count) bounds what sharing saves; and what planning and judging cost.

Run: ``python -m bench.checks [ROWS]``. Prints Markdown.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from statistics import median
from time import perf_counter, process_time

from checks.engines.native import NativeEngine
from checks.judging import judge
from checks.model import Check, CheckKind, Facts, Measurement, Operator, Threshold
from checks.planning import Target, plan_scans
from checks.ports import Subject
from controlplane.compute.duckdb import DuckDbRunner
from controlplane.kernel.outcome import Outcome, Stage

ROWS = 500_000
TURNS = 7
NOW = datetime(2017, 10, 16, 12, tzinfo=UTC)
COLUMNS = {
    "order_id": "long",
    "customer_id": "long",
    "status": "string",
    "amount": "decimal(12, 2)",
    "email": "string",
    "updated_at": "timestamptz",
}


ORDERS = """
    SELECT i AS order_id, i % 32768 AS customer_id, ['placed', 'paid', 'shipped', 'delivered'][1 + i % 4] AS status,
           CAST(i % 1024 - 1 AS DECIMAL(12, 2)) AS amount, 'person' || i || '@example.org' AS email,
           TIMESTAMPTZ '2017-10-06T12:00:00Z' + to_seconds(i % 860000) AS updated_at
    FROM range({count}) AS t(i)
"""


def twelve() -> Sequence[Check]:
    """Return the checks: one of each ordinary sort, as a contract of orders has them."""
    few = Threshold(Operator.MUST_BE_LESS_OR_EQUAL_TO, (Decimal(1000),))
    known = {"to": "silver.customers", "fields": {"customer_id": "customer_id"}}
    wanted: list[tuple[CheckKind, tuple[str, ...], dict[str, object]]] = [
        (CheckKind.NULL_VALUES, ("order_id",), {}),
        (CheckKind.NULL_VALUES, ("customer_id",), {}),
        (CheckKind.MISSING_VALUES, ("email",), {"missingValues": ["", "N/A"]}),
        (CheckKind.INVALID_VALUES, ("amount",), {"minimum": 0}),
        (CheckKind.INVALID_VALUES, ("status",), {"validValues": ["placed", "paid", "shipped", "delivered"]}),
        (CheckKind.INVALID_VALUES, ("email",), {"pattern": r"^[^@\s]+@[^@\s]+\.[^@\s]+$"}),
        (CheckKind.INVALID_VALUES, ("email",), {"maxLength": 254}),
        (CheckKind.REFERENCE, ("customer_id",), known),
        (CheckKind.DUPLICATE_VALUES, ("order_id",), {}),
        (CheckKind.ROW_COUNT, (), {}),
        (CheckKind.AGGREGATE, ("amount",), {"function": "sum"}),
        (CheckKind.FRESHNESS, ("updated_at",), {}),
    ]
    return [
        Check(
            f"silver.orders.{index}", "silver.orders", kind, fields=fields, arguments=arguments, threshold=few,
            unit="h" if kind is CheckKind.FRESHNESS else "rows",
        )
        for index, (kind, fields, arguments) in enumerate(wanted)
    ]  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock and of all processors."""

    wall: float
    cpu: float


def cost(work: Callable[[], object]) -> Cost:
    """Return what a piece of work costs."""
    wall, cpu = perf_counter(), process_time()
    work()
    return Cost(perf_counter() - wall, process_time() - cpu)


def middle(costs: Sequence[Cost]) -> Cost:
    """Return the medians."""
    return Cost(median(one.wall for one in costs), median(one.cpu for one in costs))


def main(arguments: Sequence[str]) -> int:
    """Print the figures; return 1 when the two ways disagree or a check could not be measured."""
    count = int(arguments[0]) if arguments else ROWS
    checks, engine, facts = twelve(), NativeEngine(), Facts(now=NOW)
    with DuckDbRunner(threads=2).session() as session:
        session.register("orders", session.query(ORDERS.format(count=count)))
        session.register("customers", session.query("SELECT i AS customer_id FROM range(32768) AS t(i)"))
        subject = Subject(session, "orders", COLUMNS, facts, {"silver.customers": "customers"})

        def together() -> Sequence[Measurement]:
            return engine.measure(checks, subject)

        def one_by_one() -> Sequence[Measurement]:
            return [measured for check in checks for measured in engine.measure([check], subject)]

        found = list(together())
        agree = found == list(one_by_one())
        turns = [(cost(together), cost(one_by_one)) for _ in range(TURNS)]
        alone = [(check, middle([cost(partial(engine.measure, [check], subject)) for _ in range(TURNS)])) for check in checks]
    print(f"{len(checks)} checks, {count:,} rows, 2 threads, median of {TURNS} turns\n")
    _print_ways(middle([one for one, _ in turns]), middle([other for _, other in turns]))
    for check, one in sorted(alone, key=lambda pair: -pair[1].cpu):
        print(f"| {' '.join([check.kind.value, *check.arguments])} alone | {one.wall:.3f} | | {one.cpu:.3f} | |")
    return _print_rest(checks, found, subject, agree=agree)


def _print_ways(fused: Cost, single: Cost) -> None:
    print("| | seconds | ratio | processor seconds | ratio |\n|---|---|---|---|---|")
    print(f"| one query each | {single.wall:.3f} | 1.00 | {single.cpu:.3f} | 1.00 |")
    ratios = f"{fused.wall:.3f} | {fused.wall / single.wall:.2f} | {fused.cpu:.3f} | {fused.cpu / single.cpu:.2f}"
    print(f"| **one query for all** | {ratios} |")


def _print_rest(checks: Sequence[Check], found: Sequence[Measurement], subject: Subject, *, agree: bool) -> int:
    target = Target(subject.relation, subject.columns, subject.references, NOW)
    planned = middle([cost(lambda: plan_scans(checks, target)) for _ in range(TURNS)])
    pairs = list(zip(checks, found, strict=True))
    outcomes: list[Outcome] = []

    def decide() -> None:
        outcomes[:] = [judge(check, one, stage=Stage.OBSERVE, facts=subject.facts).outcome for check, one in pairs]

    judged = middle([cost(decide) for _ in range(TURNS)])
    print(
        f"| planning | {planned.wall:.4f} | | {planned.cpu:.4f} | |\n| judging | {judged.wall:.4f} | | {judged.cpu:.4f} | |\n"
    )
    print(f"same answers: {agree}; outcomes: {', '.join(f'{outcomes.count(one)} {one.value}' for one in Outcome)}")
    return int(not agree or Outcome.ERRORED in outcomes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
