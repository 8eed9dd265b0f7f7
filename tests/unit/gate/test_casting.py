"""A value either casts exactly or fails its row; nothing is rounded, guessed or given a zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from controlplane.compute.duckdb import DuckDbRunner
from controlplane.gate import casting, screening
from controlplane.kernel.ports import SqlSession

GOOD = [
    ("12", "long", 12), ("+5", "long", 5), ("-9223372036854775808", "long", -(2**63)),
    ("12.50", "decimal(12, 2)", Decimal("12.50")), ("12.5000", "decimal(12, 2)", Decimal("12.50")), ("7", "decimal(12, 2)", Decimal(7)),
    ("2017-10-09", "date", date(2017, 10, 9)), ("true", "boolean", True), ("FALSE", "boolean", False), ("1e3", "double", 1000.0),
    ("2017-10-09T08:15:30.123Z", "timestamptz", datetime(2017, 10, 9, 8, 15, 30, 123000, tzinfo=UTC)),
    ("2017-10-09 08:15:30+02:00", "timestamptz", datetime(2017, 10, 9, 6, 15, 30, tzinfo=UTC)),
    ("2017-10-09T08:15:30", "timestamp", datetime(2017, 10, 9, 8, 15, 30)),  # noqa: DTZ001 (a time without zone is the point)
    ("", "string", ""), (7, "string", "7"), (7, "decimal(5, 2)", Decimal(7)), (7, "double", 7.0),
    (Decimal("7.00"), "long", 7), (7.0, "long", 7), (0.5, "decimal(5, 2)", Decimal("0.50")), (date(2017, 1, 2), "string", "2017-01-02"),
]  # fmt: skip

BAD = [
    ("1.5", "long"), ("", "long"), (" 12", "long"), ("9223372036854775808", "long"), ("12.345", "decimal(12, 2)"), ("1e3", "decimal(12, 2)"),
    ("123456789012.00", "decimal(12, 2)"), ("2017-10-09 00:00", "date"), ("2017-02-30", "date"), ("09.10.2017", "date"), ("yes", "boolean"),
    ("1", "boolean"), ("2017-10-09T08:15:30", "timestamptz"), ("2017-10-09T08:15:30Z", "timestamp"), ("2017-10-09T25:00:00Z", "timestamptz"),
    ("abc", "double"), (1.5, "long"), (2**40, "int"), (Decimal("1.255"), "decimal(12, 2)"), (0.125, "decimal(12, 2)"), (True, "long"),
    (datetime(2017, 10, 9), "timestamptz"), (datetime(2017, 10, 9, tzinfo=UTC), "timestamp"), (1, "date"), (b"x", "string"),  # noqa: DTZ001
]  # fmt: skip


@pytest.fixture(scope="module")
def session() -> Iterator[SqlSession]:
    with DuckDbRunner(threads=1).session() as opened:
        yield opened


def cast(session: SqlSession, value: object, target: str) -> tuple[object, bool]:
    raw = pa.table({
        "x": [value, None], screening.ROW: [0, 1], screening.SINCE: [datetime(2017, 10, 9, tzinfo=UTC)] * 2, screening.REENTERED: [False] * 2,
    })  # fmt: skip
    session.register("raw", raw)
    casts = casting.plan_casts(raw.schema, [("x", target)])
    first, null = session.query(screening.typed_query("raw", casts, (), None)).to_pylist()
    flag = screening.cast_flag("x")
    assert null["x"] is None
    assert not null.get(flag, False), "null casts to anything"
    return first["x"], bool(first.get(flag, False))


@pytest.mark.parametrize(("value", "target", "expected"), GOOD)
def test_an_exact_value_casts(session: SqlSession, value: object, target: str, expected: object) -> None:
    assert cast(session, value, target) == (expected, False)


@pytest.mark.parametrize(("value", "target"), BAD)
def test_an_inexact_value_fails_its_row(session: SqlSession, value: object, target: str) -> None:
    assert cast(session, value, target)[1] is True


def test_a_column_the_batch_does_not_have_is_null(session: SqlSession) -> None:
    casts = casting.plan_casts(pa.schema([("other", pa.int64())]), [("x", "decimal(12, 2)")])
    assert session.query(f"SELECT {casts[0].value} AS x").to_pylist() == [{"x": None}]
    assert casts[0].fails is None


def test_a_missing_zone_is_named_as_the_reason() -> None:
    assert casting.why_refused(pa.schema([("x", pa.timestamp("us"))]), "x", "timestamptz") == "has no time zone"
