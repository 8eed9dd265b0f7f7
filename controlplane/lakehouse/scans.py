"""Reading chosen data files of a table into Arrow, by field id, in canonical types."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa
from pyiceberg.exceptions import ResolveError
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.manifest import DataFile as ManifestDataFile
from pyiceberg.manifest import DataFileContent
from pyiceberg.schema import Schema
from pyiceberg.table import FileScanTask, Table
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

from controlplane.kernel.errors import CatalogUnavailableError, UnableToEvaluateError
from controlplane.kernel.identity import DatasetId
from controlplane.lakehouse.columns import ColumnStore
from controlplane.lakehouse.schemas import arrow_schema, schema_at


def projection(table: Table, dataset: DatasetId, snapshot: IcebergSnapshot, columns: Sequence[str] | None) -> Schema:
    """Return the columns to read, in the order asked for (None: all the snapshot has).

    A column the snapshot lacks but the table has by now reads as null: it was added since.

    Raises:
        UnableToEvaluateError: neither has a column of that name.
    """
    schema = schema_at(table.metadata, snapshot)
    if columns is None:
        return schema
    known = {column.name: column for column in table.metadata.schema().fields}
    known |= {column.name: column for column in schema.fields}
    unknown = [name for name in columns if name not in known]
    if unknown:
        message = f"{dataset} has no column {unknown[0]!r} at snapshot {snapshot.snapshot_id}; it has {', '.join(known)}"
        raise UnableToEvaluateError(message)
    return Schema(*(known[name] for name in columns), schema_id=schema.schema_id)


def scanned(
    table: Table,
    dataset: DatasetId,
    wanted: Schema,
    files: Sequence[tuple[ManifestDataFile, Collection[ManifestDataFile]]],
    store: ColumnStore,
) -> pa.RecordBatchReader:
    """Return the rows of data files, less those their delete files take away.

    Files are decoded one after the other, so that memory holds one file, not the table.

    Raises:
        UnableToEvaluateError: a file has equality deletes, which pyiceberg cannot read.
    """
    for data_file, deletes in files:
        if any(deleting.content == DataFileContent.EQUALITY_DELETES for deleting in deletes):
            message = f"{dataset} has equality deletes on {data_file.file_path}, which cannot be read; compact the table first"
            raise UnableToEvaluateError(message)
    target = arrow_schema(wanted)
    tasks = [FileScanTask(data_file, delete_files=set(deletes)) for data_file, deletes in files]
    return pa.RecordBatchReader.from_batches(target, _batches(table, dataset, wanted, target, tasks, store))


def _batches(
    table: Table, dataset: DatasetId, wanted: Schema, target: pa.Schema, tasks: Sequence[FileScanTask], store: ColumnStore
) -> Iterator[pa.RecordBatch]:
    for task in tasks:
        try:
            plain = None if task.delete_files else store.columns(table.io, task.file, wanted, target)
            if plain is not None:
                yield from plain.to_batches()
                continue
            for batch in ArrowScan(table.metadata, table.io, wanted, AlwaysTrue()).to_record_batches([task]):
                yield batch if batch.schema.equals(target) else batch.cast(target)
        except (OSError, pa.ArrowInvalid) as error:
            message = f"data file {task.file.file_path} of {dataset} cannot be read ({_first_line(error)}); restore it"
            raise CatalogUnavailableError(message) from error
        except (ResolveError, ValueError) as error:
            message = f"data file {task.file.file_path} of {dataset} does not fit the table's schema ({_first_line(error)})"
            raise UnableToEvaluateError(message) from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
