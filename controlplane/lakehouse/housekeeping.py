"""Keeping tables small: expired snapshots, abandoned branches, small files, unreferenced files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta
from uuid import UUID

from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot
from pyiceberg.table.update import RemoveSnapshotsUpdate

from controlplane.gate.ports import TableKeeper
from controlplane.kernel.errors import DatasetUnknownError
from controlplane.kernel.identity import DatasetId, RunId, SnapshotId
from controlplane.kernel.table import DataFile
from controlplane.lakehouse.attempts import OneAttempt, attempt, remove_branch, unmoved
from controlplane.lakehouse.catalog import IcebergCatalog
from controlplane.lakehouse.garbage import old_files, reachable_paths
from controlplane.lakehouse.manifests import LiveFile, described, live_files
from controlplane.lakehouse.reading import find, published_at
from controlplane.lakehouse.writing import BRANCH_PREFIX

_MEGABYTE = 1024 * 1024
_TIER = 8
"""Files are rewritten together with files of like size (within a factor of 8), so that a row is rewritten a few times only."""

_TIER_BASE = 4096
_MANY_TIERS = 4


class IcebergKeeper(TableKeeper):
    """Keeps the tables of one Iceberg catalog small."""

    def __init__(
        self,
        catalog: IcebergCatalog,
        *,
        min_files: int = 8,
        small_bytes: int = 32 * _MEGABYTE,
        most_bytes: int = 512 * _MEGABYTE,
    ) -> None:
        """Keep tables of ``catalog``; nothing connects yet.

        Args:
            catalog: where the tables are.
            min_files: so many small files of like size in one partition are worth a rewrite.
            small_bytes: files below this are small.
            most_bytes: one rewrite takes in no more than this.
        """
        self._catalog = catalog
        self._min_files = min_files
        self._small_bytes = small_bytes
        self._most_bytes = most_bytes

    def expire(
        self, dataset: DatasetId, *, published_before: datetime, keep: Collection[SnapshotId], needed_from: SnapshotId | None
    ) -> int:
        """Expire snapshots published before a time and return how many went.

        The time of a governed snapshot is ``controlplane.published-at``, that of a foreign one its own timestamp. Never
        expired are heads of branches and tags, ``keep``, and ``needed_from`` and what is newer; where the table does not
        have ``needed_from``, nothing is expired, because what is newer cannot be told.

        Raises:
            CatalogUnavailableError: catalog or warehouse does not answer.
        """

        def remove(table: Table) -> int:
            metadata = table.metadata
            safe = {*keep, *(ref.snapshot_id for ref in metadata.refs.values()), *_newer(metadata, needed_from)}
            old = [
                one.snapshot_id
                for one in metadata.snapshots
                if one.snapshot_id not in safe and _made_at(one) < published_before
            ]
            if old:
                transaction = OneAttempt(table)
                # were main rolled back to an old snapshot meanwhile, expiring that would empty the table
                asserted = tuple(unmoved(name, ref.snapshot_id) for name, ref in metadata.refs.items())
                transaction.stage((RemoveSnapshotsUpdate.model_validate({"snapshot-ids": old}),), asserted)
                transaction.commit_transaction()
            return len(old)

        return attempt(self._catalog, dataset, remove)

    def drop_branches(self, dataset: DatasetId, *, keep: Collection[RunId]) -> int:
        """Drop audit branches of runs that are not in ``keep`` and return how many went; others' branches stay."""
        kept = {str(run_id) for run_id in keep}

        def drop(table: Table) -> int:
            refs = table.metadata.refs
            gone = {
                name: ref
                for name, ref in refs.items()
                if _is_audit_branch(name) and name.removeprefix(BRANCH_PREFIX) not in kept
            }
            if gone:
                transaction = OneAttempt(table)
                for name, ref in gone.items():
                    transaction.stage(*remove_branch(name, expected=ref.snapshot_id))
                transaction.commit_transaction()
            return len(gone)

        return attempt(self._catalog, dataset, drop)

    def small_files(self, dataset: DatasetId, at: SnapshotId) -> tuple[DataFile, ...]:
        """Return files worth rewriting into fewer; empty when not worth it.

        Worth it are at least ``min_files`` small files of like size in one partition, or four times as many of any size.

        Raises:
            SnapshotExpiredError: the table has no such snapshot (any more).
        """
        table = self._catalog.table(dataset)
        snapshot = find(table.metadata, dataset, at)
        with self._catalog.reported(dataset.name):
            partitions: dict[tuple[object, ...], list[LiveFile]] = defaultdict(list)
            for live in live_files(table, snapshot, self._catalog.manifests):
                if live.data_file.file_size_in_bytes < self._small_bytes:
                    partitions[(live.data_file.spec_id, live.data_file.partition)].append(live)
            worth = [live for files in partitions.values() for live in self._worth(files)]
            return described(table, snapshot, self._bounded(worth))

    def delete_unreferenced(self, dataset: DatasetId, *, grace: timedelta) -> int:
        """Delete files under the table that no kept snapshot or metadata names and older than ``grace`` (wall time).

        Only files of kinds that Iceberg writes are touched. ``grace`` must be longer than the longest write: a file written
        and not committed yet is named by nothing. Returns how many files went; no table, none.

        Raises:
            CatalogUnavailableError: catalog or warehouse does not answer.
        """
        try:
            location = self._catalog.table(dataset).location()
        except DatasetUnknownError:
            return 0
        with self._catalog.reported(dataset.name):
            # list first: whatever is committed after the listing is in the metadata read next
            files, old = old_files(location, self._catalog.properties, grace)
            table = self._catalog.table(dataset)
            needed = reachable_paths(table, self._catalog.manifests)
            gone = [info.path for info in old if info.path not in needed]
            for path in gone:
                files.delete_file(path)
            return len(gone)

    def _worth(self, files: list[LiveFile]) -> Iterable[LiveFile]:
        if len(files) >= self._min_files * _MANY_TIERS:
            return files
        tiers: dict[int, list[LiveFile]] = defaultdict(list)
        for live in files:
            tiers[_tier(live.data_file.file_size_in_bytes)].append(live)
        return [live for tier in tiers.values() if len(tier) >= self._min_files for live in tier]

    def _bounded(self, files: list[LiveFile]) -> Iterable[LiveFile]:
        total = 0
        for live in files:
            total += live.data_file.file_size_in_bytes
            if total > self._most_bytes:
                return
            yield live


def _tier(size: int) -> int:
    tier = 0
    while size >= _TIER_BASE:
        size //= _TIER
        tier += 1
    return tier


def _made_at(snapshot: IcebergSnapshot) -> datetime:
    return published_at(snapshot) or datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC)


def _newer(metadata: TableMetadata, needed_from: SnapshotId | None) -> Iterable[int]:
    """Return a snapshot and all that were made after it, on any branch."""
    if needed_from is None:
        return ()
    first = metadata.snapshot_by_id(needed_from)
    since = 0 if first is None else first.sequence_number or 0
    return [one.snapshot_id for one in metadata.snapshots if (one.sequence_number or 0) >= since]


def _is_audit_branch(name: str) -> bool:
    if not name.startswith(BRANCH_PREFIX):
        return False
    try:
        UUID(name.removeprefix(BRANCH_PREFIX))
    except ValueError:
        return False
    return True
