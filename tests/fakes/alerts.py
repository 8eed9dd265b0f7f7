"""Alerts in memory; the behaviour suite holds them to the same promises as the store's."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from threading import RLock
from typing import TYPE_CHECKING

from alerting.model import Alert, AlertKind, Group, Notification, Priority, Silence
from controlplane.gate.model import RunState
from controlplane.kernel.identity import DatasetId, RunId
from controlplane.kernel.ports import Clock
from controlplane.usecases.alert_ports import OPEN, AlertFilter, AlertPage, Cost, InboxMessage
from controlplane.usecases.ports import AuditEntry, OutboxMessage

if TYPE_CHECKING:
    from tests.fakes.store import InMemoryStore

_JUDGED = {RunState.PUBLISHED, RunState.HELD, RunState.FAILED}


class InMemoryAlerts:
    def __init__(self, store: InMemoryStore, wall: Clock) -> None:
        self._store = store
        self._wall = wall
        self._lock = RLock()
        self._messages: dict[str, InboxMessage] = {}
        self.state = InMemoryBook(wall.now())

    @contextmanager
    def book(self) -> Iterator[InMemoryBook]:
        with self._lock:
            book = InMemoryBook(self._wall.now(), self.state)
            yield book
            self._store.outbox.add(book.queued)
            for entry in book.noted:
                self._store.audit_log.append(entry)
            self.state = InMemoryBook(self._wall.now(), book)

    def page(self, wanted: AlertFilter, limit: int, offset: int = 0) -> AlertPage:
        found = [alert for alert in self.state.alerts.values() if _fits(alert, wanted)]
        by_priority = {priority: sum(alert.priority is priority for alert in found) for priority in Priority}
        chosen = [alert for alert in found if wanted.priority in {None, alert.priority}]
        newest_first = sorted(chosen, key=lambda alert: (alert.started_at, alert.alert_id), reverse=True)
        ordered = sorted(newest_first, key=lambda alert: alert.priority.rank if alert.is_open else len(Priority))
        return AlertPage(tuple(ordered[offset : offset + limit]), len(chosen), by_priority)

    def get(self, alert_id: int) -> Alert | None:
        return self.state.find(alert_id)

    def silences(self, at: datetime) -> Sequence[Silence]:
        return self.state.silences(at)

    def inbox(self, limit: int) -> Sequence[InboxMessage]:
        by_id = sorted(self._messages.values(), key=lambda message: message.message_id)
        return sorted(by_id, key=lambda message: message.at, reverse=True)[:limit]

    def put(self, notification: Notification) -> None:
        at = datetime.fromisoformat(str(notification.document["at"]))
        message_id, priority, subject = notification.message_id, notification.priority, notification.subject
        message = InboxMessage(message_id, at, notification.receiver, priority, subject, dict(notification.document))
        self._messages.setdefault(message_id, message)

    def unjudged(self, since_wall: datetime, limit: int) -> Sequence[RunId]:
        ended = self._store.records.ended
        found = [
            (wall, run_id)
            for run_id, (wall, entry) in ended.items()
            if entry.state in _JUDGED and wall >= since_wall and self.state.marks.get(run_id, since_wall) < wall
        ]
        return [run_id for _, run_id in sorted(found, key=lambda one: one[0])][:limit]

    def costs(self, dataset: DatasetId, run_id: RunId, limit: int) -> tuple[Cost, Sequence[Cost]]:
        ended = self._store.records.ended
        if run_id not in ended:
            return Cost(), ()
        own = ended[run_id][1]
        before = [
            entry
            for other, (_, entry) in ended.items()
            if other != run_id and entry.run.plan.dataset == dataset and entry.run.plan.backfill is None
            and entry.state is RunState.PUBLISHED and entry.run.clock <= own.run.clock
        ]  # fmt: skip
        newest = sorted(before, key=lambda entry: entry.run.clock, reverse=True)[:limit]
        costs = [Cost(entry.seconds, entry.bytes_read, entry.bytes_written) for entry in (own, *newest)]
        return costs[0], costs[1:]


class InMemoryBook:
    def __init__(self, wall: datetime, before: InMemoryBook | None = None) -> None:
        self.wall = wall
        self.alerts: dict[int, Alert] = dict(before.alerts) if before else {}
        self.marks: dict[RunId, datetime] = dict(before.marks) if before else {}
        self.log: dict[tuple[str, str], Group] = dict(before.log) if before else {}
        self.kept_silences: dict[int, Silence] = dict(before.kept_silences) if before else {}
        self.queued: list[OutboxMessage] = []
        self.noted: list[AuditEntry] = []

    def open_alerts(self, dataset: str | None = None, kinds: Collection[AlertKind] = ()) -> Sequence[Alert]:
        alive = (alert for alert in self.alerts.values() if alert.is_open)
        return [alert for alert in alive if dataset in {None, alert.dataset} and (not kinds or alert.kind in kinds)]

    def newest(self, fingerprints: Collection[str], since: datetime) -> Mapping[str, Alert]:
        recent = (alert for alert in self.alerts.values() if alert.resolved_at is None or alert.resolved_at >= since)
        return {alert.fingerprint: alert for alert in recent if alert.fingerprint in fingerprints}

    def find(self, alert_id: int) -> Alert | None:
        return self.alerts.get(alert_id)

    def save(self, changed: Sequence[Alert]) -> Sequence[Alert]:
        saved = []
        for alert in changed:
            numbered = alert if alert.alert_id else replace(alert, alert_id=len(self.alerts) + 1)
            self.alerts[numbered.alert_id] = numbered
            saved.append(numbered)
        return saved

    def mark(self, run_id: RunId) -> None:
        self.marks[run_id] = self.wall

    def groups(self, places: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Group]:
        return {place: self.log[place] for place in places if place in self.log}

    def due(self, at: datetime) -> Sequence[Group]:
        return [self.log[place] for place in sorted(self.log) if (due := self.log[place].due_at) is not None and due <= at]

    def concerned(self, groups: Sequence[Group]) -> Sequence[Alert]:
        told = {number for group in groups for number in group.told}
        return [alert for alert in self.alerts.values() if alert.is_open or alert.alert_id in told]

    def keep(self, groups: Sequence[Group]) -> None:
        self.log |= {(group.receiver, group.key): group for group in groups}

    def silences(self, at: datetime) -> Sequence[Silence]:
        return [silence for silence in self.kept_silences.values() if silence.ends > at]

    def silence(self, silence_id: int) -> Silence | None:
        return self.kept_silences.get(silence_id)

    def put_silence(self, silence: Silence) -> Silence:
        numbered = silence if silence.silence_id else replace(silence, silence_id=len(self.kept_silences) + 1)
        self.kept_silences[numbered.silence_id] = numbered
        return numbered

    def queue(self, messages: Sequence[OutboxMessage]) -> None:
        self.queued += messages

    def audit(self, entry: AuditEntry) -> None:
        self.noted.append(entry)


def _fits(alert: Alert, wanted: AlertFilter) -> bool:
    of_state = wanted.state in {None, alert.state.value} or (wanted.state == OPEN and alert.is_open)
    return of_state and wanted.dataset in {None, alert.dataset}
