"""What an engine measures with a query of its own, or with none: stewards' SQL, ages, volumes, sums, schemas, leaks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest

from checks.model import Check, CheckKind, Closeness, Facts, Operator
from controlplane.compute.duckdb import DuckDbRunner
from controlplane.kernel.outcome import Evidence, Outcome
from controlplane.kernel.ports import SqlSession
from controlplane.kernel.table import Field, TableSchema
from tests.behaviours.check_engine_kit import EMPTY, ENGINES, NOW, ORDERS, SCHEMA, Bench, age, changed, check, make_bench, must


@pytest.fixture(scope="module")
def session() -> Iterator[SqlSession]:
    with DuckDbRunner(threads=1).session() as opened:
        yield opened


@pytest.fixture(params=list(ENGINES))
def bench(request: pytest.FixtureRequest, session: SqlSession) -> Bench:
    return make_bench(request.param, session)


QUERIES = {
    "a count": ("SELECT count(*) FROM {object} WHERE status = 'paid'", "3"),
    "a column": ("SELECT count({property}) FROM {object}", "9"),
    "a field": ("select max({field}) from {object}", "100"),
    "its own name in other letters": ("SELECT count(*) FROM Silver.ORDERS", "10"),
    "a union": ("SELECT count(*) FROM (SELECT * FROM {object} UNION ALL SELECT * FROM {object})", "20"),
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


def volume(*fields: str, **more: object) -> Check:
    between = must(Operator.MUST_BE_BETWEEN, "-30", "30")
    return check(CheckKind.VOLUME_CHANGE, *fields, **{"unit": "percent", "threshold": between, **more})


DAYS = {"2017-10-02": 100, "2017-10-09": 200, "2017-10-10": 1000, "2017-10-16": 120}


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ({"like": "weekday", "against": "median", "period": "P1D"}, "-20"),
        ({}, "-20"),
        ({"like": "day", "against": "median"}, "-40"),
        ({"like": "day", "against": "mean"}, "-72.3076923"),
    ],
)
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
        *("2017-10-09T11:59Z", "2017-10-09T12:00Z", "2017-10-09T12:01Z"),  # a week ago; the last is too late in the day
        "2017-10-08T22:30Z",  # already Monday in Berlin
        *("2017-10-15T22:00Z", "2017-10-16T11:00Z", "2017-10-16T13:00Z"),  # today: two so far, one to come
    ]
    rows = pa.table({"updated_at": pa.array([datetime.fromisoformat(text) for text in times], pa.timestamp("us", tz="UTC"))})
    result = bench.judge(volume("updated_at"), rows, berlin)
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
    near = changed(same, tolerance=Closeness(absolute=Decimal("0.01")))
    assert bench.judge(near, rows("1000000000.00")).outcome is Outcome.PASSED
    part = changed(same, tolerance=Closeness(percent=Decimal(1)))
    assert bench.judge(part, rows("990000001.00")).outcome is Outcome.PASSED
    assert bench.judge(part, rows("980000001.00")).outcome is Outcome.FAILED


def by_region(**more: object) -> Check:
    arguments = {
        "to": "gold.daily",
        "measure": "sum(amount)",
        "toMeasure": "sum(revenue)",
        "keys": {"region": "region", "CAST(updated_at AS DATE)": "day"},
    }
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
    "added again": (
        _schema((1, "a", "long", True), (3, "b", "string", False)),
        1,
        {"added again": "b (its earlier values are lost to readers)"},
    ),
    "made optional": (_schema((1, "a", "long", False), (2, "b", "string", False)), 1, {"made optional": "a"}),
    "drift": (
        _schema((1, "a", "long", True), (2, "b", "string", True), (3, "c", "int", False)),
        0,
        {"added": "c int", "made required": "b"},
    ),
    "swapped": (_schema((1, "b", "long", True), (2, "a", "string", False)), 2, {"renamed": "a to b; b to a"}),
}


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
