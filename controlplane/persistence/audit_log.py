"""The audit log: who did what to what and why. Entries are only ever added; triggers in the database refuse the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.engine import Connection

from controlplane.kernel.identity import RunId
from controlplane.persistence.database import Database, insert
from controlplane.persistence.tables import audit_log
from controlplane.usecases.ports import AuditEntry


class StoredAuditLog:
    """Audit entries in the store (``usecases.ports.AuditLog``)."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def append(self, entry: AuditEntry) -> None:
        """Write one entry in its own transaction."""
        with self._database.writing() as connection:
            connection.execute(audit_log.insert().values(asdict(entry)))

    def entries(self, subject: str | None = None, limit: int = 100) -> Sequence[AuditEntry]:
        """Return entries, newest first."""
        query = select(audit_log).order_by(audit_log.c.audit_id.desc()).limit(limit)
        if subject is not None:
            query = query.where(audit_log.c.subject == subject)
        with self._database.reading() as connection:
            return [
                AuditEntry(
                    row.at_wall, row.clock, row.actor, row.verb, row.subject, row.reason, before=row.before, after=row.after
                )
                for row in connection.execute(query)
            ]


def note(connection: Connection, run_id: RunId, entries: Sequence[AuditEntry]) -> None:
    """Add the entries that belong to a run's end; one that was added before, whenever that was, is not added again."""
    for entry in entries:
        values = asdict(entry)
        said = [str(run_id), *(values[name] for name in ("actor", "verb", "subject", "reason", "before", "after"))]
        values["entry_key"] = sha256(json.dumps(said).encode()).hexdigest()
        connection.execute(insert(connection, audit_log).values(values).on_conflict_do_nothing())
