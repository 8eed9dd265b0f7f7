"""Columns that nobody agreed on, in a text column that holds a JSON object per row (DuckDB)."""

from __future__ import annotations

from collections.abc import Sequence

from checks.model import Check
from checks.sql.conditions import condition
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.sql import identifier, literal, relation

MOST_NAMES = 20
"""So many unknown columns are named at most; all are counted."""


def payload_of(check: Check) -> str | None:
    """Return the column whose objects are looked into; None where the table's own columns are."""
    return check.fields[0] if check.fields else None


def drift_predicate(check: Check) -> str:
    """Return the SQL condition that is TRUE where a row's object has a column which the check does not list.

    A row without an object (null, another JSON value, no JSON) has no unknown column; what the text must be, other checks say.

    Raises:
        ConfigurationError: the check names no payload, or lists no columns.
    """
    return f"NOT coalesce(list_has_all({_listed(check)}, {_names(check)}), TRUE)"


def names_query(check: Check, source: str) -> str:
    """Return the SELECT of a relation's unknown columns: ``name``, ``rows`` it occurs in, and how many ``names`` there are.

    At most ``MOST_NAMES`` rows, the most frequent first.
    """
    rows = f"SELECT unnest(list_distinct({_names(check)})) AS name FROM {relation(source)} WHERE {_judged(check)}"
    unknown = f"SELECT name, count(*) AS rows FROM ({rows}) WHERE NOT list_contains({_listed(check)}, name) GROUP BY name"
    return f"SELECT name, rows, count(*) OVER () AS names FROM ({unknown}) ORDER BY rows DESC, name LIMIT {MOST_NAMES}"


def totals_query(check: Check, source: str) -> str:
    """Return the SELECT of how many rows are judged (``total``) and how many have an unknown column (``failed``)."""
    failed = f"count(*) FILTER (WHERE {drift_predicate(check)}) AS failed"
    return f"SELECT count(*) AS total, {failed} FROM {relation(source)} WHERE {_judged(check)}"


def _judged(check: Check) -> str:
    return f"coalesce({condition(check.where)}, FALSE)" if check.where else "TRUE"


def _names(check: Check) -> str:
    column = payload_of(check)
    if column is None:
        message = f"{check.id}: schemaDrift of rows needs the argument payload, a text column that holds a JSON object"
        raise ConfigurationError(message)
    text = identifier(column)
    return f"json_keys(CASE WHEN json_valid({text}) AND json_type({text}) = 'OBJECT' THEN {text} END)"


def _listed(check: Check) -> str:
    listed = check.arguments.get("columns")
    if not isinstance(listed, Sequence) or isinstance(listed, str) or not listed:
        message = f"{check.id}: schemaDrift of a payload needs columns, the list of names that are agreed on"
        raise ConfigurationError(message)
    return f"[{', '.join(literal(str(name)) for name in listed)}]"
