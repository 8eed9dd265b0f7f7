"""Tables with delete files, as Spark and Flink make them: rows are gone from reads, counts are not taken for row counts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.update import AddSnapshotUpdate
from pyiceberg.typedef import Record

from controlplane.kernel.errors import UnableToEvaluateError
from controlplane.lakehouse.attempts import OneAttempt, set_branch
from tests.fakes.tables import Lake, lake_on_disk, orders

POSITIONS = pa.schema(
    [
        pa.field("file_path", pa.string(), nullable=False, metadata={b"PARQUET:field_id": b"2147483546"}),
        pa.field("pos", pa.int64(), nullable=False, metadata={b"PARQUET:field_id": b"2147483545"}),
    ]
)


class DeleteManifest(ManifestWriterV2):
    """pyiceberg writes data manifests only; another content is all that a delete manifest is."""

    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with lake_on_disk(tmp_path) as made:
        yield made


def delete_file(table: Table, content: DataFileContent, rows: pa.Table, equality_ids: list[int] | None) -> DataFile:
    path = f"{table.location()}/data/{content.name}.parquet"
    with table.io.new_output(path).create(overwrite=True) as stream:
        pq.write_table(rows, stream)
    made = DataFile.from_args(
        content=content,
        file_path=path,
        file_format=FileFormat.PARQUET,
        partition=Record(),
        record_count=rows.num_rows,
        file_size_in_bytes=len(table.io.new_input(path)),
        equality_ids=equality_ids,
    )
    made.spec_id = table.spec().spec_id
    return made


def commit_deletes(lake: Lake, made: DataFile) -> None:
    """Add a snapshot with one more delete file to main, as an engine that merges on read does."""
    table = lake.foreign
    head = table.current_snapshot()
    assert head is not None
    snapshot_id = table.metadata.new_snapshot_id()
    sequence = table.metadata.last_sequence_number + 1
    output = table.io.new_output(f"{table.location()}/metadata/deletes-{snapshot_id}.avro")
    with DeleteManifest(table.spec(), table.schema(), output, snapshot_id, "null") as writer:
        entry = ManifestEntry.from_args(status=ManifestEntryStatus.ADDED, snapshot_id=snapshot_id, data_file=made)
        writer.add(entry)
    manifests: list[ManifestFile] = [*head.manifests(table.io), writer.to_manifest_file()]
    place = f"{table.location()}/metadata/snap-{snapshot_id}.avro"
    with write_manifest_list(2, table.io.new_output(place), snapshot_id, head.snapshot_id, sequence, "null") as listing:
        listing.add_manifests(manifests)
    snapshot = Snapshot(
        snapshot_id=snapshot_id,
        parent_snapshot_id=head.snapshot_id,
        sequence_number=sequence,
        manifest_list=place,
        summary=Summary(Operation.DELETE),
        schema_id=table.schema().schema_id,
    )
    transaction = OneAttempt(table)
    transaction.stage((AddSnapshotUpdate(snapshot=snapshot),), ())
    transaction.stage(*set_branch("main", expected=head.snapshot_id, to=snapshot_id))
    transaction.commit_transaction()


def delete_positions(lake: Lake, uri: str, *positions: int) -> str:
    rows = pa.Table.from_pylist([{"file_path": uri, "pos": position} for position in positions], schema=POSITIONS)
    made = delete_file(lake.foreign, DataFileContent.POSITION_DELETES, rows, None)
    commit_deletes(lake, made)
    return made.file_path


def test_rows_deleted_by_position_are_gone_and_counts_are_no_row_counts(lake: Lake) -> None:
    lake.ensure()
    before = lake.put(orders(0, 1, 2, 3))
    (data_file,) = lake.head.files
    deleting = delete_positions(lake, data_file.uri, 1, 3)
    assert lake.ids() == [0, 2]
    assert lake.ids(before) == [0, 1, 2, 3]
    (seen,) = lake.head.files
    assert seen.delete_files == (deleting,)
    assert seen.record_count == 4
    assert lake.head.row_count is None
    assert lake.ids(files=[seen]) == [0, 2]


def test_a_rewrite_takes_deletes_into_account_and_later_files_are_not_touched(lake: Lake) -> None:
    lake.ensure()
    lake.put(orders(0, 1, 2, 3))
    delete_positions(lake, lake.head.files[0].uri, 0)
    files = lake.head.files
    rows = lake.reader.rows(lake.dataset, lake.head.snapshot_id, files=files).read_all()
    lake.put(rows, replaces=files, rewrite=True)
    assert lake.ids() == [1, 2, 3]
    lake.put(orders(7, 8))
    assert lake.ids() == [1, 2, 3, 7, 8]
    assert lake.head.row_count == 5


def test_equality_deletes_are_refused_not_ignored(lake: Lake) -> None:
    lake.ensure()
    lake.put(orders(0, 1))
    rows = pa.table({"order_id": pa.array([1], pa.int64())})
    commit_deletes(lake, delete_file(lake.foreign, DataFileContent.EQUALITY_DELETES, rows, [1]))
    assert lake.head.row_count is None
    with pytest.raises(UnableToEvaluateError, match="has equality deletes"):
        lake.ids()
    fresh = lake.put(orders(5))
    (newest,) = [one for one in lake.reader.snapshot(lake.dataset, fresh).files if not one.delete_files]
    assert lake.ids(files=[newest]) == [5]


def test_unreferenced_files_are_not_those_that_deletes_need(lake: Lake) -> None:

    lake.ensure()
    lake.put(orders(0, 1, 2, 3))
    delete_positions(lake, lake.head.files[0].uri, 2)
    lake.keeper.delete_unreferenced(lake.dataset, grace=timedelta(seconds=-60))
    assert lake.ids() == [0, 1, 3]
