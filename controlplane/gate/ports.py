"""Ports of the gate. Adapters: ``controlplane.lakehouse`` (tables, landing zone), ``controlplane.persistence`` (the rest)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol

import pyarrow as pa

from controlplane.gate.model import (
    Balance,
    DeadLetter,
    KeptKind,
    KeptRow,
    LandingFile,
    Run,
    RunPlan,
    RunState,
    TableDefinition,
)
from controlplane.kernel.identity import DatasetId, RunId, SnapshotId
from controlplane.kernel.table import DataFile, TableSchema


class TableWriter(Protocol):
    """Writes one governed table through audit branches. All methods are idempotent and raise ``CatalogUnavailableError``.

    A branch is named after its run. Every commit is one snapshot that carries ``properties``.
    """

    def ensure(self, dataset: DatasetId, definition: TableDefinition, properties: Mapping[str, str]) -> SnapshotId:
        """Create the table if it is missing (with a first, empty snapshot), add new optional columns, return main's head.

        Raises ``ConfigurationError`` where the table cannot be brought to the definition without a rewrite.
        """
        ...

    def expected_schema(self, dataset: DatasetId) -> TableSchema | None:
        """Return the schema recorded when the table was made or last evolved (names to field ids), None if never."""
        ...

    def open_branch(self, dataset: DatasetId, run_id: RunId, base: SnapshotId) -> SnapshotId | None:
        """Create the run's branch at ``base`` unless it exists; return the snapshot the run already wrote, else None."""
        ...

    def commit(
        self,
        dataset: DatasetId,
        run_id: RunId,
        rows: pa.Table,
        *,
        replaces: Sequence[DataFile] | None,
        properties: Mapping[str, str],
    ) -> SnapshotId:
        """Write ONE snapshot on the run's branch: add ``rows``, drop the ``replaces`` files (None: append only)."""
        ...

    def publish(self, dataset: DatasetId, run_id: RunId, audited: SnapshotId) -> None:
        """Make exactly ``audited`` main's head by ancestor check and compare-and-swap, and drop the branch.

        A no-op when main already contains ``audited``. Raises ``LostRaceError`` when main has moved away.
        """
        ...

    def rebase(self, dataset: DatasetId, run_id: RunId, audited: SnapshotId, properties: Mapping[str, str]) -> SnapshotId:
        """Re-apply an *append* on today's head by its data files; return the new branch snapshot, to be audited again."""
        ...

    def drop_branch(self, dataset: DatasetId, run_id: RunId) -> None:
        """Remove the run's branch; nothing happens if there is none."""
        ...

    def files_of(self, dataset: DatasetId, at: SnapshotId, keys: pa.Table) -> tuple[DataFile, ...]:
        """Return the data files of a snapshot that may hold one of ``keys`` (columns = key fields), by partition and bounds."""
        ...


class TableKeeper(Protocol):
    """Keeps tables small. Raises ``CatalogUnavailableError``."""

    def expire(
        self, dataset: DatasetId, *, published_before: datetime, keep: Collection[SnapshotId], needed_from: SnapshotId | None
    ) -> int:
        """Expire snapshots published before a time (plane's clock) and return how many went.

        Never one in ``keep``, main's head, a branch head, nor one newer than ``needed_from`` (the oldest pin a consumer holds).
        """
        ...

    def drop_branches(self, dataset: DatasetId, *, keep: Collection[RunId]) -> int:
        """Drop audit branches of runs that are not in ``keep``. Return how many went."""
        ...

    def small_files(self, dataset: DatasetId, at: SnapshotId) -> tuple[DataFile, ...]:
        """Return files worth rewriting into fewer; empty when not worth it."""
        ...

    def delete_unreferenced(self, dataset: DatasetId, *, grace: timedelta) -> int:
        """Delete files under the table that no kept snapshot or metadata names and older than ``grace`` (wall time)."""
        ...


class LandingZone(Protocol):
    """Where sources drop files. A topic is a folder; files starting with ``.`` or ``_``, or ending in ``.tmp``, are ignored.

    Raises ``UnavailableError``.
    """

    def files(self, topic: str) -> Sequence[LandingFile]:
        """Return the topic's files in name order."""
        ...

    def read(self, topic: str, name: str) -> bytes:
        """Return a file's bytes."""
        ...

    def watermark(self, topic: str) -> datetime | None:
        """Return until when the source says everything is delivered; None when its manifest does not say."""
        ...


class RunJournal(Protocol):
    """The store's record of runs; every call is a transaction of its own. Raises ``StoreUnavailableError``."""

    def open_run(self, dataset: DatasetId) -> Run | None:
        """Return the dataset's open run, if any."""
        ...

    def find(self, run_id: RunId) -> Run | None:
        """Return a run by id."""
        ...

    def plan(self, plan: RunPlan, *, clock: datetime, pipeline: str | None) -> Run:
        """Insert the run, or return the stored one; one that had failed or was abandoned is opened again with its clock.

        Raises ``LostRaceError`` when the dataset already has another open run.
        """
        ...

    def advance(
        self,
        run: Run,
        state: RunState,
        *,
        reason: str | None = None,
        snapshot_id: SnapshotId | None = None,
        balance: Balance | None = None,
    ) -> Run:
        """Move a run to a state; values that are None stay as they were."""
        ...

    def consumed_files(self, dataset: DatasetId, topic: str) -> Collection[tuple[str, str]]:
        """Return (``topic/file``, sha256) of landing files that published runs of the dataset consumed."""
        ...

    def runs(self, dataset: DatasetId | None = None, *, state: RunState | None = None, limit: int = 100) -> Sequence[Run]:
        """Return runs, newest first."""
        ...

    def published_batch(self, dataset: DatasetId, key: str) -> Run | None:
        """Return the published run that wrote the batch of this key, if any."""
        ...


class WriterLease(Protocol):
    """One writer per dataset: an expiring lease with a fencing token, on wall time."""

    def hold(self, dataset: DatasetId, ttl: timedelta) -> AbstractContextManager[int]:
        """Hold the lease for the block; yields the fencing token. Raises ``LeaseTakenError`` naming holder and expiry."""
        ...

    def renew(self, dataset: DatasetId, token: int, ttl: timedelta) -> None:
        """Let a held lease last ``ttl`` from now. Raises ``LeaseTakenError`` when it was lost meanwhile."""
        ...


class KeptRows(Protocol):
    """Rows kept beside the table: quarantined, waiting, tombstones. Files under ``state``, an index in the store."""

    def stage(self, run: Run, rows: Sequence[KeptRow]) -> None:
        """Keep a run's rows, invisible until the run is recorded; staging again replaces what the run staged before."""
        ...

    def unstage(self, run_id: RunId) -> None:
        """Forget what a run staged."""
        ...

    def open(
        self,
        dataset: DatasetId | None = None,
        kind: KeptKind | None = None,
        *,
        keys: Collection[str] | None = None,
        limit: int | None = None,
    ) -> Sequence[tuple[DatasetId, KeptRow]]:
        """Return rows that are open or marked for retry, oldest first; ``keys`` narrows to these business keys."""
        ...

    def find(self, row_id: str) -> Sequence[tuple[DatasetId, KeptRow]]:
        """Return every kept entry whose row id starts with ``row_id``, in any status, newest first."""
        ...

    def reentering(self, dataset: DatasetId) -> Sequence[KeptRow]:
        """Return waiting rows and quarantined rows marked for retry, with their sealed originals."""
        ...

    def count_open(self, dataset: DatasetId) -> Mapping[KeptKind, int]:
        """Return how many rows of each kind are open (every kind is present)."""
        ...

    def expire(self, dataset: DatasetId, before: datetime) -> int:
        """Close rows first seen before a time as expired and delete files nobody needs; return how many were closed."""
        ...

    def mark_retry(self, dataset: DatasetId, row_ids: Sequence[str] | None) -> int:
        """Mark quarantined rows (None: all) to enter the next run again; return how many were marked."""
        ...


class DeadLetters(Protocol):
    """Messages that could not be read, per dataset; staged with a run and visible when it is recorded."""

    def stage(self, run: Run, letters: Sequence[DeadLetter]) -> None:
        """Keep a run's dead letters, invisible until the run is recorded; staging again replaces."""
        ...

    def open(self, dataset: DatasetId | None = None, *, limit: int | None = None) -> Sequence[tuple[DatasetId, DeadLetter]]:
        """Return dead letters, of one dataset or of all."""
        ...

    def expire(self, dataset: DatasetId, before: datetime) -> int:
        """Forget dead letters of runs before a time (plane's clock); return how many went."""
        ...
