"""Parquet files with what is kept beside the tables: written once under a name of their own, never changed.

A file's name is noted in the store before the file is written and its rows are indexed after, so that whatever a killed
process leaves behind is known and gets removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pyarrow as pa
from pyarrow import parquet
from pyarrow.fs import FileSystem
from sqlalchemy import ColumnElement, Table, delete, exists, select, update

from controlplane.kernel.errors import StoreUnavailableError
from controlplane.kernel.identity import DatasetId, RunId
from controlplane.kernel.ports import Clock
from controlplane.persistence.database import Database, own_dataset
from controlplane.persistence.tables import LIVE, OPEN_STATES, STAGED, dead_letters, kept_files, kept_rows, runs

CONTENT = pa.schema([("id", pa.large_string()), ("masked", pa.large_string()), ("sealed", pa.large_binary())])
"""Columns of every file: row id or position, the masked columns as JSON (``{}`` for dead letters), the sealed original."""

_ABANDONED = timedelta(days=1)
_INDEXES: tuple[Table, ...] = (kept_rows, dead_letters)


class KeptFiles:
    """The files under ``state``, on a disk or an object store."""

    def __init__(self, database: Database, filesystem: FileSystem, path: str, wall: Clock) -> None:
        """Take the database, the file system and the path inside it under which files are written."""
        self.database = database
        self._filesystem = filesystem
        self._path = path.rstrip("/")
        self._wall = wall

    def write(self, dataset: DatasetId, run_id: RunId | None, label: str, content: pa.Table) -> int:
        """Write a file and return its number; nothing refers to it yet.

        Args:
            dataset: whose rows it holds.
            run_id: the run it belongs to; None for rows of many runs.
            label: what is in it, part of its name.
            content: columns as in ``CONTENT``.

        Raises:
            StoreUnavailableError: it cannot be written.
        """
        owner = "compacted" if run_id is None else str(run_id)
        path = f"kept/{quote(dataset.name, safe='')}/{owner}/{label}-{uuid4().hex[:12]}.parquet"
        row = {"run_id": None if run_id is None else str(run_id), "path": path, "created_wall": self._wall.now()}
        with self.database.writing() as connection:
            number = own_dataset(connection, dataset)
            noted = kept_files.insert().values(dataset_id=number, **row).returning(kept_files.c.file_id)
            file_id = int(connection.execute(noted).scalar_one())
        full = f"{self._path}/{path}"
        try:
            if self._filesystem.type_name == "local":
                self._filesystem.create_dir(full.rpartition("/")[0], recursive=True)
            parquet.write_table(content, full, filesystem=self._filesystem, compression="zstd")
        except OSError as error:
            message = f"rows to keep could not be written to {full} ({_said(error)}); check space and permissions and run again"
            raise StoreUnavailableError(message) from error
        return file_id

    def read(self, path: str, columns: Sequence[str] = ("masked", "sealed")) -> pa.Table:
        """Return a file's content, of the columns that are wanted.

        Raises:
            StoreUnavailableError: it is not there or cannot be read.
        """
        full = f"{self._path}/{path}"
        try:
            return parquet.read_table(full, filesystem=self._filesystem, columns=list(columns))
        except (OSError, pa.ArrowInvalid) as error:
            message = f"the file {full} with kept rows cannot be read ({_said(error)}); restore it from a backup of state"
            raise StoreUnavailableError(message) from error

    def remove_unused_of_run(self, run_id: RunId) -> None:
        """Remove the run's files that hold nothing indexed; only the run's own writer may ask for it."""
        unused = [~exists().where(index.c.file_id == kept_files.c.file_id) for index in _INDEXES]
        self._remove(kept_files.c.run_id == str(run_id), *unused)

    def remove_unused_of_dataset(self, number: int) -> None:
        """Remove the dataset's files that hold nothing open or staged; closed rows in them lose their content."""
        present = (STAGED, *LIVE)
        unused = [~exists().where(index.c.file_id == kept_files.c.file_id, index.c.status.in_(present)) for index in _INDEXES]
        under_way = exists().where(runs.c.run_id == kept_files.c.run_id, runs.c.state.in_(OPEN_STATES))
        old = kept_files.c.created_wall < self._wall.now() - _ABANDONED
        ended = (~under_way & kept_files.c.run_id.is_not(None)) | old  # else it may be written at this moment
        self._remove(kept_files.c.dataset_id == number, *unused, ended)

    def _remove(self, *conditions: ColumnElement[bool]) -> None:
        with self.database.reading() as connection:
            found = connection.execute(select(kept_files.c.file_id, kept_files.c.path).where(*conditions)).tuples().all()
        if not found:
            return
        numbers = [file_id for file_id, _ in found]
        with self.database.writing() as connection:
            for chunk in chunks(numbers):
                for index in _INDEXES:
                    connection.execute(update(index).where(index.c.file_id.in_(chunk)).values(file_id=None))
        gone = [file_id for file_id, path in found if self._removed(path)]
        with self.database.writing() as connection:
            for chunk in chunks(gone):
                connection.execute(delete(kept_files).where(kept_files.c.file_id.in_(chunk)))

    def _removed(self, path: str) -> bool:
        """Delete a file; False when it is still there, so that the next housekeeping tries again."""
        try:
            with suppress(FileNotFoundError):
                self._filesystem.delete_file(f"{self._path}/{path}")
        except OSError:
            return False
        return True


def content_table(rows: Iterable[tuple[str, str, bytes]]) -> pa.Table:
    """Return a file's content from (id, masked as JSON, sealed)."""
    columns = list(zip(*rows, strict=True)) or [(), (), ()]
    return pa.table([pa.array(values, field.type) for values, field in zip(columns, CONTENT, strict=True)], schema=CONTENT)


def chunks(values: Sequence[Any], size: int = 5_000) -> Iterable[Sequence[Any]]:
    """Return values in pieces small enough for one statement's parameters (SQLite takes 32,766, PostgreSQL 65,535)."""
    return (values[start : start + size] for start in range(0, len(values), size))


def json_text(value: object) -> str:
    """Return plain data as ASCII JSON; what JSON has no word for (dates, decimals) becomes text, bytes become hex."""
    return json.dumps(value, default=_plain, separators=(",", ":"))


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    isoformat = getattr(value, "isoformat", None)
    return isoformat() if isoformat is not None else str(value)


def _said(error: Exception) -> str:
    strerror = getattr(error, "strerror", None)
    return str(strerror or type(error).__name__)
