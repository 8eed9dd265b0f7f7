"""The store's ports in memory, for tests of use cases; the behaviour suite of the real store holds it to the same promises."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from itertools import count

from checks.history import LOOK_BACK
from checks.model import CheckResult
from controlplane.gate.model import (
    Balance,
    DeadLetter,
    InputRole,
    KeptKind,
    KeptRow,
    KeptStatus,
    Run,
    RunPlan,
    RunState,
)
from controlplane.kernel.clock import SystemClock
from controlplane.kernel.errors import LeaseTakenError, LostRaceError, UnableToEvaluateError
from controlplane.kernel.identity import DatasetId, RunId, SnapshotId
from controlplane.kernel.ports import Clock
from controlplane.usecases.ports import AuditEntry, OutboxMessage, RunRecord, StoredResult, Waiting
from controlplane.usecases.report import stored
from tests.fakes.access import InMemoryCredentials
from tests.fakes.alerts import InMemoryAlerts
from tests.fakes.service_levels import InMemoryServiceLevels
from tests.fakes.slots import InMemorySlots

_LIVE = {KeptStatus.OPEN, KeptStatus.RETRYING}
_OPENED_AGAIN = {RunState.FAILED, RunState.ABANDONED, RunState.SUPERSEDED}


class InMemoryJournal:
    def __init__(self) -> None:
        self.stored: dict[RunId, Run] = {}

    def open_run(self, dataset: DatasetId) -> Run | None:
        return next((run for run in self.stored.values() if run.plan.dataset == dataset and run.state.is_open), None)

    def find(self, run_id: RunId) -> Run | None:
        return self.stored.get(run_id)

    def known(self, run: Run) -> Run:
        try:
            return self.stored[run.run_id]
        except KeyError:
            message = f"run {run.run_id} of {run.plan.dataset} is not in the store; plan it before anything else"
            raise UnableToEvaluateError(message) from None

    def plan(self, plan: RunPlan, *, clock: datetime, pipeline: str | None) -> Run:
        run = self.stored.get(plan.run_id)
        if run is not None and run.state not in _OPENED_AGAIN:
            return run
        other = self.open_run(plan.dataset)
        if other is not None:
            message = f"run {other.run_id} of {plan.dataset} is still open ({other.state.value})"
            raise LostRaceError(message)
        self.stored.pop(plan.run_id, None)
        self.stored[plan.run_id] = Run(plan.run_id, plan, RunState.PLANNED, clock, pipeline)
        return self.stored[plan.run_id]

    def advance(
        self,
        run: Run,
        state: RunState,
        *,
        reason: str | None = None,
        snapshot_id: SnapshotId | None = None,
        balance: Balance | None = None,
    ) -> Run:
        known = self.known(run)
        if state.is_open and not known.state.is_open:
            message = f"run {run.run_id} of {run.plan.dataset} has ended as {known.state.value} meanwhile, so it cannot go on"
            raise LostRaceError(message)
        self.stored[run.run_id] = replace(
            known,
            state=state,
            reason=known.reason if reason is None else reason,
            snapshot_id=known.snapshot_id if snapshot_id is None else snapshot_id,
            balance=known.balance if balance is None else balance,
        )
        return self.stored[run.run_id]

    def consumed_files(self, dataset: DatasetId, topic: str) -> Collection[tuple[str, str]]:
        return frozenset(
            (pin.name, pin.sha256 or "")
            for run in self.runs(dataset, state=RunState.PUBLISHED, limit=len(self.stored))
            for pin in run.plan.inputs
            if pin.role is InputRole.LANDING and pin.name.startswith(f"{topic}/")
        )

    def runs(self, dataset: DatasetId | None = None, *, state: RunState | None = None, limit: int = 100) -> Sequence[Run]:
        found = (
            run
            for run in reversed(self.stored.values())
            if (dataset is None or run.plan.dataset == dataset) and (state is None or run.state is state)
        )
        return list(found)[:limit]

    def published_batch(self, dataset: DatasetId, key: str) -> Run | None:
        published = self.runs(dataset, state=RunState.PUBLISHED, limit=len(self.stored))
        return next(
            (run for run in published if any(pin.role is InputRole.BATCH and pin.name == key for pin in run.plan.inputs)),
            None,
        )


class InMemoryLeases:
    def __init__(self, wall: Clock, holder: str) -> None:
        self._wall = wall
        self._holder = holder
        self._until: dict[DatasetId, datetime] = {}
        self._tokens: dict[DatasetId, int] = {}

    @contextmanager
    def hold(self, dataset: DatasetId, ttl: timedelta) -> Iterator[int]:
        now = self._wall.now()
        until = self._until.get(dataset, now)
        if until > now:
            message = f"the writer lease of {dataset} is taken by {self._holder} until {until.isoformat(timespec='seconds')}"
            raise LeaseTakenError(message)
        token = self._tokens[dataset] = self._tokens.get(dataset, 0) + 1
        self._until[dataset] = now + ttl
        try:
            yield token
        finally:
            if self._tokens[dataset] == token:
                self._until[dataset] = min(self._until[dataset], self._wall.now())

    def renew(self, dataset: DatasetId, token: int, ttl: timedelta) -> None:
        now = self._wall.now()
        if self._tokens.get(dataset) != token or self._until[dataset] <= now:
            message = f"the writer lease of {dataset} was lost because its time was over; run this again"
            raise LeaseTakenError(message)
        self._until[dataset] = now + ttl


class InMemoryKeptRows:
    def __init__(self, journal: InMemoryJournal, letters: InMemoryDeadLetters) -> None:
        self._journal = journal
        self._letters = letters
        self._order = count()
        self.entries: dict[tuple[DatasetId, str, RunId], tuple[int, KeptRow]] = {}

    def stage(self, run: Run, rows: Sequence[KeptRow]) -> None:
        self._journal.known(run)
        self.forget(run.run_id)
        for row in rows:
            place = (run.plan.dataset, row.row_id, run.run_id)
            if place not in self.entries:
                self.entries[place] = (next(self._order), replace(row, run_id=run.run_id, status=KeptStatus.STAGED))

    def forget(self, run_id: RunId) -> None:
        staged = [place for place, (_, row) in self.entries.items() if place[2] == run_id and row.status is KeptStatus.STAGED]
        for place in staged:
            del self.entries[place]

    def unstage(self, run_id: RunId) -> None:
        self.forget(run_id)
        self._letters.forget(run_id)

    def open(
        self,
        dataset: DatasetId | None = None,
        kind: KeptKind | None = None,
        *,
        keys: Collection[str] | None = None,
        limit: int | None = None,
    ) -> Sequence[tuple[DatasetId, KeptRow]]:
        found = [
            (place[0], row)
            for place, (_, row) in self.entries.items()
            if row.status in _LIVE
            and (dataset is None or place[0] == dataset)
            and (kind is None or row.kind is kind)
            and (keys is None or row.key in keys)
        ]
        return sorted(found, key=lambda pair: (pair[1].since, pair[1].row_id))[:limit]

    def find(self, row_id: str) -> Sequence[tuple[DatasetId, KeptRow]]:
        found = [(order, place[0], row) for place, (order, row) in self.entries.items() if row.row_id.startswith(row_id)]
        return [(dataset, row) for _, dataset, row in sorted(found, key=lambda entry: -entry[0])]

    def reentering(self, dataset: DatasetId) -> Sequence[KeptRow]:
        return [
            row
            for _, row in self.open(dataset)
            if row.kind is KeptKind.WAITING or (row.kind is KeptKind.QUARANTINED and row.status is KeptStatus.RETRYING)
        ]

    def mark_retry(self, dataset: DatasetId, row_ids: Sequence[str] | None) -> int:
        return self.close(
            {KeptStatus.OPEN},
            KeptStatus.RETRYING,
            lambda place, row: (
                place[0] == dataset and row.kind is KeptKind.QUARANTINED and (row_ids is None or row.row_id in row_ids)
            ),
        )

    def count_open(self, dataset: DatasetId) -> Mapping[KeptKind, int]:
        kinds = [row.kind for _, row in self.open(dataset)]
        return {kind: kinds.count(kind) for kind in KeptKind}

    def expire(self, dataset: DatasetId, before: datetime) -> int:
        forgotten = [
            place
            for place, (_, row) in self.entries.items()
            if place[0] == dataset and row.since < before and row.status in {KeptStatus.RELEASED, KeptStatus.SUPERSEDED}
        ]
        for place in forgotten:
            del self.entries[place]
        return self.close(_LIVE, KeptStatus.EXPIRED, lambda place, row: place[0] == dataset and row.since < before)

    def close(self, statuses: Collection[KeptStatus], status: KeptStatus, wanted: object) -> int:
        assert callable(wanted)
        changed = [place for place, (_, row) in self.entries.items() if row.status in statuses and wanted(place, row)]
        for place in changed:
            order, row = self.entries[place]
            self.entries[place] = (order, replace(row, status=status))
        return len(changed)

    def publish(self, run: Run, superseded: Sequence[str]) -> None:
        dataset, run_id = run.plan.dataset, run.run_id
        again = {place[1] for place, (_, row) in self.entries.items() if place[2] == run_id and row.status is KeptStatus.STAGED}
        entered, gone = set(run.plan.reentering), set(superseded)

        def of_others(ids: Collection[str]) -> object:
            return lambda place, row: place[0] == dataset and place[2] != run_id and row.row_id in ids

        self.close(_LIVE, KeptStatus.RELEASED, of_others(entered))
        self.close(_LIVE, KeptStatus.SUPERSEDED, of_others(again))
        self.close({KeptStatus.STAGED}, KeptStatus.OPEN, lambda place, _: place[2] == run_id)
        self.close(_LIVE, KeptStatus.SUPERSEDED, lambda place, row: place[0] == dataset and row.row_id in gone)


class InMemoryDeadLetters:
    def __init__(self, journal: InMemoryJournal) -> None:
        self._journal = journal
        self._staged: dict[RunId, list[DeadLetter]] = {}
        self._open: dict[tuple[DatasetId, str, str], tuple[datetime, DeadLetter]] = {}

    def stage(self, run: Run, letters: Sequence[DeadLetter]) -> None:
        self._journal.known(run)
        self._staged[run.run_id] = list(letters)

    def forget(self, run_id: RunId) -> None:
        self._staged.pop(run_id, None)

    def publish(self, run: Run) -> None:
        for letter in self._staged.pop(run.run_id, []):
            self._open[run.plan.dataset, letter.source, letter.position] = (run.clock, letter)

    def open(self, dataset: DatasetId | None = None, *, limit: int | None = None) -> Sequence[tuple[DatasetId, DeadLetter]]:
        found = [(since, place, letter) for place, (since, letter) in self._open.items() if dataset in {None, place[0]}]
        return [(place[0], letter) for _, place, letter in sorted(found, key=lambda entry: (entry[0], entry[1][1:]))][:limit]

    def expire(self, dataset: DatasetId, before: datetime) -> int:
        old = [place for place, (since, _) in self._open.items() if place[0] == dataset and since < before]
        for place in old:
            del self._open[place]
        return len(old)


class InMemoryOutbox:
    def __init__(self, wall: Clock) -> None:
        self._wall = wall
        self._queued: dict[str, tuple[datetime, OutboxMessage]] = {}
        self._created: dict[str, datetime] = {}
        self._delivered: set[str] = set()

    def add(self, messages: Sequence[OutboxMessage]) -> None:
        for message in messages:
            self._queued.setdefault(message.message_id, (self._wall.now(), message))
            self._created.setdefault(message.message_id, self._wall.now())

    def due(self, at_wall: datetime, limit: int = 100, *, kind: str | None = None) -> Sequence[OutboxMessage]:
        waiting = [
            message
            for message_id, (due, message) in self._queued.items()
            if message_id not in self._delivered and due <= at_wall and kind in {None, message.kind}
        ]
        return waiting[:limit]

    def lanes(self, at_wall: datetime) -> Sequence[str]:
        return sorted({message.kind for message in self.due(at_wall, len(self._queued))})

    def rest(self, kind: str, until_wall: datetime) -> None:
        for message_id, (due, message) in self._queued.items():
            if message.kind == kind and message_id not in self._delivered:
                self._queued[message_id] = (max(due, until_wall), message)

    def waiting(self) -> Sequence[Waiting]:
        lanes: dict[str, list[tuple[datetime, OutboxMessage]]] = {}
        for message_id, (due, message) in self._queued.items():
            if message_id not in self._delivered:
                lanes.setdefault(message.kind, []).append((due, message))
        return [self._lane(lane, lanes[lane]) for lane in sorted(lanes)]

    def _lane(self, lane: str, queued: Sequence[tuple[datetime, OutboxMessage]]) -> Waiting:
        failed = next((message for _, message in queued if message.last_error is not None), None)
        why = (failed.attempts, failed.last_error) if failed else (0, None)
        oldest = min(self._created[message.message_id] for _, message in queued)
        return Waiting(lane, len(queued), oldest, min(due for due, _ in queued), *why)

    def delivered(self, message_id: str, at_wall: datetime) -> None:  # noqa: ARG002
        self._delivered.add(message_id)

    def postponed(self, message_id: str, error: str, due_wall: datetime) -> None:
        _, message = self._queued[message_id]
        self._queued[message_id] = (due_wall, replace(message, attempts=message.attempts + 1, last_error=error))


class InMemoryAuditLog:
    def __init__(self) -> None:
        self._entries: list[AuditEntry] = []
        self._noted: set[tuple[object, ...]] = set()

    def append(self, entry: AuditEntry) -> None:
        self._entries.append(entry)

    def note(self, run_id: RunId, entries: Sequence[AuditEntry]) -> None:
        for entry in entries:
            said = (run_id, entry.actor, entry.verb, entry.subject, entry.reason, entry.before, entry.after)
            if said not in self._noted:
                self._noted.add(said)
                self._entries.append(entry)

    def entries(self, subject: str | None = None, limit: int = 100) -> Sequence[AuditEntry]:
        return [entry for entry in reversed(self._entries) if subject in {None, entry.subject}][:limit]


class InMemoryRecords:
    def __init__(self, store: InMemoryStore) -> None:
        self._store = store
        self._results: dict[RunId, Sequence[StoredResult]] = {}
        self.ended: dict[RunId, tuple[datetime, RunRecord]] = {}
        self.observations: dict[tuple[DatasetId, SnapshotId, datetime], Sequence[StoredResult]] = {}

    def record(self, entry: RunRecord) -> Run:
        store, run_id = self._store, entry.run.run_id
        before = store.journal.known(entry.run)
        kept_reason = before.reason if entry.reason is None and before.state is entry.state else entry.reason
        ended = replace(
            before,
            state=entry.state,
            balance=entry.balance or before.balance,
            snapshot_id=before.snapshot_id if entry.snapshot_id is None else entry.snapshot_id,
            reason=kept_reason,
        )
        store.journal.stored[run_id] = ended
        self.ended[run_id] = (store.wall.now(), replace(entry, run=ended))
        if entry.results is not None:
            self._results[run_id] = [stored(result) for result in entry.results]
        if entry.state is RunState.PUBLISHED:
            store.kept_rows.publish(ended, entry.superseded_rows)
            store.dead_letters.publish(ended)
        elif entry.state is not RunState.HELD:
            store.kept_rows.unstage(run_id)
        if entry.fact is not None:
            store.service_levels.note(entry.fact)
        store.outbox.add(entry.messages)
        store.audit_log.note(run_id, entry.audit)
        return ended

    def results(self, run_id: RunId) -> Sequence[StoredResult]:
        return self._results.get(run_id, [])

    def observed(self, dataset: DatasetId, snapshot_id: SnapshotId, results: Sequence[CheckResult], at: datetime) -> None:
        self.observations[dataset, snapshot_id, at] = [stored(result) for result in results]

    def discard(self, dataset: DatasetId, row_ids: Collection[str], entry: AuditEntry) -> int:
        rows = self._store.kept_rows
        mine = [row for _, row in rows.open(dataset, KeptKind.QUARANTINED) if row.row_id in row_ids]
        found = {row.row_id for row in mine}
        if len(found) == len(set(row_ids)):
            rows.close(
                _LIVE,
                KeptStatus.DISCARDED,
                lambda place, row: place[0] == dataset and row.kind is KeptKind.QUARANTINED and row.row_id in found,
            )
            self._store.audit_log.append(entry)
        return len(found)

    def daily_rows(self, dataset: DatasetId, until: datetime, zone: tzinfo) -> Mapping[str, int]:
        days: dict[str, int] = {}
        latest = until.astimezone(zone).time()
        for run in self._store.journal.runs(dataset, state=RunState.PUBLISHED, limit=len(self._store.journal.stored)):
            if until - LOOK_BACK - timedelta(days=1) <= run.clock <= until and run.balance is not None:
                local = run.clock.astimezone(zone)
                early = run.balance.passed if local.time() <= latest else 0
                days[local.date().isoformat()] = days.get(local.date().isoformat(), 0) + early
        return days


class InMemoryStore:
    """Every repository of the store, forgotten with the object."""

    def __init__(self, wall: Clock | None = None, holder: str = "test") -> None:
        clock = wall or SystemClock()
        self.where = "memory"
        self.wall = clock
        self.journal = InMemoryJournal()
        self.leases = InMemoryLeases(clock, holder)
        self.slots = InMemorySlots(clock, holder)
        self.dead_letters = InMemoryDeadLetters(self.journal)
        self.kept_rows = InMemoryKeptRows(self.journal, self.dead_letters)
        self.outbox = InMemoryOutbox(clock)
        self.audit_log = InMemoryAuditLog()
        self.records = InMemoryRecords(self)
        self.service_levels = InMemoryServiceLevels()
        self.alerts = InMemoryAlerts(self, clock)
        self.credentials = InMemoryCredentials()

    def service_levels_of(self, namespace: str) -> InMemoryServiceLevels:  # noqa: ARG002 (this store knows one only)
        return self.service_levels

    def check(self) -> None:
        """Nothing to connect to."""

    def close(self) -> None:
        """Nothing to give back."""
