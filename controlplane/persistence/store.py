"""The store: every repository of the control plane over one database and one place for files."""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

from pyarrow.fs import FileSystem
from sqlalchemy import select

from controlplane.kernel.clock import SystemClock
from controlplane.kernel.ports import Clock
from controlplane.persistence.alerts import StoredAlerts
from controlplane.persistence.audit_log import StoredAuditLog
from controlplane.persistence.credentials import StoredCredentials
from controlplane.persistence.database import Database
from controlplane.persistence.dead_letters import DeadLetterIndex
from controlplane.persistence.holders import this_process
from controlplane.persistence.journal import StoredJournal
from controlplane.persistence.kept_files import KeptFiles
from controlplane.persistence.kept_rows import StoredKeptRows
from controlplane.persistence.leases import StoredLeases
from controlplane.persistence.outbox import StoredOutbox
from controlplane.persistence.records import StoredRecords
from controlplane.persistence.retention import StorePruner
from controlplane.persistence.service_levels import StoredServiceLevels
from controlplane.persistence.slots import StoredSlots
from controlplane.persistence.tables import metadata
from controlplane.persistence.views import StoredViews
from controlplane.persistence.vitals import StoredVitals


class Store:
    """Everything the control plane remembers. Nothing connects before the first use; then the tables are brought up to date.

    Attributes:
        journal, leases, kept_rows, dead_letters: ports of the gate.
        records, outbox, audit_log, slots, vitals, pruner, credentials: ports of the use cases.
    """

    def __init__(
        self,
        url: str,
        state_fs: FileSystem,
        state_path: str,
        *,
        holder: str | None = None,
        busy_timeout: float = 5.0,
        wall: Clock | None = None,
    ) -> None:
        """Bind the repositories.

        Args:
            url: ``sqlite:////absolute/path.db`` or ``postgresql+psycopg://user:password@host:port/database``.
            state_fs: file system that holds the content of kept rows and dead letters.
            state_path: folder inside it, without scheme.
            holder: name that others see while this process holds a lease; this process when None.
            busy_timeout: seconds to wait for another process's transaction.
            wall: wall clock; the machine's when None.

        Raises:
            ConfigurationError: the URL is of another kind.
        """
        clock = wall or SystemClock()
        self._database = Database(url, busy_timeout=busy_timeout)
        files = self._files = KeptFiles(self._database, state_fs, state_path, clock)
        self.journal = StoredJournal(self._database, clock)
        self.leases = StoredLeases(self._database, clock, holder or this_process())
        self.slots = StoredSlots(self._database, clock, holder or this_process())
        self.kept_rows = StoredKeptRows(self._database, files, clock)
        self.dead_letters = DeadLetterIndex(self._database, files)
        self.records = StoredRecords(self._database, files, clock)
        self.outbox = StoredOutbox(self._database, clock)
        self.audit_log = StoredAuditLog(self._database)
        self.vitals = StoredVitals(self._database)
        self.pruner = StorePruner(self._database)
        self.credentials = StoredCredentials(self._database)
        self.alerts = StoredAlerts(self._database, clock)

    def views_of(self, namespace: str) -> StoredViews:
        """Return what pages read about the datasets of a namespace."""
        return StoredViews(self._database, self._files, namespace)

    def service_levels_of(self, namespace: str) -> StoredServiceLevels:
        """Return the facts of the datasets of a namespace, and where every promise stands."""
        return StoredServiceLevels(self._database, namespace)

    @property
    def where(self) -> str:
        """The store as people know it, without user and secrets."""
        return self._database.where

    def check(self) -> None:
        """Connect, and bring the tables up to date where they are not.

        Raises:
            StoreUnavailableError: the store cannot be reached or used; the message says why and what to do.
            ConfigurationError: it was made by a newer version.
            NotInstalledError: the PostgreSQL driver is missing.
        """
        with self._database.writing():
            pass

    def values(self) -> Iterator[tuple[str, object]]:
        """Yield every value of every table with its place (``table.column``), for the proof of masking."""
        with self._database.reading() as connection:
            for table in metadata.sorted_tables:
                places = [f"{self.where}: {table.name}.{column.name}" for column in table.columns]
                for row in connection.execute(select(table)):
                    yield from zip(places, row, strict=True)

    def close(self) -> None:
        """Give all connections back."""
        self._database.close()

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close the store."""
        self.close()
