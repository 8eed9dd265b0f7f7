"""Making one snapshot of a table from data files, in the shape that keeps commits quick.

pyiceberg's own overwrite carries every manifest of deleted entries along for ever, and neither of its producers merges
manifests in an overwrite. The one here drops manifests without live files, merges small ones, and reads none twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.exceptions import ValidationException
from pyiceberg.io.pyarrow import ParquetFormatModel, _dataframe_to_data_files, _determine_partitions, schema_to_pyarrow
from pyiceberg.manifest import DataFile as ManifestDataFile
from pyiceberg.manifest import (
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
)
from pyiceberg.partitioning import PartitionKey
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _ManifestMergeManager, _SnapshotProducer
from pyiceberg.typedef import Record
from pyiceberg.types import DoubleType, FloatType

from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.identity import DatasetId
from controlplane.lakehouse.attempts import OneAttempt
from controlplane.lakehouse.manifests import ManifestStore
from controlplane.lakehouse.schemas import MERGED_BYTES, MERGED_COUNT

_SMALL_BYTES = 64 * 1024 * 1024
_PLAIN_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")


class LeanSnapshot(_SnapshotProducer["LeanSnapshot"]):
    """A snapshot made by adding and removing data files, without dead manifests and with small ones merged."""

    def __init__(
        self, operation: Operation, transaction: OneAttempt, branch: str, properties: Mapping[str, str], store: ManifestStore
    ) -> None:
        io = transaction._table.io  # noqa: SLF001 -- pyiceberg's own builder passes it the same way
        super().__init__(operation, transaction, io, snapshot_properties=dict(properties), branch=branch)
        self._store = store

    def _parents(self) -> tuple[ManifestFile, ...]:
        metadata = self._transaction.table_metadata
        parent = None if self._parent_snapshot_id is None else metadata.snapshot_by_id(self._parent_snapshot_id)
        return () if parent is None else self._store.manifests(self._io, parent)

    def _build_delete_files_partition_predicate(self) -> None:
        """Files are removed by name; nothing has to be found by a predicate."""

    def _existing_manifests(self) -> list[ManifestFile]:
        kept: list[ManifestFile] = []
        for manifest in self._parents():
            rest = self._rest_of(manifest)
            if rest is None:
                kept.append(manifest)
            elif rest:
                with self.new_manifest_writer(self.spec(manifest.partition_spec_id)) as writer:
                    for entry in rest:
                        writer.existing(entry)
                kept.append(writer.to_manifest_file())
        return kept

    def _rest_of(self, manifest: ManifestFile) -> list[ManifestEntry] | None:
        """Return what a manifest still lists when the removed files are gone; None where it lists none of them."""
        if not self._deleted_data_files or manifest.content != ManifestContent.DATA:
            return None
        live = self.fetch_manifest_entry(manifest)
        rest = [entry for entry in live if entry.data_file not in self._deleted_data_files]
        return None if len(rest) == len(live) else rest

    def _deleted_entries(self) -> list[ManifestEntry]:
        if not self._deleted_data_files:
            return []
        gone = [
            ManifestEntry.from_args(
                status=ManifestEntryStatus.DELETED,
                snapshot_id=self._snapshot_id,
                sequence_number=entry.sequence_number,
                file_sequence_number=entry.file_sequence_number,
                data_file=entry.data_file,
            )
            for manifest in self._parents()
            if manifest.content == ManifestContent.DATA
            for entry in self.fetch_manifest_entry(manifest)
            if entry.data_file in self._deleted_data_files
        ]
        if missing := self._deleted_data_files - {entry.data_file for entry in gone}:
            message = f"Missing required files to delete: {', '.join(sorted(one.file_path for one in missing))}"
            raise ValidationException(message)
        return gone

    def fetch_manifest_entry(self, manifest: ManifestFile, discard_deleted: bool = True) -> list[ManifestEntry]:  # noqa: FBT001, FBT002 -- pyiceberg's signature
        """Return a manifest's entries; those of earlier snapshots have mostly been read before."""
        entries = self._store.entries(self._io, manifest)
        return [entry for entry in entries if not discard_deleted or entry.status != ManifestEntryStatus.DELETED]

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        alive = [
            manifest
            for manifest in manifests
            if manifest.has_added_files() or manifest.has_existing_files() or manifest.added_snapshot_id == self._snapshot_id
        ]
        data = [manifest for manifest in alive if manifest.content == ManifestContent.DATA]
        deletes = [manifest for manifest in alive if manifest.content == ManifestContent.DELETES]
        merging: _ManifestMergeManager[LeanSnapshot] = _ManifestMergeManager(
            target_size_bytes=MERGED_BYTES, min_count_to_merge=MERGED_COUNT, merge_enabled=True, snapshot_producer=self
        )
        return merging.merge_manifests(data) + deletes


def add_snapshot(
    transaction: OneAttempt,
    branch: str,
    *,
    added: Iterable[ManifestDataFile],
    removed: Iterable[ManifestDataFile],
    properties: Mapping[str, str],
    store: ManifestStore | None = None,
) -> int:
    """Stage one snapshot on a branch and return its id; it is an ``append`` when nothing is removed.

    Args:
        store: remembers manifests read before; None reads them all.

    Raises:
        ValidationException: a removed file is not live on the branch.
    """
    gone = tuple(removed)
    operation = Operation.OVERWRITE if gone else Operation.APPEND
    producer = LeanSnapshot(operation, transaction, branch, properties, store or ManifestStore())
    for data_file in gone:
        producer.delete_data_file(data_file)
    for data_file in added:
        producer.append_data_file(data_file)
    producer.commit()
    return producer.snapshot_id


def write_data_files(table: Table, dataset: DatasetId, rows: pa.Table) -> tuple[ManifestDataFile, ...]:
    """Write rows as Parquet files of the table's partitions and return what manifests say about them.

    Raises:
        ConfigurationError: the rows do not fit the table's columns.
    """
    fitting = fitted(rows, table.schema(), dataset)
    if fitting.num_rows == 0:
        return ()
    written = tuple(_written(table, fitting))
    for data_file in written:
        data_file.spec_id = table.metadata.default_spec_id
    for field_id in _free_of_nan(fitting, table.schema()):
        for data_file in written:
            # pyiceberg keeps no NaN counts; that there is none makes the bounds of such a column exact
            if field_id in data_file.value_counts:
                data_file.nan_value_counts[field_id] = 0
    return written


def _written(table: Table, rows: pa.Table) -> Iterable[ManifestDataFile]:
    """Write one file per partition; what is large, or has names that files spell otherwise, is left to pyiceberg.

    pyiceberg fits rows to the schema once more and works through thread pools, which takes longer than writing a small file.
    """
    schema, metadata = table.schema(), table.metadata
    parquet = metadata.properties.get("write.format.default", "parquet") == "parquet"
    if rows.nbytes > _SMALL_BYTES or not parquet or not all(_PLAIN_NAME.fullmatch(name) for name in rows.schema.names):
        yield from _dataframe_to_data_files(metadata, rows, table.io)
        return
    spec, unique = table.spec(), uuid4()
    parts = [(rows, None)] if spec.is_unpartitioned() else _partitions(table, rows)
    for number, (part, key) in enumerate(parts):
        path = table.location_provider().new_data_location(f"00000-{number}-{unique}.parquet", key)
        output = table.io.new_output(path)
        with ParquetFormatModel().create_writer(output, schema, metadata.properties) as writer:
            writer.write(part)
        yield ManifestDataFile.from_args(
            content=DataFileContent.DATA,
            file_path=path,
            file_format=FileFormat.PARQUET,
            partition=Record() if key is None else key.partition,
            file_size_in_bytes=len(output),
            sort_order_id=None,
            spec_id=metadata.default_spec_id,
            equality_ids=None,
            key_metadata=None,
            **writer.result().to_serialized_dict(),
        )


def _partitions(table: Table, rows: pa.Table) -> Iterable[tuple[pa.Table, PartitionKey | None]]:
    for found in _determine_partitions(table.spec(), table.schema(), rows):
        yield found.arrow_table_partition, found.partition_key


def _free_of_nan(rows: pa.Table, schema: Schema) -> tuple[int, ...]:
    return tuple(
        column.field_id
        for column in schema.fields
        if isinstance(column.field_type, (FloatType, DoubleType)) and not pc.any(pc.is_nan(rows.column(column.name))).as_py()
    )


def fitted(rows: pa.Table, schema: Schema, dataset: DatasetId) -> pa.Table:
    """Return rows with the table's columns in the table's order and types; columns they lack are null.

    Raises:
        ConfigurationError: a column is not in the table, cannot be cast, or is null where the table requires a value.
            Values are not quoted.
    """
    target = schema_to_pyarrow(schema)
    extra = [name for name in rows.column_names if name not in schema.column_names]
    if extra:
        message = (
            f"rows for {dataset} have column {extra[0]!r}, which the table does not; it has {', '.join(schema.column_names)}"
        )
        raise ConfigurationError(message)
    columns = [_column(rows, field, dataset) for field in target]
    return pa.Table.from_arrays(columns, schema=target)


def _column(rows: pa.Table, field: pa.Field, dataset: DatasetId) -> pa.ChunkedArray:
    if field.name not in rows.column_names:
        values = pa.chunked_array([pa.nulls(rows.num_rows, field.type)])
    else:
        values = rows.column(field.name)
        try:
            values = values.cast(field.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            # Arrow's message quotes the value, which may be personal
            message = f"column {field.name!r} for {dataset} comes as {values.type}, and not every value fits {field.type}"
            raise ConfigurationError(message) from None
    if not field.nullable and values.null_count:
        message = (
            f"column {field.name!r} of {dataset} is required, but {values.null_count} of {rows.num_rows} rows have no value"
        )
        raise ConfigurationError(message)
    return values
