"""The SQL runner on DuckDB: in process, over Arrow tables, closed to files, network, extensions and settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
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
from controlplane.kernel.sql import relation as quoted


@dataclass(frozen=True)
class DuckDbRunner(SqlRunner):
    """Opens DuckDB sessions, each with a database of its own in memory.

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

    @contextmanager
    def session(self) -> Iterator[SqlSession]:
        """Open a session; closing it drops everything registered in it."""
        connection = duckdb.connect(":memory:", config=self._settings())
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("SET enable_external_access = false")  # last but one: it also forbids to set the spill folder
            connection.execute("SET lock_configuration = true")
            yield DuckDbSession(connection, self.timeout)
        finally:
            connection.close()

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

    def register(self, name: str, relation: Relation) -> None:
        """Make a relation known under ``name``, as a view over its Arrow table; replaces what had that name.

        A reader is read to its end here, so that any number of queries may follow; pass a table to avoid the copy.

        Raises:
            QueryFailedError: a column holds text that is not UTF-8.
        """
        table = materialised(name, relation)
        schema, _, _ = name.rpartition(".")
        self._connection.register(_arrow_name(name), table)
        if schema:
            self._connection.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(schema)}")
        view = f"{identifier(schema)}.{identifier(name.rpartition('.')[2])}" if schema else quoted(name)
        self._connection.execute(f"CREATE OR REPLACE VIEW {view} AS SELECT * FROM {identifier(_arrow_name(name))}")
        self._columns[name] = frozenset({*table.schema.names, *name.split(".")})

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
            told = self._told(error, sql)
        raise told  # outside of the handler: an error in its context would carry the values on

    def _run(self, sql: str, parameters: Sequence[object]) -> pa.Table:
        statements = self._connection.extract_statements(sql)
        if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
            message = "a session runs exactly one SELECT at a time; send statements one by one and change nothing with them"
            raise QueryFailedError(message)
        relation = self._connection.sql(sql, params=list(parameters)) if parameters else self._connection.sql(sql)
        return canonical(relation.to_arrow_table())

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


def _arrow_name(name: str) -> str:
    """Return the name of the Arrow table behind a view; no dataset can have it, since dots make a schema."""
    return f"arrow of {name}"
