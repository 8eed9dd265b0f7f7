"""A connection to the store: opened at the first use, brought up to date, and used in short transactions."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Table, TextClause, bindparam, create_engine, event, select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, Connection, Dialect, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError

from controlplane.kernel.errors import ConfigurationError, NotInstalledError, StoreUnavailableError
from controlplane.kernel.identity import DatasetId
from controlplane.persistence.failures import unavailable
from controlplane.persistence.tables import datasets
from controlplane.persistence.upgrading import bring_up_to_date

_ALLOWED = "allowed are sqlite:////absolute/path.db and postgresql+psycopg://user:password@host:5432/database"
_WRITING = "controlplane_writing"
_CHUNK = 20_000
_PRIMARY = 0xFF  # an extended result code of SQLite carries the primary one in its last byte
_AGAIN = 0.01  # seconds
_NUMBER = select(datasets.c.dataset_id).where(datasets.c.namespace == bindparam("space"), datasets.c.name == bindparam("named"))
_OWN_NUMBER = _NUMBER.with_for_update()
"""Statements are made once where a run needs them: putting one together takes longer than running it."""


class Database:
    """The store's database, SQLite or PostgreSQL.

    Making one checks the URL only. The first transaction connects and brings the tables to this version; every transaction
    is committed when its block ends and rolled back when the block raises.
    """

    def __init__(self, url: str, *, busy_timeout: float = 5.0) -> None:
        """Check the URL.

        Args:
            url: ``sqlite:////absolute/path.db`` or ``postgresql+psycopg://user:password@host:port/database``.
            busy_timeout: seconds to wait for another process's transaction before giving up.

        Raises:
            ConfigurationError: the URL is of another kind; the message never shows it.
        """
        self._url = _checked(url)
        self._busy_timeout = busy_timeout
        self._engine: Engine | None = None
        self._ready = False
        self._lock = threading.Lock()

    @property
    def where(self) -> str:
        """The store as people know it: its file, or server and database, without user and secrets."""
        if self._url.get_backend_name() == "sqlite":
            return str(self._url.database)
        return f"{self._url.host or 'localhost'}:{self._url.port or 5432}/{self._url.database or ''}"

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Open a transaction that sees one state of the store and changes nothing.

        Raises:
            StoreUnavailableError: the store cannot be reached or used; the message says why and what to do.
            ConfigurationError: the store was made by a newer version.
            NotInstalledError: the PostgreSQL driver is missing.
        """
        with self._transaction(writing=False) as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Open a transaction that may write; on SQLite it is the only one. Raises like ``reading``, and ``IntegrityError``."""
        with self._transaction(writing=True) as connection:
            yield connection

    def close(self) -> None:
        """Give all connections back; the next transaction connects again."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose()
            self._engine, self._ready = None, False

    @contextmanager
    def _transaction(self, *, writing: bool) -> Iterator[Connection]:
        engine = self._connected()
        with self._translated(), engine.connect() as connection:
            connection.execution_options(**{_WRITING: writing})
            with connection.begin():
                yield connection

    def _connected(self) -> Engine:
        with self._lock:
            if self._engine is None:
                self._engine = self._make_engine()
            if not self._ready:
                with self._translated():
                    bring_up_to_date(self._engine, self.where, locked={_WRITING: True})
                self._ready = True
            return self._engine

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise unavailable(error, self.where) from error.orig

    def _make_engine(self) -> Engine:
        if self._url.get_backend_name() == "sqlite":
            return self._sqlite_engine()
        try:
            engine = create_engine(
                self._url, hide_parameters=True, pool_pre_ping=True, connect_args={"connect_timeout": 5, **self._url.query}
            )
        except ModuleNotFoundError as error:
            message = "the store is on PostgreSQL and its driver is missing; run: pip install 'controlplane[postgres]'"
            raise NotInstalledError(message) from error
        milliseconds = int(self._busy_timeout * 1000)

        @event.listens_for(engine, "begin")
        def _limit_waiting(connection: Connection) -> None:
            if connection.get_execution_options().get(_WRITING):
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {milliseconds}")

        return engine

    def _sqlite_engine(self) -> Engine:
        folder = Path(str(self._url.database)).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"the store {self.where} cannot be made: its folder cannot be created ({error.strerror}); choose another"
            raise StoreUnavailableError(message) from error
        engine = create_engine(self._url, hide_parameters=True, connect_args={"timeout": self._busy_timeout})

        @event.listens_for(engine, "connect")
        def _set_up(connection: Any, _record: object) -> None:
            connection.isolation_level = None  # the driver must not open transactions of its own; "begin" below does
            for pragma in ("synchronous = NORMAL", "foreign_keys = ON"):
                connection.execute(f"PRAGMA {pragma}").close()
            _write_ahead(connection, self._busy_timeout)

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            writing = connection.get_execution_options().get(_WRITING)
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

        return engine


def _write_ahead(connection: sqlite3.Connection, seconds: float) -> None:
    """Have a database keep a write-ahead log; SQLite itself does not wait for another process that is changing to it, too."""
    until = time.monotonic() + seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").close()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & _PRIMARY != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_AGAIN)
        else:
            return


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        message = f"the store's url is not a database URL; {_ALLOWED}"
        raise ConfigurationError(message) from None
    if parsed.drivername in {"sqlite", "sqlite+pysqlite"}:
        if parsed.database in {None, "", ":memory:"} or str(parsed.database).startswith("file:"):
            message = f"the store's url must name a file (a store in memory would forget everything); {_ALLOWED}"
            raise ConfigurationError(message)
        return parsed
    if parsed.drivername in {"postgresql", "postgresql+psycopg"}:
        return parsed.set(drivername="postgresql+psycopg")
    message = f"the store's url starts with {parsed.drivername}://, which is not supported; {_ALLOWED}"
    raise ConfigurationError(message)


def insert(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """Return an INSERT that knows ``ON CONFLICT``, in the words of the connection's database."""
    return postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)


def insert_new(connection: Connection, table: Table, row: Mapping[str, object]) -> None:
    """Insert a row; one whose key is there already is left as it is."""
    connection.execute(_written_out(table, tuple(row), "DO NOTHING"), row)


def insert_or_change(connection: Connection, table: Table, row: Mapping[str, object], key: str, changes: Iterable[str]) -> None:
    """Insert a row, or where its ``key`` is there already, set the columns named in ``changes`` to the row's values."""
    changed = ", ".join(f"{name} = excluded.{name}" for name in changes)
    connection.execute(_written_out(table, tuple(row), f"({key}) DO UPDATE SET {changed}"), row)


@lru_cache(maxsize=200)
def _written_out(table: Table, names: tuple[str, ...], conflict: str) -> TextClause:
    """Return an INSERT as text, which SQLAlchemy prepares once; its own with ``ON CONFLICT`` it puts together every time."""
    columns, values = ", ".join(f'"{name}"' for name in names), ", ".join(f":{name}" for name in names)
    statement = text(f"INSERT INTO {table.name} ({columns}) VALUES ({values}) ON CONFLICT {conflict}")
    return statement.bindparams(*(bindparam(name, type_=table.c[name].type) for name in names))


def insert_many(connection: Connection, table: Table, rows: Sequence[Mapping[str, object]]) -> None:
    """Insert rows that all name the same columns, in the way the database is quickest with."""
    dialect = connection.dialect
    if dialect.name != "postgresql":
        connection.execute(table.insert(), rows)
        return
    # one array a column: psycopg parses a statement of 1,000 VALUES anew each time, and a statement a row is a round trip each
    columns = [table.c[name] for name in rows[0]]
    names = ", ".join(dialect.identifier_preparer.quote(column.name) for column in columns)
    arrays = ", ".join(f"CAST(:{column.name} AS {column.type.compile(dialect)}[])" for column in columns)
    statement = text(f"INSERT INTO {table.name} ({names}) SELECT * FROM unnest({arrays})")
    for start in range(0, len(rows), _CHUNK):
        chunk = rows[start : start + _CHUNK]
        connection.execute(statement, {column.name: _stored(column, chunk, dialect) for column in columns})


def _stored(column: Column[Any], rows: Sequence[Mapping[str, object]], dialect: Dialect) -> list[object]:
    """Return a column's values as the driver takes them."""
    convert = column.type.dialect_impl(dialect).bind_processor(dialect)
    values = [row[column.name] for row in rows]
    return values if convert is None else [convert(value) for value in values]


def known_dataset(connection: Connection, dataset: DatasetId) -> int | None:
    """Return a dataset's number in the store, None if it was never written."""
    return connection.execute(_NUMBER, {"space": dataset.namespace, "named": dataset.name}).scalar()


def own_dataset(connection: Connection, dataset: DatasetId) -> int:
    """Return a dataset's number, given at its first use, and let no other writer of the dataset pass until the commit."""
    named = {"space": dataset.namespace, "named": dataset.name}
    number = connection.execute(_OWN_NUMBER, named).scalar()
    if number is None:
        values = {"namespace": dataset.namespace, "name": dataset.name}
        connection.execute(insert(connection, datasets).values(values).on_conflict_do_nothing())
        number = connection.execute(_OWN_NUMBER, named).scalar_one()
    return int(number)
