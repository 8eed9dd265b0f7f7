"""Columns of small data files: read straight from Parquet, and remembered, since a data file never changes once it is written.

A table that takes small batches consists of many small files, and every audit reads them all. pyiceberg's scan takes
milliseconds for each, whatever is in it; it is still what reads large files, and those that do not look as the table does.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from threading import Lock

import pyarrow as pa
from pyarrow import parquet
from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile, FileFormat
from pyiceberg.schema import Schema

_MEGABYTE = 1024 * 1024
_SMALL_BYTES = 4 * _MEGABYTE
_KEPT_BYTES = 64 * _MEGABYTE
_MANY_ROWS = 50_000
_FIELD_ID = b"PARQUET:field_id"
_WIDER = {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}

_Key = tuple[str, int, pa.DataType]


class ColumnStore:
    """Reads columns of small data files and remembers the last ones read. Thread-safe."""

    def __init__(self, kept_bytes: int = _KEPT_BYTES) -> None:
        """Keep at most ``kept_bytes`` of decoded columns in memory."""
        self._limit = kept_bytes
        self._lock = Lock()
        self._bytes = 0
        self._known: OrderedDict[_Key, pa.ChunkedArray] = OrderedDict()

    def columns(self, io: FileIO, data_file: DataFile, wanted: Schema, target: pa.Schema) -> pa.Table | None:
        """Return the wanted columns of a data file, None where it is large or has not just these columns in these types.

        Args:
            wanted: the fields to read, found in the file by their ids; target: their names and Arrow types.

        Raises:
            OSError, ArrowInvalid: the file cannot be read.
        """
        if data_file.file_size_in_bytes > _SMALL_BYTES or data_file.file_format != FileFormat.PARQUET or not wanted.fields:
            return None
        types = {column.field_id: field.type for column, field in zip(wanted.fields, target, strict=True)}
        known = self._remembered(data_file.file_path, types)
        missing = {field_id: kind for field_id, kind in types.items() if field_id not in known}
        if missing:
            read = _read(io, data_file, missing)
            if read is None:
                return None
            self._remember(data_file.file_path, read)
            known |= read
        return pa.Table.from_arrays([known[column.field_id] for column in wanted.fields], schema=target)

    def _remembered(self, path: str, types: Mapping[int, pa.DataType]) -> dict[int, pa.ChunkedArray]:
        found: dict[int, pa.ChunkedArray] = {}
        with self._lock:
            for field_id, kind in types.items():
                column = self._known.get((path, field_id, kind))
                if column is not None:
                    self._known.move_to_end((path, field_id, kind))
                    found[field_id] = column
        return found

    def _remember(self, path: str, read: Mapping[int, pa.ChunkedArray]) -> None:
        with self._lock:
            for field_id, column in read.items():
                if (path, field_id, column.type) not in self._known:
                    self._known[path, field_id, column.type] = column
                    self._bytes += column.nbytes
            while self._bytes > self._limit:
                _, dropped = self._known.popitem(last=False)
                self._bytes -= dropped.nbytes


def _read(io: FileIO, data_file: DataFile, types: Mapping[int, pa.DataType]) -> dict[int, pa.ChunkedArray] | None:
    """Return columns by field id; None unless the file has every one of them in its type."""
    with io.new_input(data_file.file_path).open() as stream, parquet.ParquetFile(stream) as opened:
        there = {int((field.metadata or {}).get(_FIELD_ID, -1)): field for field in opened.schema_arrow}
        names = {field_id: there[field_id].name for field_id in types if field_id in there}
        fitting = all(_WIDER.get(there[field_id].type, there[field_id].type) == types[field_id] for field_id in names)
        if len(names) < len(types) or not fitting:
            return None
        table = opened.read(columns=list(names.values()), use_threads=data_file.record_count > _MANY_ROWS)
    return {field_id: table.column(name).cast(types[field_id]) for field_id, name in names.items()}
