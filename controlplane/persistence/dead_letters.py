"""Messages that could not be read: sealed in Parquet files, an index in the store."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, delete, select, tuple_, update
from sqlalchemy.engine import Connection

from controlplane.gate.model import DeadLetter, KeptStatus, Run
from controlplane.kernel.errors import StoreUnavailableError
from controlplane.kernel.identity import DatasetId, RunId
from controlplane.persistence.database import Database, insert_many, own_dataset
from controlplane.persistence.journal import stored_run, unknown_run
from controlplane.persistence.kept_files import KeptFiles, content_table
from controlplane.persistence.tables import LIVE, OPEN_STATES, STAGED, datasets, dead_letters, kept_files, runs

_STAGED_BY = (dead_letters.c.run_id == bindparam("of_run"), dead_letters.c.status == STAGED)
_STAGED_OF_RUN = select(dead_letters.c.position).where(*_STAGED_BY).limit(1)
_FORGET = delete(dead_letters).where(*_STAGED_BY)


class DeadLetterIndex:
    """Dead letters per dataset (``gate.ports.DeadLetters``); each is found by its source and position."""

    def __init__(self, database: Database, files: KeptFiles) -> None:
        """Take the database and the files that hold the sealed messages."""
        self._database = database
        self._files = files

    def stage(self, run: Run, letters: Sequence[DeadLetter]) -> None:
        """Keep a run's dead letters, invisible until the run is recorded; staging again replaces.

        Raises:
            UnableToEvaluateError: the run was never planned.
            StoreUnavailableError: the messages cannot be written.
        """
        unique = list({(letter.source, letter.position): letter for letter in letters}.values())
        file_id = None
        if unique:
            content = content_table((letter.position, "{}", letter.sealed) for letter in unique)
            file_id = self._files.write(run.plan.dataset, run.run_id, "dead_letters", content)
        with self._database.writing() as connection:
            number = own_dataset(connection, run.plan.dataset)
            if stored_run(connection, run.run_id) is None:
                raise unknown_run(run)
            mine = dead_letters.c.run_id == str(run.run_id)
            connection.execute(delete(dead_letters).where(mine, dead_letters.c.status == STAGED))
            query = select(dead_letters.c.source, dead_letters.c.position).where(mine)
            recorded = set(connection.execute(query).tuples())
            staged = [
                {
                    "dataset_id": number,
                    "source": letter.source,
                    "position": letter.position,
                    "run_id": str(run.run_id),
                    "status": STAGED,
                    "reason": letter.reason,
                    "since": run.clock,
                    "file_id": file_id,
                    "file_row": position,
                }
                for position, letter in enumerate(unique)
                if (letter.source, letter.position) not in recorded
            ]
            if staged:
                insert_many(connection, dead_letters, staged)
        self._files.remove_unused_of_run(run.run_id)

    def open(self, dataset: DatasetId | None = None, *, limit: int | None = None) -> Sequence[tuple[DatasetId, DeadLetter]]:
        """Return the open dead letters of a dataset (None: of all), oldest first, with their sealed messages."""
        query = (
            select(dead_letters, kept_files.c.path, datasets.c.namespace, datasets.c.name)
            .join(datasets, datasets.c.dataset_id == dead_letters.c.dataset_id)
            .join(kept_files, kept_files.c.file_id == dead_letters.c.file_id)
            .where(dead_letters.c.status.in_(LIVE))
            .order_by(dead_letters.c.since, dead_letters.c.source, dead_letters.c.position)
            .limit(limit)
        )
        if dataset is not None:
            query = query.where(datasets.c.namespace == dataset.namespace, datasets.c.name == dataset.name)
        try:
            return self._load(query)
        except StoreUnavailableError:  # housekeeping may have removed a file since its letters were looked up
            return self._load(query)

    def _load(self, query: Select[Any]) -> Sequence[tuple[DatasetId, DeadLetter]]:
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        sealed = {path: self._files.read(path).column("sealed") for path in dict.fromkeys(row.path for row in rows)}
        return [
            (
                DatasetId(row.namespace, row.name),
                DeadLetter(row.source, row.position, row.reason, sealed[row.path][row.file_row].as_py()),
            )
            for row in rows
        ]

    def expire(self, dataset: DatasetId, before: datetime) -> int:
        """Close dead letters of runs planned before a time (plane's clock) and remove files without open ones.

        Returns:
            How many open dead letters expired.
        """
        with self._database.writing() as connection:
            number = own_dataset(connection, dataset)
            older = (dead_letters.c.dataset_id == number, dead_letters.c.since < before)
            connection.execute(delete(dead_letters).where(*older, dead_letters.c.status == KeptStatus.SUPERSEDED.value))
            open_runs = select(runs.c.run_id).where(runs.c.dataset_id == number, runs.c.state.in_(OPEN_STATES))
            connection.execute(
                delete(dead_letters).where(*older, dead_letters.c.status == STAGED, dead_letters.c.run_id.not_in(open_runs))
            )
            change = update(dead_letters).where(*older, dead_letters.c.status.in_(LIVE))
            expired = connection.execute(change.values(status=KeptStatus.EXPIRED.value)).rowcount
        self._files.remove_unused_of_dataset(number)
        return expired


def forget_dead_letters(connection: Connection, run_id: RunId) -> None:
    """Drop the index of what a run staged."""
    connection.execute(_FORGET, {"of_run": str(run_id)})


def publish_dead_letters(connection: Connection, number: int, run: Run) -> None:
    """Open what the run staged; an older letter of the same place is replaced by it."""
    if connection.execute(_STAGED_OF_RUN, {"of_run": str(run.run_id)}).first() is None:
        return
    place = (dead_letters.c.source, dead_letters.c.position)
    mine = (dead_letters.c.run_id == str(run.run_id), dead_letters.c.status == STAGED)
    again = select(*place).where(dead_letters.c.dataset_id == number, *mine)
    older = update(dead_letters).where(
        dead_letters.c.dataset_id == number,
        dead_letters.c.run_id != str(run.run_id),
        dead_letters.c.status.in_(LIVE),
        tuple_(*place).in_(again),
    )
    connection.execute(older.values(status=KeptStatus.SUPERSEDED.value, closed_by=str(run.run_id)))
    connection.execute(update(dead_letters).where(*mine).values(status=KeptStatus.OPEN.value))
