"""Decoders of the file formats that clear values could hide in: what a raw search of the bytes would not see.

Formats: Apache Parquet, Apache Avro 1.12 object container files, Iceberg table metadata and manifests, SQLite 3 database files.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import fastavro
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pii_policies.proving import Search

_BATCH_ROWS = 65_536
_BOUNDS = frozenset({"lower_bound", "upper_bound", "lower_bounds", "upper_bounds"})
_OPAQUE = {
    b"PK\x03\x04": "a zip archive", b"ORC": "an ORC file", b"ARROW1": "an Arrow file", b"\x28\xb5\x2f\xfd": "a zstd file",
    b"BZh": "a bzip2 file", b"\xfd7zXZ\x00": "an xz file", b"7z\xbc\xaf": "a 7z archive", b"\x04\x22\x4d\x18": "an lz4 file",
    b"PARE": "an encrypted Parquet file", b"PFA1": "a Puffin file",
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A file to decode.

    Attributes:
        name: its path, as findings name it.
        open: returns it opened for reading at any position.
        local: where it is on this machine; None when it is elsewhere.
    """

    name: str
    open: Callable[[], pa.NativeFile]
    local: Path | None = None

    def read(self) -> bytes:
        """Return all its bytes."""
        with self.open() as handle:
            return bytes(handle.read())


def decode(source: Source, start: bytes, search: Search) -> None:
    """Decode one file by its first bytes and search all that is in it.

    Args:
        source: the file.
        start: its first bytes, 16 or all.
        search: remembers what is found, and a file that cannot be decoded.
    """
    opaque = next((what for magic, what in _OPAQUE.items() if start.startswith(magic)), None)
    if opaque is not None:
        search.unreadable(source.name, f"{opaque} cannot be decoded here; look into it by other means")
        return
    decoder = next((known for magic, known in _DECODERS.items() if start.startswith(magic)), _plain_file)
    try:
        decoder(source, search)
    except Exception as error:  # noqa: BLE001 (decoders fail in many ways; an undecoded file must never count as clean)
        search.unreadable(source.name, f"it cannot be decoded ({type(error).__name__}); repair or remove it and search again")


def _parquet(source: Source, search: Search) -> None:
    with source.open() as handle, pq.ParquetFile(handle) as file:
        _parquet_footer(source.name, file, search)
        for batch in file.iter_batches(batch_size=_BATCH_ROWS):
            for name, column in zip(batch.schema.names, batch.columns, strict=True):
                for leaf in _leaves(column):
                    _arrow_values(f"{source.name}!{name}", leaf, search)


def _parquet_footer(place: str, file: pq.ParquetFile, search: Search) -> None:
    described = [file.metadata.metadata, file.schema_arrow.metadata, *(field.metadata for field in file.schema_arrow)]
    search.value(place, "parquet_metadata", [described, file.schema_arrow.names, str(file.metadata.created_by)])
    for group in range(file.metadata.num_row_groups):
        for index in range(file.metadata.num_columns):
            column = file.metadata.row_group(group).column(index)
            if column.statistics is not None and column.statistics.has_min_max:
                for bound in (column.statistics.min, column.statistics.max):
                    search.bound(f"{place}!{column.path_in_schema}", "parquet_statistics", bound)


def _leaves(array: pa.Array) -> Iterator[pa.Array]:
    """Yield the arrays of plain values that a nested array is made of."""
    kind = array.type
    if isinstance(array, pa.ExtensionArray):
        yield from _leaves(array.storage)
    elif pa.types.is_dictionary(kind):
        yield from _leaves(array.dictionary)
    elif pa.types.is_map(kind):
        yield from _leaves(array.keys)
        yield from _leaves(array.items)
    elif pa.types.is_struct(kind):
        for field in array.flatten():
            yield from _leaves(field)
    elif pa.types.is_nested(kind):
        yield from _leaves(array.flatten())
    else:
        yield array


def _arrow_values(place: str, leaf: pa.Array, search: Search) -> None:
    unique = pc.drop_null(pc.unique(leaf))
    binary = (
        pa.types.is_binary(unique.type) or pa.types.is_large_binary(unique.type) or pa.types.is_fixed_size_binary(unique.type)
    )
    if binary:
        search.value(place, "parquet", unique.to_pylist())
    else:
        texts = pc.cast(unique, pa.large_string()).to_pylist()
        search.text(place, "parquet", "\x00".join(texts), values=len(texts))


def _avro(source: Source, search: Search) -> None:
    reader: Any = fastavro.reader(io.BytesIO(source.read()))
    search.value(source.name, "avro", reader.metadata)
    for record in reader:
        search.value(source.name, "avro", record)
        for bound in _bounds(record):
            search.bound(source.name, "avro", bound)


def _bounds(record: object) -> Iterator[bytes]:
    """Yield the binary bounds of a manifest's or manifest list's record."""
    if isinstance(record, dict):
        for name, value in record.items():
            yield from _binaries(value) if name in _BOUNDS else _bounds(value)
    elif isinstance(record, list):
        for value in record:
            yield from _bounds(value)


def _binaries(value: object) -> Iterator[bytes]:
    if isinstance(value, bytes):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _binaries(inner)


def _sqlite(source: Source, search: Search) -> None:
    with closing(_connected(source)) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        schema = connection.execute("SELECT name, type, sql FROM sqlite_master").fetchall()
        search.value(source.name, "sqlite", schema)
        for name in (name for name, kind, _ in schema if kind == "table"):
            quoted = '"' + name.replace('"', '""') + '"'
            cursor = connection.execute(f"SELECT * FROM {quoted}")
            columns = [description[0] for description in cursor.description]
            while rows := cursor.fetchmany(_BATCH_ROWS):
                for column, values in zip(columns, zip(*rows, strict=True), strict=True):
                    search.value(f"{source.name}!{name}.{column}", "sqlite", values)


def _connected(source: Source) -> sqlite3.Connection:
    if source.local is not None:  # by its path, so that what is still in the write-ahead log is read, too
        return sqlite3.connect(f"file:{quote(str(source.local.absolute()))}?mode=ro", uri=True)
    raw = bytearray(source.read())
    raw[18:20] = b"\x01\x01"  # a copy in memory cannot be in write-ahead mode (SQLite file format, 1.3.3)
    connection = sqlite3.connect(":memory:")
    connection.deserialize(bytes(raw))
    return connection


def _gzipped(source: Source, search: Search) -> None:
    inner = gzip.decompress(source.read())
    decode(Source(source.name, lambda: pa.BufferReader(inner)), inner[:16], search)


def _plain_file(source: Source, search: Search) -> None:
    text = source.read().decode("utf-8", "replace")
    search.text(source.name, "text", text)
    if source.name.lower().removesuffix(".gz").endswith((".csv", ".tsv")):
        for row in csv.reader(io.StringIO(text, newline=""), delimiter="\t" if ".tsv" in source.name.lower() else ","):
            search.value(source.name, "csv", row)
    for document in _documents(text):
        search.value(source.name, "json", document)


def _documents(text: str) -> Iterator[object]:
    """Yield a text's JSON document, or those of its lines."""
    whole = _document(text)
    yield from [whole] if whole is not None else filter(None, map(_document, text.splitlines()))


def _document(text: str) -> object:
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return _opened(json.loads(text))
    except ValueError:
        return None


def _opened(value: object) -> object:
    """Return a document with JSON that stands in its texts decoded beside them."""
    match value:
        case dict():
            return {name: _opened(inner) for name, inner in value.items()}
        case list():
            return [_opened(inner) for inner in value]
        case str() if value.lstrip().startswith(("{", "[")):
            return [value, _document(value)]
    return value


_DECODERS: dict[bytes, Callable[[Source, Search], None]] = {
    b"PAR1": _parquet,
    b"Obj\x01": _avro,
    b"SQLite format 3\x00": _sqlite,
    b"\x1f\x8b": _gzipped,
}
