"""Facts, and where every promise stands (``usecases.sla_ports.ServiceLevelStore``)."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, delete, func, select, tuple_
from sqlalchemy.engine import Connection

from controlplane.kernel.identity import DatasetId
from controlplane.persistence.database import Database, insert, known_dataset, own_dataset
from controlplane.persistence.fact_columns import FactColumns
from controlplane.persistence.facts import fact_of_row, fact_row
from controlplane.persistence.tables import datasets, facts, objective_states
from controlplane.slas.documents import status_document, status_of
from controlplane.slas.history import History
from controlplane.slas.status import Fact, ObjectiveStatus, PromiseState
from controlplane.usecases.sla_ports import Board, BoardFilter

_KEY = ("promise", "objective", "dataset")
_CHUNK = 300
_JSON = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


class StoredServiceLevels:
    """Facts of the datasets of one namespace, and the newest state of every objective, in the store."""

    def __init__(self, database: Database, namespace: str) -> None:
        """Take the database and the namespace whose datasets are meant."""
        self._database = database
        self._namespace = namespace
        self._columns = FactColumns(database, namespace)

    def append(self, facts_: Sequence[Fact]) -> None:
        """Remember facts that no run's end brings with it."""
        with self._database.writing() as connection:
            for fact in facts_:
                number = own_dataset(connection, DatasetId(self._namespace, fact.dataset))
                connection.execute(facts.insert().values(fact_row(number, fact)))

    def facts(self, dataset: str, since: datetime, until: datetime) -> Sequence[Fact]:
        """Return a dataset's facts recorded in [since, until], by time."""
        query = select(facts).where(facts.c.at.between(since, until)).order_by(facts.c.at, facts.c.fact_id)
        with self._database.reading() as connection:
            number = known_dataset(connection, DatasetId(self._namespace, dataset))
            return [fact_of_row(row, dataset) for row in connection.execute(query.where(facts.c.dataset_id == number))]

    def watermarks(self, names: Collection[str]) -> Mapping[str, datetime]:
        """Return the newest known watermark of each dataset; a dataset without one is left out."""
        newest = (
            select(facts.c.watermark)
            .where(facts.c.dataset_id == datasets.c.dataset_id, facts.c.watermark.is_not(None))
            .order_by(facts.c.at.desc(), facts.c.fact_id.desc())
            .limit(1)
            .scalar_subquery()
        )
        query = select(datasets.c.name, newest).where(datasets.c.namespace == self._namespace, datasets.c.name.in_(names))
        with self._database.reading() as connection:
            return {name: watermark for name, watermark in connection.execute(query).tuples() if watermark is not None}

    def histories(self, names: Collection[str], since: datetime, until: datetime) -> Mapping[str, History]:
        """Return facts as columns; see the port. What was read once is kept, so that the next time only new facts are read."""
        return self._columns.read(names, since, until)

    def keep(self, states: Sequence[ObjectiveStatus]) -> Sequence[ObjectiveStatus]:
        """Store where every promise stands in place of what was stored, in one transaction; return it as stored."""
        with self._database.writing() as connection:
            before = _stored_states(connection)
            kept = [_unchanged(status, before.pop(_key(status), None)) for status in states]
            _write(connection, kept)
            _forget(connection, list(before))
        return kept

    def board(self, wanted: BoardFilter, *, limit: int, offset: int = 0) -> Board:
        """Return a page of what was stored, worst first."""
        states = objective_states.c
        others = _conditions(wanted)
        chosen = [*others, states.state == wanted.state.value] if wanted.state else others
        page = select(states.document).where(*chosen)
        # what is due first comes first, and what is never due last, alike on every database
        order = (states.rank, states.deadline.is_(None), states.deadline, states.promise, states.objective, states.dataset)
        with self._database.reading() as connection:
            rows = connection.execute(page.order_by(*order).limit(limit).offset(offset)).scalars().all()
            counts = connection.execute(select(states.state, func.count()).where(*others).group_by(states.state)).tuples().all()
            at = connection.execute(select(func.max(states.at))).scalar()
        found = {PromiseState(state): count for state, count in counts}
        total = found.get(wanted.state, 0) if wanted.state else sum(found.values())
        return Board(tuple(status_of(json.loads(row)) for row in rows), total, found, at)


def _conditions(wanted: BoardFilter) -> list[ColumnElement[bool]]:
    asked = {name: getattr(wanted, name) for name in ("consumer", "tier", "dataset", "promise")}
    return [objective_states.c[name] == value for name, value in asked.items() if value is not None]


def _key(status: ObjectiveStatus) -> tuple[str, ...]:
    return (status.promise, status.objective, status.dataset or "")


def _stored_states(connection: Connection) -> dict[tuple[str, ...], tuple[str, datetime]]:
    """Return state and since of everything stored, by its key."""
    query = select(*(objective_states.c[name] for name in (*_KEY, "state", "since")))
    return {tuple(row[:3]): (row.state, row.since) for row in connection.execute(query)}


def _unchanged(status: ObjectiveStatus, before: tuple[str, datetime] | None) -> ObjectiveStatus:
    if before is None or before[0] != status.state or before[1] == status.since:
        return status
    return replace(status, since=before[1])


def _write(connection: Connection, states: Sequence[ObjectiveStatus]) -> None:
    rows = [_row(status) for status in states]
    if not rows:
        return
    statement = insert(connection, objective_states)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in _KEY}
    connection.execute(
        statement.on_conflict_do_update(index_elements=[objective_states.c[name] for name in _KEY], set_=changed), rows
    )


def _row(status: ObjectiveStatus) -> dict[str, Any]:
    return {
        "promise": status.promise,
        "objective": status.objective,
        "dataset": status.dataset or "",
        "consumer": status.consumer,
        "tier": status.tier,
        "indicator": status.indicator.value,
        "state": status.state.value,
        "rank": status.state.rank,
        "deadline": status.deadline,
        "since": status.since,
        "at": status.at,
        "document": _JSON.encode(status_document(status)),
    }


def _forget(connection: Connection, keys: Sequence[tuple[str, ...]]) -> None:
    """Delete states of objectives that are no longer promised."""
    columns = [objective_states.c[name] for name in _KEY]
    for start in range(0, len(keys), _CHUNK):
        connection.execute(delete(objective_states).where(tuple_(*columns).in_(keys[start : start + _CHUNK])))
