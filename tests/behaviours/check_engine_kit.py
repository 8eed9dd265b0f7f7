"""What the suites of the check engines share: rows, a bench with an engine and a session, short ways to say a check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa

from checks.engines.native import NativeEngine
from checks.judging import judge
from checks.model import Check, CheckKind, CheckResult, Facts, Measurement, Operator, Threshold
from checks.ports import CheckEngine, Subject
from controlplane.kernel.outcome import Stage
from controlplane.kernel.ports import Relation, SqlSession

ENGINES: Mapping[str, Callable[[], CheckEngine]] = {"native": NativeEngine}

NOW = datetime(2017, 10, 16, 12, 0, tzinfo=UTC)  # a Monday
DATASET = "silver.orders"
COLUMNS = {
    "order_id": "long",
    "line": "int",
    "customer_id": "long",
    "status": "string",
    "amount": "decimal(12, 2)",
    "ratio": "double",
    "email": "string",
    "region": "string",
    "born": "date",
    "updated_at": "timestamptz",
    "naive": "timestamp",
    "paid": "boolean",
}
_ARROW = {
    "order_id": pa.int64(),
    "line": pa.int32(),
    "customer_id": pa.int64(),
    "status": pa.large_string(),
    "amount": pa.decimal128(12, 2),
    "ratio": pa.float64(),
    "email": pa.large_string(),
    "region": pa.large_string(),
    "born": pa.date32(),
    "updated_at": pa.timestamp("us", tz="UTC"),
    "naive": pa.timestamp("us"),
    "paid": pa.bool_(),
}
SCHEMA = pa.schema(list(_ARROW.items()))


def _money(*texts: str | None) -> list[Decimal | None]:
    return [None if text is None else Decimal(text) for text in texts]


ORDERS = pa.table(
    {
        "order_id": [1, 2, 3, 4, 5, 6, 7, 8, 8, None],
        "line": [1, 1, 1, 1, 1, 1, 1, 1, 1, 1],
        "customer_id": [1, 1, 2, 2, 3, 3, 9, 9, None, 1],
        "status": ["placed", "paid", "paid", "shipped", "N/A", "", None, "lost", "paid", "placed"],
        "amount": _money("10.00", "20.00", "0.00", "-1.00", "5.55", None, "7.00", "8.00", "9.00", "100.00"),
        "ratio": [0.1, 0.2, float("nan"), float("inf"), None, 0.5, 0.5, 1.0, -0.1, 0.3],
        "email": ["a@x.org", "b@x.org", "c@x", "d", None, "e@x.org", "A@x.org", "f@x.org", "g@x.org\n", "h@x.org"],
        "region": ["eu", "eu", "eu", "us", "us", "us", "us", None, None, "eu"],
        "born": [date(1980, 1, day) for day in range(1, 11)],
        "updated_at": [NOW - timedelta(hours=hours) for hours in (10, 9, 8, 7, 6, 5, 4, 3, 2, 3)],
        "naive": [datetime(2017, 10, 16, 10, 0)] * 10,  # noqa: DTZ001 (a column without a zone)
        "paid": [True, False, None, True, True, True, True, True, True, True],
    },
    schema=SCHEMA,
)
EMPTY = SCHEMA.empty_table()
CUSTOMERS = pa.table(
    {"customer_id": pa.array([1, 2, 3, None], pa.int64()), "is_current": [True, True, False, True], "line": [1, 1, 2, 1]}
)
FACTS = Facts(now=NOW, heartbeat=NOW - timedelta(minutes=30), warmup=3)


class CountingSession(SqlSession):
    """Passes on to a session and remembers what it was asked."""

    def __init__(self, inner: SqlSession) -> None:
        self._inner = inner
        self.asked: list[str] = []

    def register(self, name: str, relation: Relation) -> None:
        self._inner.register(name, relation)

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        self.asked.append(sql)
        return self._inner.query(sql, parameters)


@dataclass
class Bench:
    """An engine with a session of its own."""

    engine: CheckEngine
    session: CountingSession
    others: dict[str, str] = field(default_factory=dict)

    def measure(self, *checks: Check, rows: pa.Table = ORDERS, facts: Facts = FACTS) -> Sequence[Measurement]:
        self.session.register("audited", rows)
        columns = {name: COLUMNS.get(name, "long") for name in rows.schema.names}
        self.session.asked.clear()
        return self.engine.measure(checks, Subject(self.session, "audited", columns, facts, self.others))

    def judge(self, check: Check, rows: pa.Table = ORDERS, facts: Facts = FACTS) -> CheckResult:
        (measured,) = self.measure(check, rows=rows, facts=facts)
        return judge(check, measured, stage=Stage.OBSERVE, facts=facts)

    def add(self, name: str, rows: pa.Table) -> None:
        self.others[name] = "other_" + name.replace(".", "_")
        self.session.register(self.others[name], rows)


def check(kind: CheckKind, *fields: str, id: str = "c", **more: object) -> Check:  # noqa: A002 (the model's word)
    return Check(id=f"{DATASET}.{id}", dataset=DATASET, kind=kind, fields=fields, **more)  # type: ignore[arg-type]


def must(operator: Operator, *operand: str) -> Threshold:
    return Threshold(operator, tuple(Decimal(number) for number in operand))


def make_bench(engine: str, session: SqlSession) -> Bench:
    """Return a bench with the parents registered beside the rows."""
    made = Bench(ENGINES[engine](), CountingSession(session))
    made.add("silver.customers", CUSTOMERS)
    return made


def age(*fields: str, hours: str = "2", **more: object) -> Check:
    """Return a check of an age in hours."""
    return check(CheckKind.FRESHNESS, *fields, unit="h", threshold=must(AT_MOST, hours), **more)


def changed(asked: Check, **more: object) -> Check:
    """Return the check with other attributes."""
    return replace(asked, **more)  # type: ignore[arg-type]


AT_MOST = Operator.MUST_BE_LESS_OR_EQUAL_TO
KNOWN = {"to": "silver.customers", "fields": {"customer_id": "customer_id"}}
INVALID = CheckKind.INVALID_VALUES

FAILING_ROWS: Mapping[str, tuple[Check, int]] = {
    "null": (check(CheckKind.NULL_VALUES, "status"), 1),
    "null: NaN is a value": (check(CheckKind.NULL_VALUES, "ratio"), 1),
    "missing: null alone": (check(CheckKind.MISSING_VALUES, "status"), 1),
    "missing: listed": (check(CheckKind.MISSING_VALUES, "status", arguments={"missingValues": [None, "", "N/A"]}), 3),
    "missing: a number among text": (
        check(CheckKind.MISSING_VALUES, "amount", arguments={"missingValues": ["", "-1", "n/a"]}),
        2,
    ),
    "valid values: null is never invalid": (
        check(INVALID, "status", arguments={"validValues": ["placed", "paid", "shipped"]}),
        3,
    ),
    "valid values: none can be": (check(INVALID, "amount", arguments={"validValues": ["abc"]}), 9),
    "valid values: numbers": (check(INVALID, "customer_id", arguments={"validValues": [1, "2", 3.0]}), 2),
    "valid values: booleans": (check(INVALID, "paid", arguments={"validValues": [True]}), 1),
    "valid values: quotes": (check(INVALID, "status", arguments={"validValues": ["it's", "paid"]}), 6),
    "minimum": (check(INVALID, "amount", arguments={"minimum": 0}), 1),
    "minimum: NaN is invalid": (check(INVALID, "ratio", arguments={"minimum": 0}), 2),
    "maximum: NaN and infinity are invalid": (check(INVALID, "ratio", arguments={"maximum": 1}), 2),
    "exclusiveMinimum": (check(INVALID, "amount", arguments={"exclusiveMinimum": 0}), 2),
    "exclusiveMaximum": (check(INVALID, "amount", arguments={"exclusiveMaximum": 100}), 1),
    "a range": (check(INVALID, "amount", arguments={"minimum": 0, "maximum": "99.99"}), 2),
    "minimum of dates": (check(INVALID, "born", arguments={"minimum": "1980-01-04"}), 3),
    "maximum of times": (check(INVALID, "updated_at", arguments={"maximum": "2017-10-16T09:00:00"}), 1),
    "a limit that is a double": (check(INVALID, "ratio", arguments={"minimum": 0.1}), 2),
    "pattern: unanchored": (check(INVALID, "email", arguments={"pattern": "@x"}), 1),
    "pattern: anchored": (check(INVALID, "email", arguments={"pattern": r"^[a-z]@x\.org$"}), 4),
    "pattern on a number": (check(INVALID, "order_id", arguments={"pattern": "^[1-7]$"}), 2),
    "format email": (check(INVALID, "email", arguments={"format": "email"}), 3),
    "minLength": (check(INVALID, "status", arguments={"minLength": 4}), 2),
    "maxLength": (check(INVALID, "status", arguments={"maxLength": 5}), 3),
    "reference": (check(CheckKind.REFERENCE, "customer_id", arguments=KNOWN), 2),
    "reference: parents that count": (check(CheckKind.REFERENCE, "customer_id", arguments=KNOWN | {"where": "is_current"}), 4),
    "reference: two columns": (
        check(
            CheckKind.REFERENCE,
            "customer_id",
            "line",
            arguments={"to": "silver.customers", "fields": {"customer_id": "customer_id", "line": "line"}},
        ),
        4,
    ),
    "duplicates: surplus rows, nulls are not compared": (check(CheckKind.DUPLICATE_VALUES, "order_id"), 1),
    "duplicates: two columns": (check(CheckKind.DUPLICATE_VALUES, "order_id", "line"), 1),
    "duplicates: properties": (check(CheckKind.DUPLICATE_VALUES, arguments={"properties": ["region", "line"]}), 6),
    "masked format": (check(CheckKind.MASKED_FORMAT, "email", arguments={"predicate": "\"email\" LIKE '%@x.org'"}), 3),
    "cast": (check(CheckKind.CAST, "status", arguments={"predicate": "TRY_CAST(status AS INT) IS NULL AND status <> ''"}), 8),
    "where": (check(INVALID, "amount", arguments={"maximum": 5}, where="region = 'eu'"), 3),
    "where on a reference": (check(CheckKind.REFERENCE, "customer_id", arguments=KNOWN, where="status = 'lost'"), 1),
    "where on duplicates": (check(CheckKind.DUPLICATE_VALUES, "line", where="region = 'us' -- four"), 3),
}
TOTALS = {"where": 4, "where on a reference": 1, "where on duplicates": 4}
