"""The plane's own vital signs, counted over the store."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.engine import Connection

from controlplane.persistence.database import Database
from controlplane.persistence.tables import alerts, dataset_states, objective_states, outbox, runs
from controlplane.usecases.vitals_ports import StoreVitals

_OUTCOMES = ("passed", "failed", "errored", "no_evidence")
_SAMPLE = 1_000
_ANY_STATE: ColumnElement[str] = runs.c.state.concat("")
"""An expression, so that SQLite goes by the time and not, for the sake of the grouping, through every run ever made."""

_IS_ALIVE: ColumnElement[bool] = literal_column("alerts.state <> 'resolved'")


class StoredVitals:
    """Vital signs of the store (``usecases.vitals_ports.Vitals``); every count has an index or a table of the present."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def read(self, *, runs_since: datetime, delivered_since: datetime) -> StoreVitals:
        """Return the counts, all of one moment."""
        newest = func.max(objective_states.c.at, type_=objective_states.c.at.type)
        with self._database.reading() as connection:
            waiting, oldest = _waiting(connection)
            return StoreVitals(
                runs=_counted(connection, _ANY_STATE, runs.c.started_wall >= runs_since),
                checks=_checks(connection),
                alerts=_counted(connection, alerts.c.priority, _IS_ALIVE),
                objectives=_counted(connection, objective_states.c.state),
                waiting=waiting,
                oldest_waiting=oldest,
                slowest_delivery=_slowest(connection, delivered_since),
                evaluated_at=connection.execute(select(newest)).scalar(),
            )


def _counted(connection: Connection, column: ColumnElement[str], *conditions: ColumnElement[bool]) -> Mapping[str, int]:
    query = select(column, func.count()).where(*conditions).group_by(column)
    return dict(connection.execute(query).tuples().all())


def _checks(connection: Connection) -> Mapping[str, int]:
    sums = connection.execute(select(*(func.sum(dataset_states.c[name]) for name in _OUTCOMES))).one()
    return {name: int(count or 0) for name, count in zip(_OUTCOMES, sums, strict=True)}


def _waiting(connection: Connection) -> tuple[int, datetime | None]:
    oldest = func.min(outbox.c.created_wall, type_=outbox.c.created_wall.type)
    count, since = connection.execute(select(func.count(), oldest).where(outbox.c.sent_wall.is_(None))).one()
    return count, since


def _slowest(connection: Connection, since: datetime) -> timedelta | None:
    query = (
        select(outbox.c.created_wall, outbox.c.sent_wall)
        .where(outbox.c.sent_wall >= since)
        .order_by(outbox.c.sent_wall.desc())
        .limit(_SAMPLE)
    )
    return max((sent - created for created, sent in connection.execute(query).tuples()), default=None)
