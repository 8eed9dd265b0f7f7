"""Ports that use cases need beside those of the contexts. Adapters: ``controlplane.persistence``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Protocol

from checks.model import CheckResult
from controlplane.gate.model import Balance, Run, RunState
from controlplane.kernel.identity import DatasetId, RunId, SnapshotId
from controlplane.slas.status import Fact


@dataclass(frozen=True)
class OutboxMessage:
    """Something to deliver to the outside, at least once, with the same ``message_id`` each time.

    Attributes:
        kind: who delivers it, e.g. ``lineage``, or ``notify:on_call`` for the receiver ``on_call``.
        payload: plain data (JSON).
    """

    message_id: str
    kind: str
    payload: Mapping[str, object]
    attempts: int = 0
    last_error: str | None = None


@dataclass(frozen=True)
class Waiting:
    """Undelivered messages of one kind.

    Attributes:
        lane: their kind, e.g. ``lineage`` or ``notify:on_call``.
        oldest_wall: when the oldest was queued; due_wall: when the first of them is tried next.
        attempts: failed ones of the oldest that failed; last_error: its reason. 0 and None where none has failed.
    """

    lane: str
    count: int
    oldest_wall: datetime
    due_wall: datetime
    attempts: int = 0
    last_error: str | None = None


@dataclass(frozen=True)
class AuditEntry:
    """One line of the append-only audit log.

    Attributes:
        at_wall: wall time; clock: the plane's clock.
        verb: e.g. ``hold.release``, ``quarantine.retry``; subject: what it was done to.
    """

    at_wall: datetime
    clock: datetime
    actor: str
    verb: str
    subject: str
    reason: str
    before: str = ""
    after: str = ""


@dataclass(frozen=True)
class StoredResult:
    """A check result read back from the store: what a report shows, as plain values."""

    check_id: str
    kind: str
    stage: str
    segment: str | None
    field: str | None
    dimension: str | None
    severity: str
    outcome: str
    value: Decimal | None
    unit: str
    rows_total: int | None
    rows_failed: int | None
    quarantined: int
    threshold: Mapping[str, object]
    evidence: str
    reason: str


@dataclass(frozen=True)
class RunRecord:
    """All that is stored when a run ends, in one transaction.

    Attributes:
        state: the final state (``published``, ``held``, ``failed``, ``nothing_new`` ...).
        results: None keeps what an earlier record of the run stored (a release judges nothing anew).
        superseded_rows: ids of open kept rows that a newer passing row of their key replaces.
        rows: of the snapshot that readers see from now on; None when not known or nothing was published.
        fact: what service levels are judged by; None where the run's end says nothing about them.
        rows_before / bytes_read / bytes_written / seconds: costs of the run; None when not known.
    """

    run: Run
    state: RunState
    results: Sequence[CheckResult] | None = ()
    balance: Balance | None = None
    snapshot_id: SnapshotId | None = None
    reason: str | None = None
    superseded_rows: Sequence[str] = ()
    messages: Sequence[OutboxMessage] = ()
    audit: Sequence[AuditEntry] = ()
    bytes_read: int | None = None
    bytes_written: int | None = None
    seconds: float | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    rows: int | None = None
    fact: Fact | None = None


class Records(Protocol):
    """What was found and done, in the store. Raises ``StoreUnavailableError``."""

    def record(self, entry: RunRecord) -> Run:
        """Store a run's end in one transaction and return the run.

        When the state is ``published``: rows the plan let re-enter are closed as released, the run's staged rows and dead
        letters become open, ``superseded_rows`` are closed. When ``held``: staged rows stay staged (a release opens them).
        In any other final state what the run staged is forgotten.
        Recording the same run again replaces what was recorded (a resumed run ends once).
        """
        ...

    def results(self, run_id: RunId) -> Sequence[StoredResult]:
        """Return a run's results in the order they were recorded."""
        ...

    def observed(self, dataset: DatasetId, snapshot_id: SnapshotId, results: Sequence[CheckResult], at: datetime) -> None:
        """Store results of checks on published data (no run)."""
        ...

    def discard(self, dataset: DatasetId, row_ids: Collection[str], entry: AuditEntry) -> int:
        """Close quarantined rows for good and write the audit entry, in one transaction: all of the rows or none.

        Returns:
            How many of the named rows are in quarantine; when that is not all of them, nothing was changed.
        """
        ...

    def daily_rows(self, dataset: DatasetId, until: datetime, zone: tzinfo) -> Mapping[str, int]:
        """Return rows published per local day (ISO date), each day only up to the time of day of ``until``.

        Days before the time that checks look back to (``checks.history.LOOK_BACK``) are left out.
        """
        ...


class Outbox(Protocol):
    """Messages waiting to be delivered. Times are wall time."""

    def add(self, messages: Sequence[OutboxMessage]) -> None:
        """Queue messages; one that is already known is left as it is."""
        ...

    def due(self, at_wall: datetime, limit: int = 100, *, kind: str | None = None) -> Sequence[OutboxMessage]:
        """Return undelivered messages whose time has come, oldest first; of one kind, or of all."""
        ...

    def lanes(self, at_wall: datetime) -> Sequence[str]:
        """Return the kinds of undelivered messages whose time has come, sorted."""
        ...

    def rest(self, kind: str, until_wall: datetime) -> None:
        """Let no message of a kind be due before a time; what fails for all of them is not tried with each."""
        ...

    def waiting(self) -> Sequence[Waiting]:
        """Return how many undelivered messages of each kind there are, and why, by kind."""
        ...

    def delivered(self, message_id: str, at_wall: datetime) -> None:
        """Mark one as delivered."""
        ...

    def postponed(self, message_id: str, error: str, due_wall: datetime) -> None:
        """Note a failed attempt and when to try again."""
        ...


class AuditLog(Protocol):
    """Append-only: the store refuses to change or delete an entry (triggers)."""

    def append(self, entry: AuditEntry) -> None:
        """Write one entry in its own transaction."""
        ...

    def entries(self, subject: str | None = None, limit: int = 100) -> Sequence[AuditEntry]:
        """Return entries, newest first."""
        ...
