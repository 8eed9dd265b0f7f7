"""Forgetting: what is older than its retention and named by nobody goes, in short transactions that let others write."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Column, ColumnElement, Table, delete, exists, func, literal_column, or_, select, tuple_
from sqlalchemy.engine import Connection

from controlplane.gate.model import InputRole, RunState
from controlplane.kernel.identity import RunId
from controlplane.persistence.database import Database
from controlplane.persistence.tables import (
    LIVE,
    OPEN_STATES,
    STAGED,
    alert_marks,
    alerts,
    dataset_states,
    dead_letters,
    facts,
    inbox,
    kept_rows,
    measurements,
    metadata,
    notifications,
    outbox,
    run_inputs,
    runs,
    silences,
    slots,
)
from controlplane.usecases.retention_ports import Retention

_BATCH = 500
_UNFINISHED = (*OPEN_STATES, RunState.HELD.value)
_CONSUMED = (InputRole.LANDING.value, InputRole.BATCH.value)
_PRESENT = ("run_id", "published_run_id", "judged_run_id")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ALERT_IS_OPEN: ColumnElement[bool] = literal_column("alerts.state <> 'resolved'")


class StorePruner:
    """Deletes old rows of the store (``usecases.retention_ports.Pruner``)."""

    def __init__(self, database: Database) -> None:
        """Take the database."""
        self._database = database

    def prune(self, retention: Retention, *, wall: datetime, clock: datetime, keep: Collection[RunId]) -> Mapping[str, int]:
        """Delete old rows and return how many went, by table; see the port for what never goes."""
        named = {str(run_id) for run_id in keep} | self._named()
        gone = {
            "measurements": self._results(wall - retention.results, named) + self._observed(clock - retention.results),
            "runs": self._runs(wall - retention.runs, named),
            "facts": self._facts(clock - retention.facts),
            "slots": self._slots(wall - retention.slots),
            "outbox": self._delete(outbox, [outbox.c.queue_id], outbox.c.sent_wall < wall - retention.messages),
            "inbox": self._delete(inbox, [inbox.c.message_id], inbox.c.at < clock - retention.messages),
        }
        return {**gone, **self._alerts(clock - retention.alerts)}

    def sizes(self) -> Mapping[str, int]:
        """Return how many rows each table has."""
        with self._database.reading() as connection:
            return {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in metadata.sorted_tables
            }

    def _named(self) -> set[str]:
        """Return the runs that open alerts and the present states of datasets name."""
        with self._database.reading() as connection:
            states = connection.execute(select(*(dataset_states.c[name] for name in _PRESENT))).all()
            told = connection.execute(select(alerts.c.annotations).where(_ALERT_IS_OPEN)).scalars()
            named = {run_id for text in told for run_id in _UUID.findall(text)}
        return named | {run_id for row in states for run_id in row if run_id is not None}

    def _results(self, before: datetime, named: Collection[str]) -> int:
        has_results = exists().where(measurements.c.run_id == runs.c.run_id)
        count = 0
        for page in self._old_runs(has_results, runs.c.ended_wall < before):
            gone = [run_id for run_id in page if run_id not in named]
            with self._database.writing() as connection:
                count += connection.execute(delete(measurements).where(measurements.c.run_id.in_(gone))).rowcount
        return count

    def _observed(self, before: datetime) -> int:
        number = measurements.c.measurement_id
        return self._delete(measurements, [number], measurements.c.run_id.is_(None), measurements.c.at < before)

    def _runs(self, before: datetime, named: Collection[str]) -> int:
        consumed = exists().where(run_inputs.c.run_id == runs.c.run_id, run_inputs.c.role.in_(_CONSUMED))
        live = [
            exists().where(index.c.run_id == runs.c.run_id, index.c.status.in_((STAGED, *LIVE)))
            for index in (kept_rows, dead_letters)
        ]
        count = 0
        for page in self._old_runs(~consumed, ~or_(*live), runs.c.ended_wall < before):
            with self._database.writing() as connection:
                count += _forget_runs(connection, [run_id for run_id in page if run_id not in named])
        return count

    def _old_runs(self, *conditions: ColumnElement[bool]) -> Iterator[Sequence[str]]:
        """Yield ids of ended runs in pages; a page may be deleted before the next one is asked for."""
        last = ""
        while True:
            query = (
                select(runs.c.run_id)
                .where(runs.c.run_id > last, runs.c.state.not_in(_UNFINISHED), *conditions)
                .order_by(runs.c.run_id)
                .limit(_BATCH)
            )
            with self._database.reading() as connection:
                page = connection.execute(query).scalars().all()
            if page:
                yield page
                last = page[-1]
            if len(page) < _BATCH:
                return

    def _facts(self, before: datetime) -> int:
        alike = (facts.c.dataset_id, facts.c.state, facts.c.watermark.is_(None))
        newest = select(func.max(facts.c.fact_id)).where(facts.c.at < before).group_by(*alike)
        return self._delete(facts, [facts.c.fact_id], facts.c.at < before, facts.c.fact_id.not_in(newest))

    def _slots(self, before: datetime) -> int:
        key = [slots.c.job, slots.c.slot]
        newest = select(slots.c.job, func.max(slots.c.slot)).group_by(slots.c.job)
        return self._delete(slots, key, slots.c.ended_wall < before, tuple_(*key).not_in(newest))

    def _alerts(self, before: datetime) -> Mapping[str, int]:
        return {
            "alerts": self._delete(alerts, [alerts.c.alert_id], ~_ALERT_IS_OPEN, alerts.c.resolved_at < before),
            "silences": self._delete(silences, [silences.c.silence_id], silences.c.ends < before),
            "notifications": self._delete(notifications, list(notifications.primary_key), notifications.c.notified_at < before),
        }

    def _delete(self, table: Table, key: Sequence[Column[object]], *conditions: ColumnElement[bool]) -> int:
        count = 0
        while True:
            with self._database.writing() as connection:
                found = connection.execute(select(*key).where(*conditions).limit(_BATCH)).tuples().all()
                if found:
                    connection.execute(delete(table).where(tuple_(*key).in_(found)))
            count += len(found)
            if len(found) < _BATCH:
                return count


def _forget_runs(connection: Connection, run_ids: Sequence[str]) -> int:
    """Delete runs with their inputs and results (the database cascades), closed kept rows and marks."""
    for table in (kept_rows, dead_letters, alert_marks):
        connection.execute(delete(table).where(table.c.run_id.in_(run_ids)))
    return connection.execute(delete(runs).where(runs.c.run_id.in_(run_ids))).rowcount
