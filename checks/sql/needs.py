"""Which columns a check reads, so that no others have to be (pure).

The answer may name more than a check reads, never less: where it cannot be told from the text, it is None, and all are read.
"""

from __future__ import annotations

from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from checks.model import Check, CheckKind
from checks.sql.predicates import key_pairs, parent_columns
from checks.sql.reconciling import comparison
from controlplane.kernel.errors import ConfigurationError


def columns_here(check: Check) -> frozenset[str] | None:
    """Return the columns of its own dataset that a check reads, in lower case; None: it may read any."""
    named = {*check.fields, *(value for name in ("field", "payload") if isinstance(value := check.arguments.get(name), str))}
    if check.segment_by is not None:
        named.add(check.segment_by)
    texts = [check.where] if check.where is not None else []
    try:
        if check.kind is CheckKind.REFERENCE:
            named |= set(key_pairs(check))
        if check.kind is CheckKind.RECONCILIATION:
            asked = comparison(check)
            texts += [asked.here, *(here for here, _ in asked.keys), *_conditions(asked.where)]
    except ConfigurationError:
        return None
    if check.kind is CheckKind.SQL:
        texts.append((check.query or "").replace("{", '"').replace("}", '"'))
    return _all_of(named, texts)


def columns_there(check: Check) -> frozenset[str] | None:
    """Return the columns of the dataset a check compares with that it reads, in lower case; None: it may read any."""
    try:
        if check.kind is CheckKind.REFERENCE:
            return _all_of(parent_columns(check), [])
        if check.kind is CheckKind.RECONCILIATION:
            asked = comparison(check)
            return _all_of(set(), [asked.there, *(there for _, there in asked.keys), *_conditions(asked.to_where)])
    except ConfigurationError:
        return None
    return None


def _conditions(text: str) -> list[str]:
    return [f"SELECT 1 FROM t {text}"] if text else []


def _all_of(named: set[str], texts: list[str]) -> frozenset[str] | None:
    found = {name.lower() for name in named}
    for text in texts:
        names = _names(text)
        if names is None:
            return None
        found |= names
    return frozenset(found)


@lru_cache(maxsize=2_000)
def _names(text: str) -> frozenset[str] | None:
    """Return every name in a text (columns are among them), None where columns are read that it does not name."""
    try:
        parsed = sqlglot.parse_one(text, read="duckdb")
    except SqlglotError:
        return None
    if any(not isinstance(star.parent, exp.Count) for star in parsed.find_all(exp.Star)) or parsed.find(exp.Columns):
        return None
    if any(join.method.upper() == "NATURAL" for join in parsed.find_all(exp.Join)):
        return None
    tables = {table.alias_or_name.lower() for table in parsed.find_all(exp.Table, exp.Subquery, exp.CTE)}
    if any(column.name.lower() in tables for column in parsed.find_all(exp.Column)):
        return None  # a whole row
    return frozenset(identifier.name.lower() for identifier in parsed.find_all(exp.Identifier))
