"""Facts read as columns, months of thousands of datasets at a time, and kept in this process so that each is read once."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Select, String, case, func, select, type_coerce
from sqlalchemy.engine import Connection

from controlplane.persistence.columns import instant_text
from controlplane.persistence.database import Database
from controlplane.persistence.tables import datasets, facts
from controlplane.slas.history import COLUMNS, STATES, History, Numbers, micros, moment

_ROWS = 500
_SPARE = 2 * 86_400 * 1_000_000
"""Facts older than asked for are thrown away when they are older by so much, in microseconds: by reading anew."""


def _digits(column: ColumnElement[Any]) -> ColumnElement[str]:
    """Return a stored moment without its Z, as numpy reads it; where there is none, numpy's word for that."""
    return func.coalesce(func.substr(type_coerce(column, String), 1, 26), "NaT")


_COLUMNS = (
    facts.c.fact_id,
    facts.c.dataset_id,
    _digits(facts.c.at),
    case({state: place for place, state in enumerate(STATES)}, value=facts.c.state),
    _digits(facts.c.watermark),
    *(facts.c[name] for name in COLUMNS[3:]),
)
_TIMES = (2, 4)


@dataclass(frozen=True)
class _Stored:
    """How many facts the store has, and the sum of their ids: alike only while they are the same facts."""

    count: int
    total: int


@dataclass(frozen=True, eq=False)
class _Loaded:
    """Facts recorded at or after a moment, and the newest of every kind before it.

    Attributes:
        since: that moment, in microseconds since 1970.
        stored: what the store had; newest: the greatest id that was read.
        histories: by number of the dataset.
    """

    since: int
    stored: _Stored
    newest: int
    histories: Mapping[int, History]


class FactColumns:
    """Reads facts and keeps what it has read; safe to use from several threads.

    Facts are only ever added, except that a run recorded again replaces its own and that old ones are forgotten. Whether that
    has happened shows in their number and the sum of their ids: then everything is read again.
    """

    def __init__(self, database: Database, namespace: str) -> None:
        """Take the database and the namespace whose datasets are meant."""
        self._database = database
        self._namespace = namespace
        self._lock = threading.Lock()
        self._kept: _Loaded | None = None

    def read(self, names: Collection[str], since: datetime, until: datetime) -> Mapping[str, History]:
        """Return the histories of datasets, at least from ``since`` on; a dataset without facts is left out."""
        with self._lock, self._database.reading() as connection:
            loaded = self._current(connection, micros(since))
            rows = connection.execute(
                select(datasets.c.name, datasets.c.dataset_id).where(datasets.c.namespace == self._namespace)
            )
            numbers = dict(rows.tuples().all())
        found = {name: loaded.histories.get(numbers.get(name, 0)) for name in names}
        known = {name: history.until(micros(until)) for name, history in found.items() if history is not None}
        return {name: history for name, history in known.items() if len(history)}

    def _current(self, connection: Connection, since: int) -> _Loaded:
        """Return what the store has now, reading as little as that takes."""
        row = connection.execute(select(func.count(), func.coalesce(func.sum(facts.c.fact_id), 0)).select_from(facts)).one()
        stored = _Stored(int(row[0]), int(row[1]))
        kept = self._kept
        if kept is None or since > kept.since + _SPARE:
            kept = _load(connection, since, stored)
        elif since < kept.since:
            return _load(connection, since, stored)  # a look further back than what is kept: not worth keeping
        elif stored != kept.stored:
            kept = _extended(connection, kept, stored) or _load(connection, kept.since, stored)
        self._kept = kept
        return kept


def _load(connection: Connection, since: int, stored: _Stored) -> _Loaded:
    bound = instant_text(moment(since))
    recent = select(*_COLUMNS).where(type_coerce(facts.c.at, String) >= bound)
    kind = (facts.c.dataset_id, facts.c.state, facts.c.watermark.is_(None))
    place = func.row_number().over(partition_by=kind, order_by=(facts.c.at.desc(), facts.c.fact_id.desc()))
    older = select(facts.c.fact_id, place.label("place")).where(type_coerce(facts.c.at, String) < bound).subquery()
    newest = select(*_COLUMNS).where(facts.c.fact_id.in_(select(older.c.fact_id).where(older.c.place == 1)))
    read = [np.concatenate(pair) for pair in zip(_columns(connection, newest), _columns(connection, recent), strict=True)]
    return _Loaded(since, stored, int(read[0].max(initial=0)), dict(_histories(read)))


def _extended(connection: Connection, kept: _Loaded, stored: _Stored) -> _Loaded | None:
    """Return what was kept with the facts added since; None where facts were not only added, or belong before what is kept."""
    read = _columns(connection, select(*_COLUMNS).where(facts.c.fact_id > kept.newest))
    expected = _Stored(kept.stored.count + len(read[0]), kept.stored.total + int(read[0].sum()))
    if stored != expected or (len(read[0]) and int(read[2].min()) < kept.since):
        return None
    histories = dict(kept.histories)
    for number, added in _histories(read):
        histories[number] = _joined(histories[number], added) if number in histories else added
    return _Loaded(kept.since, stored, max(kept.newest, int(read[0].max(initial=0))), histories)


def _columns(connection: Connection, query: Select[Any]) -> list[Numbers]:
    """Return the rows of a query as columns of numbers."""
    cursor: Any = connection.execute(query).cursor  # millions of rows: tuples of the driver are made in half the time of rows
    parts = [_numbers(rows) for rows in iter(partial(cursor.fetchmany, _ROWS), [])]
    if not parts:
        return [np.zeros(0, dtype=np.int64) for _ in _COLUMNS]
    return [np.concatenate(column) for column in zip(*parts, strict=True)]


def _numbers(rows: Collection[Any]) -> list[Numbers]:
    return [
        np.array(column, dtype="datetime64[us]").astype(np.int64) if place in _TIMES else np.array(column, dtype=np.int64)
        for place, column in enumerate(zip(*rows, strict=True))
    ]


def _histories(read: list[Numbers]) -> Iterator[tuple[int, History]]:
    """Yield the history of each dataset from columns of many, in order of their times and then of their ids."""
    number, dataset, *columns = read
    if not len(number):
        return
    order = np.lexsort((number, columns[0], dataset))
    dataset, columns = dataset[order], [column[order] for column in columns]
    edges = np.concatenate(([0], np.flatnonzero(np.diff(dataset)) + 1, [len(dataset)])).tolist()
    for first, last in pairwise(edges):
        yield int(dataset[first]), History(*(column[first:last] for column in columns))


def _joined(before: History, added: History) -> History:
    order = np.argsort(np.concatenate((before.at, added.at)), kind="stable")
    return History(*(np.concatenate((getattr(before, name), getattr(added, name)))[order] for name in COLUMNS))
