"""SQL text that people write inside a check (a ``where``, a measure, a key): read before it is put into a query of ours."""

from __future__ import annotations

from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from controlplane.kernel.errors import ConfigurationError

_DIALECT = "duckdb"


def condition(text: object, *, name: str = "where") -> str:
    """Return a condition over one row, in parentheses of its own.

    Raises:
        ConfigurationError: the text is no single expression, or looks at more than the row (a sub-query, an aggregate).
    """
    parsed = _expression(text, name)
    if parsed.find(exp.AggFunc, exp.Window) is not None:
        message = f"{name} {str(text)!r} counts over rows; it must say something about one row, such as \"status = 'paid'\""
        raise ConfigurationError(message)
    return _enclosed(text)


def condition_on(text: object, alias: str, *, name: str = "where") -> str:
    """Return a condition whose unqualified columns are those of ``alias``, so that an outer column can never stand in for one.

    Raises:
        ConfigurationError: as for ``condition``.
    """
    condition(text, name=name)
    parsed = _expression(text, name).copy()
    for column in list(parsed.find_all(exp.Column)):
        if not column.table:
            column.set("table", exp.to_identifier(alias, quoted=True))
    return f"({parsed.sql(dialect=_DIALECT)})"


def columns_of(text: object, *, name: str = "where") -> set[str]:
    """Return the names of the columns an expression reads.

    Raises:
        ConfigurationError: the text is no single expression.
    """
    return {column.name for column in _expression(text, name).find_all(exp.Column)}


def measure(text: object, *, name: str = "measure") -> str:
    """Return an aggregate expression, in parentheses of its own.

    Raises:
        ConfigurationError: the text is no single expression or holds no aggregate function.
    """
    if _expression(text, name).find(exp.AggFunc) is None:
        message = f"{name} {str(text)!r} must be one aggregate over the rows, such as sum(amount) or count(*)"
        raise ConfigurationError(message)
    return _enclosed(text)


def expression(text: object, *, name: str) -> str:
    """Return an expression over one row, in parentheses of its own.

    Raises:
        ConfigurationError: as for ``condition``.
    """
    return condition(text, name=name)


def _expression(text: object, name: str) -> exp.Expression:
    return _read(str(text), name)


@lru_cache(maxsize=2_000)
def _read(text: str, name: str) -> exp.Expression:
    """Return a text as a tree, which nobody may change: the next caller gets the same."""
    try:
        parsed = sqlglot.parse(text, read=_DIALECT)
    except SqlglotError as error:
        message = f"{name} {text!r} cannot be read as SQL; write one expression over the columns"
        raise ConfigurationError(message) from error
    only = parsed[0] if len(parsed) == 1 else None
    if not isinstance(only, exp.Expression) or isinstance(only, _STATEMENTS) or only.find(exp.Query) is not None:
        message = f"{name} {text!r} must be one expression over the columns, without SELECT and without ';'"
        raise ConfigurationError(message)
    return only


_STATEMENTS = (exp.Query, exp.DDL, exp.DML, exp.Command, exp.Alias)


def _enclosed(text: object) -> str:
    """Close the parenthesis on a line of its own, so that a comment at the end cannot swallow it."""
    return f"({text}\n)" if "--" in str(text) else f"({text})"
