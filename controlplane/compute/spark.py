"""The SQL runner on Spark: a local PySpark session over registered Arrow tables, in UTC and ANSI mode.

Format: Spark SQL 4.1, "ANSI Compliance" and "Runtime SQL Configuration". PySpark is imported when the first session opens.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import pyarrow as pa
import sqlglot
from sqlglot import TokenType, exp
from sqlglot.errors import SqlglotError

from controlplane.compute.arrow import canonical, materialised
from controlplane.compute.deadline import Deadline
from controlplane.compute.redaction import identifiers_of, redacted
from controlplane.kernel.errors import NotInstalledError, QueryFailedError, QueryTimedOutError, UnavailableError
from controlplane.kernel.ports import Relation, SqlRunner, SqlSession
from controlplane.usecases.sql_typing import dataset_of, is_cte

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LAUNCH = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.catalogImplementation": "in-memory",
}

_SESSION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.shuffle.partitions": "2",  # batches are small; 200 partitions would cost seconds per shuffle
    "spark.sql.runSQLOnFiles": "false",  # FROM json.`path` would read files
}

# both print the failing value with the whole message to standard error
_TALKING_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")


# these run what the Java machine can reach; ``identifier('name')(...)`` would hide their names
_CALLS_OUTSIDE = frozenset({"reflect", "try_reflect", "java_method", "identifier"})


@dataclass
class SparkRunner(SqlRunner):
    """Opens sessions of one local Spark; the first one starts its Java machine, which ``close`` stops.

    Attributes:
        master: as Spark writes it, e.g. ``local[2]``.
        driver_memory: heap of the Java machine, e.g. ``1g``.
        timeout: seconds one query may take.
    """

    master: str = "local[2]"
    driver_memory: str = "1g"
    timeout: float = 600.0
    dialect: Literal["duckdb", "spark"] = "spark"
    _started: _Started | None = field(default=None, init=False, repr=False)

    @contextmanager
    def session(self) -> Iterator[SqlSession]:
        """Open a session; closing it drops everything registered in it.

        Raises:
            NotInstalledError: PySpark is missing.
            UnavailableError: its Java machine does not start.
        """
        if self._started is None:
            self._started = _start(self.master, self.driver_memory)
        spark = self._started.spark.newSession()
        for name, value in _SESSION.items():
            spark.conf.set(name, value)
        opened = SparkSqlSession(spark, self.timeout)
        try:
            yield opened
        finally:
            opened.close()

    def close(self) -> None:
        """Stop Spark and its Java machine, if this runner started them; a later session starts them again."""
        if self._started is not None and self._started.folder is not None:
            self._started.spark.stop()
            shutil.rmtree(self._started.folder, ignore_errors=True)
        self._started = None


@dataclass(frozen=True)
class _Started:
    """A running Spark; ``folder`` holds its files and is None where somebody else started it."""

    spark: SparkSession
    folder: str | None


class SparkSqlSession(SqlSession):
    """One Spark session with temporary views of its own. Not for several threads at once."""

    def __init__(self, spark: SparkSession, timeout: float) -> None:
        self._spark = spark
        self._timeout = timeout
        self._views: dict[str, str] = {}
        self._columns: dict[str, frozenset[str]] = {}

    def register(self, name: str, relation: Relation) -> None:
        """Make a relation known under ``name``, as a temporary view; replaces what had that name. A reader is read to its end.

        Raises:
            QueryFailedError: a column holds text that is not UTF-8, or has a type that Spark has not.
        """
        from pyspark.errors import PySparkException  # noqa: PLC0415 - heavy and optional
        from pyspark.sql.pandas.types import from_arrow_schema  # noqa: PLC0415

        table = materialised(name, relation)
        table = table.cast(pa.schema([field.with_nullable(nullable=True) for field in table.schema]))
        view = self._views.get(name.lower(), f"relation_{len(self._views)}")
        failure: str | None = None
        try:
            schema = from_arrow_schema(table.schema, prefer_timestamp_ntz=True)
            self._spark.createDataFrame(table, schema=schema).createOrReplaceTempView(view)
        except PySparkException as error:
            failure = error.getCondition() or type(error).__name__
        if failure is not None:
            types = ", ".join(f"{field.name} {field.type}" for field in table.schema)
            message = f"Spark cannot take {name} ({failure}); its columns are {types}; cast those that Spark has no type for"
            raise QueryFailedError(message)
        self._views[name.lower()] = view
        self._columns[name.lower()] = frozenset({*table.schema.names, *name.split(".")})

    def query(self, sql: str, parameters: Sequence[object] = ()) -> pa.Table:
        """Run one SELECT, with ``?`` for each parameter, and return its rows (types: ``controlplane.compute.arrow``).

        Raises:
            QueryTimedOutError: it took longer than the timeout.
            QueryFailedError: Spark refused or aborted it; the message holds no values.
        """
        from py4j.protocol import Py4JError  # noqa: PLC0415 - heavy and optional
        from pyspark.errors import PySparkException  # noqa: PLC0415

        text = over_views(named_parameters(sql, len(parameters)), self._views)
        arguments = {f"p{position}": value for position, value in enumerate(parameters)}
        self._spark.sparkContext.setInterruptOnCancel(interruptOnCancel=True)
        deadline = Deadline(self._timeout, self._spark.interruptAll)
        try:
            with deadline:
                return canonical(self._spark.sql(text, args=arguments).toArrow())
        except (PySparkException, Py4JError, pa.ArrowException, ValueError, TypeError) as error:
            told = self._told(error, sql, too_late=deadline.passed)
        raise told  # outside of the handler: an error in its context would carry the values on

    def close(self) -> None:
        """Drop every view of the session."""
        for view in self._views.values():
            self._spark.catalog.dropTempView(view)
        self._views.clear()

    def _told(self, error: Exception, sql: str, *, too_late: bool) -> QueryFailedError:
        if too_late:
            message = f"Spark stopped a query after {self._timeout:g} seconds; make it cheaper or raise the timeout"
            return QueryTimedOutError(message)
        known = identifiers_of(sql, (column for columns in self._columns.values() for column in columns), "databricks")
        condition = getattr(error, "getCondition", lambda: None)() or type(error).__name__
        words = redacted(str(error).removeprefix(f"[{condition}]"), known)
        message = f"Spark refused a query: {condition} {words}".strip()
        return QueryFailedError(message)


def over_views(sql: str, views: Mapping[str, str]) -> str:
    """Return a query with the registered names in it replaced by those of their temporary views, and nothing else changed.

    Spark has no temporary views in schemas, so ``silver.orders`` becomes ``relation_0 AS orders``.

    Args:
        sql: the query.
        views: registered name, in lower case, to view.

    Raises:
        QueryFailedError: the text is not exactly one SELECT, or it calls code outside of Spark.
    """
    root = _only_select(sql)
    edits: list[tuple[int, int, str]] = []
    for table in root.find_all(exp.Table):
        view = views.get(dataset_of(table))
        if view is not None and not is_cte(table):
            first = table.args.get("db") or table.this
            alias = "" if table.alias else f" AS {table.this.sql('databricks')}"
            edits.append((first.meta["start"], table.this.meta["end"] + 1, view + alias))
    qualified = [column.args for column in root.find_all(exp.Column) if column.args.get("db") is not None]
    edits.extend((parts["db"].meta["start"], parts["table"].meta["start"], "") for parts in qualified)
    for start, end, replacement in sorted(edits, reverse=True):
        sql = sql[:start] + replacement + sql[end:]
    return sql


def _only_select(sql: str) -> exp.Expr:
    try:
        parsed = [each for each in sqlglot.parse(sql, read="databricks") if each is not None]
    except SqlglotError:
        message = "the query cannot be read as Spark SQL; look for a word that is missing or misplaced"
        raise QueryFailedError(message) from None
    if len(parsed) != 1 or not isinstance(parsed[0], exp.Query):
        message = "a session runs exactly one SELECT at a time; send statements one by one and change nothing with them"
        raise QueryFailedError(message)
    called = {function.name.lower() for function in parsed[0].find_all(exp.Anonymous)}
    if parsed[0].find(exp.QueryTransform) is not None or called & _CALLS_OUTSIDE:
        message = "a query may not call code outside of Spark; use Spark's own functions"
        raise QueryFailedError(message)
    return parsed[0]


def named_parameters(sql: str, count: int) -> str:
    """Return a query with ``:p0``, ``:p1`` ... for its ``?``: Spark 4.1 mixes up five and more positional ones (SPARK-58341).

    Raises:
        QueryFailedError: there are more or fewer marks than parameters.
    """
    try:
        tokens = sqlglot.tokenize(sql, read="databricks")
    except SqlglotError:
        tokens = []
    marks = [token.start for token in tokens if token.token_type == TokenType.PLACEHOLDER]
    if len(marks) != count:
        message = f"the query has {len(marks)} parameter marks and {count} parameters; give one for each"
        raise QueryFailedError(message)
    for position in reversed(range(count)):
        sql = f"{sql[: marks[position]]} :p{position} {sql[marks[position] + 1 :]}"
    return sql


def _start(master: str, driver_memory: str) -> _Started:
    try:
        from pyspark import SparkContext  # noqa: PLC0415 - heavy and optional
        from pyspark.errors import PySparkException  # noqa: PLC0415
        from pyspark.logger import PySparkLogger  # noqa: PLC0415
        from pyspark.sql import SparkSession  # noqa: PLC0415
    except ImportError:
        message = "PySpark is not installed; install it with: pip install 'controlplane[spark]'"
        raise NotInstalledError(message) from None
    for name in _TALKING_LOGGERS:
        PySparkLogger.getLogger(name).disabled = True
    running = SparkContext._active_spark_context is not None  # noqa: SLF001 - there is no public word for it
    folder = None if running else tempfile.mkdtemp(prefix="controlplane-spark-")
    builder = SparkSession.builder
    if folder is not None:
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        builder = builder.master(master).appName("controlplane")
        for name, value in _LAUNCH.items():
            builder = builder.config(name, value)
        builder = builder.config("spark.driver.memory", driver_memory).config("spark.local.dir", folder)
        builder = builder.config("spark.sql.warehouse.dir", f"{folder}/warehouse")  # made at the start, wherever it is
    try:
        spark = builder.getOrCreate()
    except (PySparkException, OSError) as error:
        message = f"Spark does not start ({type(error).__name__}); it needs Java 17: install it and set JAVA_HOME to its folder"
        raise UnavailableError(message) from None
    spark.sparkContext.setLogLevel("OFF")  # task errors are logged with the values of rows
    return _Started(spark, folder)
