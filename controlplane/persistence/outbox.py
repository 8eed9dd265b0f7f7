"""Messages for the outside: stored with what they tell about, delivered at least once. All times are wall time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.engine import Connection

from controlplane.kernel.ports import Clock
from controlplane.persistence.database import Database, insert_new
from controlplane.persistence.kept_files import json_text
from controlplane.persistence.tables import outbox
from controlplane.usecases.ports import OutboxMessage, Waiting


class StoredOutbox:
    """The queue of messages (``usecases.ports.Outbox``). What was delivered keeps its id and loses its payload."""

    def __init__(self, database: Database, wall: Clock) -> None:
        """Take the database and the wall clock."""
        self._database = database
        self._wall = wall

    def add(self, messages: Sequence[OutboxMessage]) -> None:
        """Queue messages, due at once; one whose id is already known is left as it is."""
        with self._database.writing() as connection:
            queue(connection, messages, self._wall.now())

    def due(self, at_wall: datetime, limit: int = 100, *, kind: str | None = None) -> Sequence[OutboxMessage]:
        """Return undelivered messages whose time has come, oldest first; of one kind, or of all."""
        of_kind = [] if kind is None else [outbox.c.kind == kind]
        query = (
            select(outbox)
            .where(outbox.c.sent_wall.is_(None), outbox.c.due_wall <= at_wall, *of_kind)
            .order_by(outbox.c.queue_id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [
                OutboxMessage(row.message_id, row.kind, json.loads(row.payload), row.attempts, row.last_error)
                for row in connection.execute(query)
            ]

    def lanes(self, at_wall: datetime) -> Sequence[str]:
        """Return the kinds of undelivered messages whose time has come, sorted."""
        query = select(outbox.c.kind).where(outbox.c.sent_wall.is_(None), outbox.c.due_wall <= at_wall).distinct()
        with self._database.reading() as connection:
            return sorted(connection.execute(query).scalars())

    def rest(self, kind: str, until_wall: datetime) -> None:
        """Let no message of a kind be due before a time."""
        early = (outbox.c.sent_wall.is_(None), outbox.c.kind == kind, outbox.c.due_wall < until_wall)
        with self._database.writing() as connection:
            connection.execute(update(outbox).where(*early).values(due_wall=until_wall))

    def waiting(self) -> Sequence[Waiting]:
        """Return how many undelivered messages of each kind there are, and why, by kind."""
        lane, created, due = outbox.c.kind, outbox.c.created_wall, outbox.c.due_wall
        first = [func.min(column, type_=column.type) for column in (created, due)]
        counts = select(lane, func.count(), *first).where(outbox.c.sent_wall.is_(None)).group_by(lane).order_by(lane)
        failed = outbox.c.sent_wall.is_(None), outbox.c.last_error.is_not(None)
        oldest = select(func.min(outbox.c.queue_id)).where(*failed).group_by(lane)
        reasons = select(lane, outbox.c.attempts, outbox.c.last_error).where(outbox.c.queue_id.in_(oldest))
        with self._database.reading() as connection:
            why = {row.kind: (row.attempts, row.last_error) for row in connection.execute(reasons)}
            found = connection.execute(counts).tuples().all()
        return [Waiting(kind, count, oldest, due, *why.get(kind, (0, None))) for kind, count, oldest, due in found]

    def delivered(self, message_id: str, at_wall: datetime) -> None:
        """Mark one as delivered; marking it again changes nothing."""
        change = update(outbox).where(outbox.c.message_id == message_id, outbox.c.sent_wall.is_(None))
        with self._database.writing() as connection:
            connection.execute(change.values(sent_wall=at_wall, payload="{}", attempts=outbox.c.attempts + 1, last_error=None))

    def postponed(self, message_id: str, error: str, due_wall: datetime) -> None:
        """Note a failed attempt and when to try again."""
        change = update(outbox).where(outbox.c.message_id == message_id, outbox.c.sent_wall.is_(None))
        with self._database.writing() as connection:
            connection.execute(change.values(attempts=outbox.c.attempts + 1, last_error=error, due_wall=due_wall))


def queue(connection: Connection, messages: Sequence[OutboxMessage], now: datetime) -> None:
    """Queue messages inside a transaction; known ids are left as they are."""
    for message in messages:
        values = {
            "message_id": message.message_id,
            "kind": message.kind,
            "payload": json_text(dict(message.payload)),
            "created_wall": now,
            "due_wall": now,
            "attempts": message.attempts,
            "last_error": message.last_error,
        }
        insert_new(connection, outbox, values)
