"""Port of alerts, silences, the notification log and the inbox. Adapter: ``controlplane.persistence``."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from alerting.model import Alert, AlertKind, Group, Priority, Silence
from alerting.ports import Inbox
from controlplane.kernel.identity import DatasetId, RunId
from controlplane.usecases.ports import AuditEntry, OutboxMessage

OPEN = "open"
"""State of a filter that means every alert that is not resolved."""


@dataclass(frozen=True)
class AlertFilter:
    """Which alerts are wanted; what is None does not matter.

    Attributes:
        state: the value of a state, or ``open`` for all that are not resolved.
    """

    state: str | None = None
    priority: Priority | None = None
    dataset: str | None = None


@dataclass(frozen=True)
class AlertPage:
    """Some alerts of a filter: open ones first, worst first, then the newest.

    Attributes:
        total: alerts of the filter.
        by_priority: how many there are of each priority, whatever priority the filter asks for.
    """

    alerts: tuple[Alert, ...]
    total: int
    by_priority: Mapping[Priority, int] = field(default_factory=dict)


@dataclass(frozen=True)
class InboxMessage:
    """A message kept for pages.

    Attributes:
        at: wall time it was kept; document: see ``alerting.stages.compose``.
    """

    message_id: str
    at: datetime
    receiver: str
    priority: Priority
    subject: str
    document: Mapping[str, object]


@dataclass(frozen=True)
class Cost:
    """What one run cost; None where that was not recorded."""

    seconds: float | None = None
    bytes_read: int | None = None
    bytes_written: int | None = None


class AlertBook(Protocol):
    """One transaction over alerts. Nobody else changes them meanwhile, so that what is read is still so when it is written."""

    def open_alerts(self, dataset: str | None = None, kinds: Collection[AlertKind] = ()) -> Sequence[Alert]:
        """Return open alerts, oldest first, of one dataset (None: of all) and of some kinds (empty: of all)."""
        ...

    def newest(self, fingerprints: Collection[str], since: datetime) -> Mapping[str, Alert]:
        """Return the newest alert of each label set that is open or was resolved at or after ``since``, by fingerprint."""
        ...

    def find(self, alert_id: int) -> Alert | None:
        """Return an alert by number."""
        ...

    def save(self, alerts: Sequence[Alert]) -> Sequence[Alert]:
        """Store alerts, new ones (number 0) under the next numbers; return them in the same order with their numbers."""
        ...

    def mark(self, run_id: RunId) -> None:
        """Note that a run was judged."""
        ...

    def groups(self, places: Collection[tuple[str, str]]) -> Mapping[tuple[str, str], Group]:
        """Return what the notification log knows of groups, by (receiver, key)."""
        ...

    def due(self, at: datetime) -> Sequence[Group]:
        """Return groups that are to be looked at, by receiver and key."""
        ...

    def concerned(self, groups: Sequence[Group]) -> Sequence[Alert]:
        """Return at least the open alerts that groups with these labels can have, and all that they were told of."""
        ...

    def keep(self, groups: Sequence[Group]) -> None:
        """Store what the notification log knows of groups."""
        ...

    def silences(self, at: datetime) -> Sequence[Silence]:
        """Return silences that have not ended, oldest first."""
        ...

    def silence(self, silence_id: int) -> Silence | None:
        """Return a silence by number."""
        ...

    def put_silence(self, silence: Silence) -> Silence:
        """Store a silence, a new one (number 0) under the next number; return it with its number."""
        ...

    def queue(self, messages: Sequence[OutboxMessage]) -> None:
        """Put messages into the outbox; known ids are left as they are."""
        ...

    def audit(self, entry: AuditEntry) -> None:
        """Write one entry of the audit log."""
        ...


class AlertStore(Inbox, Protocol):
    """Alerts and who was told. Raises ``StoreUnavailableError``."""

    def book(self) -> AbstractContextManager[AlertBook]:
        """Open a transaction, the only one over alerts; committed when the block ends, rolled back when it raises."""
        ...

    def page(self, wanted: AlertFilter, limit: int, offset: int = 0) -> AlertPage:
        """Return alerts, a page at a time."""
        ...

    def get(self, alert_id: int) -> Alert | None:
        """Return an alert by number."""
        ...

    def silences(self, at: datetime) -> Sequence[Silence]:
        """Return silences that have not ended at an instant, oldest first."""
        ...

    def inbox(self, limit: int) -> Sequence[InboxMessage]:
        """Return messages of the inbox, newest first."""
        ...

    def unjudged(self, since_wall: datetime, limit: int) -> Sequence[RunId]:
        """Return runs that ended published, held or failed and that nobody judged since, the first that ended first.

        Args:
            since_wall: runs that started before are left out.
            limit: how many at most.
        """
        ...

    def costs(self, dataset: DatasetId, run_id: RunId, limit: int) -> tuple[Cost, Sequence[Cost]]:
        """Return what a run cost, and what published runs of the dataset before it cost, newest first; backfills count not."""
        ...
