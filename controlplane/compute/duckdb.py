"""The SQL runner on DuckDB: in process, over Arrow tables, closed to files, network, extensions and settings."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa

from controlplane.compute.arrow import canonical, materialised
from controlplane.compute.deadline import Deadline
from controlplane.compute.redaction import identifiers_of, redacted
from controlplane.kernel.errors import QueryFailedError, QueryTimedOutError
from controlplane.kernel.ports import Relation, SqlRunner, SqlSession
from controlplane.kernel.sql import identifier

_IDLE = 2
"""So many databases without a session are kept: a run needs one, and at times a second beside it."""

_BATCH = 131_072


@dataclass(frozen=True)
class DuckDbRunner(SqlRunner):
    """Opens DuckDB sessions, each with a database in memory that no other session uses at the same time.

    Making a database takes longer than most queries, so one that a session left empty serves the next.

    Attributes:
        memory_limit: as DuckDB writes it, e.g. ``4GB``; registered Arrow tables are not counted.
        threads: None takes all cores.
        timeout: seconds one query may take.
        temp_dir: where queries larger than memory spill; without one they fail with ``QueryTimedOutError``.
    """

    memory_limit: str = "4GB"
    threads: int | None = None
    timeout: float = 600.0
    temp_dir: Path | None = None
    dialect: Literal["duckdb", "spark"] = "duckdb"
    _idle: dict[int, deque[duckdb.DuckDBPyConnection]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @contextmanager
    def session(self) -> Iterator[SqlSession]:
        """Open a session; closing it drops everything registered in it."""
        idle = self._idle.setdefault(os.getpid(), deque(maxlen=_IDLE))  # a forked process must not touch its parent's
        try:
            database = idle.pop()
        except IndexError:
            database = self._made()
        session = DuckDbSession(database.cursor(), self.timeout)
        try:
            yield session
        finally:
            if session.close():
                idle.append(database)
            else:
                database.close()

    def _made(self) -> duckdb.DuckDBPyConnection:
        database = duckdb.connect(":memory:", config=self._settings())
        database.execute("SET GLOBAL TimeZone = 'UTC'")
        database.execute("SET enable_external_access = false")  # last but one: it also forbids to set the spill folder
        database.execute("SET lock_configuration = true")
        return database

    def _settings(self) -> dict[str, str | bool | int | float | list[str]]:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": self.memory_limit,
            "temp_directory": str(self.temp_dir) if self.temp_dir is not None else "",
            "allow_community_extensions": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,  # FROM tbl must never find a Python variable
            "arrow_large_buffer_size": True,
        }
        if self.threads is not None:
            settings["threads"] = self.threads
        return settings


class DuckDbSession(SqlSession):
    """One private DuckDB database. Not for several threads at once."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, timeout: float) -> None:
        self._connection = connection
        self._timeout = timeout
        self._columns: dict[str, frozenset[str]] = {}
        self._schemas: set[str] = set()
        self._failed = False

    def register(self, name: str, relation: Relation) -> None:
        """Make a relation known under ``name``, as a view over its Arrow table; replaces what had that name.

        A reader is read to its end here, so that any number of queries may follow; pass a table to avoid the copy.

        Raises:
            QueryFailedError: a column holds text that is not UTF-8.
        """
        table = materialised(name, relation)
        self._columns[name] = frozenset({*table.schema.names, *name.split(".")})
        schema, _, own = name.rpartition(".")
        if not schema:
            self._connection.register(name, table)
            return
        hidden = f"arrow of {name}"  # no dataset can have this name, since dots make a schema
        self._connection.register(hidden, table)
        self._schemas.add(schema)
        self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)}")
        view = f"{identifier(schema)}.{identifier(own)}"
        self._connection.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT * FROM {identifier(hidden)}")

    def close(self) -> bool:
        """Drop what was registered; return whether the database is as good as new.

        Relations belong to this connection alone and go with it; only schemas are the database's. A database in which
        something failed may still be busy with it, and is not used again.
        """
        try:
            if not self._failed:
                for schema in self._schemas:
                    self._connection.execute(f"DROP SCHEMA {identifier(schema)} CASCADE")
        except duckdb.Error:
            self._failed = True
        self._connection.close()
        return not self._failed

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        """Run one SELECT, with ``?`` for each parameter, and return its rows (types: ``controlplane.compute.arrow``).

        Raises:
            QueryTimedOutError: it took longer than the timeout, or more memory than the limit.
            QueryFailedError: DuckDB refused or aborted it; the message holds no values.
        """
        try:
            with Deadline(self._timeout, self._connection.interrupt):
                return self._run(sql, parameters)
        except (duckdb.Error, pa.ArrowException, UnicodeError, RuntimeError) as error:
            self._failed = True
            told = self._told(error, sql)
        raise told  # outside of the handler: an error in its context would carry the values on

    def _run(self, sql: str, parameters: Sequence[object]) -> pa.Table:
        statements = self._connection.extract_statements(sql)
        if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
            message = "a session runs exactly one SELECT at a time; send statements one by one and change nothing with them"
            raise QueryFailedError(message)
        # the public way, sql(...).to_arrow_table(), binds each query twice, which takes a third of a short one's time
        result = self._connection._submit(sql, list(parameters) or None, "arrow", _BATCH)  # noqa: SLF001 -- said above
        return canonical(result.arrow_table())

    def _told(self, error: Exception, sql: str) -> QueryFailedError:
        if isinstance(error, duckdb.InterruptException):
            message = f"DuckDB stopped a query after {self._timeout:g} seconds; make it cheaper or raise the timeout"
            return QueryTimedOutError(message)
        if isinstance(error, duckdb.OutOfMemoryException):
            message = (
                "DuckDB stopped a query that needs more memory than its limit; raise the limit or give it a folder to spill"
            )
            return QueryTimedOutError(message)
        known = identifiers_of(sql, (column for columns in self._columns.values() for column in columns), "duckdb")
        message = f"DuckDB refused a query: {redacted(str(error), known) or type(error).__name__}"
        return QueryFailedError(message)
