"""What the manifests of a snapshot list: live data files, the delete files that apply to them, files added by a snapshot."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from threading import Lock

from pyiceberg.io import FileIO
from pyiceberg.manifest import DataFile as ManifestDataFile
from pyiceberg.manifest import DataFileContent, ManifestContent, ManifestEntry, ManifestEntryStatus, ManifestFile
from pyiceberg.table import Table
from pyiceberg.table.delete_file_index import DeleteFileIndex
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot
from pyiceberg.types import PrimitiveType

from controlplane.kernel.table import DataFile
from controlplane.lakehouse.avro import read_manifest, read_manifest_list
from controlplane.lakehouse.schemas import primitive_types, schema_at
from controlplane.lakehouse.statistics import FileStats

_KEPT_ENTRIES = 20_000
_KEPT_LISTS = 200


class ManifestStore:
    """Reads manifests and lists of them and remembers the last ones read; neither changes once it is written. Thread-safe."""

    def __init__(self, kept_entries: int = _KEPT_ENTRIES) -> None:
        """Keep at most ``kept_entries`` manifest entries in memory (about 5 KB each for 20 columns)."""
        self._limit = kept_entries
        self._lock = Lock()
        self._count = 0
        self._known: OrderedDict[str, tuple[ManifestEntry, ...]] = OrderedDict()
        self._lists: OrderedDict[str, tuple[ManifestFile, ...]] = OrderedDict()

    def manifests(self, io: FileIO, snapshot: IcebergSnapshot) -> tuple[ManifestFile, ...]:
        """Return the manifests a snapshot consists of."""
        path = snapshot.manifest_list
        with self._lock:
            known = self._lists.get(path)
            if known is not None:
                self._lists.move_to_end(path)
                return known
        read = read_manifest_list(io, path)
        with self._lock:
            self._lists[path] = read
            if len(self._lists) > _KEPT_LISTS:
                self._lists.popitem(last=False)
        return read

    def entries(self, io: FileIO, manifest: ManifestFile) -> tuple[ManifestEntry, ...]:
        """Return all entries of a manifest, deleted ones too."""
        path = manifest.manifest_path
        with self._lock:
            known = self._known.get(path)
            if known is not None:
                self._known.move_to_end(path)
                return known
        read = read_manifest(io, manifest)
        with self._lock:
            if path not in self._known:
                self._known[path] = read
                self._count += len(read) + 1
            while self._count > self._limit and len(self._known) > 1:
                _, dropped = self._known.popitem(last=False)
                self._count -= len(dropped) + 1
        return read


@dataclass(frozen=True)
class LiveFile:
    """A live data file of a snapshot, in pyiceberg's words, with the delete files that take rows from it."""

    entry: ManifestEntry
    deletes: tuple[ManifestDataFile, ...]

    @property
    def data_file(self) -> ManifestDataFile:
        """The manifest's description of the file."""
        return self.entry.data_file


def live_files(table: Table, snapshot: IcebergSnapshot, store: ManifestStore) -> tuple[LiveFile, ...]:
    """Return the data files a snapshot consists of."""
    data: list[ManifestEntry] = []
    deletes: list[ManifestEntry] = []
    for manifest in store.manifests(table.io, snapshot):
        chosen = data if manifest.content == ManifestContent.DATA else deletes
        chosen.extend(entry for entry in store.entries(table.io, manifest) if entry.status != ManifestEntryStatus.DELETED)
    if not deletes:
        return tuple(LiveFile(entry, ()) for entry in data)
    index = _DeleteIndex(deletes)
    return tuple(LiveFile(entry, index.of(entry)) for entry in data)


def added_files(table: Table, snapshot: IcebergSnapshot, store: ManifestStore) -> tuple[ManifestDataFile, ...]:
    """Return the data files that this very snapshot added."""
    return tuple(
        entry.data_file
        for manifest in store.manifests(table.io, snapshot)
        if manifest.content == ManifestContent.DATA and manifest.added_snapshot_id == snapshot.snapshot_id
        for entry in store.entries(table.io, manifest)
        if entry.status == ManifestEntryStatus.ADDED and entry.snapshot_id == snapshot.snapshot_id
    )


def described(table: Table, snapshot: IcebergSnapshot, files: Iterable[LiveFile]) -> tuple[DataFile, ...]:
    """Return live files in the kernel's words, statistics decoded when asked for."""
    types = primitive_types(schema_at(table.metadata, snapshot))
    return tuple(_described(live, types) for live in files)


def _described(live: LiveFile, types: Mapping[int, PrimitiveType]) -> DataFile:
    data_file = live.data_file
    return DataFile(
        uri=data_file.file_path,
        record_count=data_file.record_count,
        size_bytes=data_file.file_size_in_bytes,
        sequence_number=live.entry.sequence_number or 0,
        partition=partition_values(data_file),
        delete_files=tuple(sorted(deleting.file_path for deleting in live.deletes)),
        stats=FileStats(data_file, types),
    )


def partition_values(data_file: ManifestDataFile) -> tuple[object, ...]:
    """Return a file's partition as stored: bucket numbers, days since 1970, plain values; empty when unpartitioned."""
    partition = data_file.partition
    return tuple(partition[position] for position in range(len(partition)))


class _DeleteIndex:
    """Which delete files apply to which data file (Iceberg spec, "Scan Planning")."""

    def __init__(self, entries: Iterable[ManifestEntry]) -> None:
        self._positions = DeleteFileIndex()
        self._equality: list[ManifestEntry] = []
        for entry in entries:
            if entry.data_file.content == DataFileContent.EQUALITY_DELETES:
                self._equality.append(entry)
            else:
                self._positions.add_delete_file(entry, partition_key=entry.data_file.partition)

    def of(self, entry: ManifestEntry) -> tuple[ManifestDataFile, ...]:
        sequence = entry.sequence_number or 0
        positional = self._positions.for_data_file(sequence, entry.data_file, partition_key=entry.data_file.partition)
        return (*positional, *self._by_equality(sequence, entry.data_file))

    def _by_equality(self, sequence: int, data_file: ManifestDataFile) -> Iterator[ManifestDataFile]:
        for entry in self._equality:
            deleting = entry.data_file
            everywhere = len(deleting.partition) == 0
            same = deleting.spec_id == data_file.spec_id and deleting.partition == data_file.partition
            if (entry.sequence_number or 0) > sequence and (everywhere or same):
                yield deleting
