"""Files below a table that nothing names any more: what lies there, compared with all that is reachable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from pyarrow.fs import FileInfo, FileSelector, FileSystem, FileType
from pyiceberg.table import Table

from controlplane.lakehouse.manifests import ManifestStore
from controlplane.lakehouse.storage import located

_OURS = (".parquet", ".avro", ".orc", ".puffin", ".metadata.json", ".gz.metadata.json", ".stats")


def old_files(location: str, properties: Mapping[str, str], grace: timedelta) -> tuple[FileSystem, tuple[FileInfo, ...]]:
    """Return the table's files of kinds Iceberg writes that are older than ``grace`` by wall time, and their file system.

    Raises:
        OSError: the folder cannot be listed.
    """
    files, root = located(location, properties)
    before = datetime.now(UTC) - grace
    found = files.get_file_info(FileSelector(root, recursive=True, allow_not_found=True))
    old = tuple(
        info
        for info in found
        if info.type is FileType.File and info.path.endswith(_OURS) and info.mtime is not None and info.mtime < before
    )
    return files, old


def reachable_paths(table: Table, store: ManifestStore) -> set[str]:
    """Return the paths of everything the table's current metadata leads to, as file systems write them.

    That is: metadata files still in the log, statistics, and of every snapshot the manifest list, manifests, data files
    and delete files.
    """
    return {inner_path(address) for address in _addresses(table, store)}


def inner_path(address: str) -> str:
    """Return an address without its scheme: the path on disk, or bucket and key (``s3a://b/k``, ``s3://b/k`` -> ``b/k``)."""
    parts = urlsplit(address)
    if not parts.scheme:
        return address
    if parts.scheme == "file":
        return parts.path
    # urlsplit takes "#" and "?" out of a path; object keys may hold them
    return address.split("://", 1)[1]


def _addresses(table: Table, store: ManifestStore) -> Iterator[str]:
    metadata = table.metadata
    yield table.metadata_location
    for entry in metadata.metadata_log:
        yield entry.metadata_file
    for statistics in (*metadata.statistics, *metadata.partition_statistics):
        yield statistics.statistics_path
    seen: set[str] = set()
    for snapshot in metadata.snapshots:
        yield snapshot.manifest_list
        for manifest in store.manifests(table.io, snapshot):
            if manifest.manifest_path in seen:
                continue
            seen.add(manifest.manifest_path)
            yield manifest.manifest_path
            for listed in store.entries(table.io, manifest):
                yield listed.data_file.file_path
