"""What the lakehouse remembers of files that never change: the same rows and the same text as read or written anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import FileScanTask, Table

from controlplane.kernel.identity import DatasetId
from controlplane.lakehouse.columns import ColumnStore
from controlplane.lakehouse.manifests import ManifestStore, live_files
from controlplane.lakehouse.metadata import MetadataText
from controlplane.lakehouse.schemas import arrow_schema
from controlplane.lakehouse.sqlcatalog import RememberingSqlCatalog
from tests.fakes.tables import Lake, lake_on_disk, orders


@pytest.fixture
def lake(tmp_path: Path) -> Iterator[Lake]:
    with lake_on_disk(tmp_path) as made:
        made.ensure()
        for ids in ((1, 2, 3), (4, 5)):
            run_id, written = made.write(orders(*ids))
            made.writer.publish(made.dataset, run_id, written)
        yield made


def file_of(table: Table) -> DataFile:
    snapshot = table.current_snapshot()
    assert snapshot is not None
    return live_files(table, snapshot, ManifestStore())[0].data_file


def remembered(store: ColumnStore, table: Table, wanted: Schema) -> pa.Table | None:
    return store.columns(table.io, file_of(table), wanted, arrow_schema(wanted))


def test_columns_are_those_that_a_scan_finds(lake: Lake) -> None:
    table, store = lake.foreign, ColumnStore()
    wanted = Schema(*reversed(table.schema().fields))
    scan = ArrowScan(table.metadata, table.io, wanted, AlwaysTrue()).to_table([FileScanTask(file_of(table))])
    for _ in range(2):
        found = remembered(store, table, wanted)
        assert found is not None
        assert found.to_pylist() == scan.to_pylist()
        assert found.schema.equals(arrow_schema(wanted))


def test_a_file_is_read_once_for_each_column(lake: Lake) -> None:
    table, store = lake.foreign, ColumnStore()
    first, second = (Schema(field) for field in table.schema().fields[:2])
    assert remembered(store, table, first) is not None
    Path(file_of(table).file_path.removeprefix("file://")).unlink()
    assert remembered(store, table, first) is not None, "it is remembered"
    with pytest.raises(FileNotFoundError):
        remembered(store, table, second)


def test_only_so_much_is_remembered(lake: Lake) -> None:
    table, store = lake.foreign, ColumnStore(kept_bytes=1)
    wanted = Schema(table.schema().fields[0])
    assert remembered(store, table, wanted) is not None
    Path(file_of(table).file_path.removeprefix("file://")).unlink()
    with pytest.raises(FileNotFoundError):
        remembered(store, table, wanted)


def test_a_file_of_other_types_or_without_a_column_is_left_to_the_scan(lake: Lake) -> None:
    table, store = lake.foreign, ColumnStore()
    path, wanted = file_of(table).file_path.removeprefix("file://"), table.schema()
    kept = parquet.read_table(path)
    name = kept.schema.names[0]
    narrow = kept.schema.field(0).with_type(pa.int32())
    parquet.write_table(kept.set_column(0, narrow, kept.column(0).cast(pa.int32())), path)
    assert remembered(store, table, Schema(wanted.fields[0])) is None, name
    parquet.write_table(kept.drop_columns([name]), path)
    assert remembered(store, table, wanted) is None


def test_metadata_is_written_as_pyiceberg_writes_it(lake: Lake) -> None:
    catalog = lake.catalog.connected()
    assert isinstance(catalog, RememberingSqlCatalog)
    metadata, texts = lake.catalog.table(lake.dataset).metadata, MetadataText()
    assert len(metadata.snapshots) == 3
    for _ in range(2):
        assert texts.of(metadata) == metadata.model_dump_json()
    empty = metadata.model_copy(update={"snapshots": []})
    assert texts.of(empty) == empty.model_dump_json()


def test_a_table_is_as_the_catalog_says_now(lake: Lake) -> None:
    seen = lake.catalog.table(lake.dataset).metadata
    lake.foreign.append(lake.foreign.scan().to_arrow().slice(0, 1))
    assert lake.catalog.table(lake.dataset).metadata.current_snapshot_id != seen.current_snapshot_id
    assert lake.catalog.table(DatasetId("iceberg://other", lake.dataset.name)).metadata.snapshots
