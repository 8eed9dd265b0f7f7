"""One suite for every check engine: the same check on the same rows is the same number, the same verdict, everywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from checks.engines.native import NativeEngine
from checks.judging import judge
from checks.model import Check, CheckKind, CheckResult, Closeness, Facts, Measurement, Operator, Threshold
from checks.ports import CheckEngine, Subject

from controlplane.compute.duckdb import DuckDbRunner
from controlplane.kernel.errors import QueryTimedOutError
from controlplane.kernel.outcome import Evidence, Outcome, Stage
from controlplane.kernel.ports import Relation, SqlSession
from controlplane.kernel.table import Field, TableSchema

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


@pytest.fixture(params=list(ENGINES))
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    with DuckDbRunner(threads=1).session() as session:
        made = Bench(ENGINES[request.param](), CountingSession(session))
        made.add("silver.customers", CUSTOMERS)
        yield made


def check(kind: CheckKind, *fields: str, id: str = "c", **more: object) -> Check:  # noqa: A002 (the model's word)
    return Check(id=f"{DATASET}.{id}", dataset=DATASET, kind=kind, fields=fields, **more)  # type: ignore[arg-type]


def must(operator: Operator, *operand: str) -> Threshold:
    return Threshold(operator, tuple(Decimal(number) for number in operand))


AT_MOST = Operator.MUST_BE_LESS_OR_EQUAL_TO
INVALID = CheckKind.INVALID_VALUES
KNOWN = {"to": "silver.customers", "fields": {"customer_id": "customer_id"}}

FAILING_ROWS: Mapping[str, tuple[Check, int]] = {
    "null": (check(CheckKind.NULL_VALUES, "status"), 1),
    "null: NaN is a value": (check(CheckKind.NULL_VALUES, "ratio"), 1),
    "missing: null alone": (check(CheckKind.MISSING_VALUES, "status"), 1),
    "missing: listed": (check(CheckKind.MISSING_VALUES, "status", arguments={"missingValues": [None, "", "N/A"]}), 3),
    "missing: a number among text": (check(CheckKind.MISSING_VALUES, "amount", arguments={"missingValues": ["", "-1", "n/a"]}), 2),
    "valid values: null is never invalid": (check(INVALID, "status", arguments={"validValues": ["placed", "paid", "shipped"]}), 3),
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
            CheckKind.REFERENCE, "customer_id", "line",
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
}  # fmt: skip
TOTALS = {"where": 4, "where on a reference": 1, "where on duplicates": 4}


@pytest.mark.parametrize("name", FAILING_ROWS)
def test_failing_rows_are_counted(bench: Bench, name: str) -> None:
    asked, failed = FAILING_ROWS[name]
    total = TOTALS.get(name, 10)
    result = bench.judge(asked)
    assert (result.measurement.rows_failed, result.measurement.rows_total) == (failed, total)
    assert result.measurement.value == failed
    assert result.outcome is Outcome.FAILED


@pytest.mark.parametrize("name", FAILING_ROWS)
def test_as_many_as_fail_may_be_allowed(bench: Bench, name: str) -> None:
    asked, failed = FAILING_ROWS[name]
    lenient = Check(**{**vars(asked), "threshold": must(AT_MOST, str(failed))})
    assert bench.judge(lenient).outcome is Outcome.PASSED


@pytest.mark.parametrize("name", FAILING_ROWS)
def test_percent_is_of_the_rows_looked_at(bench: Bench, name: str) -> None:
    asked, failed = FAILING_ROWS[name]
    (measured,) = bench.measure(Check(**{**vars(asked), "unit": "percent"}))
    assert measured.value == Decimal(100) * failed / TOTALS.get(name, 10)


@pytest.mark.parametrize("name", FAILING_ROWS)
def test_no_rows_are_no_evidence(bench: Bench, name: str) -> None:
    asked, _ = FAILING_ROWS[name]
    for unit in ("rows", "percent"):
        result = bench.judge(Check(**{**vars(asked), "unit": unit}), EMPTY)
        assert (result.outcome, result.reason) == (Outcome.NO_EVIDENCE, "no rows to judge")


PLAIN = ORDERS.slice(1, 1)


@pytest.mark.parametrize("name", [name for name in FAILING_ROWS if name not in {
    "valid values: none can be", "valid values: booleans", "cast", "exclusiveMinimum", "where on a reference", "where on duplicates",
    "minimum of dates", "where",
}])  # fmt: skip
def test_a_row_that_keeps_every_rule_passes(bench: Bench, name: str) -> None:
    assert bench.judge(FAILING_ROWS[name][0], PLAIN).outcome is Outcome.PASSED


FORMATS = {
    "uuid": (["123e4567-e89b-12d3-a456-426614174000"], ["123e4567e89b12d3a456426614174000", "x"]),
    "uri": (["https://x.org/a?b=c", "urn:isbn:1"], ["x.org", "https:// x"]),
    "hostname": (["x.org", "a-b.c", "localhost"], ["-a.org", "a..b", "a_b"]),
    "ipv4": (["1.2.3.4", "255.255.255.0"], ["1.2.3", "256.1.1.1", "01.2.3.4"]),
    "date": (["2017-02-28"], ["2017-02-30", "28.02.2017"]),
    "date-time": (["2017-10-16T12:00:00Z", "2017-10-16T12:00:00.5+02:00"], ["2017-10-16T12:00:00", "2017-13-16T12:00:00Z"]),
    "email": (["jane.doe+x@a.b.org"], ["jane@", "@x.org", "a b@x.org", "a@x..org"]),
}


@pytest.mark.parametrize("name", FORMATS)
def test_formats_are_told_apart(bench: Bench, name: str) -> None:
    good, bad = FORMATS[name]
    rows = pa.table({"email": pa.array([*good, *bad, None], pa.large_string())})
    (measured,) = bench.measure(check(INVALID, "email", arguments={"format": name}), rows=rows)
    assert (measured.rows_failed, measured.error) == (len(bad), None)


AGGREGATES = {
    "sum": "158.55", "avg": "17.616666666666667", "min": "-1.00", "max": "100.00", "median": "8", "stddev": "31.4",
}  # fmt: skip


@pytest.mark.parametrize("function", AGGREGATES)
def test_aggregates(bench: Bench, function: str) -> None:
    (measured,) = bench.measure(check(CheckKind.AGGREGATE, "amount", arguments={"function": function}))
    assert measured.value is not None
    if function in {"sum", "min", "max"}:
        assert str(measured.value) == AGGREGATES[function]  # decimals stay exact, with their scale
    else:
        assert abs(measured.value - Decimal(AGGREGATES[function])) < Decimal("0.1")


def test_a_quantile_names_which(bench: Bench) -> None:
    rows = pa.table({"amount": pa.array([Decimal(n) for n in range(101)], pa.decimal128(12, 2))})
    (measured,) = bench.measure(
        check(CheckKind.AGGREGATE, "amount", arguments={"function": "quantile", "quantile": 0.95}), rows=rows
    )
    assert measured.value == 95


def test_an_aggregate_looks_at_the_rows_that_where_names(bench: Bench) -> None:
    result = bench.judge(
        check(
            CheckKind.AGGREGATE,
            "amount",
            arguments={"function": "sum"},
            where="region = 'eu'",
            threshold=must(Operator.MUST_BE, "130"),
        )
    )
    assert (result.outcome, result.measurement.value, result.measurement.rows_total) == (Outcome.PASSED, 130, 4)


def test_wide_decimals_are_summed_exactly(bench: Bench) -> None:
    rows = pa.table({"amount": pa.array([Decimal("9999999999.99")] * 3 + [Decimal("0.01")] * 3, pa.decimal128(12, 2))})
    (measured,) = bench.measure(check(CheckKind.AGGREGATE, "amount", arguments={"function": "sum"}), rows=rows)
    assert measured.value == Decimal("30000000000.00")


def test_an_aggregate_over_nothing_is_no_evidence(bench: Bench) -> None:
    total = check(CheckKind.AGGREGATE, "amount", arguments={"function": "sum"})
    assert bench.judge(total, EMPTY).outcome is Outcome.NO_EVIDENCE
    result = bench.judge(total, ORDERS.slice(5, 1))
    assert (result.outcome, result.reason) == (
        Outcome.NO_EVIDENCE,
        "none of 1 rows has a amount".replace(" a amount", " an amount"),
    )


def test_an_aggregate_that_is_no_number_could_not_be_evaluated(bench: Bench) -> None:
    result = bench.judge(check(CheckKind.AGGREGATE, "ratio", arguments={"function": "sum"}))
    assert result.outcome is Outcome.ERRORED
    assert "NaN or infinite" in result.reason


def test_row_count_judges_an_empty_table(bench: Bench) -> None:
    some = check(CheckKind.ROW_COUNT, threshold=must(Operator.MUST_BE_GREATER_THAN, "0"))
    assert bench.judge(some).outcome is Outcome.PASSED
    assert bench.judge(some, EMPTY).outcome is Outcome.FAILED
    assert bench.measure(check(CheckKind.ROW_COUNT, where="region IS NULL"))[0].value == 2


def test_fewer_rows_than_needed_are_no_evidence(bench: Bench) -> None:
    result = bench.judge(check(CheckKind.NULL_VALUES, "status", min_rows=10), ORDERS.slice(0, 3))
    assert (result.outcome, result.reason) == (Outcome.NO_EVIDENCE, "3 rows, fewer than the 10 needed to judge")


SEGMENTED = {
    "null": (check(CheckKind.NULL_VALUES, "status", segment_by="region"), {"eu": "0", "us": "1", "(null)": "0"}),
    "duplicates": (check(CheckKind.DUPLICATE_VALUES, "line", segment_by="region"), {"eu": "3", "us": "3", "(null)": "1"}),
    "reference": (check(CheckKind.REFERENCE, "customer_id", arguments=KNOWN, segment_by="region"), {"eu": "0", "us": "1", "(null)": "1"}),
    "rows": (check(CheckKind.ROW_COUNT, segment_by="region"), {"eu": "4", "us": "4", "(null)": "2"}),
    "sum": (check(CheckKind.AGGREGATE, "amount", arguments={"function": "sum"}, segment_by="region"), {"eu": "130", "us": "11.55", "(null)": "17"}),
    "percent": (check(CheckKind.NULL_VALUES, "status", segment_by="region", unit="percent"), {"eu": "0", "us": "25", "(null)": "0"}),
    "age": (check(CheckKind.FRESHNESS, "updated_at", unit="h", segment_by="region"), {"eu": "3", "us": "4", "(null)": "2"}),
    "with where": (check(CheckKind.ROW_COUNT, segment_by="region", where="amount > 8"), {"eu": "3", "us": "0", "(null)": "1"}),
    "by a number": (check(CheckKind.NULL_VALUES, "region", segment_by="line"), {"1": "2"}),
}  # fmt: skip


@pytest.mark.parametrize("name", SEGMENTED)
def test_segments_are_judged_one_by_one(bench: Bench, name: str) -> None:
    asked, expected = SEGMENTED[name]
    found = bench.measure(asked)
    assert {one.segment: one.value for one in found} == {segment: Decimal(value) for segment, value in expected.items()}


def test_a_table_without_rows_has_no_segments_and_no_evidence(bench: Bench) -> None:
    result = bench.judge(check(CheckKind.NULL_VALUES, "status", segment_by="region"), EMPTY)
    assert (result.outcome, result.measurement.segment) == (Outcome.NO_EVIDENCE, None)


def test_a_segment_per_customer_is_refused(bench: Bench) -> None:
    rows = pa.table({"order_id": pa.array(range(1001), pa.int64()), "status": pa.array(["paid"] * 1001, pa.large_string())})
    result = bench.judge(check(CheckKind.NULL_VALUES, "status", segment_by="order_id"), rows)
    assert (result.outcome, "more than 1000 distinct values" in result.reason) == (Outcome.ERRORED, True)


QUERIES = {
    "a count": ("SELECT count(*) FROM {object} WHERE status = 'paid'", "3"),
    "a column": ("SELECT count({property}) FROM {object}", "9"),
    "a field": ("select max({field}) from {object}", "100"),
    "its own name": ("SELECT count(*) FROM silver.orders o WHERE o.amount > 8", "4"),
    "qualified": ("SELECT count(*) FROM {object} WHERE orders.amount > 8", "4"),
    "joined": (
        "SELECT count(*) FROM {object} o LEFT JOIN silver.customers c USING (customer_id) WHERE c.customer_id IS NULL",
        "3",
    ),
    "a truth value": ("SELECT bool_and(amount < 1000) FROM {object};", "1"),
    "with": ("WITH big AS (SELECT * FROM {object} WHERE amount > 8) SELECT count(*) FROM big", "4"),
    "a subquery": ("SELECT count(*) FROM {object} WHERE amount > (SELECT avg(amount) FROM {object})", "2"),
    "a difference": ("SELECT max(amount) - min(amount) FROM {object}", "101"),
    "nothing": ("SELECT max(amount) FROM {object} WHERE FALSE", None),
}


@pytest.mark.parametrize("name", QUERIES)
def test_queries_of_stewards(bench: Bench, name: str) -> None:
    query, expected = QUERIES[name]
    (measured,) = bench.measure(check(CheckKind.SQL, "amount", query=query))
    assert measured.error is None
    assert measured.value == (None if expected is None else Decimal(expected))
    assert measured.rows_total == 10


def test_where_restricts_a_query_too(bench: Bench) -> None:
    (measured,) = bench.measure(
        check(CheckKind.SQL, query="SELECT count(*) FROM {object} o WHERE o.amount > 8", where="region = 'eu'")
    )
    assert (measured.value, measured.rows_total) == (3, 4)


REFUSED_QUERIES = {
    "two statements": ("SELECT 1; SELECT 2", "one SELECT"),
    "a change": ("DELETE FROM {object}", "one SELECT"),
    "a file": ("SELECT count(*) FROM read_csv('/etc/passwd')", "not available"),
    "a file by name": ("SELECT count(*) FROM '/etc/passwd'", "not available"),
    "another dataset": ("SELECT count(*) FROM silver.people", "silver.people, which is not available"),
    "no SQL": ("SELEC count(*) FRO", "SQL"),
    "a setting": ("SET threads = 1", "one SELECT"),
    "two columns": ("SELECT 1, 2", "it must return one number"),
    "many rows": ("SELECT amount FROM {object}", "it must return one number"),
    "text": ("SELECT status FROM {object} LIMIT 1", "not a number"),
    "a wrong column": ("SELECT sum(nothing) FROM {object}", "nothing"),
    "no query": (None, "needs a query"),
}


@pytest.mark.parametrize("name", REFUSED_QUERIES)
def test_a_query_that_is_not_one_number_could_not_be_evaluated(bench: Bench, name: str) -> None:
    query, part = REFUSED_QUERIES[name]
    result = bench.judge(check(CheckKind.SQL, query=query))
    assert result.outcome is Outcome.ERRORED
    assert part in result.reason


def test_a_query_over_no_rows_can_fail_but_not_pass(bench: Bench) -> None:
    count = "SELECT count(*) FROM {object}"
    assert bench.judge(check(CheckKind.SQL, query=count), EMPTY).outcome is Outcome.NO_EVIDENCE
    some = check(CheckKind.SQL, query=count, threshold=must(Operator.MUST_BE_GREATER_THAN, "0"))
    assert bench.judge(some, EMPTY).outcome is Outcome.FAILED


def age(*fields: str, hours: str = "2", **more: object) -> Check:
    return check(CheckKind.FRESHNESS, *fields, unit="h", threshold=must(AT_MOST, hours), **more)


def test_freshness_is_the_age_of_the_latest_time(bench: Bench) -> None:
    result = bench.judge(age("updated_at"))
    assert (result.outcome, result.measurement.value) == (Outcome.PASSED, 2)
    assert bench.judge(age("updated_at", hours="1.9")).outcome is Outcome.FAILED


def test_a_quiet_night_is_not_stale_against_the_heartbeat(bench: Bench) -> None:
    result = bench.judge(age("updated_at", arguments={"reference": "heartbeat"}, hours="1.5"))
    assert (result.outcome, result.measurement.value) == (Outcome.PASSED, Decimal("1.5"))
    ahead = Facts(now=NOW, heartbeat=NOW - timedelta(hours=5))
    assert bench.judge(age("updated_at", arguments={"reference": "heartbeat"}), facts=ahead).measurement.value == 0


def test_freshness_by_heartbeat_asks_nothing_of_the_table(bench: Bench) -> None:
    result = bench.judge(age(hours="0.4"))
    assert (result.outcome, result.measurement.value, result.measurement.evidence) == (
        Outcome.FAILED,
        Decimal("0.5"),
        Evidence.METADATA,
    )
    assert not bench.session.asked


def test_no_heartbeat_is_no_evidence(bench: Bench) -> None:
    unknown = Facts(now=NOW)
    for asked in (age(), age("updated_at", arguments={"reference": "heartbeat"})):
        result = bench.judge(asked, facts=unknown)
        assert (result.outcome, result.reason) == (Outcome.NO_EVIDENCE, "no heartbeat of the sources is known")


def test_an_empty_table_is_not_fresh(bench: Bench) -> None:
    assert bench.judge(age("updated_at"), EMPTY).outcome is Outcome.NO_EVIDENCE


@pytest.mark.parametrize("reference", ["now", "heartbeat"])
def test_a_future_time_is_never_fresh(bench: Bench, reference: str) -> None:
    late = ORDERS.slice(0, 1).set_column(9, "updated_at", pa.array([NOW + timedelta(hours=1)], pa.timestamp("us", tz="UTC")))
    rows = pa.concat_tables([ORDERS, late.cast(SCHEMA)])
    result = bench.judge(age("updated_at", arguments={"reference": reference}), rows)
    assert result.outcome is Outcome.FAILED
    assert result.reason == "1 of 11 rows has an updated_at in the future, the latest by 1 h; a future time is never fresh"
    drifting = Facts(now=NOW, heartbeat=NOW, drift=timedelta(hours=1))
    assert bench.judge(age("updated_at"), rows, drifting).outcome is Outcome.PASSED


def test_the_end_of_time_lies_in_the_future(bench: Bench) -> None:
    with DuckDbRunner(threads=1).session() as session:
        rows = session.query("SELECT TIMESTAMPTZ 'infinity' AS updated_at")
    result = bench.judge(age("updated_at"), rows)
    assert (result.outcome, "in the future" in result.reason) == (Outcome.FAILED, True)


def test_a_time_without_a_zone_needs_one(bench: Bench) -> None:
    result = bench.judge(age("naive"))
    assert (result.outcome, "without a time zone" in result.reason) == (Outcome.ERRORED, True)
    berlin = bench.judge(age("naive", arguments={"timeZone": "Europe/Berlin"}, hours="5"))
    assert berlin.measurement.value == 4  # 10:00 in Berlin is 08:00 UTC


def test_a_date_begins_at_local_midnight(bench: Bench) -> None:
    rows = pa.table({"born": pa.array([date(2017, 10, 16)], pa.date32())})
    berlin = Facts(now=NOW, time_zone="Europe/Berlin")
    assert bench.judge(age("born", hours="24"), rows, berlin).measurement.value == 14


def test_freshness_of_something_else_than_a_time_could_not_be_evaluated(bench: Bench) -> None:
    assert bench.judge(age("amount")).outcome is Outcome.ERRORED
    without_unit = check(CheckKind.FRESHNESS, "updated_at")
    assert "unit of time" in bench.judge(without_unit).reason


def volume(**more: object) -> Check:
    between = must(Operator.MUST_BE_BETWEEN, "-30", "30")
    return check(CheckKind.VOLUME_CHANGE, **{"unit": "percent", "threshold": between, **more})


DAYS = {"2017-10-02": 100, "2017-10-09": 200, "2017-10-10": 1000, "2017-10-16": 120}


@pytest.mark.parametrize(("arguments", "value"), [
    ({"like": "weekday", "against": "median", "period": "P1D"}, "-20"),
    ({}, "-20"),
    ({"like": "day", "against": "median"}, "-40"),
    ({"like": "day", "against": "mean"}, "-72.3076923"),
])  # fmt: skip
def test_volume_is_compared_with_like_days(bench: Bench, arguments: dict[str, object], value: str) -> None:
    result = bench.judge(volume(arguments=arguments), facts=Facts(now=NOW, daily_rows=DAYS, warmup=3))
    assert result.measurement.value is not None
    assert abs(result.measurement.value - Decimal(value)) < Decimal("0.0001")
    assert result.outcome is (Outcome.PASSED if value == "-20" else Outcome.FAILED)
    assert result.measurement.evidence is Evidence.METADATA
    assert not bench.session.asked


def test_volume_warms_up(bench: Bench) -> None:
    result = bench.judge(volume(), facts=Facts(now=NOW, daily_rows=DAYS, warmup=14))
    assert (result.outcome, result.reason) == (Outcome.NO_EVIDENCE, "warming up: 3 of 14 points")


def test_volume_without_a_like_day_is_no_evidence(bench: Bench) -> None:
    tuesdays = {"2017-10-03": 5, "2017-10-10": 5, "2017-10-16": 7}
    result = bench.judge(volume(), facts=Facts(now=NOW, daily_rows=tuesdays, warmup=2))
    assert (result.outcome, result.reason) == (Outcome.NO_EVIDENCE, "no earlier Monday has rows to compare with")


def test_volume_of_a_field_is_counted_up_to_the_same_local_hour(bench: Bench) -> None:
    berlin = Facts(now=NOW, time_zone="Europe/Berlin", warmup=1)  # 14:00 in Berlin
    times = [
        datetime(2017, 10, 9, 11, 59), datetime(2017, 10, 9, 12, 0), datetime(2017, 10, 9, 12, 1),  # the last one is too late in the day
        datetime(2017, 10, 8, 22, 30),  # already Monday in Berlin
        datetime(2017, 10, 15, 22, 0), datetime(2017, 10, 16, 11, 0), datetime(2017, 10, 16, 13, 0),  # today: two so far, one to come
    ]  # fmt: skip
    rows = pa.table({"updated_at": pa.array([at.replace(tzinfo=UTC) for at in times], pa.timestamp("us", tz="UTC"))})
    result = bench.judge(volume(fields=("updated_at",)), rows, berlin)
    assert (result.measurement.detail["today"], result.measurement.detail["baseline"]) == ("2", "3")
    assert result.outcome is Outcome.FAILED
    in_rows = bench.judge(volume(arguments={"field": "updated_at"}, unit="rows"), rows, berlin)
    assert (in_rows.measurement.value, in_rows.outcome) == (-1, Outcome.PASSED)


def test_reconciliation_of_totals(bench: Bench) -> None:
    other = ORDERS.append_column("cents", pa.array([Decimal("0.00")] * 10, pa.decimal128(12, 2)))
    bench.add("gold.facts", other)
    same = check(CheckKind.RECONCILIATION, arguments={"to": "gold.facts", "measure": "sum(amount)"})
    assert bench.judge(same).outcome is Outcome.PASSED
    result = bench.judge(same, ORDERS.slice(0, 9))
    assert (result.outcome, result.measurement.value) == (Outcome.FAILED, 100)
    assert result.reason == "sum(amount) is 58.55 here and 158.55 in gold.facts, 100.00 apart; 0 allowed"


def test_reconciliation_to_the_cent(bench: Bench) -> None:
    def rows(*amounts: str) -> pa.Table:
        return pa.table({"amount": pa.array([Decimal(amount) for amount in amounts], pa.decimal128(12, 2))})

    bench.add("gold.facts", rows("1000000000.00", "0.01"))
    same = check(CheckKind.RECONCILIATION, arguments={"to": "gold.facts", "measure": "sum(amount)"})
    assert bench.judge(same, rows("1000000000.00")).measurement.value == Decimal("0.01")
    near = Check(**{**vars(same), "tolerance": Closeness(absolute=Decimal("0.01"))})
    assert bench.judge(near, rows("1000000000.00")).outcome is Outcome.PASSED
    part = Check(**{**vars(same), "tolerance": Closeness(percent=Decimal(1))})
    assert bench.judge(part, rows("990000001.00")).outcome is Outcome.PASSED
    assert bench.judge(part, rows("980000001.00")).outcome is Outcome.FAILED


def by_region(**more: object) -> Check:
    arguments = {
        "to": "gold.daily", "measure": "sum(amount)", "toMeasure": "sum(revenue)",
        "keys": {"region": "region", "CAST(updated_at AS DATE)": "day"},
    }  # fmt: skip
    return check(CheckKind.RECONCILIATION, **{"arguments": arguments, **more})


def daily(**revenue: str) -> pa.Table:
    regions = [None if region == "none" else region for region in revenue]
    amounts = pa.array([Decimal(amount) for amount in revenue.values()], pa.decimal128(18, 2))
    return pa.table({"region": pa.array(regions, pa.large_string()), "day": [NOW.date()] * len(regions), "revenue": amounts})


def test_reconciliation_by_groups(bench: Bench) -> None:
    bench.add("gold.daily", daily(eu="130.00", us="11.55", none="17.00"))
    assert bench.judge(by_region()).outcome is Outcome.PASSED  # a null region is a group like any other
    bench.add("gold.daily", daily(eu="130.01", us="11.55", asia="1.00"))
    result = bench.judge(by_region())
    assert (result.outcome, result.measurement.value) == (Outcome.FAILED, 3)
    assert result.reason == (
        "3 of 4 groups by region, CAST(updated_at AS DATE) differ from gold.daily (1 only here, 1 only there); 0 allowed"
    )


def test_reconciliation_of_groups_within_a_tolerance(bench: Bench) -> None:
    bench.add("gold.daily", daily(eu="130.01", us="11.60", none="17.00"))
    assert bench.measure(by_region(tolerance=Closeness(absolute=Decimal("0.01"))))[0].value == 1
    assert bench.measure(by_region(tolerance=Closeness(percent=Decimal(1))))[0].value == 0
    failed = bench.judge(by_region(tolerance=Closeness(absolute=Decimal(1)), threshold=must(Operator.MUST_BE, "1")))
    assert failed.outcome is Outcome.FAILED  # the tolerance is of amounts, not of the number of groups
    assert bench.measure(by_region(unit="percent"))[0].value == Decimal(200) / 3


def test_reconciliation_of_parts(bench: Bench) -> None:
    bench.add("gold.facts", ORDERS)
    arguments = {"to": "gold.facts", "measure": "count(*)", "where": "region = 'eu'", "toWhere": "region = 'us'", "keys": []}
    assert bench.judge(check(CheckKind.RECONCILIATION, arguments=arguments)).outcome is Outcome.PASSED
    listed = {"to": "gold.facts", "measure": "count(*)", "keys": ["region", "line"], "toWhere": "region IS NOT NULL"}
    (measured,) = bench.measure(check(CheckKind.RECONCILIATION, arguments=listed))
    assert (measured.value, measured.detail["only_here"]) == (1, "1")


def test_reconciliation_of_nothing_is_no_evidence(bench: Bench) -> None:
    bench.add("gold.facts", EMPTY)
    same = check(CheckKind.RECONCILIATION, arguments={"to": "gold.facts", "measure": "sum(amount)"})
    assert bench.judge(same, EMPTY).outcome is Outcome.NO_EVIDENCE
    assert bench.judge(same).outcome is Outcome.FAILED
    bench.add("gold.daily", daily())
    assert bench.judge(by_region(), EMPTY).outcome is Outcome.NO_EVIDENCE
    assert bench.judge(by_region()).measurement.value == 3


def _schema(*fields: tuple[int, str, str, bool]) -> TableSchema:
    return TableSchema(1, tuple(Field(*one) for one in fields))


EXPECTED = _schema((1, "a", "long", True), (2, "b", "string", False))
SCHEMAS = {
    "equal": (EXPECTED, 0, {}),
    "missing": (_schema((1, "a", "long", True)), 1, {"missing": "b"}),
    "renamed": (_schema((1, "a", "long", True), (2, "c", "string", False)), 1, {"renamed": "b to c"}),
    "retyped": (_schema((1, "a", "int", True), (2, "b", "string", False)), 1, {"retyped": "a from long to int"}),
    "added again": (_schema((1, "a", "long", True), (3, "b", "string", False)), 1, {"added again": "b (its earlier values are lost to readers)"}),
    "made optional": (_schema((1, "a", "long", False), (2, "b", "string", False)), 1, {"made optional": "a"}),
    "drift": (_schema((1, "a", "long", True), (2, "b", "string", True), (3, "c", "int", False)), 0, {"added": "c int", "made required": "b"}),
    "swapped": (_schema((1, "b", "long", True), (2, "a", "string", False)), 2, {"renamed": "a to b; b to a"}),
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_compared_by_field_id(bench: Bench, name: str) -> None:
    actual, breaking, detail = SCHEMAS[name]
    result = bench.judge(check(CheckKind.SCHEMA), facts=Facts(now=NOW, schema=actual, expected_schema=EXPECTED))
    assert (result.measurement.value, result.measurement.detail) == (breaking, detail)
    assert result.outcome is (Outcome.FAILED if breaking else Outcome.PASSED)
    assert not bench.session.asked


def test_schemas_without_recorded_ids_are_compared_by_name(bench: Bench) -> None:
    by_name = _schema((0, "a", "long", True), (0, "b", "string", False))
    result = bench.judge(check(CheckKind.SCHEMA), facts=Facts(now=NOW, schema=EXPECTED, expected_schema=by_name))
    assert result.outcome is Outcome.PASSED


def test_an_unknown_schema_is_no_evidence(bench: Bench) -> None:
    assert bench.judge(check(CheckKind.SCHEMA)).outcome is Outcome.NO_EVIDENCE


def test_a_leak_is_a_clear_value_of_this_batch(bench: Bench) -> None:
    bench.add("clear_values", pa.table({"value": pa.array(["a@x.org", "z@x.org", None], pa.large_string())}))
    leak = check(CheckKind.LEAK, "email", arguments={"against": "clear_values", "field": "email"})
    assert bench.measure(leak)[0].rows_failed == 1
    assert bench.judge(leak, ORDERS.slice(4, 1)).outcome is Outcome.PASSED  # null
    bench.others.pop("clear_values")
    assert bench.judge(leak).outcome is Outcome.ERRORED  # without the clear values nothing is proven


BAD = {
    "an unknown column": (check(CheckKind.NULL_VALUES, "colour"), "silver.orders has no column colour; it has order_id"),
    "a segment that is no column": (check(CheckKind.ROW_COUNT, segment_by="colour"), "no column colour"),
    "an unknown parent": (check(CheckKind.REFERENCE, "customer_id", arguments=KNOWN | {"to": "silver.people"}), "silver.people"),
    "an unknown column of a parent": (
        check(CheckKind.REFERENCE, "customer_id", arguments={"to": "silver.customers", "fields": {"customer_id": "id"}}), "id"),
    "a parent condition on the child": (check(CheckKind.REFERENCE, "customer_id", arguments=KNOWN | {"where": "amount > 0"}), "amount"),
    "where with an unknown column": (check(CheckKind.NULL_VALUES, "status", where="colour = 'red'"), "colour"),
    "where that is no SQL": (check(CheckKind.NULL_VALUES, "status", where="status = "), "cannot be read as SQL"),
    "where that breaks out": (check(CheckKind.NULL_VALUES, "status", where="TRUE) OR (TRUE"), "where"),
    "where with a query": (check(CheckKind.NULL_VALUES, "status", where="amount > (SELECT 1)"), "without SELECT"),
    "where with an aggregate": (check(CheckKind.NULL_VALUES, "status", where="count(*) > 1"), "one row"),
    "two conditions": (check(CheckKind.NULL_VALUES, "status", where="TRUE; TRUE"), "where"),
    "a limit of the wrong type": (check(INVALID, "amount", arguments={"minimum": "abc"}), "cannot limit amount"),
    "a limit on text": (check(INVALID, "status", arguments={"minimum": 5}), "cannot limit status"),
    "a pattern RE2 cannot run": (check(INVALID, "status", arguments={"pattern": "(?=x)y"}), "RE2"),
    "an unknown format": (check(INVALID, "status", arguments={"format": "colour"}), "format 'colour'"),
    "no argument": (check(INVALID, "status"), "at least one of"),
    "no list": (check(INVALID, "status", arguments={"validValues": "paid"}), "list"),
    "a length that is none": (check(INVALID, "status", arguments={"minLength": -1}), "whole number"),
    "a sum of text": (check(CheckKind.AGGREGATE, "status", arguments={"function": "sum"}), "needs a column of numbers"),
    "an unknown function": (check(CheckKind.AGGREGATE, "amount", arguments={"function": "mode"}), "allowed are sum"),
    "no such quantile": (check(CheckKind.AGGREGATE, "amount", arguments={"function": "quantile", "quantile": 95}), "from 0 to 1"),
    "no field": (check(CheckKind.AGGREGATE, arguments={"function": "sum"}), "needs a field"),
    "an unknown key": (check(CheckKind.DUPLICATE_VALUES, arguments={"properties": ["colour"]}), "colour"),
    "no key": (check(CheckKind.DUPLICATE_VALUES), "none given"),
    "a predicate that fails": (check(CheckKind.MASKED_FORMAT, "email", arguments={"predicate": "nothing(email)"}), "nothing"),
    "a value that does not compare": (check(CheckKind.CAST, "status", arguments={"predicate": "CAST(status AS INT) > 1"}), ""),
    "no predicate": (check(CheckKind.CAST, "status"), "needs the argument predicate"),
    "segments of a query": (check(CheckKind.SQL, query="SELECT 1", segment_by="region"), "no segmentBy"),
    "a part of nothing": (check(CheckKind.ROW_COUNT, unit="percent"), "percent"),
    "nothing to reconcile with": (check(CheckKind.RECONCILIATION, arguments={"to": "gold.x", "measure": "count(*)"}), "gold.x"),
    "no measure": (check(CheckKind.RECONCILIATION, arguments={"to": "silver.customers"}), "measure"),
    "a measure of one row": (check(CheckKind.RECONCILIATION, arguments={"to": "silver.customers", "measure": "amount"}), "aggregate"),
    "another period": (check(CheckKind.VOLUME_CHANGE, arguments={"period": "P1M"}, unit="percent"), "P1D"),
    "like nothing": (check(CheckKind.VOLUME_CHANGE, arguments={"like": "moon"}, unit="percent"), "weekday"),
    "volume of text": (check(CheckKind.VOLUME_CHANGE, "status", unit="percent"), "dates or times"),
    "an unknown zone": (age("naive", arguments={"timeZone": "Mars/Base"}), "Mars/Base"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_measured_is_errored_and_says_why(bench: Bench, name: str) -> None:
    asked, part = BAD[name]
    result = bench.judge(asked)
    assert result.outcome is Outcome.ERRORED
    assert part in result.reason
    assert result.measurement.value is None


@pytest.mark.parametrize("name", BAD)
def test_a_bad_check_costs_only_itself(bench: Bench, name: str) -> None:
    bad, _ = BAD[name]
    good = [Check(**{**vars(asked), "id": f"good{index}"}) for index, (asked, _) in enumerate(FAILING_ROWS.values())]
    found = bench.measure(*good[:9], bad, *good[9:])
    assert [one.rows_failed for one in found if one.check_id != bad.id] == [failed for _, failed in FAILING_ROWS.values()]
    assert [one.check_id for one in found if one.error is not None] == [bad.id]


def test_two_bad_checks_in_one_bundle_are_both_found(bench: Bench) -> None:
    checks = [check(CheckKind.NULL_VALUES, "status", id=f"n{index}") for index in range(20)]
    checks[3] = check(CheckKind.NULL_VALUES, "status", id="n3", where="colour = 1")
    checks[17] = check(CheckKind.CAST, "status", id="n17", arguments={"predicate": "CAST(status AS INT) > 1"})
    found = bench.measure(*checks)
    assert [index for index, one in enumerate(found) if one.error is not None] == [3, 17]
    assert {one.rows_failed for index, one in enumerate(found) if index not in {3, 17}} == {1}


def test_an_error_quotes_no_values(bench: Bench) -> None:
    result = bench.judge(check(CheckKind.CAST, "status", arguments={"predicate": "CAST(status AS INT) > 1"}))
    assert not any(value in result.reason for value in ("placed", "shipped", "N/A"))


def test_everything_about_a_table_is_asked_at_once(bench: Bench) -> None:
    asked = [Check(**{**vars(one), "id": str(index)}) for index, (one, _) in enumerate(FAILING_ROWS.values())]
    asked += [check(CheckKind.AGGREGATE, "amount", id=name, arguments={"function": name}) for name in AGGREGATES]
    asked += [check(CheckKind.ROW_COUNT, id="rows"), age("updated_at"), age(id="beat"), check(CheckKind.SCHEMA, id="schema")]
    found = bench.measure(*asked)
    assert len(bench.session.asked) == 1
    assert [one.check_id for one in found] == [one.id for one in asked]
    assert all(one.error is None for one in found)


def test_each_segment_column_costs_one_query_more(bench: Bench) -> None:
    kinds = [
        check(CheckKind.NULL_VALUES, "status", id=f"{by}{twice}", segment_by=by)
        for by in (None, "region", "line")
        for twice in "ab"
    ]
    found = bench.measure(*kinds)
    assert len(bench.session.asked) == 3
    assert len(found) == 2 * (1 + 3 + 1)


def test_running_out_of_time_is_not_tried_again(bench: Bench) -> None:
    class Slow(CountingSession):
        def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
            super().query(sql, parameters)
            message = "the query took longer than 600 s"
            raise QueryTimedOutError(message)

    slow = Bench(bench.engine, Slow(bench.session))
    found = slow.measure(*[check(CheckKind.NULL_VALUES, "status", id=f"n{index}") for index in range(8)])
    assert (len(slow.session.asked), {one.error for one in found}) == (1, {"the query took longer than 600 s"})


def test_no_checks_ask_nothing(bench: Bench) -> None:
    assert list(bench.measure()) == []
    assert not bench.session.asked


def test_hostile_names_are_only_names(bench: Bench) -> None:
    name = 'a"); DROP TABLE x; --'
    rows = pa.table({name: pa.array([1, None], pa.int64())})
    found = bench.measure(
        check(CheckKind.NULL_VALUES, name), check(CheckKind.DUPLICATE_VALUES, name, id="d", segment_by=name), rows=rows
    )
    assert [one.error for one in found] == [None, None, None]
    assert found[0].rows_failed == 1
