"""Tables are created and evolved to their definition, and what other writers change in them is noticed: on disk and on S3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from pyiceberg.types import LongType, StringType

from controlplane.gate.model import TableDefinition
from controlplane.kernel.errors import ConfigurationError, DatasetUnknownError
from controlplane.kernel.identity import SnapshotId
from tests.fakes.tables import NOON, ORDERS, Lake, lake_on_disk, lake_on_s3, orders, s3_server

ORDERS_NAMES = ("order_id", "status", "amount", "created_at")


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


def test_a_table_not_created_yet_has_no_head_and_no_expected_schema(lake: Lake) -> None:
    assert lake.reader.head(lake.dataset) is None
    assert lake.writer.expected_schema(lake.dataset) is None
    with pytest.raises(DatasetUnknownError, match=r"silver\.orders is not in catalog"):
        lake.reader.snapshot(lake.dataset, SnapshotId(1))


def test_ensure_creates_a_table_with_an_empty_snapshot_and_is_repeatable(lake: Lake) -> None:
    first = lake.ensure()
    assert lake.ensure() == first
    assert lake.head.snapshot_id == first
    assert lake.head.published_at == NOON
    assert lake.head.row_count == 0
    assert lake.head.operation == "append"
    schema = lake.writer.expected_schema(lake.dataset)
    assert schema is not None
    assert [(one.field_id, one.name, one.type, one.required) for one in schema.fields] == [
        (1, "order_id", "long", True),
        (2, "status", "string", False),
        (3, "amount", "decimal(12, 2)", False),
        (4, "created_at", "timestamptz", False),
    ]
    assert lake.foreign.metadata.format_version == 2


def test_every_partition_transform_is_understood(disk: Lake) -> None:
    texts = ("bucket(4, order_id)", "truncate(3, status)", "amount", "day(created_at)")
    disk.ensure(TableDefinition(ORDERS.fields, partition=texts))
    disk.put(orders(1, 2, 3))
    assert [str(part.transform) for part in disk.foreign.spec().fields] == ["bucket[4]", "truncate[3]", "identity", "day"]
    assert disk.ids() == [1, 2, 3]
    disk.ensure(TableDefinition(ORDERS.fields, partition=texts))


@pytest.mark.parametrize(
    "texts",
    [
        ("buckets(4, order_id)",),
        ("bucket(4, nothing)",),
        ("day(order_id)",),
        ("bucket(order_id)",),
        ("order_id", "bucket(4, order_id)"),
    ],
)
def test_a_partition_that_cannot_be_used_is_told(disk: Lake, texts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError, match="partition"):
        disk.ensure(TableDefinition(ORDERS.fields, partition=texts))


def test_a_new_optional_column_is_added_and_old_rows_read_as_null(lake: Lake) -> None:
    lake.ensure()
    before = lake.put(orders(1))
    wider = replace(ORDERS, fields=(*ORDERS.fields, ("channel", "string", False)))
    lake.ensure(wider)
    lake.put(orders(2).append_column("channel", pa.array(["web"], pa.large_string())))
    schema = lake.writer.expected_schema(lake.dataset)
    assert schema is not None
    assert schema.names == ("order_id", "status", "amount", "created_at", "channel")
    rows = lake.reader.rows(lake.dataset, lake.head.snapshot_id, ["order_id", "channel"]).read_all().to_pylist()
    assert sorted(rows, key=lambda row: row["order_id"]) == [
        {"order_id": 1, "channel": None},
        {"order_id": 2, "channel": "web"},
    ]
    assert lake.reader.snapshot(lake.dataset, before).schema.names == ORDERS_NAMES
    assert lake.reader.rows(lake.dataset, before, ["channel"]).read_all().to_pylist() == [{"channel": None}]


def test_a_column_that_is_no_longer_required_may_be_null(disk: Lake) -> None:
    disk.ensure()
    disk.ensure(replace(ORDERS, fields=(("order_id", "long", False), *ORDERS.fields[1:])))
    disk.put(orders(1).set_column(0, "order_id", pa.array([None], pa.int64())))
    assert disk.head.row_count == 1


@pytest.mark.parametrize(
    ("definition", "sentence"),
    [
        (replace(ORDERS, fields=(*ORDERS.fields, ("channel", "string", True))), "channel is new and required"),
        (replace(ORDERS, fields=ORDERS.fields[:3]), "created_at is in the table, but no longer in the contract"),
        (
            replace(ORDERS, fields=(("order_id", "string", True), *ORDERS.fields[1:])),
            "stored as long, the contract says",
        ),
        (replace(ORDERS, partition=("day(created_at)",)), r"partitioned by nothing, the contract says day\(created_at\)"),
    ],
)
def test_what_needs_a_rewrite_is_refused_with_the_difference(disk: Lake, definition: TableDefinition, sentence: str) -> None:
    head = disk.ensure()
    with pytest.raises(ConfigurationError, match=sentence):
        disk.ensure(definition)
    assert disk.head.snapshot_id == head


def test_a_column_of_another_writer_breaks_neither_reads_nor_writes(lake: Lake) -> None:
    lake.ensure()
    lake.put(orders(1))
    with lake.foreign.update_schema() as update:
        update.add_column("note", StringType())
    lake.ensure()
    lake.put(orders(2))
    assert lake.ids() == [1, 2]
    assert lake.head.schema.names[-1] == "note"
    schema = lake.writer.expected_schema(lake.dataset)
    assert schema is not None
    assert "note" not in schema.names


def test_a_column_dropped_and_added_again_by_another_writer_is_noticed(lake: Lake) -> None:
    lake.ensure()
    lake.put(orders(1, status="old"))
    with lake.foreign.update_schema(allow_incompatible_changes=True) as update:
        update.delete_column("status")
    with lake.foreign.update_schema() as update:
        update.add_column("status", StringType())
    assert lake.reader.rows(lake.dataset, lake.head.snapshot_id, ["status"]).read_all().to_pylist() == [{"status": None}]
    with pytest.raises(ConfigurationError, match=r"dropped and added again by another writer \(field id was 2, is 5\)"):
        lake.ensure()


def test_a_required_column_of_another_writer_is_told_before_anything_is_written(disk: Lake) -> None:
    disk.ensure()
    with disk.foreign.update_schema(allow_incompatible_changes=True) as update:
        update.add_column("note", LongType(), required=True)
    with pytest.raises(ConfigurationError, match="note, which another writer added, is required"):
        disk.ensure()


def test_bounds_of_hidden_fields_reach_no_manifest_and_counts_do(disk: Lake) -> None:
    disk.ensure()
    disk.put(orders(1, 2, status="secret words"))
    (stats,) = [data_file.stats[2] for data_file in disk.head.files]
    assert (stats.lower, stats.upper, stats.value_count, stats.null_count) == (None, None, 2, 0)
    manifests = [manifest for snapshot in disk.foreign.snapshots() for manifest in snapshot.manifests(disk.foreign.io)]
    assert not any(
        b"secret" in (entry.data_file.lower_bounds or {}).get(2, b"")
        for manifest in manifests
        for entry in manifest.fetch_manifest_entry(disk.foreign.io)
    )
    disk.ensure(replace(ORDERS, hidden_bounds=()))
    disk.put(orders(3, status="public"))
    assert disk.foreign.properties.get("write.metadata.metrics.column.status") is None
