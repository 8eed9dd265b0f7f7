"""From SQL text to statements, with errors a person can act on."""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialect, NormalizationStrategy
from sqlglot.errors import ParseError, TokenError

from controlplane.kernel.errors import ConfigurationError

_COMMON = "databricks, spark, duckdb, postgres, snowflake, bigquery, trino, clickhouse, redshift, mysql, tsql"
_NO_STATEMENT: tuple[type[exp.Expr], ...] = (exp.Alias, exp.Column, exp.Condition, exp.Identifier)


def parse_statements(sql: str, dialect: str) -> list[exp.Expr]:
    """Return the statements of a text.

    Raises:
        ConfigurationError: the dialect is unknown, or the text does not parse or holds no statement.
    """
    engine = dialect_named(dialect)
    try:
        with _quiet():
            parsed = [inner for statement in sqlglot.parse(sql, read=engine) for inner in _unpacked(statement, engine)]
    except ParseError as error:
        raise ConfigurationError(_parse_message(error, dialect)) from None
    except TokenError:
        message = f"The SQL is not {dialect}: it ends inside a quoted text, name or comment; close it."
        raise ConfigurationError(message) from None
    except RecursionError:
        message = "The SQL is nested too deeply to be read; split it into common table expressions."
        raise ConfigurationError(message) from None
    statements = [statement for statement in parsed if statement is not None]
    if not statements:
        message = "The SQL holds no statement; write at least one SELECT."
        raise ConfigurationError(message)
    for statement in statements:
        if isinstance(statement, _NO_STATEMENT) and not isinstance(statement, exp.Query):
            message = f"The SQL is not {dialect}: it starts with no statement that is known; write a SELECT."
            raise ConfigurationError(message)
    return [_folded(statement, engine) for statement in statements]


def _unpacked(statement: exp.Expr | None, engine: Dialect) -> list[exp.Expr | None]:
    """Return the statement, or the one that the parser took for a part of the BEGIN of a block."""
    if isinstance(statement, exp.Command) and str(statement.this).upper() == "BEGIN":
        text = statement.expression.name if isinstance(statement.expression, exp.Expr) else str(statement.expression or "")
        if text.strip():
            return [*sqlglot.parse(text, read=engine)]
    return [statement]


def dialect_named(name: str) -> Dialect:
    """Return the dialect of that name.

    Raises:
        ConfigurationError: there is none; the message names near or common ones.
    """
    try:
        return Dialect.get_or_raise(name.strip().lower() or "no name")
    except ValueError:
        near = difflib.get_close_matches(name.lower(), [item for item in Dialect.classes if item], n=3)
        hint = f" (perhaps {' or '.join(near)} is meant)" if near else ""
        message = f"SQL dialect {name!r} is unknown{hint}; allowed are, among others, {_COMMON}."
        raise ConfigurationError(message) from None


def _parse_message(error: ParseError, dialect: str) -> str:
    first = error.errors[0] if error.errors else {}
    reason = re.sub(r"<Token .*?text: (.*?), line.*>", r"\1", str(first.get("description") or "it does not parse"))
    reason = reason.replace("SENTINEL", "the end of the text").rstrip(".")
    near = f" near {first['highlight']!r}" if first.get("highlight") else ""
    where = f"line {first.get('line', 1)}, column {first.get('col', 1)}"
    return f"The SQL is not {dialect}, {where}{near}: {reason}; correct it or choose another dialect."


def _folded(statement: exp.Expr, engine: Dialect) -> exp.Expr:
    """Write unquoted names in lower case where the engine does so itself (PostgreSQL): A and "a" are one column there."""
    if engine.normalization_strategy is NormalizationStrategy.LOWERCASE:
        for identifier in statement.find_all(exp.Identifier):
            if not identifier.quoted:
                identifier.set("this", identifier.name.lower())
    return statement


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the parser's log lines about statements it does not know in detail: the lineage itself reports them."""
    logger = logging.getLogger("sqlglot")
    logger.addFilter(_refuse)
    try:
        yield
    finally:
        logger.removeFilter(_refuse)


def _refuse(_record: logging.LogRecord) -> bool:
    return False
