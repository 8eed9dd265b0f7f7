"""Rows and statistics of tables are read by snapshot, by file and by field id; what is not known is not made up."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.types import DoubleType, LongType

from controlplane.gate.model import TableDefinition
from controlplane.kernel.errors import NotAppendOnlyError, SnapshotExpiredError, UnableToEvaluateError
from controlplane.kernel.identity import SnapshotId
from controlplane.kernel.table import Snapshot
from controlplane.kernel.types import arrow_type
from controlplane.lakehouse.snapshots import fitted
from tests.fakes.tables import BUCKETED, NOON, ORDERS, Lake, lake_on_disk, lake_on_s3, orders, s3_server

ALL_TYPES = TableDefinition(
    (
        ("a_long", "long", False), ("an_int", "int", False), ("a_double", "double", False), ("a_float", "float", False),
        ("a_boolean", "boolean", False), ("a_string", "string", False), ("a_date", "date", False), ("a_time", "time", False),
        ("a_moment", "timestamptz", False), ("a_wall_time", "timestamp", False), ("a_binary", "binary", False),
        ("a_decimal", "decimal(38, 4)", False),
    )
)  # fmt: skip
LOW = {
    "a_long": -(2**63), "an_int": -5, "a_double": -1.5, "a_float": -1.5, "a_boolean": False, "a_string": "a" * 40,
    "a_date": date(1969, 12, 31), "a_time": time(0, 0, 1), "a_moment": datetime(1969, 12, 31, 23, tzinfo=UTC),
    "a_wall_time": NOON.replace(tzinfo=None), "a_binary": b"\x00" * 40, "a_decimal": Decimal("-12345678901234567890.1234"),
}  # fmt: skip
HIGH = {
    "a_long": 2**63 - 1, "an_int": 7, "a_double": 2.25, "a_float": 2.25, "a_boolean": True, "a_string": "z" * 40,
    "a_date": date(2017, 10, 9), "a_time": time(23, 59, 59, 999999), "a_moment": datetime(2017, 10, 9, tzinfo=UTC),
    "a_wall_time": NOON.replace(tzinfo=None, microsecond=1), "a_binary": b"\xf0" * 40, "a_decimal": Decimal("99.0001"),
}  # fmt: skip


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Lake]:
    with lake_on_disk(tmp_path) as made:
        yield made


@pytest.fixture(params=["disk", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lake]:
    if request.param == "disk":
        with lake_on_disk(tmp_path) as made:
            yield made
    else:
        with lake_on_s3(tmp_path, request.getfixturevalue("endpoint")) as made:
            yield made


def all_types(*rows: dict[str, object]) -> pa.Table:
    schema = pa.schema([(name, arrow_type(kind)) for name, kind, _ in ALL_TYPES.fields])
    return pa.Table.from_pylist([{**dict.fromkeys(schema.names), **row} for row in rows], schema=schema)


def appended_ids(lake: Lake, after: SnapshotId | None, upto: SnapshotId) -> list[int]:
    return sorted(lake.reader.appended(lake.dataset, after, upto, ["order_id"]).column("order_id").to_pylist())


# rows


def test_rows_have_the_canonical_types_and_the_values_written(lake: Lake) -> None:
    lake.ensure(ALL_TYPES)
    lake.put(all_types(LOW, HIGH, {}))
    read = lake.reader.rows(lake.dataset, lake.head.snapshot_id).read_all()
    assert read.schema.types == [arrow_type(kind) for _, kind, _ in ALL_TYPES.fields]
    assert read.to_pylist() == [LOW, HIGH, dict.fromkeys(LOW)]


def test_rows_of_chosen_files_and_columns_only(lake: Lake) -> None:
    lake.ensure(BUCKETED)
    lake.put(orders(*range(30)))
    files = lake.head.files
    assert len(files) == 4
    parts = [lake.ids(files=[one]) for one in files]
    assert sorted(number for part in parts for number in part) == list(range(30))
    assert all(len(part) == one.record_count for part, one in zip(parts, files, strict=True))
    assert lake.ids(files=[]) == []
    reader = lake.reader.rows(lake.dataset, lake.head.snapshot_id, ["amount", "order_id"], files[:1])
    assert reader.schema.names == ["amount", "order_id"]
    assert reader.read_all().num_rows == files[0].record_count


def test_a_file_that_is_not_the_snapshots_is_refused(disk: Lake) -> None:
    disk.ensure()
    disk.put(orders(1))
    stale = disk.head.files
    disk.put(orders(2), replaces=stale)
    with pytest.raises(SnapshotExpiredError, match="has no data file"):
        disk.reader.rows(disk.dataset, disk.head.snapshot_id, files=stale)


def test_an_unknown_column_or_snapshot_is_told(disk: Lake) -> None:
    head = disk.ensure()
    with pytest.raises(UnableToEvaluateError, match=r"no column 'nothing' .* it has order_id, status"):
        disk.reader.rows(disk.dataset, head, ["nothing"])
    with pytest.raises(SnapshotExpiredError, match="is gone"):
        disk.reader.rows(disk.dataset, SnapshotId(head + 1))
    with pytest.raises(SnapshotExpiredError, match="is gone"):
        disk.reader.snapshot(disk.dataset, SnapshotId(head + 1))


def test_columns_are_found_by_field_id_after_a_rename_and_a_swap(disk: Lake) -> None:
    disk.ensure()
    before = disk.put(orders(1, status="kept"))
    with disk.foreign.update_schema() as update:
        update.rename_column("status", "state")
    with disk.foreign.update_schema() as update:
        update.add_column("status", LongType())
    rows = disk.reader.rows(disk.dataset, before, ["state", "status"]).read_all().to_pylist()
    assert rows == [{"state": "kept", "status": None}]


def test_a_widened_column_reads_old_files_and_their_bounds(disk: Lake) -> None:
    disk.ensure(TableDefinition((("number", "int", False), ("ratio", "float", False))))
    disk.put(pa.table({"number": pa.array([1, 2], pa.int32()), "ratio": pa.array([0.5, 1.5], pa.float32())}))
    with disk.foreign.update_schema() as update:
        update.update_column("number", LongType())
        update.update_column("ratio", DoubleType())
    head = disk.head
    assert [column.type for column in head.schema.fields] == ["long", "double"]
    (data_file,) = head.files
    assert (data_file.stats[1].lower, data_file.stats[1].upper) == (1, 2)
    assert (data_file.stats[2].lower, data_file.stats[2].upper) == (0.5, 1.5)
    read = disk.reader.rows(disk.dataset, head.snapshot_id).read_all()
    assert read.to_pylist() == [{"number": 1, "ratio": 0.5}, {"number": 2, "ratio": 1.5}]
    assert read.schema.types == [pa.int64(), pa.float64()]


def test_a_missing_data_file_is_told_when_its_rows_are_read(disk: Lake) -> None:
    disk.ensure()
    disk.put(orders(1))
    disk.foreign.io.delete(disk.head.files[0].uri)
    with pytest.raises(Exception, match="cannot be read") as caught:
        disk.ids()
    assert "restore it" in str(caught.value)


# snapshots


def test_the_head_loads_no_manifest_until_files_are_asked_for(disk: Lake) -> None:
    disk.ensure()
    disk.put(orders(1))
    head = disk.head
    disk.foreign.io.delete(disk.foreign.metadata.snapshot_by_id(head.snapshot_id).manifest_list)  # type: ignore[union-attr]
    assert head.published_at == NOON
    with pytest.raises(Exception, match="does not answer"):
        _ = head.files


def test_the_ancestry_is_newest_first_and_without_files(lake: Lake) -> None:
    first = lake.ensure()
    second = lake.put(orders(1))
    run_id, third = lake.write(orders(2))
    chain = lake.reader.lineage_of(lake.dataset, third)
    assert [one.snapshot_id for one in chain] == [third, second, first]
    assert [one.parent_id for one in chain] == [second, first, None]
    assert all(type(one) is Snapshot and one.files == () for one in chain)
    assert lake.reader.snapshot(lake.dataset, third).properties["controlplane.run-id"] == str(run_id)


def test_foreign_snapshots_have_no_publish_time(disk: Lake) -> None:
    disk.ensure()
    disk.foreign.append(fitted(orders(1), disk.foreign.schema(), disk.dataset))
    assert disk.head.published_at is None
    disk.foreign.append(
        fitted(orders(2), disk.foreign.schema(), disk.dataset), snapshot_properties={"controlplane.published-at": "yesterday"}
    )
    assert disk.head.published_at is None


# statistics


def test_bounds_are_values_and_marked_where_they_may_be_cut(lake: Lake) -> None:
    lake.ensure(ALL_TYPES)
    lake.put(all_types(LOW, HIGH, {}))
    (data_file,) = lake.head.files
    names = {column.field_id: column.name for column in lake.head.schema.fields}
    assert len(data_file.stats) == len(names)
    for field_id, stats in data_file.stats.items():
        name = names[field_id]
        assert (stats.value_count, stats.null_count) == (3, 1), name
        if name in {"a_string", "a_binary"}:
            assert not stats.bounds_exact
            assert stats.lower == LOW[name][:16]  # type: ignore[index]
            assert stats.upper > HIGH[name]  # type: ignore[operator]
        else:
            assert (stats.lower, stats.upper) == (LOW[name], HIGH[name]), name
            assert stats.bounds_exact, name
            assert stats.nan_count == (0 if name in {"a_double", "a_float"} else None), name


def test_bounds_that_leave_nan_out_are_not_exact(disk: Lake) -> None:
    disk.ensure(TableDefinition((("ratio", "double", False),)))
    disk.put(pa.table({"ratio": pa.array([1.0, math.nan, 3.0])}))
    stats = disk.head.files[0].stats[1]
    assert stats.nan_count is None
    assert not stats.bounds_exact
    disk.foreign.overwrite(pa.table({"ratio": pa.array([1.0, 3.0])}))
    assert not disk.head.files[0].stats[1].bounds_exact


def test_statistics_that_were_not_kept_are_unknown_not_zero(disk: Lake) -> None:
    disk.ensure(TableDefinition(ORDERS.fields, properties={"write.metadata.metrics.column.amount": "none"}))
    disk.put(orders(1, 2))
    stats = disk.head.files[0].stats[3]
    assert (stats.value_count, stats.null_count, stats.nan_count) == (None, None, None)
    assert (stats.lower, stats.upper, stats.bounds_exact) == (None, None, False)


def test_a_column_without_any_value_has_no_bounds(disk: Lake) -> None:
    disk.ensure()
    disk.put(orders(1, 2, status=None))
    stats = disk.head.files[0].stats[2]
    assert (stats.value_count, stats.null_count, stats.lower, stats.upper) == (2, 2, None, None)


def test_files_know_their_partition_size_and_sequence(disk: Lake) -> None:
    disk.ensure(TableDefinition(ORDERS.fields, partition=("day(created_at)", "bucket(4, order_id)")))
    disk.put(orders(1))
    disk.put(orders(2))
    head = disk.head
    assert {one.partition[0] for one in head.files} == {(NOON.date() - date(1970, 1, 1)).days}
    assert sorted(one.sequence_number for one in head.files) == [2, 3]
    assert all(one.size_bytes > 0 and one.delete_files == () for one in head.files)
    assert head.row_count == 2


# appended


def test_rows_appended_between_two_snapshots(lake: Lake) -> None:
    lake.ensure()
    first = lake.put(orders(1, 2))
    second = lake.put(orders(3))
    third = lake.put(orders())
    fourth = lake.put(orders(4))
    assert appended_ids(lake, first, fourth) == [3, 4]
    assert appended_ids(lake, first, second) == [3]
    assert appended_ids(lake, second, third) == []
    assert appended_ids(lake, fourth, fourth) == []
    assert appended_ids(lake, None, fourth) == [1, 2, 3, 4]
    assert lake.reader.appended(lake.dataset, first, fourth).schema.names == [name for name, _, _ in ORDERS.fields]


def test_our_own_rewrites_are_no_news(lake: Lake) -> None:
    lake.ensure()
    first = lake.put(orders(1))
    second = lake.put(orders(2))
    files = lake.head.files
    rows = lake.reader.rows(lake.dataset, second, files=files).read_all()
    rewritten = lake.put(rows, replaces=files, rewrite=True)
    last = lake.put(orders(3))
    assert len(lake.reader.snapshot(lake.dataset, rewritten).files) == 1
    assert appended_ids(lake, first, last) == [2, 3]
    assert appended_ids(lake, second, last) == [3]
    assert appended_ids(lake, rewritten, last) == [3]
    assert appended_ids(lake, None, last) == [1, 2, 3]


def test_anything_else_between_is_refused(lake: Lake) -> None:
    lake.ensure()
    first = lake.put(orders(1, 2))
    second = lake.put(orders(3), replaces=lake.head.files)
    third = lake.put(orders(4))
    with pytest.raises(NotAppendOnlyError, match=f"snapshot {second} of .* is 'overwrite'"):
        lake.reader.appended(lake.dataset, first, third)
    assert appended_ids(lake, second, third) == [4]
    lake.foreign.delete("order_id = 4")
    with pytest.raises(NotAppendOnlyError, match="is 'delete'"):
        lake.reader.appended(lake.dataset, third, lake.head.snapshot_id)


def test_rows_appended_since_an_expired_or_foreign_snapshot_cannot_be_told(lake: Lake) -> None:
    base = lake.ensure()
    first = lake.put(orders(1))
    second = lake.put(orders(2), at=NOON + timedelta(hours=2))
    third = lake.put(orders(3), at=NOON + timedelta(hours=2))
    run_id, branched = lake.write(orders(9))
    assert lake.keeper.expire(lake.dataset, published_before=NOON + timedelta(hours=1), keep=(), needed_from=None) == 2
    for gone in (base, first, SnapshotId(7)):
        with pytest.raises(SnapshotExpiredError, match="no longer an ancestor"):
            lake.reader.appended(lake.dataset, gone, third)
    with pytest.raises(SnapshotExpiredError, match="no longer an ancestor"):
        lake.reader.appended(lake.dataset, branched, third)
    assert appended_ids(lake, second, third) == [3]
    # from the beginning means the whole snapshot, whatever has expired
    assert appended_ids(lake, None, third) == [1, 2, 3]
    assert appended_ids(lake, third, branched) == [9]
    lake.writer.drop_branch(lake.dataset, run_id)


def test_appended_rows_read_in_the_schema_of_the_end(disk: Lake) -> None:
    disk.ensure()
    base = disk.put(orders(1))
    disk.put(orders(2))
    with disk.foreign.update_schema() as update:
        update.add_column("note", LongType())
    last = disk.put(orders(3))
    rows = disk.reader.appended(disk.dataset, base, last, ["order_id", "note"])
    assert rows.schema.types == [pa.int64(), pa.int64()]
    assert sorted(rows.column("order_id").to_pylist()) == [2, 3]
    assert rows.column("note").null_count == 2
