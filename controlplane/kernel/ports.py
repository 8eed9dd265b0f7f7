"""Ports that several contexts use. Adapters live in ``controlplane.lakehouse`` and ``controlplane.compute``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

import pyarrow as pa

from controlplane.kernel.identity import DatasetId, SnapshotId
from controlplane.kernel.table import DataFile, Snapshot

Relation: TypeAlias = "pa.Table | pa.RecordBatchReader"


class Clock(Protocol):
    """Tells the time, timezone-aware, in UTC."""

    def now(self) -> datetime:
        """Return the current instant."""
        ...


class TableReader(Protocol):
    """Reads tables by snapshot. Raises ``DatasetUnknownError``, ``CatalogUnavailableError``."""

    def head(self, dataset: DatasetId) -> Snapshot | None:
        """Return the snapshot readers see, or None for a table without one (or a table not created yet)."""
        ...

    def snapshot(self, dataset: DatasetId, snapshot_id: SnapshotId) -> Snapshot:
        """Return one snapshot, on any branch. Raises ``SnapshotExpiredError``."""
        ...

    def lineage_of(self, dataset: DatasetId, snapshot_id: SnapshotId) -> Sequence[Snapshot]:
        """Return the snapshot and its ancestors, newest first, without files (``files`` is empty)."""
        ...

    def appended(
        self, dataset: DatasetId, after: SnapshotId | None, upto: SnapshotId, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Return the rows appended after one snapshot up to another (``after=None``: all of ``upto``).

        Our own rewrites of files in between are skipped: they change files, not rows.
        Raises ``NotAppendOnlyError``, ``SnapshotExpiredError``.
        """
        ...

    def rows(
        self,
        dataset: DatasetId,
        at: SnapshotId,
        columns: Sequence[str] | None = None,
        files: Sequence[DataFile] | None = None,
    ) -> pa.RecordBatchReader:
        """Return the rows of a snapshot, optionally of some columns and some of its data files only."""
        ...


class SqlSession(Protocol):
    """One private workspace of an engine: registered relations and read-only queries over them."""

    def register(self, name: str, relation: Relation) -> None:
        """Make a relation known under ``name``; a dotted name (``silver.orders``) becomes schema and table. Replaces."""
        ...

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        """Run one SELECT and return its rows. Raises ``QueryFailedError``, ``QueryTimedOutError`` (both redacted)."""
        ...


class SqlRunner(Protocol):
    """Opens sessions of one SQL engine."""

    dialect: Literal["duckdb", "spark"]

    def session(self) -> AbstractContextManager[SqlSession]:
        """Open a session; closing it drops everything registered in it."""
        ...
