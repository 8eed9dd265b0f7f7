"""What is due: jobs, the moments they are for, and which of them may be worked on now.

A job's moments are fixed points of wall time (its slots), so that every process names the same work by the same slot. Only the
newest one is ever due: who was away catches up once. A pipeline waits until those it reads from have ended their slot of that
moment, however long that takes: by lineage, not by the clock. The clock decides the rest: who has least time left goes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from threading import Lock
from typing import Protocol
from zoneinfo import ZoneInfo

from controlplane.usecases.schedule_ports import Slots

EVALUATION, NOTIFICATIONS, HOUSEKEEPING, RETENTION = "evaluation", "notifications", "housekeeping", "retention"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime.max.replace(tzinfo=UTC)
_LOOK_AGAIN = timedelta(seconds=3)
_A_MOMENT = timedelta(microseconds=1)


class Work(StrEnum):
    """What a job does."""

    RUN = "run"
    CHECK = "check"
    EVALUATE = "evaluate"
    NOTIFY = "notify"
    KEEP_HOUSE = "keep house"
    FORGET = "forget"


class Lane(StrEnum):
    """Who works on a job: watching the promises never waits behind a long run."""

    DATA = "data"
    WATCH = "watch"


class Trigger(Protocol):
    """The moments a job is for."""

    def latest(self, at: datetime) -> datetime | None:
        """Return the newest moment that is not after ``at``; None where there never was one."""
        ...

    def following(self, slot: datetime) -> datetime:
        """Return the moment after a moment."""
        ...


@dataclass(frozen=True)
class Every:
    """Moments a fixed time apart, counted from 1970 in UTC."""

    interval: timedelta

    def latest(self, at: datetime) -> datetime:
        """Return the newest moment that is not after ``at``."""
        return at - (at - _EPOCH) % self.interval

    def following(self, slot: datetime) -> datetime:
        """Return the moment after a moment."""
        return slot + self.interval


@dataclass(frozen=True)
class Cron:
    """Moments of a cron schedule of five fields, in a time zone.

    In the hour that clocks are put back, a moment of that hour comes twice; in the one they skip it comes at its end.
    """

    schedule: str
    time_zone: str = "UTC"

    def latest(self, at: datetime) -> datetime | None:
        """Return the newest moment that is not after ``at``; None for a day no calendar has (30 February)."""
        return self._next_to(at + _A_MOMENT, back=True)

    def following(self, slot: datetime) -> datetime:
        """Return the moment after a moment."""
        return self._next_to(slot, back=False) or _LATEST

    def _next_to(self, moment: datetime, *, back: bool) -> datetime | None:
        from croniter import CroniterBadDateError, croniter  # type: ignore[import-untyped]  # noqa: PLC0415 (30 ms to import)

        moments = croniter(self.schedule, moment.astimezone(ZoneInfo(self.time_zone)))
        try:
            found: datetime = moments.get_prev(datetime) if back else moments.get_next(datetime)
        except CroniterBadDateError:
            return None
        return found.astimezone(UTC)


@dataclass(frozen=True)
class Job:
    """Something to do again and again.

    Attributes:
        subject: name of the pipeline or dataset; empty for jobs of the whole plane.
        checks: ids of the checks to judge, for ``Work.CHECK``.
        after: jobs whose slot of the same moment must have ended before.
    """

    name: str
    work: Work
    trigger: Trigger
    subject: str = ""
    checks: frozenset[str] = frozenset()
    after: tuple[str, ...] = ()

    @property
    def lane(self) -> Lane:
        """Who works on it."""
        return Lane.WATCH if self.work in {Work.EVALUATE, Work.NOTIFY} else Lane.DATA


@dataclass
class Agenda:
    """Tells which slots may be worked on now.

    What has ended is remembered, so that the store is asked about slots under way only, however many jobs there are.
    Safe to use from several threads.
    """

    jobs: Sequence[Job]
    slots: Slots
    _ended: dict[str, datetime] = field(default_factory=dict)
    _newest: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    _refused: dict[str, datetime] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def __post_init__(self) -> None:
        self._triggers = {job.name: job.trigger for job in self.jobs}

    def due(self, at: datetime, lane: Lane | None = None) -> Sequence[tuple[Job, datetime]]:
        """Return jobs with their slot that may be claimed, the one whose next slot comes first at the front.

        Args:
            at: now, in wall time.
            lane: whose jobs; None for all.
        """
        with self._lock:
            waiting = [job for job in self._waiting(at, lane) if self._refused.get(job.name, at) <= at]
            ready = [(job, slot) for job in waiting if (slot := self._workable(job)) is not None]
        order = {job.name: number for number, job in enumerate(self.jobs)}
        return sorted(ready, key=lambda entry: (entry[0].trigger.following(entry[1]), order[entry[0].name]))

    def refused(self, job: Job, at: datetime) -> None:
        """Leave a job alone for a moment, short beside its interval: somebody else has it in hand."""
        with self._lock:
            slot, following = self._newest[job.name]
            self._refused[job.name] = at + min(_LOOK_AGAIN, (following - slot) / 4)

    def lag(self, at: datetime) -> timedelta:
        """Return how long ago the moment of the most overdue job was; nothing is overdue at 0."""
        with self._lock:
            return max((at - self._newest[job.name][0] for job in self._waiting(at)), default=timedelta(0))

    def _waiting(self, at: datetime, lane: Lane | None = None) -> Sequence[Job]:
        """Return jobs whose newest slot has not ended, after asking the store about them."""
        jobs = [job for job in self.jobs if lane in {None, job.lane}]
        for job in jobs:
            self._look(job, at)
        unsettled = [job for job in jobs if not self._is_settled(job)]
        if unsettled:
            self._ended.update(self.slots.ended({job.name: self._ended.get(job.name, _EPOCH) for job in unsettled}))
        return [job for job in unsettled if not self._is_settled(job)]

    def _look(self, job: Job, at: datetime) -> None:
        """Note a job's newest slot and the one after it; nothing is computed before its time has come."""
        slot, following = self._newest.get(job.name, (_EPOCH, _EPOCH))
        if not slot <= at < following:
            latest = job.trigger.latest(at)
            self._newest[job.name] = (_EPOCH, _LATEST) if latest is None else (latest, job.trigger.following(latest))

    def _is_settled(self, job: Job) -> bool:
        slot, _ = self._newest[job.name]
        return slot == _EPOCH or self._has_ended(job.name, slot)

    def _has_ended(self, name: str, slot: datetime) -> bool:
        return name in self._ended and self._ended[name] >= slot

    def _workable(self, job: Job) -> datetime | None:
        """Return the slot a job may be worked on for: its newest, or the one before while those it reads from work on theirs.

        Without the latter the end of a chain that takes longer than its interval would never be reached.
        """
        newest, _ = self._newest[job.name]
        before = job.trigger.latest(newest - _A_MOMENT) if job.after else None
        for slot in (newest, before):
            if slot is not None and not self._has_ended(job.name, slot) and self._is_ready(job, slot):
                return slot
        return None

    def _is_ready(self, job: Job, slot: datetime) -> bool:
        needed = [(name, self._triggers[name].latest(slot)) for name in job.after]
        return all(moment is None or self._has_ended(name, moment) for name, moment in needed)
