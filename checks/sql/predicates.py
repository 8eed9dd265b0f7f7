"""What it means for one row to break a rule, as a SQL condition over the row's columns (DuckDB).

Every predicate is TRUE for a failing row and FALSE for any other: never NULL, never an error for a value a column can hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from checks.model import Check, CheckKind
from checks.sql.conditions import columns_of, condition, condition_on
from checks.sql.drifting import drift_predicate
from checks.sql.values import FLOATING, bound, members
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.sql import columns as column_list
from controlplane.kernel.sql import identifier, literal, relation

PARENT = "parent"

_IPV4 = r"((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)\.){3}(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_GROUP = "[0-9a-fA-F]{1,4}"
_IPV6 = (
    f"({_GROUP}:){{7}}{_GROUP}",
    *(f"({_GROUP}:){{1,{left}}}(:{_GROUP}){{1,{7 - left}}}" for left in range(1, 7)),  # "::" for at least one group
    f"({_GROUP}:){{1,7}}:",
    f":((:{_GROUP}){{1,7}}|:)",
    f"({_GROUP}:){{6}}{_IPV4}",
    f"::([fF]{{4}}:)?{_IPV4}",
)

FORMATS: Mapping[str, tuple[str, str | None]] = {
    "email": (r"^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$", None),
    "uuid": ("^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$", None),
    "uri": (r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$", None),
    "hostname": (r"^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$", None),
    "ipv4": (f"^{_IPV4}$", None),
    "ipv6": (f"^({'|'.join(_IPV6)})$", None),
    "date": (r"^\d{4}-\d{2}-\d{2}$", "DATE"),
    "date-time": (r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$", "TIMESTAMPTZ"),
}
"""Format to (pattern, type the text must also cast to).

The shapes are those of RFC 5321, 4122, 3986, 1123, 791, 4291 and 3339, kept minimal.
"""


def failing_predicate(check: Check, columns: Mapping[str, str], references: Mapping[str, str]) -> str | None:
    """Return the SQL condition that is TRUE where a row breaks a rule, with ``check.where`` inside it.

    Works in any SELECT over the relation (``SELECT (<it>) AS f0 FROM batch``); no alias is needed.

    Args:
        check: of a kind that speaks of single rows (row scope, ``maskedFormat`` or ``leak``).
        columns: column name to canonical type.
        references: dataset name to the name it is registered under.

    Returns:
        The condition, or None when the dataset the check refers to is not registered.

    Raises:
        ConfigurationError: an argument cannot be used (a limit of the wrong type, a pattern the engine cannot run).
    """
    build = _BUILDERS.get(check.kind)
    if build is None:
        message = f"{check.id}: {check.kind.value} says nothing about single rows; kinds that do are {', '.join(_BUILDERS)}"
        raise ConfigurationError(message)
    predicate = build(check, columns, references)
    if predicate is None or check.where is None:
        return predicate
    return f"(coalesce({condition(check.where)}, FALSE) AND {predicate})"


def field_of(check: Check) -> str:
    """Return the one column a check speaks of.

    Raises:
        ConfigurationError: it names none.
    """
    named = check.fields[0] if check.fields else check.arguments.get("field")
    if not isinstance(named, str):
        message = f"{check.id}: {check.kind.value} needs a field; put the rule under a property or name one in its arguments"
        raise ConfigurationError(message)
    return named


def _null(check: Check, columns: Mapping[str, str], references: Mapping[str, str]) -> str:
    del columns, references
    return f"({identifier(field_of(check))} IS NULL)"


def _missing(check: Check, columns: Mapping[str, str], references: Mapping[str, str]) -> str:
    del references
    field = field_of(check)
    listed = members(_values(check, "missingValues"), columns.get(field, "unknown"))
    column = identifier(field)
    return f"({column} IS NULL OR {column} IN ({', '.join(listed)}))" if listed else f"({column} IS NULL)"


def _invalid(check: Check, columns: Mapping[str, str], references: Mapping[str, str]) -> str:
    del references
    field = field_of(check)
    canonical = columns.get(field, "unknown")
    parts = [*_limits(check, field, canonical), *_shapes(check, field, canonical)]
    if "validValues" in check.arguments:
        listed = members(_values(check, "validValues"), canonical)
        parts.append(f"{identifier(field)} NOT IN ({', '.join(listed)})" if listed else "TRUE")
    if not parts:
        message = (
            f"{check.id}: invalidValues needs at least one of validValues, pattern, format, minLength, maxLength, "
            f"{', '.join(LIMITS)}"
        )
        raise ConfigurationError(message)
    return f"({identifier(field)} IS NOT NULL AND ({' OR '.join(parts)}))"


LIMITS: Mapping[str, str] = {"minimum": "<", "exclusiveMinimum": "<=", "maximum": ">", "exclusiveMaximum": ">="}
"""Argument to the comparison that an invalid value meets."""


def _limits(check: Check, field: str, canonical: str) -> Iterator[str]:
    limited = [name for name in LIMITS if name in check.arguments]
    for name in limited:
        limit = bound(check.arguments[name], field=field, canonical=canonical, name=f"{check.id}: {name}")
        yield f"{identifier(field)} {LIMITS[name]} {limit}"
    if limited and canonical in FLOATING:
        yield f"isnan({identifier(field)})"  # DuckDB sorts NaN above every number, so no lower limit would catch it


def _shapes(check: Check, field: str, canonical: str) -> Iterator[str]:
    text = identifier(field) if canonical == "string" else f"CAST({identifier(field)} AS VARCHAR)"
    length = f"octet_length({identifier(field)})" if canonical == "binary" else f"length({text})"
    for name, comparison in (("minLength", "<"), ("maxLength", ">")):
        if name in check.arguments:
            yield f"{length} {comparison} {_whole(check, name)}"
    if "pattern" in check.arguments:
        yield f"NOT regexp_matches({text}, {literal(_pattern(check))})"
    if "format" in check.arguments:
        pattern, target = _format(check)
        yield f"NOT regexp_matches({text}, {literal(pattern)})"
        if target is not None:
            yield f"TRY_CAST({text} AS {target}) IS NULL"


def _pattern(check: Check) -> str:
    """Return the pattern, unanchored: ODCS takes regular expressions from ECMA-262, where only ``^`` and ``$`` anchor.

    RE2 runs them in linear time and so has no look-around and no back-references; a pattern that needs them is refused.
    """
    pattern = str(check.arguments["pattern"])
    try:
        pc.match_substring_regex(pa.array([""]), pattern=pattern)
    except pa.ArrowInvalid as error:
        message = (
            f"{check.id}: pattern {pattern!r} cannot be run; write it in RE2 syntax, which has no look-around and no "
            f"back-references"
        )
        raise ConfigurationError(message) from error
    return pattern


def _format(check: Check) -> tuple[str, str | None]:
    name = str(check.arguments["format"])
    if name not in FORMATS:
        message = f"{check.id}: format {name!r} cannot be checked; allowed are {', '.join(FORMATS)}, or write a pattern"
        raise ConfigurationError(message)
    return FORMATS[name]


def _whole(check: Check, name: str) -> int:
    value = check.arguments[name]
    if isinstance(value, bool) or not str(value).isdigit():
        message = f"{check.id}: {name} {value!r} must be a whole number of characters, 0 or more"
        raise ConfigurationError(message)
    return int(str(value))


def _values(check: Check, name: str) -> Sequence[object]:
    values = check.arguments.get(name, ())
    if isinstance(values, str) or not isinstance(values, Sequence):
        message = f"{check.id}: {name} {values!r} must be a list of values"
        raise ConfigurationError(message)
    return values


def _reference(check: Check, columns: Mapping[str, str], references: Mapping[str, str]) -> str | None:
    """Semi-join by NOT IN: unlike a correlated sub-query it needs no name for the outer row, and runs as one hash join.

    Neither side holds a null (those children never fail, those parents match nobody), so NOT IN means what it says.
    """
    del columns
    pairs = key_pairs(check)
    parent = references.get(str(check.arguments.get("to")))
    if parent is None:
        return None
    children, parents = column_list(pairs), column_list(pairs.values(), prefix=f"{identifier(PARENT)}.")
    present = [f"{identifier(PARENT)}.{identifier(name)} IS NOT NULL" for name in pairs.values()]
    if "where" in check.arguments:
        present.append(condition_on(check.arguments["where"], PARENT, name=f"{check.id}: where"))
    asked = [f"{identifier(name)} IS NOT NULL" for name in pairs]
    known = f"SELECT ({parents}) FROM {relation(parent)} AS {identifier(PARENT)} WHERE {' AND '.join(present)}"
    return f"({' AND '.join(asked)} AND ({children}) NOT IN ({known}))"


def parent_columns(check: Check) -> set[str]:
    """Return the names of the parent's columns that a reference reads.

    Raises:
        ConfigurationError: its arguments cannot be read.
    """
    where = check.arguments.get("where")
    return set(key_pairs(check).values()) | (columns_of(where) if where is not None else set())


def key_pairs(check: Check) -> Mapping[str, str]:
    """Return child column to parent column of a reference.

    Raises:
        ConfigurationError: ``fields`` is no such mapping.
    """
    fields = check.arguments.get("fields")
    if not isinstance(fields, Mapping) or not fields:
        message = f"{check.id}: reference needs fields, a mapping of this dataset's columns to the parent's"
        raise ConfigurationError(message)
    return {str(child): str(parent) for child, parent in fields.items()}


def _given(check: Check) -> str:
    predicate = check.arguments.get("predicate")
    if not isinstance(predicate, str):
        message = f"{check.id}: {check.kind.value} needs the argument predicate, a SQL condition"
        raise ConfigurationError(message)
    return predicate


def _cast(check: Check, columns: Mapping[str, str], references: Mapping[str, str]) -> str:
    del columns, references
    return f"coalesce(({_given(check)}), FALSE)"


def _masked_format(check: Check, columns: Mapping[str, str], references: Mapping[str, str]) -> str:
    del columns, references
    return f"({identifier(field_of(check))} IS NOT NULL AND NOT coalesce(({_given(check)}), FALSE))"


LEAKED = "value"
"""The one text column of the relation that a leak check compares with."""


def _leak(check: Check, columns: Mapping[str, str], references: Mapping[str, str]) -> str | None:
    del columns
    clear = references.get(str(check.arguments.get("against")))
    if clear is None:
        return None
    column = identifier(field_of(check))
    known = f"SELECT {LEAKED} FROM {relation(clear)} WHERE {LEAKED} IS NOT NULL"
    return f"({column} IS NOT NULL AND CAST({column} AS VARCHAR) IN ({known}))"


def _drift(check: Check, columns: Mapping[str, str], references: Mapping[str, str]) -> str:
    del columns, references
    return f"({drift_predicate(check)})"


_Builder = Callable[[Check, Mapping[str, str], Mapping[str, str]], str | None]

_BUILDERS: Mapping[CheckKind, _Builder] = {
    CheckKind.NULL_VALUES: _null,
    CheckKind.MISSING_VALUES: _missing,
    CheckKind.INVALID_VALUES: _invalid,
    CheckKind.REFERENCE: _reference,
    CheckKind.CAST: _cast,
    CheckKind.MASKED_FORMAT: _masked_format,
    CheckKind.LEAK: _leak,
    CheckKind.SCHEMA_DRIFT: _drift,
}
