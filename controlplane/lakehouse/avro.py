"""Reading manifest lists and manifests without working out anew, for every file, how its Avro schema is read.

The files of a table have the same few schemas, and resolving one takes several times longer than reading a small file with it.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Self

from pyiceberg.avro.decoder import new_decoder
from pyiceberg.avro.file import META_SCHEMA, AvroFile, AvroFileHeader
from pyiceberg.avro.reader import Reader
from pyiceberg.avro.resolver import construct_reader, resolve_reader
from pyiceberg.io import FileIO
from pyiceberg.manifest import (
    DEFAULT_READ_VERSION,
    MANIFEST_ENTRY_SCHEMAS,
    MANIFEST_LIST_FILE_SCHEMAS,
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestFile,
    PartitionFieldSummary,
    _inherit_from_manifest,
)
from pyiceberg.utils.schema_conversion import AvroSchemaConversion

_SCHEMA = "avro.schema"
_HEADER = construct_reader(META_SCHEMA, {-1: AvroFileHeader})


def read_manifest_list(io: FileIO, location: str) -> tuple[ManifestFile, ...]:
    """Return the manifests a manifest list names. Raises ``OSError`` when it cannot be read."""
    with _ManifestList(io.new_input(location)) as manifests:
        return tuple(manifests)


def read_manifest(io: FileIO, manifest: ManifestFile) -> tuple[ManifestEntry, ...]:
    """Return all entries of a manifest, deleted ones too. Raises ``OSError`` when it cannot be read."""
    with _Manifest(io.new_input(manifest.manifest_path)) as entries:
        return tuple(_inherit_from_manifest(entry, manifest) for entry in entries)


class _ManifestList(AvroFile[ManifestFile]):
    def __enter__(self) -> Self:
        _open(self)
        self.reader = _list_reader(self.header.meta[_SCHEMA])
        return self


class _Manifest(AvroFile[ManifestEntry]):
    def __enter__(self) -> Self:
        _open(self)
        self.reader = _entry_reader(self.header.meta[_SCHEMA])
        return self


def _open(file: AvroFile[Any]) -> None:
    with file.input_file.open() as stream:
        file.decoder = new_decoder(stream.read())
    file.header = _HEADER.read(file.decoder)


@lru_cache(maxsize=16)
def _list_reader(schema: str) -> Reader:
    return resolve_reader(
        AvroSchemaConversion().avro_to_iceberg(json.loads(schema)),
        MANIFEST_LIST_FILE_SCHEMAS[DEFAULT_READ_VERSION],
        {-1: ManifestFile, 508: PartitionFieldSummary},
        {517: ManifestContent},
    )


@lru_cache(maxsize=256)
def _entry_reader(schema: str) -> Reader:
    """Return how entries are read; their schema depends on a table's partitions."""
    return resolve_reader(
        AvroSchemaConversion().avro_to_iceberg(json.loads(schema)),
        MANIFEST_ENTRY_SCHEMAS[DEFAULT_READ_VERSION],
        {-1: ManifestEntry, 2: DataFile},
        {0: ManifestEntryStatus, 101: FileFormat, 134: DataFileContent},
    )
