"""Making one snapshot of a table from data files, in the shape that keeps commits quick.

pyiceberg's own overwrite carries every manifest of deleted entries along for ever, and neither of its producers merges
manifests in an overwrite. The one here drops manifests without live files and merges small ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.io.pyarrow import _dataframe_to_data_files, schema_to_pyarrow
from pyiceberg.manifest import DataFile as ManifestDataFile
from pyiceberg.manifest import ManifestContent, ManifestFile
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.update.snapshot import _ManifestMergeManager, _MergeAppendFiles, _OverwriteFiles
from pyiceberg.types import DoubleType, FloatType

from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.identity import DatasetId
from controlplane.lakehouse.attempts import OneAttempt
from controlplane.lakehouse.schemas import MERGED_BYTES, MERGED_COUNT


class LeanOverwrite(_OverwriteFiles):
    """pyiceberg's overwrite by file, without dead manifests and with small ones merged."""

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        alive = [
            manifest
            for manifest in manifests
            if manifest.has_added_files() or manifest.has_existing_files() or manifest.added_snapshot_id == self._snapshot_id
        ]
        data = [manifest for manifest in alive if manifest.content == ManifestContent.DATA]
        deletes = [manifest for manifest in alive if manifest.content == ManifestContent.DELETES]
        merging: _ManifestMergeManager[_OverwriteFiles] = _ManifestMergeManager(
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
) -> int:
    """Stage one snapshot on a branch and return its id; it is an ``append`` when nothing is removed.

    Raises:
        ValidationException: a removed file is not live on the branch.
    """
    gone = tuple(removed)
    producer: LeanOverwrite | _MergeAppendFiles
    if gone:
        producer = LeanOverwrite(
            operation=Operation.OVERWRITE,
            transaction=transaction,
            io=transaction._table.io,  # noqa: SLF001 -- pyiceberg's own builder passes it the same way
            snapshot_properties=dict(properties),
            branch=branch,
        )
        for data_file in gone:
            producer.delete_data_file(data_file)
    else:
        producer = transaction.update_snapshot(snapshot_properties=dict(properties), branch=branch).merge_append()
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
    written = tuple(_dataframe_to_data_files(table.metadata, fitting, table.io))
    for data_file in written:
        data_file.spec_id = table.metadata.default_spec_id
    for field_id in _free_of_nan(fitting, table.schema()):
        for data_file in written:
            # pyiceberg keeps no NaN counts; that there is none makes the bounds of such a column exact
            if field_id in data_file.value_counts:
                data_file.nan_value_counts[field_id] = 0
    return written


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
