"""Reading Iceberg tables by snapshot."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

import pyarrow as pa
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

from controlplane.gate.properties import OPERATION, PUBLISHED_AT, REWRITE
from controlplane.kernel.errors import DatasetUnknownError, NotAppendOnlyError, SnapshotExpiredError
from controlplane.kernel.identity import DatasetId, SnapshotId
from controlplane.kernel.ports import TableReader
from controlplane.kernel.table import DataFile, Snapshot
from controlplane.lakehouse.catalog import IcebergCatalog
from controlplane.lakehouse.manifests import added_files, described, live_files
from controlplane.lakehouse.scans import projection, scanned
from controlplane.lakehouse.schemas import schema_at, table_schema

_REMEMBERED = 20_000


@dataclass(frozen=True, eq=False, repr=False)
class LazySnapshot(Snapshot):
    """A snapshot whose files are read from its manifests when somebody asks for them."""

    load: Callable[[], tuple[DataFile, ...]] = field(default=tuple)

    def __post_init__(self) -> None:
        """Forget the placeholder, so that the first access loads."""
        self.__dict__.pop("files")

    @cached_property  # type: ignore[misc]  # a dataclass field that is loaded late
    def files(self) -> tuple[DataFile, ...]:
        """Live data files; read from the manifests at first access."""
        return self.load()

    def __repr__(self) -> str:
        return f"LazySnapshot(snapshot_id={self.snapshot_id}, parent_id={self.parent_id}, operation={self.operation!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Snapshot) and (self.snapshot_id, self.schema) == (other.snapshot_id, other.schema)

    def __hash__(self) -> int:
        return hash(self.snapshot_id)


class IcebergReader(TableReader):
    """Reads the tables of one Iceberg catalog."""

    def __init__(self, catalog: IcebergCatalog) -> None:
        """Read through ``catalog``; nothing connects yet."""
        self._catalog = catalog
        self._told: dict[tuple[object, ...], Snapshot] = {}

    def head(self, dataset: DatasetId) -> Snapshot | None:
        """Return the snapshot readers see, or None for a table without one (or a table not created yet).

        Raises:
            CatalogUnavailableError: catalog or warehouse does not answer.
        """
        try:
            table = self._catalog.table(dataset)
        except DatasetUnknownError:
            return None
        current = table.metadata.current_snapshot()
        return None if current is None else self._snapshot(dataset, table, current)

    def snapshot(self, dataset: DatasetId, snapshot_id: SnapshotId) -> Snapshot:
        """Return one snapshot, on any branch.

        Raises:
            SnapshotExpiredError: the table has no such snapshot (any more).
        """
        table = self._catalog.table(dataset)
        return self._snapshot(dataset, table, find(table.metadata, dataset, snapshot_id))

    def lineage_of(self, dataset: DatasetId, snapshot_id: SnapshotId) -> Sequence[Snapshot]:
        """Return the snapshot and its ancestors, newest first, without files; it ends where ancestors have expired.

        Raises:
            SnapshotExpiredError: the table has no such snapshot (any more).
        """
        metadata = self._catalog.table(dataset).metadata
        first = find(metadata, dataset, snapshot_id)
        return tuple(self._plain(metadata, one) for one in ancestors(metadata, first))

    def appended(
        self, dataset: DatasetId, after: SnapshotId | None, upto: SnapshotId, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Return the rows appended after one snapshot up to another (``after=None``: all rows of ``upto``).

        Rewrites of files by the plane are skipped: they change files, not rows.

        Raises:
            NotAppendOnlyError: something other than an append lies between.
            SnapshotExpiredError: ``upto`` is gone, or ``after`` is not (any more) among its ancestors.
        """
        if after is None:
            return self.rows(dataset, upto, columns).read_all()
        table = self._catalog.table(dataset)
        last = find(table.metadata, dataset, upto)
        wanted = projection(table, dataset, last, columns)
        with self._catalog.reported(dataset.name):
            added = [
                data_file
                for step in _steps(table.metadata, dataset, after, last)
                for data_file in added_files(table, step, self._catalog.manifests)
            ]
            files = [(data_file, ()) for data_file in added]
            return scanned(table, dataset, wanted, files, self._catalog.columns).read_all()

    def rows(
        self,
        dataset: DatasetId,
        at: SnapshotId,
        columns: Sequence[str] | None = None,
        files: Sequence[DataFile] | None = None,
    ) -> pa.RecordBatchReader:
        """Return the rows of a snapshot, optionally of some columns and some of its data files only.

        Columns are found by field id, so that files written before a rename or an added column read right; types are
        those of :func:`controlplane.kernel.types.arrow_type`.

        Raises:
            SnapshotExpiredError: the table has no such snapshot, or a named file is not one of its files.
            UnableToEvaluateError: a column is unknown, or the table holds deletes that cannot be read.
        """
        table = self._catalog.table(dataset)
        snapshot = find(table.metadata, dataset, at)
        wanted = projection(table, dataset, snapshot, columns)
        with self._catalog.reported(dataset.name):
            live = {one.data_file.file_path: one for one in live_files(table, snapshot, self._catalog.manifests)}
        chosen = list(live) if files is None else list(dict.fromkeys(one.uri for one in files))
        missing = [uri for uri in chosen if uri not in live]
        if missing:
            message = f"snapshot {at} of {dataset} has no data file {missing[0]}; plan again on today's files"
            raise SnapshotExpiredError(message)
        chosen_files = [(live[uri].data_file, live[uri].deletes) for uri in chosen]
        return scanned(table, dataset, wanted, chosen_files, self._catalog.columns)

    def _snapshot(self, dataset: DatasetId, table: Table, snapshot: IcebergSnapshot) -> Snapshot:
        def load() -> tuple[DataFile, ...]:
            with self._catalog.reported(dataset.name):
                return described(table, snapshot, live_files(table, snapshot, self._catalog.manifests))

        return LazySnapshot(**{**vars(self._plain(table.metadata, snapshot)), "load": load})

    def _plain(self, metadata: TableMetadata, snapshot: IcebergSnapshot) -> Snapshot:
        """Return a snapshot without files; it never changes, except that main's head is seen with the table's schema."""
        key = (metadata.table_uuid, snapshot.snapshot_id, schema_at(metadata, snapshot).schema_id)
        known = self._told.get(key)
        if known is None:
            if len(self._told) >= _REMEMBERED:
                self._told.clear()
            known = self._told[key] = kernel_snapshot(metadata, snapshot)
        return known


def find(metadata: TableMetadata, dataset: DatasetId, snapshot_id: SnapshotId) -> IcebergSnapshot:
    """Return a snapshot by id. Raises ``SnapshotExpiredError``."""
    found = metadata.snapshot_by_id(snapshot_id)
    if found is None:
        message = f"snapshot {snapshot_id} of {dataset} is gone (expired, or never written); use a newer one"
        raise SnapshotExpiredError(message)
    return found


def ancestors(metadata: TableMetadata, snapshot: IcebergSnapshot) -> Sequence[IcebergSnapshot]:
    """Return a snapshot and its ancestors that still exist, newest first."""
    by_id = {one.snapshot_id: one for one in metadata.snapshots}
    chain = []
    current: IcebergSnapshot | None = snapshot
    while current is not None:
        chain.append(current)
        current = by_id.get(current.parent_snapshot_id) if current.parent_snapshot_id is not None else None
    return chain


def summary_of(snapshot: IcebergSnapshot) -> Mapping[str, str]:
    """Return a snapshot's summary properties, without the operation."""
    return {} if snapshot.summary is None else snapshot.summary.additional_properties


def published_at(snapshot: IcebergSnapshot) -> datetime | None:
    """Return when the plane published a snapshot by its own clock; None for a foreign one or an unreadable time."""
    stated = summary_of(snapshot).get(PUBLISHED_AT)
    if stated is None:
        return None
    try:
        instant = datetime.fromisoformat(stated)
    except ValueError:
        return None
    return instant if instant.tzinfo is not None else None


def is_rewrite(snapshot: IcebergSnapshot) -> bool:
    """Return whether a snapshot changed files only: the plane's own rewrite, or Iceberg's ``replace``."""
    operation = None if snapshot.summary is None else snapshot.summary.operation
    return operation == Operation.REPLACE or summary_of(snapshot).get(OPERATION) == REWRITE


def kernel_snapshot(metadata: TableMetadata, snapshot: IcebergSnapshot) -> Snapshot:
    """Return a snapshot in the kernel's words, without files."""
    parent = snapshot.parent_snapshot_id
    return Snapshot(
        snapshot_id=SnapshotId(snapshot.snapshot_id),
        parent_id=None if parent is None else SnapshotId(parent),
        schema=table_schema(schema_at(metadata, snapshot)),
        operation="unknown" if snapshot.summary is None else snapshot.summary.operation.value,
        published_at=published_at(snapshot),
        properties=dict(summary_of(snapshot)),
        files=(),
    )


def _steps(metadata: TableMetadata, dataset: DatasetId, after: SnapshotId, last: IcebergSnapshot) -> Sequence[IcebergSnapshot]:
    """Return the appends after ``after`` up to ``last``, oldest first."""
    steps: list[IcebergSnapshot] = []
    for snapshot in ancestors(metadata, last):
        if snapshot.snapshot_id == after:
            return steps[::-1]
        if is_rewrite(snapshot):
            continue
        operation = None if snapshot.summary is None else snapshot.summary.operation
        if operation != Operation.APPEND:
            word = "unknown" if operation is None else operation.value
            message = (
                f"snapshot {snapshot.snapshot_id} of {dataset} is {word!r}, so the rows new since {after} cannot be told; "
                "declare the input as `all`, or keep the table append-only"
            )
            raise NotAppendOnlyError(message)
        steps.append(snapshot)
    message = (
        f"snapshot {after} of {dataset} is no longer an ancestor of {last.snapshot_id} (expired or rolled back), so the rows "
        "new since it cannot be told; keep more `history`, or plan from the beginning"
    )
    raise SnapshotExpiredError(message)
