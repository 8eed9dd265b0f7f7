"""Rows kept beside the table: content in Parquet files, an index in the store."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Row, Select, bindparam, delete, func, or_, select, update
from sqlalchemy.engine import Connection

from controlplane.gate.model import KeptKind, KeptRow, KeptStatus, Run
from controlplane.kernel.errors import StoreUnavailableError
from controlplane.kernel.identity import DatasetId, RunId
from controlplane.kernel.ports import Clock
from controlplane.persistence.database import Database, insert_many, known_dataset, own_dataset
from controlplane.persistence.dead_letters import forget_dead_letters
from controlplane.persistence.journal import stored_run, unknown_run
from controlplane.persistence.kept_files import KeptFiles, chunks, content_table, json_text
from controlplane.persistence.tables import LIVE, OPEN_STATES, STAGED, datasets, kept_files, kept_rows, runs

_CLOSED_FOR_GOOD = (KeptStatus.RELEASED.value, KeptStatus.SUPERSEDED.value)
_SMALL = 1_000
_MANY = 16
_EVERYTHING = (
    select(kept_rows, kept_files.c.path, datasets.c.namespace, datasets.c.name)
    .join(datasets, datasets.c.dataset_id == kept_rows.c.dataset_id)
    .outerjoin(kept_files, kept_files.c.file_id == kept_rows.c.file_id)
)
_OLDEST_FIRST = (kept_rows.c.since, kept_rows.c.row_id, kept_rows.c.run_id)
_OF_DATASET = (datasets.c.namespace == bindparam("space"), datasets.c.name == bindparam("named"))
_WAITING = (kept_rows.c.kind == KeptKind.WAITING.value) & kept_rows.c.status.in_(LIVE)
_RETRIED = (kept_rows.c.kind == KeptKind.QUARANTINED.value) & (kept_rows.c.status == KeptStatus.RETRYING.value)
_REENTERING = _EVERYTHING.where(or_(_WAITING, _RETRIED), *_OF_DATASET).order_by(*_OLDEST_FIRST)
_STAGED_BY = (kept_rows.c.run_id == bindparam("of_run"), kept_rows.c.status == STAGED)
_STAGED_OF_RUN = select(kept_rows.c.row_id).where(*_STAGED_BY).limit(1)
_FILE_OF_RUN = select(kept_files.c.file_id).where(kept_files.c.run_id == bindparam("of_run")).limit(1)
_FORGET = delete(kept_rows).where(*_STAGED_BY)


class StoredKeptRows:
    """Quarantined rows, waiting rows and tombstones (``gate.ports.KeptRows``)."""

    def __init__(self, database: Database, files: KeptFiles, wall: Clock) -> None:
        """Take the database, the files and the wall clock that orders what was staged."""
        self._database = database
        self._files = files
        self._wall = wall

    def stage(self, run: Run, rows: Sequence[KeptRow]) -> None:
        """Keep a run's rows, invisible until the run is recorded; staging again replaces what the run staged before.

        The same row id twice is the same event: it is kept once.

        Raises:
            UnableToEvaluateError: the run was never planned.
            StoreUnavailableError: the rows cannot be written.
        """
        if not rows and self._has_staged_nothing(run):
            return
        unique = {row.row_id: row for row in reversed(rows)}
        by_kind: dict[KeptKind, list[KeptRow]] = {}
        for row in reversed(unique.values()):
            by_kind.setdefault(row.kind, []).append(row)
        places: dict[str, tuple[int, int]] = {}
        for kind, kept in by_kind.items():
            content = content_table((row.row_id, json_text(dict(row.masked)), row.sealed) for row in kept)
            file_id = self._files.write(run.plan.dataset, run.run_id, kind.value, content)
            places |= {row.row_id: (file_id, position) for position, row in enumerate(kept)}
        with self._database.writing() as connection:
            number = own_dataset(connection, run.plan.dataset)
            if stored_run(connection, run.run_id) is None:
                raise unknown_run(run)
            mine = kept_rows.c.run_id == str(run.run_id)
            connection.execute(delete(kept_rows).where(mine, kept_rows.c.status == STAGED))
            recorded = set(connection.execute(select(kept_rows.c.row_id).where(mine)).scalars())
            common = {"dataset_id": number, "run_id": str(run.run_id), "status": STAGED, "staged_wall": self._wall.now()}
            staged = [_index_row(row, *places[row.row_id], common) for row in unique.values() if row.row_id not in recorded]
            if staged:
                insert_many(connection, kept_rows, staged)
        self._files.remove_unused_of_run(run.run_id)

    def _has_staged_nothing(self, run: Run) -> bool:
        mine = {"of_run": str(run.run_id)}
        with self._database.reading() as connection:
            if stored_run(connection, run.run_id) is None:
                raise unknown_run(run)
            return not any(connection.execute(query, mine).first() for query in (_STAGED_OF_RUN, _FILE_OF_RUN))

    def unstage(self, run_id: RunId) -> None:
        """Forget what a run staged, dead letters included."""
        with self._database.writing() as connection:
            forget_kept_rows(connection, run_id)
            forget_dead_letters(connection, run_id)
        self._files.remove_unused_of_run(run_id)

    def open(
        self,
        dataset: DatasetId | None = None,
        kind: KeptKind | None = None,
        *,
        keys: Collection[str] | None = None,
        limit: int | None = None,
    ) -> Sequence[tuple[DatasetId, KeptRow]]:
        """Return rows that are open or marked for retry, oldest first; ``keys`` narrows to these business keys."""
        query = _open_query(of_dataset=dataset is not None, of_kind=kind is not None, limited=limit is not None)
        values: dict[str, object] = {"kind": None if kind is None else kind.value, "at_most": limit}
        if dataset is not None:
            values |= {"space": dataset.namespace, "named": dataset.name}
        if keys is None:
            return self._load([query], values)
        digests = sorted({_key_digest(key) for key in keys})
        found = self._load([query.where(kept_rows.c.key_digest.in_(chunk)) for chunk in chunks(digests, 1_000)], values)
        return sorted(found, key=lambda pair: (pair[1].since, pair[1].row_id, str(pair[1].run_id)))[:limit]

    def find(self, row_id: str) -> Sequence[tuple[DatasetId, KeptRow]]:
        """Return every kept entry whose row id starts with ``row_id``, in any status, newest first.

        An entry that was closed long ago may have lost its content: ``masked`` and ``sealed`` are empty then.
        """
        query = _EVERYTHING.where(kept_rows.c.row_id.startswith(row_id, autoescape=True))
        return self._load([query.order_by(kept_rows.c.staged_wall.desc(), kept_rows.c.row_id)])

    def reentering(self, dataset: DatasetId) -> Sequence[KeptRow]:
        """Return waiting rows and quarantined rows marked for retry, with their sealed originals, oldest first."""
        return [row for _, row in self._load([_REENTERING], {"space": dataset.namespace, "named": dataset.name})]

    def mark_retry(self, dataset: DatasetId, row_ids: Sequence[str] | None) -> int:
        """Mark quarantined rows (None: all) to enter the next run again; return how many were marked."""
        with self._database.writing() as connection:
            number = known_dataset(connection, dataset)
            change = (
                update(kept_rows)
                .where(
                    kept_rows.c.dataset_id == number,
                    kept_rows.c.kind == KeptKind.QUARANTINED.value,
                    kept_rows.c.status == KeptStatus.OPEN.value,
                )
                .values(status=KeptStatus.RETRYING.value)
            )
            if row_ids is None:
                return connection.execute(change).rowcount
            return sum(connection.execute(change.where(kept_rows.c.row_id.in_(ids))).rowcount for ids in chunks(row_ids))

    def count_open(self, dataset: DatasetId) -> Mapping[KeptKind, int]:
        """Return how many rows of each kind are open or marked for retry; every kind is present."""
        query = select(kept_rows.c.kind, func.count()).where(kept_rows.c.status.in_(LIVE)).group_by(kept_rows.c.kind)
        with self._database.reading() as connection:
            number = known_dataset(connection, dataset)
            counts = dict(connection.execute(query.where(kept_rows.c.dataset_id == number)).tuples().all())
        return {kind: int(counts.get(kind.value, 0)) for kind in KeptKind}

    def expire(self, dataset: DatasetId, before: datetime) -> int:
        """Close rows first seen before a time as expired and remove files without open or staged rows.

        Entries released or superseded before that time are forgotten, what ended runs staged and never recorded is dropped,
        and many small files become one. Only the dataset's writer may do this.

        Args:
            dataset: whose rows.
            before: on the plane's clock.

        Returns:
            How many open rows expired.
        """
        with self._database.writing() as connection:
            number = own_dataset(connection, dataset)
            older = (kept_rows.c.dataset_id == number, kept_rows.c.since < before)
            connection.execute(delete(kept_rows).where(*older, kept_rows.c.status.in_(_CLOSED_FOR_GOOD)))
            open_runs = select(runs.c.run_id).where(runs.c.dataset_id == number, runs.c.state.in_(OPEN_STATES))
            connection.execute(
                delete(kept_rows).where(*older, kept_rows.c.status == STAGED, kept_rows.c.run_id.not_in(open_runs))
            )
            change = update(kept_rows).where(*older, kept_rows.c.status.in_(LIVE))
            expired = connection.execute(change.values(status=KeptStatus.EXPIRED.value)).rowcount
        self._compact(dataset, number)
        self._files.remove_unused_of_dataset(number)
        return expired

    def _compact(self, dataset: DatasetId, number: int) -> None:
        """Bring open rows of many small files into one, so that reading them stays one file's work."""
        per_file = (
            select(kept_rows.c.file_id)
            .where(kept_rows.c.dataset_id == number, kept_rows.c.status.in_(LIVE))
            .group_by(kept_rows.c.file_id)
            .having(func.count() < _SMALL)
        )
        with self._database.reading() as connection:
            small = [file_id for (file_id,) in connection.execute(per_file).tuples()]
            if len(small) <= _MANY:
                return
        with self._database.reading() as connection:
            query = _EVERYTHING.where(kept_rows.c.file_id.in_(small), kept_rows.c.status.in_(LIVE))
            rows = connection.execute(query.order_by(*_OLDEST_FIRST)).all()
        contents = self._contents(rows)
        content = content_table((row.row_id, *kept) for row, kept in zip(rows, contents, strict=True))
        file_id = self._files.write(dataset, None, "rows", content)
        move = (
            update(kept_rows)
            .where(
                kept_rows.c.dataset_id == number,
                kept_rows.c.row_id == bindparam("row"),
                kept_rows.c.run_id == bindparam("run"),
            )
            .values(file_id=file_id, file_row=bindparam("position"))
        )
        with self._database.writing() as connection:
            places = [{"row": row.row_id, "run": row.run_id, "position": at} for at, row in enumerate(rows)]
            connection.execute(move, places)

    def _load(
        self, queries: Sequence[Select[Any]], values: Mapping[str, object] | None = None
    ) -> list[tuple[DatasetId, KeptRow]]:
        try:
            rows = self._rows(queries, values)
            contents = self._contents(rows)
        except StoreUnavailableError:  # housekeeping may have moved rows to another file since they were looked up
            rows = self._rows(queries, values)
            contents = self._contents(rows)
        owners = {(row.namespace, row.name): DatasetId(row.namespace, row.name) for row in rows}
        run_ids = {row.run_id: RunId(UUID(row.run_id)) for row in rows}
        reasons = {row.reasons: tuple(json.loads(row.reasons)) for row in rows}
        return [
            (
                owners[row.namespace, row.name],
                KeptRow(
                    row_id=row.row_id,
                    kind=KeptKind(row.kind),
                    key=row.key,
                    reasons=reasons[row.reasons],
                    masked=json.loads(masked),
                    sealed=sealed,
                    since=row.since,
                    run_id=run_ids[row.run_id],
                    status=KeptStatus(row.status),
                ),
            )
            for row, (masked, sealed) in zip(rows, contents, strict=True)
        ]

    def _rows(self, queries: Sequence[Select[Any]], values: Mapping[str, object] | None) -> list[Row[Any]]:
        with self._database.reading() as connection:
            return [row for query in queries for row in connection.execute(query, values).all()]

    def _contents(self, rows: Sequence[Row[Any]]) -> list[tuple[str, bytes]]:
        """Return (masked as JSON, sealed) of index rows; each file is read once."""
        wanted: dict[str, list[int]] = {}
        for position, row in enumerate(rows):
            if row.path is not None:
                wanted.setdefault(row.path, []).append(position)
        contents = [("{}", b"")] * len(rows)
        for path, positions in wanted.items():
            table = self._files.read(path).take([rows[position].file_row for position in positions])
            pairs = zip(table.column("masked").to_pylist(), table.column("sealed").to_pylist(), strict=True)
            for position, pair in zip(positions, pairs, strict=True):
                contents[position] = pair
        return contents


def _index_row(row: KeptRow, file_id: int, file_row: int, common: Mapping[str, object]) -> dict[str, object]:
    return {
        **common,
        "row_id": row.row_id,
        "kind": row.kind.value,
        "key": row.key,
        "key_digest": _key_digest(row.key),
        "reasons": json_text(row.reasons),
        "since": row.since,
        "file_id": file_id,
        "file_row": file_row,
    }


def _key_digest(key: str) -> str:
    return sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:32]


@cache
def _open_query(*, of_dataset: bool, of_kind: bool, limited: bool) -> Select[Any]:
    """Return the SELECT of open rows, oldest first; of one dataset, of one kind, and so many, where that is asked."""
    query = _EVERYTHING.where(kept_rows.c.status.in_(LIVE)).order_by(*_OLDEST_FIRST)
    if of_kind:
        query = query.where(kept_rows.c.kind == bindparam("kind"))
    if of_dataset:
        query = query.where(*_OF_DATASET)
    return query.limit(bindparam("at_most", type_=Integer)) if limited else query


def forget_kept_rows(connection: Connection, run_id: RunId) -> None:
    """Drop the index of what a run staged."""
    connection.execute(_FORGET, {"of_run": str(run_id)})


def discard_kept_rows(connection: Connection, number: int, row_ids: Collection[str]) -> int:
    """Close quarantined rows for good, all of them or none; return how many of them are in quarantine."""
    mine = (
        kept_rows.c.dataset_id == number,
        kept_rows.c.kind == KeptKind.QUARANTINED.value,
        kept_rows.c.status.in_(LIVE),
    )
    pieces = list(chunks(sorted(set(row_ids))))
    found: set[str] = set()
    for ids in pieces:
        found |= set(connection.execute(select(kept_rows.c.row_id).where(*mine, kept_rows.c.row_id.in_(ids))).scalars())
    if len(found) == len(set(row_ids)):
        for ids in pieces:
            gone = update(kept_rows).where(*mine, kept_rows.c.row_id.in_(ids))
            connection.execute(gone.values(status=KeptStatus.DISCARDED.value))
    return len(found)


def publish_kept_rows(connection: Connection, number: int, run: Run, superseded: Sequence[str]) -> None:
    """Close the rows that entered again, open what the run staged, close what newer rows replace; repeating changes nothing."""
    staged = connection.execute(_STAGED_OF_RUN, {"of_run": str(run.run_id)}).first()
    if staged is None and not run.plan.reentering and not superseded:
        return
    others = kept_rows.c.run_id != str(run.run_id)
    mine = (kept_rows.c.run_id == str(run.run_id), kept_rows.c.status == STAGED)
    live = update(kept_rows).where(kept_rows.c.dataset_id == number, kept_rows.c.status.in_(LIVE))
    released = live.where(others).values(status=KeptStatus.RELEASED.value, closed_by=str(run.run_id))
    replaced = live.values(status=KeptStatus.SUPERSEDED.value, closed_by=str(run.run_id))
    for ids in chunks(run.plan.reentering):
        connection.execute(released.where(kept_rows.c.row_id.in_(ids)))
    again = select(kept_rows.c.row_id).where(kept_rows.c.dataset_id == number, *mine)
    connection.execute(replaced.where(others, kept_rows.c.row_id.in_(again)))
    connection.execute(update(kept_rows).where(*mine).values(status=KeptStatus.OPEN.value))
    for ids in chunks(superseded):
        connection.execute(replaced.where(kept_rows.c.row_id.in_(ids)))
