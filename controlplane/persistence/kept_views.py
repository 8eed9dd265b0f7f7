"""What pages read of rows kept beside tables: counts and groups from the index, masked columns from the files."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select
from sqlalchemy.engine import Connection

from controlplane.gate.model import KeptKind, KeptStatus
from controlplane.kernel.errors import StoreUnavailableError
from controlplane.kernel.identity import DatasetId
from controlplane.persistence.database import Database, known_dataset
from controlplane.persistence.kept_files import KeptFiles, chunks, json_text
from controlplane.persistence.tables import LIVE, STAGED, datasets, dead_letters, kept_files, kept_rows
from controlplane.usecases.views_ports import KeptCount, KeptFilter, KeptGroup, KeptLine, LetterGroup

_PEOPLE = (KeptKind.QUARANTINED.value, KeptKind.WAITING.value)
"""Kinds that people decide about; tombstones are the plane's own."""

_LINES = select(
    kept_rows.c.row_id, kept_rows.c.kind, kept_rows.c.status, kept_rows.c.reasons, kept_rows.c.since, kept_rows.c.run_id,
    kept_rows.c.file_row, kept_files.c.path,
).outerjoin(kept_files, kept_files.c.file_id == kept_rows.c.file_id)  # fmt: skip
_OLDEST_FIRST = (kept_rows.c.since, kept_rows.c.row_id, kept_rows.c.run_id)


class KeptViews:
    """The part of ``usecases.views_ports.Views`` about kept rows and dead letters."""

    def __init__(self, database: Database, files: KeptFiles, namespace: str) -> None:
        """Take the database, the files of kept rows, and the namespace whose datasets are read."""
        self.database = database
        self.files = files
        self.namespace = namespace

    def number(self, connection: Connection, dataset: str) -> int | None:
        """Return a dataset's number in the store, None if it was never written."""
        return known_dataset(connection, DatasetId(self.namespace, dataset))

    def kept(self, names: Collection[str] | None = None) -> Mapping[str, KeptCount]:
        """Return how many rows are kept beside tables; a dataset without any is not among them."""
        found: dict[str, KeptCount] = {}
        with self.database.reading() as connection:
            for row in self._within(connection, _asides, names):
                found[row.name] = replace(found.get(row.name, KeptCount()), **{row.kind: row.rows})
            for row in self._within(connection, _letters, names):
                found[row.name] = replace(found.get(row.name, KeptCount()), dead_letters=row.rows)
        return found

    def groups(self, dataset: str | None = None) -> Sequence[KeptGroup]:
        """Return quarantined and waiting rows by dataset and reasons, most rows first."""
        with self.database.reading() as connection:
            found = self._within(connection, _groups, None if dataset is None else [dataset])
        groups = [
            KeptGroup(row.name, KeptKind(row.kind), tuple(json.loads(row.reasons)), row.rows, row.retrying, row.first, row.last)
            for row in found
        ]
        return sorted(groups, key=lambda group: (-group.rows, group.dataset, group.kind, group.reasons))

    def letters(self, dataset: str | None = None, limit: int = 50) -> Sequence[LetterGroup]:
        """Return open dead letters by dataset and reason, most messages first."""
        with self.database.reading() as connection:
            found = self._within(connection, _letter_groups, None if dataset is None else [dataset])
        groups = [LetterGroup(row.name, row.reason, row.rows, row.source, row.first, row.last) for row in found]
        return sorted(groups, key=lambda group: (-group.messages, group.dataset, group.reason))[:limit]

    def rows(self, wanted: KeptFilter, limit: int = 50) -> Sequence[KeptLine]:
        """Return kept rows that are open or marked for retry, oldest first, masked."""
        query = _LINES.order_by(*_OLDEST_FIRST).limit(limit)
        if wanted.after is not None:
            since, row_id, run_id = wanted.after
            later = and_(kept_rows.c.row_id == row_id, kept_rows.c.run_id > run_id)
            behind = or_(kept_rows.c.since > since, kept_rows.c.row_id > row_id, later)
            query = query.where(kept_rows.c.since >= since, behind)
        return self._lines(wanted.dataset, lambda number: query.where(*_meant(wanted, number)))

    def sample(self, wanted: KeptFilter, limit: int = 8) -> Sequence[KeptLine]:
        """Return some such rows, masked, whichever are found first: without an order the search ends with the last of them."""
        return self._lines(wanted.dataset, lambda number: _LINES.where(*_meant(wanted, number)).limit(limit))

    def count(self, wanted: KeptFilter, most: int = 1000) -> int:
        """Return how many such rows there are; ``most`` where there are more."""
        with self.database.reading() as connection:
            meant = _meant(wanted, self.number(connection, wanted.dataset))
            found = select(kept_rows.c.row_id).where(*meant).limit(most).subquery()
            return connection.execute(select(func.count()).select_from(found)).scalar_one()

    def row_ids(self, wanted: KeptFilter) -> Sequence[str]:
        """Return the ids of all such rows."""
        with self.database.reading() as connection:
            meant = _meant(wanted, self.number(connection, wanted.dataset))
            return connection.execute(select(kept_rows.c.row_id).where(*meant).distinct()).scalars().all()

    def _lines(self, dataset: str, query: Callable[[int | None], Select[Any]]) -> Sequence[KeptLine]:
        with self.database.reading() as connection:
            number = self.number(connection, dataset)
            rows = connection.execute(query(number)).all()
            ids = {row.row_id for row in rows}
            entries = _times.where(kept_rows.c.dataset_id == number, kept_rows.c.row_id.in_(ids))
            times = dict(connection.execute(entries).tuples().all())
        contents = self._masked(rows)
        return [
            KeptLine(
                dataset=dataset,
                row_id=row.row_id,
                kind=KeptKind(row.kind),
                status=KeptStatus(row.status),
                reasons=tuple(json.loads(row.reasons)),
                since=row.since,
                run_id=row.run_id,
                masked=contents.get((row.path, row.file_row)),
                times=int(times.get(row.row_id, 1)),
            )
            for row in rows
        ]

    def _masked(self, rows: Sequence[Row[Any]]) -> Mapping[tuple[str, int], Mapping[str, object]]:
        """Return the masked columns by file and position; what housekeeping has removed or moved is not among them."""
        wanted: dict[str, list[int]] = {}
        for row in rows:
            if row.path is not None:
                wanted.setdefault(row.path, []).append(row.file_row)
        found: dict[tuple[str, int], Mapping[str, object]] = {}
        for path, positions in wanted.items():
            with suppress(StoreUnavailableError):
                texts = self.files.read(path, columns=("masked",)).column("masked").take(positions).to_pylist()
                found |= {(path, at): _shown(text) for at, text in zip(positions, texts, strict=True)}
        return found

    def _within(
        self, connection: Connection, query: Callable[[ColumnElement[bool]], Select[Any]], names: Collection[str] | None
    ) -> list[Row[Any]]:
        """Return the rows of a query over datasets of the namespace, of the named ones only."""
        mine = datasets.c.namespace == self.namespace
        if names is None:
            return list(connection.execute(query(mine)).all())
        found: list[Row[Any]] = []
        for some in chunks(sorted(names)):
            found += connection.execute(query(and_(mine, datasets.c.name.in_(some)))).all()
        return found


def _asides(mine: ColumnElement[bool]) -> Select[Any]:
    """Return rows by dataset and kind: counted from the index ``kept_rows_open`` alone, then named."""
    numbers = select(datasets.c.dataset_id).where(mine)
    counted = (
        select(kept_rows.c.dataset_id, kept_rows.c.kind, func.count().label("rows"))
        .where(kept_rows.c.dataset_id.in_(numbers), kept_rows.c.status.in_(LIVE), kept_rows.c.kind.in_(_PEOPLE))
        .group_by(kept_rows.c.dataset_id, kept_rows.c.kind)
        .subquery()
    )
    return select(datasets.c.name, counted.c.kind, counted.c.rows).join(datasets, datasets.c.dataset_id == counted.c.dataset_id)


def _letters(mine: ColumnElement[bool]) -> Select[Any]:
    numbers = select(datasets.c.dataset_id).where(mine)
    counted = (
        select(dead_letters.c.dataset_id, func.count().label("rows"))
        .where(dead_letters.c.dataset_id.in_(numbers), dead_letters.c.status.in_(LIVE))
        .group_by(dead_letters.c.dataset_id)
        .subquery()
    )
    return select(datasets.c.name, counted.c.rows).join(datasets, datasets.c.dataset_id == counted.c.dataset_id)


def _groups(mine: ColumnElement[bool]) -> Select[Any]:
    retrying = func.count().filter(kept_rows.c.status == KeptStatus.RETRYING.value).label("retrying")
    first, last = func.min(kept_rows.c.since).label("first"), func.max(kept_rows.c.since).label("last")
    return (
        select(datasets.c.name, kept_rows.c.kind, kept_rows.c.reasons, func.count().label("rows"), retrying, first, last)
        .join(datasets, datasets.c.dataset_id == kept_rows.c.dataset_id)
        .where(mine, kept_rows.c.status.in_(LIVE), kept_rows.c.kind.in_(_PEOPLE))
        .group_by(datasets.c.name, kept_rows.c.kind, kept_rows.c.reasons)
    )


def _letter_groups(mine: ColumnElement[bool]) -> Select[Any]:
    since, source = dead_letters.c.since, func.max(dead_letters.c.source).label("source")
    first, last = func.min(since).label("first"), func.max(since).label("last")
    return (
        select(datasets.c.name, dead_letters.c.reason, func.count().label("rows"), source, first, last)
        .join(datasets, datasets.c.dataset_id == dead_letters.c.dataset_id)
        .where(mine, dead_letters.c.status.in_(LIVE))
        .group_by(datasets.c.name, dead_letters.c.reason)
    )


_times = select(kept_rows.c.row_id, func.count()).where(kept_rows.c.status != STAGED).group_by(kept_rows.c.row_id)


def _meant(wanted: KeptFilter, number: int | None) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter."""
    live: ColumnElement[bool] = kept_rows.c.status.in_(LIVE)
    if wanted.staged_by is not None:
        live = or_(live, and_(kept_rows.c.status == STAGED, kept_rows.c.run_id == wanted.staged_by))
    conditions = [kept_rows.c.dataset_id == number, live]
    conditions.append(kept_rows.c.kind.in_(_PEOPLE) if wanted.kind is None else kept_rows.c.kind == wanted.kind.value)
    if wanted.check_id is not None:
        conditions.append(kept_rows.c.reasons.contains(json.dumps(wanted.check_id), autoescape=True))
    if wanted.reasons is not None:
        conditions.append(kept_rows.c.reasons == json_text(wanted.reasons))
    return conditions


def _shown(text: str) -> Mapping[str, object]:
    """Return the columns people see; what the gate keeps for itself starts with two underscores."""
    return {name: value for name, value in json.loads(text).items() if not name.startswith("__")}
