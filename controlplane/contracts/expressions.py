"""Texts inside a contract that are a language of their own: SQL conditions and queries, patterns, cron, partitions."""

from __future__ import annotations

import re
import warnings
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
import sqlglot
from sqlglot import exp

from controlplane.kernel.problems import shown

_NO_CONDITION = (exp.Query, exp.AggFunc, exp.Window, exp.Alias, exp.Command)
_PLACEHOLDER = re.compile(r"\{(object|property|field)\}")
_DIALECT = "duckdb"

_PARTITIONS = (
    re.compile(r"(?P<field>\w+)"),
    re.compile(r"(?P<transform>year|month|day|hour)\s*\(\s*(?P<field>\w+)\s*\)"),
    re.compile(r"(?P<transform>bucket|truncate)\s*\(\s*0*[1-9][0-9]{0,8}\s*,\s*(?P<field>\w+)\s*\)"),
)
_OF_TIME = {
    "year": ("date", "timestamp", "timestamptz"),
    "month": ("date", "timestamp", "timestamptz"),
    "day": ("date", "timestamp", "timestamptz"),
    "hour": ("timestamp", "timestamptz"),
}
_NO_BUCKET = ("boolean", "float", "double")
_TRUNCATED = ("int", "long", "string", "binary", "decimal")

_CRON_FIELDS = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")),
    ("day of the week", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_CRON_ITEM = re.compile(r"(?:\*|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>[0-9]+))?")


@lru_cache(maxsize=1024)
def condition_columns(text: str) -> tuple[str, ...]:
    """Return the columns that an SQL condition names, in order.

    Raises:
        ValueError: the text is no single condition over the columns of one row; the message says why.
    """
    select = _parsed(f"SELECT 1 WHERE ({text})", text)
    where = select.args.get("where") if isinstance(select, exp.Select) else None
    condition = where.this if where else None
    if not isinstance(condition, exp.Paren) or _clauses(select) != ["expressions", "where"] or condition.find(*_NO_CONDITION):
        message = (
            f"{shown(text)} is not a condition on one row; write one such as status = 'paid', without SELECT or aggregates"
        )
        raise ValueError(message)
    return _columns(condition, text)


@lru_cache(maxsize=1024)
def expression_columns(text: str, *, aggregate: bool) -> tuple[str, ...]:
    """Return the columns that an SQL expression names, in order.

    Args:
        text: the expression.
        aggregate: whether it must aggregate (``sum(amount)``) or must not.

    Raises:
        ValueError: the text is no such expression; the message says why.
    """
    select = _parsed(f"SELECT ({text})", text)
    shape = isinstance(select, exp.Select) and _clauses(select) == ["expressions"] and len(select.expressions) == 1
    found = select.expressions[0] if isinstance(select, exp.Select) and shape else None
    fits = found is not None and not found.find(exp.Query, exp.Window, exp.Alias)
    if not isinstance(found, exp.Paren) or not fits or bool(found.find(exp.AggFunc)) != aggregate:
        example = "an aggregate such as sum(amount) or count(*)" if aggregate else "an expression such as order_date"
        message = f"{shown(text)} is not {example}"
        raise ValueError(message)
    return _columns(found, text)


def _clauses(select: object) -> list[str]:
    return [name for name, part in select.args.items() if part] if isinstance(select, exp.Select) else []


def _columns(expression: exp.Expression, text: str) -> tuple[str, ...]:
    columns = list(expression.find_all(exp.Column))
    for column in columns:
        if column.table:
            message = f"{shown(text)} names a table ({column.sql()}); name columns alone"
            raise ValueError(message)
    return tuple(dict.fromkeys(column.name for column in columns))


@lru_cache(maxsize=1024)
def check_query(text: str) -> None:
    """Check that a query of a ``type: sql`` rule is one SELECT; ``{object}`` and ``{property}`` stand for names.

    Raises:
        ValueError: it is not; the message says why.
    """
    parsed = _parsed(_PLACEHOLDER.sub("placeholder", text), text)
    if not isinstance(parsed, exp.Query):
        message = f"{shown(text)} is not a query; write one SELECT that returns one number"
        raise ValueError(message)  # noqa: TRY004 (the text is wrong, not the type of an argument)


def _parsed(sql: str, text: str) -> object:
    try:
        statements = sqlglot.parse(sql, read=_DIALECT)
    except (sqlglot.errors.SqlglotError, RecursionError) as error:
        reason = str(error).split(". Line ")[0].split(" 'SELECT 1 WHERE")[0]
        message = f"{shown(text)} is not SQL that can be read: {reason[:120]}"
        raise ValueError(message) from None
    if len(statements) != 1:
        message = f"{shown(text)} holds {len(statements)} statements; write one"
        raise ValueError(message)
    return statements[0]


@lru_cache(maxsize=1024)
def check_pattern(pattern: str) -> None:
    """Check that a pattern is a regular expression both for Python and for RE2 (the engines').

    Raises:
        ValueError: it is not, or means something else to one of them; the message says why.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            re.compile(pattern)
    except (re.error, Warning, RecursionError, OverflowError) as error:
        message = f"{shown(pattern)} is not a regular expression: {error}"
        raise ValueError(message) from None
    try:
        pc.match_substring_regex(pa.nulls(1, pa.string()), pattern)  # compiles it; pa.array would import pandas
    except pa.ArrowInvalid as error:
        reason = str(error).removeprefix("Invalid regular expression: ")
        message = (
            f"{shown(pattern)} is not understood by the engines (RE2): {reason}; look-around and backreferences are not allowed"
        )
        raise ValueError(message) from None


def partition_field(text: str) -> tuple[str, str]:
    """Return transform (``identity`` for a bare name) and field of an Iceberg partition transform such as ``bucket(16, id)``.

    Raises:
        ValueError: it is none; the message says what is allowed.
    """
    for pattern in _PARTITIONS:
        match = pattern.fullmatch(text.strip())
        if match is not None:
            return match.groupdict().get("transform") or "identity", match["field"]
    message = (
        f"{shown(text)} is not a partition transform; allowed are a field's name, bucket(n, field), truncate(n, field), "
        "year(field), month(field), day(field), hour(field)"
    )
    raise ValueError(message)


def partition_misfit(transform: str, canonical: str) -> str | None:
    """Return why a partition transform does not fit a field's type; None where it does (Iceberg spec, Partition Transforms)."""
    base = canonical.split("(", maxsplit=1)[0]
    allowed = _OF_TIME.get(transform)
    if allowed is None and transform == "truncate":
        allowed = _TRUNCATED
    if allowed is not None and base not in allowed:
        return f"{transform} does not fit type {canonical}; it fits {', '.join(allowed)}"
    if transform == "bucket" and base in _NO_BUCKET:
        return f"bucket does not fit type {canonical}; it fits every type but {', '.join(_NO_BUCKET)}"
    return None


def check_cron(text: str) -> None:
    """Check that a schedule is five cron fields within their ranges.

    Raises:
        ValueError: it is not; the message names the field.
    """
    fields = text.split()
    if len(fields) != len(_CRON_FIELDS):
        message = (
            f"{shown(text)} is not a cron schedule; it has five fields (minute hour day month weekday), such as '0 20 * * *'"
        )
        raise ValueError(message)
    for found, (name, low, high, names) in zip(fields, _CRON_FIELDS, strict=True):
        for item in found.split(","):
            if not _cron_item(item, low, high, names):
                message = (
                    f"{shown(text)}: {shown(item)} is no {name}; allowed are * and {low} to {high}, ranges, lists and /steps"
                )
                raise ValueError(message)


def _cron_item(item: str, low: int, high: int, names: tuple[str, ...]) -> bool:
    match = _CRON_ITEM.fullmatch(item)
    if match is None or (match["step"] is not None and int(match["step"]) == 0):
        return False
    bounds = [_cron_number(text, low, names) for text in (match["low"], match["high"]) if text is not None]
    return all(low <= bound <= high for bound in bounds) and bounds == sorted(bounds)


def _cron_number(text: str, low: int, names: tuple[str, ...]) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + low
    return int(text) if text.isascii() and text.isdigit() else -1
