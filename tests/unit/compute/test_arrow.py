"""What goes into an engine can be read often and is valid; what comes out is in canonical types."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from controlplane.compute.arrow import canonical, materialised
from controlplane.kernel.errors import QueryFailedError


def not_utf8() -> pa.Array:
    """A text column of one value that is no UTF-8, as a foreign Parquet writer may leave it."""
    return pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(bytes([0, 0, 0, 0, 2, 0, 0, 0])), pa.py_buffer(b"a\xff")])


def test_a_reader_becomes_a_table() -> None:
    table = pa.table({"a": [1, 2]})
    assert materialised("t", table.to_reader()).equals(table)


def test_a_table_is_passed_on_as_it_is() -> None:
    table = pa.table({"a": [1, 2]})
    assert materialised("t", table) is table


def test_text_that_is_no_utf8_is_refused_by_column() -> None:
    with pytest.raises(QueryFailedError, match=r"column mail of silver\.people holds values that are no valid string"):
        materialised("silver.people", pa.table({"id": [1], "mail": not_utf8()}))


def test_results_come_in_canonical_types() -> None:
    berlin = datetime(2024, 3, 31, 12, tzinfo=ZoneInfo("Europe/Berlin"))
    schema = pa.schema(
        [
            pa.field("text", pa.string(), nullable=False),
            ("raw", pa.binary()),
            ("at", pa.timestamp("ms", tz="Europe/Berlin")),
            ("local", pa.timestamp("s")),
            ("number", pa.int32()),
            ("money", pa.decimal128(38, 2)),
        ],
        metadata={"who": "cares"},
    )
    row = {"text": "ä", "raw": b"\x00", "at": berlin, "local": datetime(2024, 1, 1), "number": 1, "money": None}  # noqa: DTZ001
    result = canonical(pa.Table.from_pylist([row], schema=schema))
    assert [str(field.type) for field in result.schema] == [
        "large_string", "large_binary", "timestamp[us, tz=UTC]", "timestamp[us]", "int32", "decimal128(38, 2)",
    ]  # fmt: skip
    assert all(field.nullable for field in result.schema)
    assert result.schema.metadata is None
    assert result.to_pylist()[0]["at"] == berlin


def test_a_canonical_result_is_not_copied() -> None:
    table = pa.table({"a": pa.array(["x"], pa.large_string())})
    assert canonical(table) is table
