"""Scheduled slots: one row a job and moment, taken by an expiring lease with a fencing token. All on wall time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, func, literal_column, or_, select, update
from sqlalchemy.engine import Connection

from controlplane.kernel.ports import Clock
from controlplane.persistence.database import Database, insert
from controlplane.persistence.holders import has_died
from controlplane.persistence.kept_files import chunks
from controlplane.persistence.tables import slots
from controlplane.usecases.schedule_ports import Claim, Slot, SlotState

_IS_RUNNING: ColumnElement[bool] = literal_column("slots.state = 'running'")
"""Written out like the condition of ``slots_running``, so that SQLite can use that index."""

_AT_ONCE = 100


class StoredSlots:
    """Slots in the store (``usecases.schedule_ports.Slots``). That a slot is worked on once is a primary key, not a habit."""

    def __init__(self, database: Database, wall: Clock, holder: str) -> None:
        """Take the database, the wall clock and the name of this process (``holders.this_process``)."""
        self._database = database
        self._wall = wall
        self._holder = holder

    def claim(self, job: str, slot: datetime, ttl: timedelta) -> Claim | None:
        """Take a slot for ``ttl``; see the port for when there is none to take."""
        now = self._wall.now()
        with self._database.writing() as connection:
            _one_at_a_time(connection, job)
            if not _is_free(connection, job, slot, now):
                return None
            _leave_behind(connection, job, slot, now)
            mine = {
                "state": SlotState.RUNNING.value,
                "holder": self._holder,
                "until_wall": now + ttl,
                "started_wall": now,
                "error": None,
            }
            fresh = insert(connection, slots).values(job=job, slot=slot, token=1, **mine)
            taking = fresh.on_conflict_do_update(
                index_elements=[slots.c.job, slots.c.slot], set_={**mine, "token": slots.c.token + 1}
            )
            token = connection.execute(taking.returning(slots.c.token)).scalar_one()
        return Claim(job, slot, int(token))

    def renew(self, claim: Claim, ttl: timedelta) -> bool:
        """Let a claim last ``ttl`` from now; False when it was lost."""
        return self._change(claim, {"until_wall": self._wall.now() + ttl})

    def end(self, claim: Claim, error: str | None = None) -> bool:
        """End a slot ``done``, or ``failed`` with a sentence; False when the claim was lost."""
        state = SlotState.DONE if error is None else SlotState.FAILED
        return self._change(claim, {"state": state.value, "error": error, "ended_wall": self._wall.now()})

    def give_back(self, claim: Claim, *, pause: timedelta = timedelta(0), error: str | None = None) -> None:
        """Let anybody take the slot again after a pause."""
        self._change(claim, {"until_wall": self._wall.now() + pause, "error": error})

    def ended(self, since: Mapping[str, datetime]) -> Mapping[str, datetime]:
        """Return the newest ended slot of each asked job, among its slots for the given moment and later."""
        newest = func.max(slots.c.slot, type_=slots.c.slot.type)
        found: dict[str, datetime] = {}
        with self._database.reading() as connection:
            for asked in chunks(list(since.items()), _AT_ONCE):
                wanted = or_(*(and_(slots.c.job == job, slots.c.slot >= moment) for job, moment in asked))
                query = select(slots.c.job, newest).where(wanted, ~_IS_RUNNING).group_by(slots.c.job)
                found.update(connection.execute(query).tuples().all())
        return found

    def newest(self, job: str) -> Slot | None:
        """Return a job's newest slot, None if it never ran."""
        query = select(slots).where(slots.c.job == job).order_by(slots.c.slot.desc()).limit(1)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        return None if row is None else _slot(row)

    def last_done(self, job: str) -> datetime | None:
        """Return when a job ended ``done`` for the last time, None if it never did."""
        query = (
            select(slots.c.ended_wall)
            .where(slots.c.job == job, slots.c.state == SlotState.DONE.value)
            .order_by(slots.c.slot.desc())
            .limit(1)
        )
        with self._database.reading() as connection:
            return connection.execute(query).scalar()

    def _change(self, claim: Claim, values: Mapping[str, object]) -> bool:
        mine = (slots.c.job == claim.job, slots.c.slot == claim.slot, slots.c.token == claim.token, _IS_RUNNING)
        with self._database.writing() as connection:
            return connection.execute(update(slots).where(*mine).values(**values)).rowcount == 1


def _one_at_a_time(connection: Connection, job: str) -> None:
    """Let no other process look at the job's slots until the commit; on SQLite a writing transaction is the only one anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"slot {job}"))))


def _is_free(connection: Connection, job: str, slot: datetime, now: datetime) -> bool:
    later = connection.execute(select(slots).where(slots.c.job == job, slots.c.slot >= slot)).all()
    if any(row.slot > slot or row.state != SlotState.RUNNING.value for row in later):
        return False
    return not any(row.until_wall > now and not has_died(row.holder) for row in _running(connection, job))


def _running(connection: Connection, job: str) -> Sequence[Row[Any]]:
    return connection.execute(select(slots).where(slots.c.job == job, _IS_RUNNING)).all()


def _leave_behind(connection: Connection, job: str, slot: datetime, now: datetime) -> None:
    """End older slots of the job that nobody has in hand any more: the new one does their work."""
    for row in _running(connection, job):
        if row.slot < slot:
            said = f": {row.error}" if row.error else ""
            reason = f"{row.holder} stopped before it was done{said}; the slot of {slot.isoformat()} does its work"
            values = {"state": SlotState.FAILED.value, "ended_wall": now, "error": reason}
            connection.execute(update(slots).where(slots.c.job == job, slots.c.slot == row.slot).values(**values))


def _slot(row: Row[Any]) -> Slot:
    return Slot(
        job=row.job,
        slot=row.slot,
        state=SlotState(row.state),
        holder=row.holder,
        token=row.token,
        until_wall=row.until_wall,
        started_wall=row.started_wall,
        ended_wall=row.ended_wall,
        error=row.error,
    )
