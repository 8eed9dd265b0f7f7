"""Scheduled slots: who works on which job for which moment. All times are wall time. Adapter: ``controlplane.persistence``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True)
class Intervals:
    """How often the scheduled jobs are due.

    Attributes:
        ingestion: pipelines that read landed messages.
        hourly: pipelines with a SELECT; each waits for those it reads from.
        evaluation: objectives.
        notifications: alerts, grouping and delivery.
    """

    ingestion: timedelta = timedelta(minutes=5)
    hourly: timedelta = timedelta(hours=1)
    evaluation: timedelta = timedelta(minutes=1)
    notifications: timedelta = timedelta(seconds=10)


class SlotState(StrEnum):
    """Life of a slot: in somebody's hands (or given back), then over."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Claim:
    """The right to work on a slot.

    Attributes:
        token: grows with every take-over, so that who was away too long can be told from the one in its place; the first is 1.
    """

    job: str
    slot: datetime
    token: int


@dataclass(frozen=True)
class Slot:
    """A slot as the store knows it.

    Attributes:
        slot: the moment it is for.
        token: how often it was taken.
        until_wall: when the lease of its holder ends.
        error: why it failed, or why it was given back, as one sentence.
    """

    job: str
    slot: datetime
    state: SlotState
    holder: str
    token: int
    until_wall: datetime
    started_wall: datetime
    ended_wall: datetime | None = None
    error: str | None = None


class Slots(Protocol):
    """Claims of slots: each is worked on by one at a time and ends once. Raises ``StoreUnavailableError``."""

    def claim(self, job: str, slot: datetime, ttl: timedelta) -> Claim | None:
        """Take a slot for ``ttl``; None where somebody else has the job in hand, or has ended this slot or began a newer one.

        The slot of a holder whose time is over or whose process died is taken over. An older slot left in this way is ended
        ``failed``: a job that missed several moments is caught up once, with the newest.
        """
        ...

    def renew(self, claim: Claim, ttl: timedelta) -> bool:
        """Let a claim last ``ttl`` from now. False when it was lost: another has taken the slot or it has ended."""
        ...

    def end(self, claim: Claim, error: str | None = None) -> bool:
        """End a slot ``done``, or ``failed`` with a sentence. False when the claim was lost; then nothing changes."""
        ...

    def give_back(self, claim: Claim, *, pause: timedelta = timedelta(0), error: str | None = None) -> None:
        """Let anybody take the slot again after a pause; nothing happens when the claim was lost."""
        ...

    def ended(self, since: Mapping[str, datetime]) -> Mapping[str, datetime]:
        """Return the newest ended slot of each asked job, among its slots for the given moment and later."""
        ...

    def newest(self, job: str) -> Slot | None:
        """Return a job's newest slot, None if it never ran."""
        ...

    def last_done(self, job: str) -> datetime | None:
        """Return when a job ended ``done`` for the last time, None if it never did."""
        ...
