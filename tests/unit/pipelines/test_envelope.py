from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from pipelines.sources.envelope import ChangeEvent, envelope, record, snapshot_marks
from pipelines.sources.events import TABLES, RowChange

AT = datetime(2017, 10, 9, 8, 15, 30, 123000, tzinfo=UTC)
ORDER = {
    "order_id": 40279, "customer_id": 7, "store_id": 300, "status": "placed", "amount": "12.34",
    "created_at": "2017-10-09T08:15:30.000Z", "updated_at": "2017-10-09T08:15:30.000Z",
}  # fmt: skip
LINE = {
    "order_id": 40279, "line_number": 2, "product_id": 5, "quantity": 1, "sales_value": "2.99", "retail_disc": "0.00",
    "coupon_disc": "0.00", "coupon_match_disc": "0.00", "updated_at": "2017-10-09T08:15:30.000Z",
}  # fmt: skip


def event(op: str, table: str = "orders", row: dict[str, object] | None = None) -> ChangeEvent:
    return ChangeEvent(RowChange(table, op, row or dict(ORDER)), AT, lsn=1000, transaction_id=7)


@pytest.mark.parametrize("op", ["c", "u"])
def test_an_insert_or_update_has_the_whole_row_after_and_nothing_before(op: str) -> None:
    value = envelope(event(op))
    assert value["op"] == op
    assert value["before"] is None
    assert value["after"] == ORDER


def test_the_source_block_says_where_and_when_it_was_committed() -> None:
    source = envelope(event("c"))["source"]
    assert source == {
        "db": "shop", "schema": "public", "table": "orders",
        "lsn": 1000, "txId": 7, "ts_ms": 1507536930123, "snapshot": "false",
    }  # fmt: skip


def test_the_connector_comes_after_the_commit() -> None:
    value = envelope(event("c"))
    assert isinstance(value["ts_ms"], int)
    assert 0 < value["ts_ms"] - 1507536930123 < 1000


def test_before_of_a_delete_holds_the_key_and_the_empty_values_of_types() -> None:
    value = envelope(event("d"))
    assert value["after"] is None
    assert value["before"] == {
        "order_id": 40279, "customer_id": 0, "store_id": 0, "status": "", "amount": "0.00",
        "created_at": "1970-01-01T00:00:00.000Z", "updated_at": "1970-01-01T00:00:00.000Z",
    }  # fmt: skip


def test_before_of_a_deleted_customer_tells_nothing_personal() -> None:
    row = dict.fromkeys(TABLES["customers"], "secret") | {"customer_id": 5}
    value = envelope(event("d", "customers", row))
    assert "secret" not in json.dumps(value)


def test_a_key_of_two_columns_keeps_both() -> None:
    document = json.loads(record(3, event("c", "order_items", dict(LINE))))
    assert document["key"] == {"order_id": 40279, "line_number": 2}


def test_a_record_is_one_line_with_its_place_in_the_topic() -> None:
    text = record(3, event("c"))
    assert "\n" not in text
    document = json.loads(text)
    assert (document["partition"], document["offset"]) == (0, 3)
    assert list(document) == ["partition", "offset", "key", "value"]


def test_a_tombstone_has_the_key_and_no_value() -> None:
    document = json.loads(record(4, event("d"), tombstone=True))
    assert document == {"partition": 0, "offset": 4, "key": {"order_id": 40279}, "value": None}


def test_snapshot_rows_say_where_they_stand_in_the_snapshot() -> None:
    assert snapshot_marks(["a", "a", "a", "b", "b", "b"]) == [
        "first", "true", "last_in_data_collection", "first_in_data_collection", "true", "last",
    ]  # fmt: skip
    assert snapshot_marks([]) == []
