"""Leases: one writer per dataset, until it ends or its time is over. All on wall time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from sqlalchemy import bindparam, select, text, update
from sqlalchemy.engine import Connection

from controlplane.kernel.errors import LeaseTakenError, StoreUnavailableError
from controlplane.kernel.identity import DatasetId
from controlplane.kernel.ports import Clock
from controlplane.persistence.database import Database
from controlplane.persistence.holders import has_died
from controlplane.persistence.tables import leases

_MOMENT = leases.c.until_wall.type
_HOLDER = select(leases.c.holder).where(leases.c.name == bindparam("lease"))
_MINE = (leases.c.name == bindparam("lease"), leases.c.token == bindparam("fence"), leases.c.until_wall > bindparam("moment"))
_PROLONG = update(leases).where(*_MINE).values(until_wall=bindparam("later"))
_TAKE = text(
    "INSERT INTO leases (name, holder, token, until_wall) VALUES (:lease, :mine, 1, :later) "
    "ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = leases.token + 1, until_wall = excluded.until_wall "
    "WHERE leases.until_wall <= :moment OR leases.holder = :abandoned RETURNING token"
).bindparams(
    bindparam("lease", type_=leases.c.name.type),
    bindparam("mine", type_=leases.c.holder.type),
    bindparam("later", type_=_MOMENT),
    bindparam("moment", type_=_MOMENT),
    bindparam("abandoned", type_=leases.c.holder.type),
)


class StoredLeases:
    """Writer leases in the store (``gate.ports.WriterLease``).

    A lease has a fencing token that grows with every take-over, so that a writer that was away too long can be told from
    the one that took its place. The lease of a killed process is free at once on the machine it ran on, elsewhere when its
    time is over.
    """

    def __init__(self, database: Database, wall: Clock, holder: str) -> None:
        """Take the database, the wall clock and the name that others are shown, e.g. ``host:pid``."""
        self._database = database
        self._wall = wall
        self._holder = holder

    @contextmanager
    def hold(self, dataset: DatasetId, ttl: timedelta) -> Iterator[int]:
        """Hold the dataset's lease for the block, at most ``ttl``; yields the fencing token.

        Holding it twice is refused also to the same process.

        Raises:
            LeaseTakenError: another writer holds it; the message names it and says until when.
        """
        name = _name(dataset)
        token = self._take(name, dataset, ttl)
        try:
            yield token
        finally:
            with suppress(StoreUnavailableError):  # then the lease ends by itself
                self._give_back(name, token)

    def renew(self, dataset: DatasetId, token: int, ttl: timedelta) -> None:
        """Let a held lease last ``ttl`` from now.

        Raises:
            LeaseTakenError: the lease was lost: its time was over and another writer took it, or it was given back.
        """
        name, now = _name(dataset), self._wall.now()
        values = {"lease": name, "fence": token, "moment": now, "later": now + ttl}
        with self._database.writing() as connection:
            if connection.execute(_PROLONG, values).rowcount == 0:
                message = (
                    f"the writer lease of {dataset} was lost because its time was over{_by(connection, name, now)}; run again"
                )
                raise LeaseTakenError(message)

    def _take(self, name: str, dataset: DatasetId, ttl: timedelta) -> int:
        now = self._wall.now()
        with self._database.writing() as connection:
            current = connection.execute(_HOLDER, {"lease": name}).scalar()
            abandoned = current if current is not None and has_died(current) else None
            values = {"lease": name, "mine": self._holder, "later": now + ttl, "moment": now, "abandoned": abandoned}
            token = connection.execute(_TAKE, values).scalar()
            if token is None:
                message = f"the writer lease of {dataset} is taken{_by(connection, name, now)}; wait, then run this again"
                raise LeaseTakenError(message)
        return int(token)

    def _give_back(self, name: str, token: int) -> None:
        now = self._wall.now()
        with self._database.writing() as connection:
            connection.execute(_PROLONG, {"lease": name, "fence": token, "moment": now, "later": now})


def _name(dataset: DatasetId) -> str:
    return f"writer:{dataset.namespace}:{dataset.name}"


def _by(connection: Connection, name: str, now: object) -> str:
    row = connection.execute(select(leases).where(leases.c.name == name, leases.c.until_wall > now)).first()
    return "" if row is None else f" by {row.holder} until {row.until_wall.isoformat(timespec='seconds')}"
