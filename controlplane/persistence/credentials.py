"""Credentials in the store: digests of secrets, never a secret."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Row, delete, select, update

from controlplane.persistence.database import Database
from controlplane.persistence.tables import credentials
from controlplane.usecases.access_ports import Credential, CredentialKind

_FORGOTTEN_AFTER = timedelta(days=7)


class StoredCredentials:
    """Who may come in (``usecases.access_ports.Credentials``)."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def add(self, credential: Credential) -> None:
        """Keep a new one; those whose time was over a week before its creation are forgotten on the way."""
        values = {
            "secret_sha256": credential.secret_sha256,
            "kind": credential.kind.value,
            "subject": credential.subject,
            "created_wall": credential.created,
            "seen_wall": credential.seen,
            "expires_wall": credential.expires,
            "ended_wall": credential.ended,
        }
        over = credentials.c.expires_wall < credential.created - _FORGOTTEN_AFTER
        with self._database.writing() as connection:
            connection.execute(delete(credentials).where(over))
            connection.execute(credentials.insert().values(values))

    def find(self, secret_sha256: str) -> Credential | None:
        """Return one by its digest, alive or not."""
        with self._database.reading() as connection:
            row = connection.execute(select(credentials).where(credentials.c.secret_sha256 == secret_sha256)).first()
        return None if row is None else _credential(row)

    def use_up(self, kind: CredentialKind, secret_sha256: str, at_wall: datetime) -> Credential | None:
        """End a living one of a kind and return it; None when there is none: of two who try at once, one gets it."""
        wanted = (credentials.c.secret_sha256 == secret_sha256, credentials.c.kind == kind.value, _alive(at_wall))
        change = update(credentials).where(*wanted)
        with self._database.writing() as connection:
            row = connection.execute(change.values(ended_wall=at_wall, seen_wall=at_wall).returning(credentials)).first()
        return None if row is None else _credential(row)

    def touch(self, secret_sha256: str, at_wall: datetime) -> None:
        """Note that one was used."""
        change = update(credentials).where(credentials.c.secret_sha256 == secret_sha256)
        with self._database.writing() as connection:
            connection.execute(change.values(seen_wall=at_wall))

    def end(self, secret_sha256: str, at_wall: datetime) -> bool:
        """End one; return whether it was alive."""
        change = update(credentials).where(credentials.c.secret_sha256 == secret_sha256, _alive(at_wall))
        with self._database.writing() as connection:
            return connection.execute(change.values(ended_wall=at_wall)).rowcount > 0

    def alive(self, kind: CredentialKind, at_wall: datetime) -> Sequence[Credential]:
        """Return those that still open something, oldest first."""
        wanted = select(credentials).where(credentials.c.kind == kind.value, _alive(at_wall))
        query = wanted.order_by(credentials.c.created_wall)
        with self._database.reading() as connection:
            return [_credential(row) for row in connection.execute(query)]


def _alive(at_wall: datetime) -> ColumnElement[bool]:
    return credentials.c.ended_wall.is_(None) & (credentials.c.expires_wall > at_wall)


def _credential(row: Row[tuple[object, ...]]) -> Credential:
    kept = row._mapping  # noqa: SLF001 (SQLAlchemy's public name for a row as a mapping)
    return Credential(
        secret_sha256=kept["secret_sha256"],
        kind=CredentialKind(kept["kind"]),
        subject=kept["subject"],
        created=kept["created_wall"],
        seen=kept["seen_wall"],
        expires=kept["expires_wall"],
        ended=kept["ended_wall"],
    )
