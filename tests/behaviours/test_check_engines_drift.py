"""Columns nobody agreed on: in the objects of a column, and of the table itself."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pyarrow as pa
import pytest

from checks.model import Check, CheckKind, Facts
from controlplane.compute.duckdb import DuckDbRunner
from controlplane.kernel.outcome import Evidence, Outcome
from controlplane.kernel.ports import SqlSession
from controlplane.kernel.table import Field, TableSchema
from tests.behaviours.check_engine_kit import ENGINES, NOW, Bench, check, make_bench

AGREED = {"payload": "after", "columns": ["id", "na'me"]}


@pytest.fixture(scope="module")
def session() -> Iterator[SqlSession]:
    with DuckDbRunner(threads=1).session() as opened:
        yield opened


@pytest.fixture(params=list(ENGINES))
def bench(request: pytest.FixtureRequest, session: SqlSession) -> Bench:
    return make_bench(request.param, session)


def payloads(*texts: str | None) -> pa.Table:
    return pa.table({"id": pa.array(range(len(texts)), pa.int64()), "after": pa.array(texts, pa.large_string())})


def drift(**more: object) -> Check:
    return check(CheckKind.SCHEMA_DRIFT, "after", arguments=AGREED, unit="columns", **more)


PAYLOADS = {
    "as agreed": (payloads('{"id":1}', '{"id":2,"na\'me":null}', None), 0, 0),
    "one new column": (payloads('{"id":1}', '{"id":2,"tier":"gold"}', '{"tier":null}', None), 1, 2),
    "two in one row": (payloads('{"a":1,"b":2}'), 2, 1),
    "other case is another name": (payloads('{"ID":1}'), 1, 1),
    "nested names do not count": (payloads('{"id":{"deep":1}}'), 0, 0),
    "no object": (payloads("[1]", "7", '"text"', "null", "{broken", ""), 0, 0),
    "the same name twice": (payloads('{"x":1,"x":2}'), 1, 1),
}


@pytest.mark.parametrize("name", PAYLOADS)
def test_unknown_columns_of_a_payload_are_counted_with_their_rows(bench: Bench, name: str) -> None:
    rows, columns, failed = PAYLOADS[name]
    result = bench.judge(drift(), rows)
    measured = result.measurement
    assert (measured.value, measured.rows_failed, measured.rows_total) == (Decimal(columns), failed, rows.num_rows)
    assert result.outcome is (Outcome.FAILED if columns else Outcome.PASSED)


def test_the_reason_names_columns_and_rows_but_no_values(bench: Bench) -> None:
    rows = payloads('{"tier":"gold-digger"}', '{"tier":"x","plan":"y"}', '{"id":3}')
    reason = bench.judge(drift(), rows).reason
    assert reason == "2 columns of after are not in the contract: tier (2 of 3 rows), plan (1 of 3 rows); 0 allowed"


def test_a_name_that_may_be_a_value_is_counted_and_not_told(bench: Bench) -> None:
    result = bench.judge(drift(), payloads('{"ann@example.org":1,"tier":2}', '{"bob@example.org":1}'))
    assert result.measurement.value == 3
    assert "example.org" not in result.reason
    assert "tier (1 of 2 rows); 2 that are not named here" in result.reason


def test_many_columns_are_all_counted_and_few_are_told(bench: Bench) -> None:
    document = "{" + ",".join(f'"c{number:03}":0' for number in range(300)) + "}"
    result = bench.judge(drift(), payloads(document))
    assert result.measurement.value == 300
    assert "295 that are not named here" in result.reason
    assert len(result.reason) < 300


def test_rows_outside_the_condition_are_not_judged(bench: Bench) -> None:
    result = bench.judge(drift(where="id = 0"), payloads('{"id":1}', '{"tier":1}'))
    assert (result.measurement.rows_total, result.outcome) == (1, Outcome.PASSED)


def test_no_rows_are_no_evidence(bench: Bench) -> None:
    assert bench.judge(drift(), payloads()).outcome is Outcome.NO_EVIDENCE


def test_a_payload_that_is_not_there_errors(bench: Bench) -> None:
    result = bench.judge(check(CheckKind.SCHEMA_DRIFT, "before", arguments=AGREED, unit="columns"), payloads("{}"))
    assert result.outcome is Outcome.ERRORED
    assert "no column before" in result.reason


def test_columns_of_the_table_are_compared_with_the_contract(bench: Bench) -> None:
    def schema(*names: str) -> TableSchema:
        return TableSchema(0, tuple(Field(number, name, "long", required=False) for number, name in enumerate(names, start=1)))

    asked = check(CheckKind.SCHEMA_DRIFT, unit="columns")
    drifted = bench.judge(asked, facts=Facts(now=NOW, schema=schema("a", "b", "c"), expected_schema=schema("a", "b")))
    assert (drifted.measurement.value, drifted.measurement.evidence) == (1, Evidence.METADATA)
    assert drifted.reason == "1 column of the table is not in the contract: c long; 0 allowed"
    same = bench.judge(asked, facts=Facts(now=NOW, schema=schema("a"), expected_schema=schema("a", "b")))
    assert same.outcome is Outcome.PASSED
    assert bench.judge(asked).outcome is Outcome.NO_EVIDENCE
