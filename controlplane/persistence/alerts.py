"""Alerts in the store: one transaction at a time changes them, with the messages that tell about the change."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, case, func, or_, select, text, tuple_, update
from sqlalchemy.engine import Connection

from alerting.model import Alert, AlertKind, Group, Notification, Priority, Silence
from controlplane.gate.model import RunState
from controlplane.kernel.identity import DatasetId, RunId
from controlplane.kernel.ports import Clock
from controlplane.persistence.alert_rows import IS_OPEN, alert_of, alert_values, group_of, group_values, message_of, silence_of
from controlplane.persistence.database import Database, insert, insert_many, known_dataset
from controlplane.persistence.kept_files import chunks, json_text
from controlplane.persistence.outbox import queue
from controlplane.persistence.tables import alert_marks, alerts, audit_log, inbox, notifications, runs, silences
from controlplane.usecases.alert_ports import OPEN, AlertFilter, AlertPage, Cost, InboxMessage
from controlplane.usecases.ports import AuditEntry, OutboxMessage

_AT_ONCE = 400
_LOCK = 0x616C657274
_JUDGED = (RunState.PUBLISHED.value, RunState.HELD.value, RunState.FAILED.value)
_URGENCY = case({priority.value: priority.rank for priority in Priority}, value=alerts.c.priority)
_COSTS = ("seconds", "bytes_read", "bytes_written")


class StoredAlerts:
    """Alerts, silences, notification log and inbox in the store (``usecases.alert_ports.AlertStore``)."""

    def __init__(self, database: Database, wall: Clock) -> None:
        """Take the database and the wall clock."""
        self._database = database
        self._wall = wall

    @contextmanager
    def book(self) -> Iterator[StoredBook]:
        """Open the only transaction over alerts: SQLite has one writer, PostgreSQL holds a lock until the commit."""
        with self._database.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
            yield StoredBook(connection, self._wall.now())

    def page(self, wanted: AlertFilter, limit: int, offset: int = 0) -> AlertPage:
        """Return alerts, a page at a time; see ``AlertPage`` for the order."""
        conditions = list(_conditions(wanted))
        urgent_first = case((IS_OPEN, _URGENCY), else_=len(Priority))
        order = (urgent_first, alerts.c.started_at.desc(), alerts.c.alert_id.desc())
        chosen = [] if wanted.priority is None else [alerts.c.priority == wanted.priority.value]
        query = select(alerts).where(*conditions, *chosen).order_by(*order).limit(limit).offset(offset)
        counts = select(alerts.c.priority, func.count()).where(*conditions).group_by(alerts.c.priority)
        with self._database.reading() as connection:
            found = tuple(alert_of(row) for row in connection.execute(query))
            numbers: dict[str, int] = dict(connection.execute(counts).tuples().all())
        by_priority = {priority: numbers.get(priority.value, 0) for priority in Priority}
        total = sum(by_priority.values()) if wanted.priority is None else by_priority[wanted.priority]
        return AlertPage(found, total, by_priority)

    def get(self, alert_id: int) -> Alert | None:
        """Return an alert by number."""
        with self._database.reading() as connection:
            return StoredBook(connection, self._wall.now()).find(alert_id)

    def silences(self, at: datetime) -> Sequence[Silence]:
        """Return silences that have not ended at an instant, oldest first."""
        with self._database.reading() as connection:
            return StoredBook(connection, self._wall.now()).silences(at)

    def inbox(self, limit: int) -> Sequence[InboxMessage]:
        """Return messages of the inbox, newest first."""
        query = select(inbox).order_by(inbox.c.at.desc(), inbox.c.message_id).limit(limit)
        with self._database.reading() as connection:
            return [message_of(row) for row in connection.execute(query)]

    def put(self, notification: Notification) -> None:
        """Keep a message for pages; one that is there already is left as it is (``alerting.ports.Inbox``)."""
        values = {
            "message_id": notification.message_id,
            "at": datetime.fromisoformat(str(notification.document["at"])),
            "receiver": notification.receiver,
            "priority": notification.priority.value,
            "subject": notification.subject,
            "document": json_text(dict(notification.document)),
        }
        with self._database.writing() as connection:
            connection.execute(insert(connection, inbox).values(values).on_conflict_do_nothing())

    def unjudged(self, since_wall: datetime, limit: int) -> Sequence[RunId]:
        """Return runs that ended published, held or failed and that nobody judged since, the first that ended first."""
        query = (
            select(runs.c.run_id)
            .outerjoin(alert_marks, alert_marks.c.run_id == runs.c.run_id)
            .where(
                runs.c.started_wall >= since_wall,
                runs.c.state.in_(_JUDGED),
                or_(alert_marks.c.run_id.is_(None), alert_marks.c.judged_wall < runs.c.ended_wall),
            )
            .order_by(runs.c.ended_wall)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [RunId(UUID(run_id)) for run_id in connection.execute(query).scalars()]

    def costs(self, dataset: DatasetId, run_id: RunId, limit: int) -> tuple[Cost, Sequence[Cost]]:
        """Return what a run cost, and what published runs of the dataset before it cost, newest first."""
        columns = [runs.c[name] for name in _COSTS]
        own = select(*columns, runs.c.clock).where(runs.c.run_id == str(run_id))
        with self._database.reading() as connection:
            number = known_dataset(connection, dataset)
            found = connection.execute(own).one_or_none()
            if found is None:
                return Cost(), ()
            earlier = select(*columns).where(
                runs.c.dataset_id == number,
                runs.c.state == RunState.PUBLISHED.value,
                runs.c.clock <= found.clock,
                runs.c.run_id != str(run_id),
                runs.c.plan.not_like('%"backfill":%'),
            )
            before = connection.execute(earlier.order_by(runs.c.clock.desc(), runs.c.run_id).limit(limit))
            return Cost(*found[: len(_COSTS)]), [Cost(*row) for row in before.tuples()]


class StoredBook:
    """One transaction over alerts (``usecases.alert_ports.AlertBook``)."""

    def __init__(self, connection: Connection, wall: datetime) -> None:
        """Take the open transaction and the wall time."""
        self._connection = connection
        self._wall = wall

    def open_alerts(self, dataset: str | None = None, kinds: Collection[AlertKind] = ()) -> Sequence[Alert]:
        """Return open alerts, oldest first, of one dataset (None: of all) and of some kinds (empty: of all)."""
        of_dataset = [] if dataset is None else [alerts.c.dataset == dataset]
        of_kind = [alerts.c.kind.in_([kind.value for kind in kinds])] if kinds else []
        return self._alerts(select(alerts).where(IS_OPEN, *of_dataset, *of_kind).order_by(alerts.c.alert_id))

    def newest(self, fingerprints: Collection[str], since: datetime) -> Mapping[str, Alert]:
        """Return the newest alert of each label set that is open or was resolved at or after ``since``, by fingerprint."""
        recent = or_(IS_OPEN, alerts.c.resolved_at >= since)
        found: dict[str, Alert] = {}
        for some in chunks(sorted(fingerprints), _AT_ONCE):
            query = select(alerts).where(alerts.c.fingerprint.in_(some), recent).order_by(alerts.c.alert_id)
            found |= {alert.fingerprint: alert for alert in self._alerts(query)}
        return found

    def find(self, alert_id: int) -> Alert | None:
        """Return an alert by number."""
        return next(iter(self._alerts(select(alerts).where(alerts.c.alert_id == alert_id))), None)

    def save(self, changed: Sequence[Alert]) -> Sequence[Alert]:
        """Store alerts, new ones (number 0) under the next numbers; return them in the same order with their numbers."""
        known = [{"number": alert.alert_id, **alert_values(alert)} for alert in changed if alert.alert_id]
        if known:
            self._connection.execute(update(alerts).where(alerts.c.alert_id == bindparam("number")), known)
        fresh = [alert for alert in changed if not alert.alert_id]
        if not fresh:
            return changed
        insert_many(self._connection, alerts, [alert_values(alert) for alert in fresh])
        numbers: dict[str, int] = {}
        for some in chunks([alert.fingerprint for alert in fresh], _AT_ONCE):
            newest = select(alerts.c.fingerprint, func.max(alerts.c.alert_id)).where(alerts.c.fingerprint.in_(some))
            numbers |= dict(self._connection.execute(newest.group_by(alerts.c.fingerprint)).tuples().all())
        return [alert if alert.alert_id else replace(alert, alert_id=numbers[alert.fingerprint]) for alert in changed]

    def mark(self, run_id: RunId) -> None:
        """Note that a run was judged."""
        values = {"run_id": str(run_id), "judged_wall": self._wall}
        fresh = insert(self._connection, alert_marks).values(values)
        again = fresh.on_conflict_do_update(index_elements=[alert_marks.c.run_id], set_={"judged_wall": self._wall})
        self._connection.execute(again)

    def groups(self, places: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Group]:
        """Return what the notification log knows of groups, by (receiver, key)."""
        found: dict[tuple[str, str], Group] = {}
        for some in chunks(sorted(places), _AT_ONCE):
            query = select(notifications).where(tuple_(notifications.c.receiver, notifications.c.group_key).in_(some))
            found |= {(row.receiver, row.group_key): group_of(row) for row in self._connection.execute(query)}
        return found

    def due(self, at: datetime) -> Sequence[Group]:
        """Return groups that are to be looked at, by receiver and key."""
        order = (notifications.c.receiver, notifications.c.group_key)
        query = select(notifications).where(notifications.c.due_at <= at).order_by(*order)
        return [group_of(row) for row in self._connection.execute(query)]

    def concerned(self, groups: Sequence[Group]) -> Sequence[Alert]:
        """Return at least the open alerts that groups with these labels can have, and all that they were told of."""
        datasets = {group.labels.get("dataset", "") for group in groups}
        bounded = all(datasets) and len(datasets) <= _AT_ONCE
        found = {
            alert.alert_id: alert
            for some in (chunks(sorted(datasets), _AT_ONCE) if bounded else [()])
            for alert in self._alerts(select(alerts).where(IS_OPEN, *([alerts.c.dataset.in_(some)] if some else [])))
        }
        told = {number for group in groups for number in group.told} - found.keys()
        for numbers in chunks(sorted(told), _AT_ONCE):
            query = select(alerts).where(alerts.c.alert_id.in_(numbers))
            found |= {alert.alert_id: alert for alert in self._alerts(query)}
        return list(found.values())

    def keep(self, groups: Sequence[Group]) -> None:
        """Store what the notification log knows of groups."""
        if not groups:
            return
        key = [notifications.c.receiver, notifications.c.group_key]
        fresh = insert(self._connection, notifications)
        rest = ("labels", "due_at", "notified_at", "sequence", "told")
        again = fresh.on_conflict_do_update(index_elements=key, set_={name: fresh.excluded[name] for name in rest})
        self._connection.execute(again, [group_values(group) for group in groups])

    def silences(self, at: datetime) -> Sequence[Silence]:
        """Return silences that have not ended, oldest first."""
        query = select(silences).where(silences.c.ends > at).order_by(silences.c.silence_id)
        return [silence_of(row) for row in self._connection.execute(query)]

    def silence(self, silence_id: int) -> Silence | None:
        """Return a silence by number."""
        row = self._connection.execute(select(silences).where(silences.c.silence_id == silence_id)).one_or_none()
        return None if row is None else silence_of(row)

    def put_silence(self, silence: Silence) -> Silence:
        """Store a silence, a new one (number 0) under the next number; return it with its number."""
        values = {
            "matchers": json_text(dict(silence.matchers)),
            "starts": silence.starts,
            "ends": silence.ends,
            "actor": silence.actor,
            "reason": silence.reason,
        }
        if silence.silence_id:
            self._connection.execute(update(silences).where(silences.c.silence_id == silence.silence_id).values(values))
            return silence
        fresh = silences.insert().values(**values, created_wall=self._wall).returning(silences.c.silence_id)
        return replace(silence, silence_id=int(self._connection.execute(fresh).scalar_one()))

    def queue(self, messages: Sequence[OutboxMessage]) -> None:
        """Put messages into the outbox; known ids are left as they are."""
        queue(self._connection, messages, self._wall)

    def audit(self, entry: AuditEntry) -> None:
        """Write one entry of the audit log."""
        self._connection.execute(audit_log.insert().values(asdict(entry)))

    def _alerts(self, query: Select[tuple[object, ...]]) -> Sequence[Alert]:
        return [alert_of(row) for row in self._connection.execute(query)]


def _conditions(wanted: AlertFilter) -> Iterator[ColumnElement[bool]]:
    if wanted.state == OPEN:
        yield IS_OPEN
    elif wanted.state is not None:
        yield alerts.c.state == wanted.state
    if wanted.dataset is not None:
        yield alerts.c.dataset == wanted.dataset
