"""One suite for every check engine: the same check on the same rows is the same number, the same verdict, everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pytest

from checks.model import CheckKind, Operator
from controlplane.compute.duckdb import DuckDbRunner
from controlplane.kernel.outcome import Outcome
from controlplane.kernel.ports import SqlSession
from tests.behaviours.check_engine_kit import (
    AT_MOST,
    EMPTY,
    ENGINES,
    FAILING_ROWS,
    INVALID,
    KNOWN,
    ORDERS,
    TOTALS,
    Bench,
    changed,
    check,
    make_bench,
    must,
)


@pytest.fixture(scope="module")
def session() -> Iterator[SqlSession]:
    with DuckDbRunner(threads=1).session() as opened:
        yield opened


@pytest.fixture(params=list(ENGINES))
def bench(request: pytest.FixtureRequest, session: SqlSession) -> Bench:
    return make_bench(request.param, session)


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
    lenient = changed(asked, threshold=must(AT_MOST, str(failed)))
    assert bench.judge(lenient).outcome is Outcome.PASSED


@pytest.mark.parametrize("name", FAILING_ROWS)
def test_percent_is_of_the_rows_looked_at(bench: Bench, name: str) -> None:
    asked, failed = FAILING_ROWS[name]
    (measured,) = bench.measure(changed(asked, unit="percent"))
    assert measured.value == Decimal(100) * failed / TOTALS.get(name, 10)


@pytest.mark.parametrize("name", FAILING_ROWS)
def test_no_rows_are_no_evidence(bench: Bench, name: str) -> None:
    asked, _ = FAILING_ROWS[name]
    for unit in ("rows", "percent"):
        result = bench.judge(changed(asked, unit=unit), EMPTY)
        assert (result.outcome, result.reason) == (Outcome.NO_EVIDENCE, "no rows to judge")


PLAIN = ORDERS.slice(1, 1)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in FAILING_ROWS
        if name
        not in {
            "valid values: none can be",
            "valid values: booleans",
            "cast",
            "exclusiveMinimum",
            "where on a reference",
            "where on duplicates",
            "minimum of dates",
            "where",
        }
    ],
)
def test_a_row_that_keeps_every_rule_passes(bench: Bench, name: str) -> None:
    assert bench.judge(FAILING_ROWS[name][0], PLAIN).outcome is Outcome.PASSED


FORMATS = {
    "uuid": (["123e4567-e89b-12d3-a456-426614174000"], ["123e4567e89b12d3a456426614174000", "x"]),
    "uri": (["https://x.org/a?b=c", "urn:isbn:1"], ["x.org", "https:// x"]),
    "hostname": (["x.org", "a-b.c", "localhost"], ["-a.org", "a..b", "a_b"]),
    "ipv4": (["1.2.3.4", "255.255.255.0"], ["1.2.3", "256.1.1.1", "01.2.3.4"]),
    "ipv6": (
        [
            "::",
            "::1",
            "2001:db8::",
            "2001:db8::8:800:200c:417a",
            "1:2:3:4:5:6:7:8",
            "::ffff:1.2.3.4",
            "1::8",
            "1:2:3:4:5:6:7::",
        ],
        ["1:2", ":::", "1::2::3", "1:2:3:4:5:6:7:8:9", "12345::", "1.2.3.4", "g::"],
    ),
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
    "sum": "158.55",
    "avg": "17.616666666666667",
    "min": "-1.00",
    "max": "100.00",
    "median": "8",
    "stddev": "31.4",
}


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
    "reference": (
        check(CheckKind.REFERENCE, "customer_id", arguments=KNOWN, segment_by="region"),
        {"eu": "0", "us": "1", "(null)": "1"},
    ),
    "rows": (check(CheckKind.ROW_COUNT, segment_by="region"), {"eu": "4", "us": "4", "(null)": "2"}),
    "sum": (
        check(CheckKind.AGGREGATE, "amount", arguments={"function": "sum"}, segment_by="region"),
        {"eu": "130", "us": "11.55", "(null)": "17"},
    ),
    "percent": (
        check(CheckKind.NULL_VALUES, "status", segment_by="region", unit="percent"),
        {"eu": "0", "us": "25", "(null)": "0"},
    ),
    "age": (check(CheckKind.FRESHNESS, "updated_at", unit="h", segment_by="region"), {"eu": "3", "us": "4", "(null)": "2"}),
    "with where": (check(CheckKind.ROW_COUNT, segment_by="region", where="amount > 8"), {"eu": "3", "us": "0", "(null)": "1"}),
    "by a number": (check(CheckKind.NULL_VALUES, "region", segment_by="line"), {"1": "2"}),
}


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
