"""What an engine does with checks that cannot be measured, and how many queries it takes for those that can."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pytest

from checks.model import CheckKind
from checks.sql.aggregates import FUNCTIONS
from controlplane.compute.duckdb import DuckDbRunner
from controlplane.kernel.errors import QueryTimedOutError
from controlplane.kernel.outcome import Outcome
from controlplane.kernel.ports import SqlSession
from tests.behaviours.check_engine_kit import (
    ENGINES,
    FAILING_ROWS,
    INVALID,
    KNOWN,
    Bench,
    CountingSession,
    age,
    changed,
    check,
    make_bench,
)


@pytest.fixture(scope="module")
def session() -> Iterator[SqlSession]:
    with DuckDbRunner(threads=1).session() as opened:
        yield opened


@pytest.fixture(params=list(ENGINES))
def bench(request: pytest.FixtureRequest, session: SqlSession) -> Bench:
    return make_bench(request.param, session)


BAD = {
    "an unknown column": (check(CheckKind.NULL_VALUES, "colour"), "silver.orders has no column colour; it has order_id"),
    "a segment that is no column": (check(CheckKind.ROW_COUNT, segment_by="colour"), "no column colour"),
    "an unknown parent": (
        check(CheckKind.REFERENCE, "customer_id", arguments=KNOWN | {"to": "silver.people"}),
        "silver.people",
    ),
    "an unknown column of a parent": (
        check(CheckKind.REFERENCE, "customer_id", arguments={"to": "silver.customers", "fields": {"customer_id": "id"}}),
        "silver.customers has no column id; it has",
    ),
    "a parent condition on the child": (
        check(CheckKind.REFERENCE, "customer_id", arguments=KNOWN | {"where": "amount > 0"}),
        "no column amount",
    ),
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
    "no such quantile": (
        check(CheckKind.AGGREGATE, "amount", arguments={"function": "quantile", "quantile": 95}),
        "from 0 to 1",
    ),
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
    "a measure of one row": (
        check(CheckKind.RECONCILIATION, arguments={"to": "silver.customers", "measure": "amount"}),
        "aggregate",
    ),
    "another period": (check(CheckKind.VOLUME_CHANGE, arguments={"period": "P1M"}, unit="percent"), "P1D"),
    "like nothing": (check(CheckKind.VOLUME_CHANGE, arguments={"like": "moon"}, unit="percent"), "weekday"),
    "volume of text": (check(CheckKind.VOLUME_CHANGE, "status", unit="percent"), "dates or times"),
    "an unknown zone": (age("naive", arguments={"timeZone": "Mars/Base"}), "Mars/Base"),
}


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
    good = [changed(asked, id=f"good{index}") for index, (asked, _) in enumerate(FAILING_ROWS.values())]
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
    asked = [changed(one, id=str(index)) for index, (one, _) in enumerate(FAILING_ROWS.values())]
    asked += [
        check(CheckKind.AGGREGATE, "amount", id=name, arguments={"function": name}) for name in FUNCTIONS if name != "quantile"
    ]
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


class Tired(CountingSession):
    """Runs out of time or memory as soon as distinct values are counted beside anything else."""

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        found = super().query(sql, parameters)
        if "NULL" in sql and (sql.count("failed") > 1 or "DISTINCT" not in sql):
            message = "the query took longer than 600 s"
            raise QueryTimedOutError(message)
        return found


def test_what_runs_out_of_time_is_not_bisected(bench: Bench) -> None:
    slow = Bench(bench.engine, Tired(bench.session))
    found = slow.measure(*[check(CheckKind.NULL_VALUES, "status", id=f"n{index}") for index in range(8)])
    assert (len(slow.session.asked), {one.error for one in found}) == (1, {"the query took longer than 600 s"})


def test_exact_distinct_counts_are_tried_alone_when_time_runs_out(bench: Bench) -> None:
    slow = Bench(bench.engine, Tired(bench.session))
    unique = check(CheckKind.DUPLICATE_VALUES, "order_id", id="unique")
    found = slow.measure(check(CheckKind.NULL_VALUES, "status"), unique, check(CheckKind.NULL_VALUES, "region", id="d"))
    assert [one.rows_failed for one in found] == [None, 1, None]
    assert len(slow.session.asked) == 3


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
