"""Writing Iceberg tables through audit branches: one snapshot per run, published by compare-and-swap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
from pyiceberg.manifest import DataFile as ManifestDataFile
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.refs import MAIN_BRANCH
from pyiceberg.table.snapshots import Operation
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

from controlplane.gate.model import TableDefinition
from controlplane.gate.ports import TableWriter
from controlplane.gate.properties import RUN_ID
from controlplane.kernel.errors import DatasetUnknownError, LostRaceError, NotAppendOnlyError
from controlplane.kernel.identity import DatasetId, RunId, SnapshotId
from controlplane.kernel.table import DataFile, TableSchema
from controlplane.lakehouse.attempts import OneAttempt, attempt, remove_branch, set_branch
from controlplane.lakehouse.catalog import IcebergCatalog
from controlplane.lakehouse.evolution import create, evolve, recorded_schema
from controlplane.lakehouse.manifests import added_files, described, live_files
from controlplane.lakehouse.pruning import may_hold
from controlplane.lakehouse.reading import ancestors, find, summary_of
from controlplane.lakehouse.snapshots import add_snapshot, write_data_files

BRANCH_PREFIX = "cp_"
_SOURCE = "source-snapshot-id"


def branch_of(run_id: RunId) -> str:
    """Return the name of a run's audit branch."""
    return f"{BRANCH_PREFIX}{run_id}"


class IcebergWriter(TableWriter):
    """Writes the tables of one Iceberg catalog. Every change is one commit, decided on the very metadata it is made from."""

    def __init__(self, catalog: IcebergCatalog) -> None:
        """Write through ``catalog``; nothing connects yet."""
        self._catalog = catalog
        self._bases: dict[tuple[DatasetId, RunId], SnapshotId] = {}

    def ensure(self, dataset: DatasetId, definition: TableDefinition, properties: Mapping[str, str]) -> SnapshotId:
        """Create the table if it is missing, bring it to its definition, and return main's head.

        Created tables start with an empty snapshot that carries ``properties``. New optional columns are added, columns
        the definition no longer requires become optional, properties are set.

        Raises:
            ConfigurationError: the table differs in something that would need a rewrite; the message lists all of it.
            CatalogUnavailableError: catalog or warehouse does not answer.
        """

        def bring(table: Table) -> SnapshotId:
            evolve(table, dataset, definition)
            current = table.metadata.current_snapshot()
            if current is not None:
                return SnapshotId(current.snapshot_id)
            transaction = OneAttempt(table)
            store = self._catalog.manifests
            first = add_snapshot(transaction, MAIN_BRANCH, added=(), removed=(), properties=properties, store=store)
            transaction.commit_transaction()
            return SnapshotId(first)

        try:
            return attempt(self._catalog, dataset, bring)
        except DatasetUnknownError:
            create(self._catalog, dataset, definition)
        return attempt(self._catalog, dataset, bring)

    def expected_schema(self, dataset: DatasetId) -> TableSchema | None:
        """Return the schema recorded when the table was made or last evolved, None if never or if there is no table."""
        try:
            return recorded_schema(self._catalog.table(dataset))
        except DatasetUnknownError:
            return None

    def open_branch(self, dataset: DatasetId, run_id: RunId, base: SnapshotId) -> SnapshotId | None:
        """Have the run's branch start at ``base`` unless it exists; return the snapshot the run already wrote, else None.

        The branch appears in the catalog together with the run's snapshot, in one commit; a run killed before leaves
        nothing behind. A run that main already contains gets no branch again: its published snapshot is returned.

        Raises:
            SnapshotExpiredError: ``base`` is gone.
        """
        metadata = self._catalog.table(dataset).metadata
        written = _written(run_id, metadata)
        if written is None:
            find(metadata, dataset, base)
            self._bases[dataset, run_id] = base
        return written

    def commit(
        self,
        dataset: DatasetId,
        run_id: RunId,
        rows: pa.Table,
        *,
        replaces: Sequence[DataFile] | None,
        properties: Mapping[str, str],
    ) -> SnapshotId:
        """Write ONE snapshot on the run's branch and return it: add ``rows``, drop the ``replaces`` files (None: append).

        What the run wrote before is returned as it is. Zero rows and zero files still make a snapshot.

        Raises:
            LostRaceError: the branch was not opened, or its base lacks a file to replace.
            ConfigurationError: the rows do not fit the table.
            CatalogUnavailableError: catalog or warehouse does not answer, or the disk is full.
        """
        branch = branch_of(run_id)
        table = self._catalog.table(dataset)
        written = _written(run_id, table.metadata)
        if written is not None:
            return written
        base = self._bases.get((dataset, run_id))
        if base is None:
            message = f"run {run_id} has no open branch on {dataset} (never opened, or dropped); the batch is planned again"
            raise LostRaceError(message)
        with self._catalog.reported(dataset.name):
            added = write_data_files(table, dataset, rows)

        def add(table: Table) -> SnapshotId:
            earlier = _written(run_id, table.metadata)
            if earlier is not None:
                return earlier
            _check_partitioning(table, dataset, added)
            removed = self._manifest_files(table, dataset, find(table.metadata, dataset, base), replaces or ())
            transaction = OneAttempt(table)
            transaction.stage(*set_branch(branch, expected=None, to=base))
            stated = {**properties, RUN_ID: str(run_id)}
            store = self._catalog.manifests
            snapshot_id = add_snapshot(transaction, branch, added=added, removed=removed, properties=stated, store=store)
            transaction.commit_transaction()
            return SnapshotId(snapshot_id)

        snapshot_id = attempt(self._catalog, dataset, add)
        self._bases.pop((dataset, run_id), None)
        return snapshot_id

    def publish(self, dataset: DatasetId, run_id: RunId, audited: SnapshotId) -> None:
        """Make exactly ``audited`` main's head by ancestor check and compare-and-swap, and drop the branch.

        A no-op when main already contains ``audited``.

        Raises:
            LostRaceError: main has moved to something ``audited`` does not build on; nothing was changed.
            SnapshotExpiredError: ``audited`` is gone.
        """
        branch = branch_of(run_id)

        def swap(table: Table) -> None:
            metadata = table.metadata
            head = metadata.current_snapshot()
            left = metadata.refs.get(branch)
            published = head is not None and _contains(metadata, head, audited)
            if published and (left is None or left.snapshot_id != audited):
                return
            transaction = OneAttempt(table)
            if not published:
                own = find(metadata, dataset, audited)
                if head is not None and not _contains(metadata, own, head.snapshot_id):
                    message = (
                        f"{dataset} has moved to snapshot {head.snapshot_id}, on which audited {audited} is not built; "
                        "the batch is planned again"
                    )
                    raise LostRaceError(message)
                transaction.stage(*set_branch(MAIN_BRANCH, expected=None if head is None else head.snapshot_id, to=audited))
            if left is not None:
                transaction.stage(*remove_branch(branch, expected=left.snapshot_id))
            transaction.commit_transaction()

        attempt(self._catalog, dataset, swap)

    def rebase(self, dataset: DatasetId, run_id: RunId, audited: SnapshotId, properties: Mapping[str, str]) -> SnapshotId:
        """Re-apply an *append* on today's head by its data files; return the new branch snapshot, to be audited again.

        Returns ``audited`` itself where it builds on today's head (or is part of main) already.

        Raises:
            NotAppendOnlyError: ``audited`` is not an append.
            LostRaceError: the branch is gone.
            SnapshotExpiredError: ``audited`` is gone.
        """
        branch = branch_of(run_id)

        def move(table: Table) -> SnapshotId:
            metadata = table.metadata
            head = metadata.current_snapshot()
            own = find(metadata, dataset, audited)
            if head is None or _is_settled(metadata, head, own):
                return audited
            earlier = _written(run_id, metadata)
            if earlier is not None and earlier != audited and _is_settled(metadata, head, find(metadata, dataset, earlier)):
                return earlier
            left = metadata.refs.get(branch)
            if left is None:
                message = f"run {run_id} has no branch on {dataset} (dropped); the batch is planned again"
                raise LostRaceError(message)
            if own.summary is None or own.summary.operation != Operation.APPEND:
                message = f"snapshot {audited} of {dataset} is no append, so it cannot be moved; the batch is planned again"
                raise NotAppendOnlyError(message)
            added = added_files(table, own, self._catalog.manifests)
            _check_partitioning(table, dataset, added)
            transaction = OneAttempt(table)
            transaction.stage(*set_branch(branch, expected=left.snapshot_id, to=head.snapshot_id))
            stated = {**properties, RUN_ID: str(run_id), _SOURCE: str(audited)}
            store = self._catalog.manifests
            snapshot_id = add_snapshot(transaction, branch, added=added, removed=(), properties=stated, store=store)
            transaction.commit_transaction()
            return SnapshotId(snapshot_id)

        return attempt(self._catalog, dataset, move)

    def drop_branch(self, dataset: DatasetId, run_id: RunId) -> None:
        """Remove the run's branch; nothing happens if there is none, or no table."""
        branch = branch_of(run_id)
        self._bases.pop((dataset, run_id), None)

        def drop(table: Table) -> None:
            left = table.metadata.refs.get(branch)
            if left is not None:
                transaction = OneAttempt(table)
                transaction.stage(*remove_branch(branch, expected=left.snapshot_id))
                transaction.commit_transaction()

        try:
            attempt(self._catalog, dataset, drop)
        except DatasetUnknownError:
            return

    def files_of(self, dataset: DatasetId, at: SnapshotId, keys: pa.Table) -> tuple[DataFile, ...]:
        """Return the data files of a snapshot that may hold one of ``keys`` (columns = key fields), by partition and bounds.

        A file whose partition or bounds say nothing is included.

        Raises:
            SnapshotExpiredError: the table has no such snapshot (any more).
        """
        table = self._catalog.table(dataset)
        snapshot = find(table.metadata, dataset, at)
        with self._catalog.reported(dataset.name):
            chosen = may_hold(table, live_files(table, snapshot, self._catalog.manifests), keys)
            return described(table, snapshot, chosen)

    def _manifest_files(
        self, table: Table, dataset: DatasetId, snapshot: IcebergSnapshot, files: Sequence[DataFile]
    ) -> tuple[ManifestDataFile, ...]:
        if not files:
            return ()
        live = {one.data_file.file_path: one.data_file for one in live_files(table, snapshot, self._catalog.manifests)}
        missing = [one.uri for one in files if one.uri not in live]
        if missing:
            message = f"{dataset} no longer has data file {missing[0]} that the batch replaces; the batch is planned again"
            raise LostRaceError(message)
        return tuple(live[one.uri] for one in files)


def _written_by(run_id: RunId, snapshot: IcebergSnapshot) -> SnapshotId | None:
    return SnapshotId(snapshot.snapshot_id) if summary_of(snapshot).get(RUN_ID) == str(run_id) else None


def _published_by(run_id: RunId, metadata: TableMetadata) -> SnapshotId | None:
    head = metadata.current_snapshot()
    chain = () if head is None else ancestors(metadata, head)
    return next((SnapshotId(one.snapshot_id) for one in chain if _written_by(run_id, one) is not None), None)


def _written(run_id: RunId, metadata: TableMetadata) -> SnapshotId | None:
    """Return what a run wrote: its branch's head, or, once the branch is gone, its snapshot in main."""
    ref = metadata.refs.get(branch_of(run_id))
    if ref is None:
        return _published_by(run_id, metadata)
    head = metadata.snapshot_by_id(ref.snapshot_id)
    return None if head is None else _written_by(run_id, head)


def _check_partitioning(table: Table, dataset: DatasetId, added: Sequence[ManifestDataFile]) -> None:
    """Refuse files of another partition spec than today's: a manifest would describe them wrongly."""
    if any(data_file.spec_id != table.metadata.default_spec_id for data_file in added):
        message = f"{dataset} was partitioned anew by somebody else while the batch was written; the batch is planned again"
        raise LostRaceError(message)


def _contains(metadata: TableMetadata, snapshot: IcebergSnapshot, ancestor_id: int) -> bool:
    return any(one.snapshot_id == ancestor_id for one in ancestors(metadata, snapshot))


def _is_settled(metadata: TableMetadata, head: IcebergSnapshot, own: IcebergSnapshot) -> bool:
    """Whether a snapshot builds on main's head, or is part of main."""
    return _contains(metadata, own, head.snapshot_id) or _contains(metadata, head, own.snapshot_id)
