"""What a rule needs beside its threshold: ``arguments`` of the standard's metrics, ``implementation`` of our kinds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time

from controlplane.contracts.expressions import check_pattern, expression_columns
from controlplane.contracts.model import FieldSpec
from controlplane.contracts.scope import Scope, checked_condition
from controlplane.contracts.vocabulary import (
    AGAINST,
    BOUNDS,
    FORMATS,
    FRESH_AGAINST,
    FUNCTIONS,
    LENGTHS,
    LIBRARY,
    LIKE,
    OF_NUMBERS,
    OPERATORS,
    PERIODS,
)
from controlplane.kernel.problems import kind_of, listed, shown
from controlplane.kernel.reading import Section, known_zone

_NUMBERS = frozenset({"long", "int", "double", "float", "decimal"})
_WHOLE = frozenset({"long", "int"})
_INSTANTS = ("timestamp", "timestamptz", "date")
_UNKNOWN = "unknown"


def read_arguments(kind: str, body: Section, scope: Scope, field: FieldSpec | None) -> Mapping[str, object]:
    """Return a rule's arguments in the contract's words, names of fields replaced by those of columns.

    Args:
        kind: a library metric, ``sql`` or one of our kinds.
        body: the quality entry, or ``implementation`` of one of our kinds.
        scope: the dataset's fields.
        field: whose rule it is; None for the object's own.
    """
    if kind == "sql":
        return {}
    if kind in LIBRARY:
        given = body.data.get("arguments", {})
        section = Section(scope.issues, body.at("arguments"), given)
        found = _READERS[kind](section, scope, field)
        if isinstance(given, dict):
            section.done()
        return {**section.data, **found}
    found = _READERS[kind](body, scope, field)
    rest = {key: value for key, value in body.data.items() if key not in {"kind", "unit", *OPERATORS}}
    for operator in OPERATORS:
        body.asked[operator] = None
    return {**rest, **found}


def misfit(value: object, canonical: str) -> str | None:
    """Return why a YAML value can never equal a column's value of this type; None where it can."""
    base = canonical.split("(", maxsplit=1)[0]
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if base == _UNKNOWN or value is None:
        return None
    if base in _NUMBERS:
        fits = number and (base not in _WHOLE or isinstance(value, int))
    elif base == "boolean":
        fits = isinstance(value, bool)
    elif base in _TIMES:
        fits = isinstance(value, str) and _is_time(value, base)
    else:
        fits = isinstance(value, str)
    if fits:
        return None
    hint = "; put it in quotes" if base == "string" and not isinstance(value, list | dict) else ""
    return f"{kind_of(value)} cannot be a value of type {canonical}{hint}"


_TIMES: Mapping[str, Callable[[str], object]] = {
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "timestamptz": datetime.fromisoformat,
}


def _is_time(text: str, base: str) -> bool:
    try:
        _TIMES[base](text)
    except ValueError:
        return False
    return True


def _nothing(_: Section, __: Scope, ___: FieldSpec | None) -> Mapping[str, object]:
    return {}


def _values(section: Section, key: str, scope: Scope, canonical: str) -> None:
    found = section.data.get(key)
    if not isinstance(found, list) or not found:
        section.problem(key, f"must be a list of at least one value, not {kind_of(found) if found != [] else 'an empty one'}")
        return
    for position, value in enumerate(found):
        why = misfit(value, canonical)
        if isinstance(value, list | dict):
            section.issues.add(section.at(key, position), f"must be one value, not {kind_of(value)}")
        elif why:
            scope.doubt(section.at(key, position), why)


def _missing(section: Section, scope: Scope, _: FieldSpec | None) -> Mapping[str, object]:
    if section.value("missingValues", required=True) is not None:
        # Texts such as 'N/A' may stand for "missing" in any column of a source; the column's type does not bound them.
        _values(section, "missingValues", scope, _UNKNOWN)
    return {}


def _invalid(section: Section, scope: Scope, field: FieldSpec | None) -> Mapping[str, object]:
    keys = ("validValues", "pattern", *BOUNDS, *LENGTHS, "format")
    for key in keys:
        section.asked[key] = None
    if not any(key in section.data for key in keys):
        section.issues.add(section.path, f"what is valid is missing; give at least one of {listed(keys)}")
    if "validValues" in section.data:
        _values(section, "validValues", scope, field.type if field else _UNKNOWN)
    read_limits(section, scope, field.type if field else _UNKNOWN)
    return {}


def read_limits(section: Section, scope: Scope, canonical: str) -> None:
    """Note what is wrong with pattern, bounds, lengths and format, of a rule or of ``logicalTypeOptions``."""
    textual = canonical in {"string", _UNKNOWN}
    for key in ("pattern", "format", *LENGTHS):
        if key in section.data and not textual:
            section.problem(key, f"{key} is for texts, but the field is of type {canonical}")
    if "pattern" in section.data and textual:
        section.parsed("pattern", _checked_pattern)
    if "format" in section.data and textual:
        section.text("format", allowed=FORMATS)
    for key in LENGTHS:
        if key in section.data and textual:
            section.integer(key, allowed=range(2**31))
    for key in BOUNDS:
        why = misfit(section.data[key], canonical) if section.data.get(key) is not None else None
        if why:
            scope.doubt(section.at(key), why)
    for low, high in (("minimum", "maximum"), ("exclusiveMinimum", "exclusiveMaximum"), LENGTHS):
        _ordered(section, low, high)


def _ordered(section: Section, low: str, high: str) -> None:
    lower, upper = section.data.get(low), section.data.get(high)
    alike = (isinstance(lower, int | float) and isinstance(upper, int | float)) or (
        isinstance(lower, str) and isinstance(upper, str)
    )
    if alike and lower > upper:  # type: ignore[operator]
        section.problem(low, f"{low} {shown(lower)} is above {high} {shown(upper)}: no value could be valid")


def _checked_pattern(pattern: str) -> str:
    check_pattern(pattern)
    return pattern


def _duplicate(section: Section, scope: Scope, field: FieldSpec | None) -> Mapping[str, object]:
    if field is not None:
        return {}
    if section.value("properties", required=True) is None:
        return {}
    return {"properties": list(scope.all_named(section, "properties"))}


def _reference(section: Section, scope: Scope, _: FieldSpec | None) -> Mapping[str, object]:
    section.text("to", required=True)
    section.parsed("where", checked_condition)
    fields = section.section("fields", required=True)
    if fields is None:
        return {}
    pairs: dict[str, object] = {}
    for child in fields.data:
        column, parent = scope.column(fields.at(child), child), fields.text(child)
        if column is not None and parent is not None:
            pairs[column] = parent
    if not fields.data:
        section.problem("fields", "must name at least one field: {field here: field there}")
    return {"fields": pairs}


def _instant_column(section: Section, scope: Scope, types: Mapping[str, str]) -> str | None:
    column = scope.named(section, "field")
    canonical = types.get(column, _UNKNOWN) if column else _UNKNOWN
    if canonical not in {*_INSTANTS, _UNKNOWN}:
        section.problem("field", f"{column} is of type {canonical}; a time is needed: {listed(_INSTANTS)}")
    return column


def _freshness(section: Section, scope: Scope, field: FieldSpec | None) -> Mapping[str, object]:
    column = _of_field(section, scope, field, _instant_column)
    reference = section.text("reference", allowed=FRESH_AGAINST)
    zone = section.parsed("timeZone", known_zone)
    canonical = scope.types.get(column) if column else None
    if canonical == "timestamp" and zone is None:
        section.issues.add(section.path, f"{column} has no time zone; give timeZone, such as Europe/Berlin")
    if column is None and reference != "heartbeat" and "field" not in section.data:
        section.issues.add(section.path, "what is fresh is missing; give field, or reference: heartbeat")
    return {"field": column} if column else {}


def _of_field(
    section: Section,
    scope: Scope,
    field: FieldSpec | None,
    named: Callable[[Section, Scope, Mapping[str, str]], str | None],
) -> str | None:
    """Return the column a kind is about: the field whose rule it is, or the one that ``field`` names."""
    if field is None or "field" in section.data:
        return named(section, scope, scope.types)
    return field.name


def _volume(section: Section, scope: Scope, _: FieldSpec | None) -> Mapping[str, object]:
    section.text("period", allowed=PERIODS)
    section.text("like", allowed=LIKE)
    section.text("against", allowed=AGAINST)
    column = _instant_column(section, scope, scope.types)
    return {"field": column} if column else {}


def _any_column(section: Section, scope: Scope, _: Mapping[str, str]) -> str | None:
    return scope.named(section, "field", required=True)


def _aggregate(section: Section, scope: Scope, field: FieldSpec | None) -> Mapping[str, object]:
    function = section.text("function", required=True, allowed=FUNCTIONS)
    column = _of_field(section, scope, field, _any_column)
    section.asked["field"] = None
    canonical = scope.types.get(column, _UNKNOWN).split("(")[0] if column else _UNKNOWN
    if function in OF_NUMBERS and canonical not in {*_NUMBERS, _UNKNOWN}:
        section.problem("function", f"{function} needs a number, but {column} is of type {canonical}")
    share = section.number("quantile", required=function == "quantile")
    if share is not None and not 0 < share < 1:
        section.problem("quantile", f"must lie between 0 and 1, not {share}")
    if share is not None and function != "quantile":
        section.problem("quantile", "is only for function: quantile")
    return {"field": column} if column else {}


def _reconciliation(section: Section, scope: Scope, _: FieldSpec | None) -> Mapping[str, object]:
    section.text("to", required=True)
    _expression(section, "measure", scope, aggregate=True, required=True)
    section.parsed("toMeasure", _aggregating)
    scope.condition(section, "where")
    section.parsed("toWhere", checked_condition)
    keys = section.value("keys")
    if isinstance(keys, list):
        for position, key in enumerate(section.texts("keys")):
            _known_columns(section, ("keys", position), key, scope, aggregate=False)
    elif isinstance(keys, dict):
        pairs = Section(scope.issues, section.at("keys"), keys)
        for here in keys:
            _known_columns(section, ("keys", here), here, scope, aggregate=False)
            pairs.parsed(here, _plain)
    elif keys is not None:
        section.problem("keys", f"must be a list of fields or a map {{here: there}}, not {kind_of(keys)}")
    return {}


def _drift(section: Section, scope: Scope, _: FieldSpec | None) -> Mapping[str, object]:
    column = scope.named(section, "payload")
    canonical = scope.types.get(column, _UNKNOWN) if column else _UNKNOWN
    if canonical not in {"string", _UNKNOWN}:
        section.problem("payload", f"{column} is of type {canonical}; a text that holds a JSON object is needed")
    if "payload" not in section.data and "columns" in section.data:
        section.problem("columns", "is only for a payload; without one the contract's own fields are what is agreed on")
    listed = section.texts("columns") if "columns" in section.data else ()
    if "payload" in section.data and not listed:
        section.problem("columns", "must list the names of the payload that are agreed on, at least one")
    section.asked["columns"] = None
    return {"payload": column} if column else {}


def _expression(section: Section, key: str, scope: Scope, *, aggregate: bool, required: bool) -> None:
    text = section.text(key, required=required)
    if text is not None:
        _known_columns(section, (key,), text, scope, aggregate=aggregate)


def _known_columns(section: Section, keys: tuple[str | int, ...], text: str, scope: Scope, *, aggregate: bool) -> None:
    path = section.at(*keys)
    try:
        names = expression_columns(text, aggregate=aggregate)
    except ValueError as error:
        section.issues.add(path, str(error))
        return
    scope.stored(path, names)


def _aggregating(text: str) -> str:
    expression_columns(text, aggregate=True)
    return text


def _plain(text: str) -> str:
    expression_columns(text, aggregate=False)
    return text


_READERS: Mapping[str, Callable[[Section, Scope, FieldSpec | None], Mapping[str, object]]] = {
    "nullValues": _nothing,
    "rowCount": _nothing,
    "missingValues": _missing,
    "invalidValues": _invalid,
    "duplicateValues": _duplicate,
    "reference": _reference,
    "freshness": _freshness,
    "volumeChange": _volume,
    "aggregate": _aggregate,
    "reconciliation": _reconciliation,
    "schemaDrift": _drift,
}
