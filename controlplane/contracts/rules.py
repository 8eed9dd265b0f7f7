"""``quality`` entries of a contract -> ``QualityRule``: what is checked, by which threshold, and how strictly.

What this product does not run (texts, other engines) stays in the document and becomes a warning; what looks like ours
but is not understood is a problem. Nothing is ignored in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from controlplane.contracts.arguments import misfit, read_arguments
from controlplane.contracts.expressions import check_cron, check_query
from controlplane.contracts.handling import read_handling
from controlplane.contracts.model import FieldSpec, QualityRule
from controlplane.contracts.properties import Properties, PropertyIndex, nearly_ours
from controlplane.contracts.scope import Scope, place
from controlplane.contracts.vocabulary import (
    BETWEEN,
    LATER,
    LIBRARY,
    OF_A_FIELD,
    OF_AN_OBJECT,
    OPERATORS,
    OURS,
    PREFIX,
    UNITS,
)
from controlplane.kernel.outcome import Dimension, Severity
from controlplane.kernel.problems import Steps, listed, shown, unknown
from controlplane.kernel.reading import Section, exact

W = TypeVar("W", Severity, Dimension)

_ENGINE = PREFIX.rstrip(".")
_ID = re.compile("[A-Za-z0-9_-]+")
ENUM = "enum"
"""Id of the rule that a property's list of values implies."""

_TAKEN = frozenset({"schema", "primary_key"})
_TAKEN_OF_A_FIELD = frozenset({
    "type", "required", "unique", "masked_format", "leak", "pattern", "minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "minLength", "maxLength", ENUM,
})  # fmt: skip
_PERCENT = Decimal(100)


@dataclass(frozen=True)
class _Parts:
    """Where the parts of one entry stand.

    Attributes:
        body: the map that holds operator and unit: the entry itself, or ``implementation`` of our own kinds.
    """

    entry: Mapping[str, object]
    path: Steps
    kind: str
    body: Section


def read_rules(
    entries: object, path: Steps, scope: Scope, field: FieldSpec | None, index: PropertyIndex
) -> tuple[QualityRule, ...]:
    """Return the rules of one ``quality`` list that this product runs.

    Args:
        entries: the list as the file holds it.
        path: of the list.
        scope: the dataset's fields and how it is written.
        field: whose list it is; None for the object's own.
        index: the contract's properties of ours.
    """
    rules: list[QualityRule] = []
    for position, entry in enumerate(entries if isinstance(entries, list) else ()):
        if isinstance(entry, dict):
            at = (*path, position)
            parts = _parts(entry, at, scope)
            if parts is not None:
                taken = {rule.id for rule in rules}
                rules.extend(_rule(parts, scope, field, index.of(at), taken))
    return tuple(rules)


def enum_rule(listed_values: object, path: Steps, scope: Scope, canonical: str) -> tuple[QualityRule, ...]:
    """Return the rule that 3.2's ``enum`` of a property implies: no value but the listed ones."""
    entries = listed_values if isinstance(listed_values, list) else []
    values = [entry["value"] for entry in entries if isinstance(entry, dict) and "value" in entry]
    for position, value in enumerate(values):
        why = misfit(value, canonical)
        if why:
            scope.doubt((*path, position), why)
    if not values:
        return ()
    arguments = {"validValues": values}
    return (
        QualityRule(
            id=ENUM, kind="invalidValues", place=place(scope.issues, path), arguments=arguments, dimension=Dimension.CONFORMITY
        ),
    )


def _parts(entry: Mapping[str, object], path: Steps, scope: Scope) -> _Parts | None:
    """Return an entry with its kind; None for one that is not run, after saying so."""
    kind = entry.get("type", "library")
    if kind == "text":
        scope.issues.warn(path, "is a text for people and is not checked")
        return None
    if kind == "custom":
        return _custom(entry, path, scope)
    if kind == "sql":
        return _Parts(entry, path, "sql", Section(scope.issues, path, dict(entry)))
    metric = entry.get("metric", entry.get("rule"))
    if metric in LIBRARY:
        return _Parts(entry, path, str(metric), Section(scope.issues, path, dict(entry)))
    if "rule" in entry and "metric" not in entry:
        message = (
            f"the rule {shown(metric)} has no definition in the standard and is not checked; use metric: {listed(LIBRARY)}"
        )
        scope.doubt((*path, "rule"), message)
    elif "metric" not in entry:
        scope.doubt(path, "says neither metric nor type, so it is not checked; give metric, or type: sql, custom or text")
    return None


def _custom(entry: Mapping[str, object], path: Steps, scope: Scope) -> _Parts | None:
    engine, body = entry.get("engine"), entry.get("implementation")
    if engine != _ENGINE:
        if isinstance(engine, str) and nearly_ours(engine):
            scope.issues.add((*path, "engine"), f"the engine {shown(engine)} is nearly ours; write {_ENGINE!r} or rename it")
        else:
            scope.issues.warn(
                (*path, "engine"), f"the engine {shown(engine)} is not run by this product; the rule is not checked"
            )
        return None
    section = Section(scope.issues, (*path, "implementation"), body)
    kind = section.text("kind", required=True)
    if kind in LATER:
        section.problem("kind", f"the kind {kind!r} is not supported yet by this version; supported are {listed(OURS)}")
    elif kind is not None and kind not in OURS:
        section.problem("kind", unknown("kind", kind, OURS))
    return _Parts(entry, path, kind, section) if kind in OURS else None


def _rule(parts: _Parts, scope: Scope, field: FieldSpec | None, ours: Properties, taken: set[str]) -> Iterator[QualityRule]:
    """Yield the rule, or nothing when its threshold cannot be read (that is then a problem or a warning)."""
    misplaced = _misplaced(parts.kind, field)
    if misplaced:
        scope.issues.add(parts.path, misplaced)
        return
    arguments = read_arguments(parts.kind, parts.body, scope, field)
    unit = _unit(parts, scope)
    threshold = _threshold(parts, scope, unit)
    if parts.body.path != parts.path:
        parts.body.done()
    if threshold is None:
        return
    severity = _word(parts, scope, "severity", Severity) or Severity.ERROR
    how = read_handling(ours, parts.kind, severity, scope, scope.mode)
    yield QualityRule(
        id=_id(parts, scope, field, taken),
        kind=parts.kind,
        place=place(scope.issues, parts.path),
        arguments=arguments,
        operator=threshold[0],
        operand=threshold[1],
        unit=unit,
        dimension=_word(parts, scope, "dimension", Dimension),
        severity=severity,
        query=_query(parts, scope),
        schedule=_schedule(parts, scope),
        description=_text(parts.entry, "description"),
        blocking=how.blocking,
        min_rows=how.min_rows,
        where=how.where,
        segment_by=how.segment_by,
        quarantine=how.quarantine,
        tolerance=how.tolerance,
        reason=how.reason,
    )


def _misplaced(kind: str, field: FieldSpec | None) -> str | None:
    if kind in OF_A_FIELD and field is None:
        return f"{kind} is about one field; move the entry into the quality list of a property"
    if kind in OF_AN_OBJECT and field is not None:
        return f"{kind} is about a whole object; move the entry into the object's own quality list"
    return None


def _id(parts: _Parts, scope: Scope, field: FieldSpec | None, taken: set[str]) -> str:
    given = parts.entry.get("id")
    implied = _TAKEN_OF_A_FIELD if field else _TAKEN
    if isinstance(given, str):
        at = (*parts.path, "id")
        if not _ID.fullmatch(given):
            scope.issues.add(at, f"the id {shown(given)} may hold letters, digits, '_' and '-' only")
        elif given in implied:
            scope.issues.add(at, f"the id {given!r} is that of a check which the schema implies; choose another")
        elif given in taken:
            scope.issues.add(at, f"the id {given!r} stands twice in this list; choose another")
        return given
    if scope.governed:
        scope.issues.add(parts.path, "the key 'id' is missing; the reported id <dataset>.<field>.<id> is made from it")
    name, count = parts.kind, 1
    while name in taken or name in implied:
        count += 1
        name = f"{parts.kind}_{count}"
    return name


def _threshold(parts: _Parts, scope: Scope, unit: str) -> tuple[str, tuple[Decimal, ...]] | None:
    body = parts.body
    given = [operator for operator in OPERATORS if operator in body.data]
    for operator in given:
        body.asked[operator] = None
    if len(given) != 1:
        has = f"has {' and '.join(given)}; keep one" if given else "has none"
        scope.doubt(body.path, f"exactly one of {listed(OPERATORS)} is needed, this {has}")
        return None
    operator = given[0]
    operand = _operand(body.data[operator], operator)
    if isinstance(operand, str):
        scope.doubt(body.at(operator), operand)
        return None
    bad = _impossible(parts.kind, unit, operand)
    if bad:
        body.problem(operator, bad)
    return operator, operand


def _operand(value: object, operator: str) -> tuple[Decimal, ...] | str:
    """Return the numbers of an operator, or the sentence saying what is wrong with them."""
    if operator not in BETWEEN:
        number = exact(value)
        return (number,) if number is not None else f"{operator} must be a number, not {shown(value)}"
    numbers = [exact(item) for item in value] if isinstance(value, list) else []
    low_and_high = tuple(number for number in numbers if number is not None)
    if len(numbers) != len(BETWEEN) or len(low_and_high) != len(BETWEEN):
        return f"{operator} must be a list of two numbers [low, high], not {shown(value)}"
    if low_and_high[0] > low_and_high[1]:
        return f"{operator}: {shown(value)} has the greater number first; write [low, high]"
    return low_and_high


def _impossible(kind: str, unit: str, operand: tuple[Decimal, ...]) -> str | None:
    counts = UNITS.get(kind, ())[:1] == ("rows",)
    if counts and min(operand) < 0:
        return f"{kind} counts rows; {min(operand)} is less than none"
    if counts and unit == "percent" and max(operand) > _PERCENT:
        return f"{max(operand)} percent of the rows is more than all of them"
    return None


def _unit(parts: _Parts, scope: Scope) -> str:
    allowed = UNITS.get(parts.kind)
    default = allowed[0] if allowed else ("rows" if parts.kind == "sql" else "value")
    parts.body.asked["unit"] = None
    given = parts.body.data.get("unit")
    if not isinstance(given, str):
        if given is not None:
            parts.body.problem("unit", f"must be text, not {shown(given)}")
        return default
    if allowed and given not in allowed:
        scope.doubt(parts.body.at("unit"), unknown(f"unit for {parts.kind}", given, allowed))
        return default
    return given


def _word(parts: _Parts, scope: Scope, key: str, words: type[W]) -> W | None:
    given = parts.entry.get(key)
    if given is None:
        return None
    allowed = [word.value for word in words]
    if given in allowed:
        return words(given)
    scope.doubt((*parts.path, key), unknown(key, given, allowed))
    return None


def _text(entry: Mapping[str, object], key: str) -> str | None:
    found = entry.get(key)
    return found if isinstance(found, str) else None


def _query(parts: _Parts, scope: Scope) -> str | None:
    query = _text(parts.entry, "query") if parts.kind == "sql" else None
    if query is not None:
        try:
            check_query(query)
        except ValueError as error:
            scope.doubt((*parts.path, "query"), str(error))
    return query


def _schedule(parts: _Parts, scope: Scope) -> str | None:
    schedule, scheduler = _text(parts.entry, "schedule"), _text(parts.entry, "scheduler")
    if scheduler not in {None, "cron"}:
        scope.doubt((*parts.path, "scheduler"), unknown("scheduler", scheduler, ["cron"]))
        return None
    if scheduler is not None and schedule is None:
        scope.doubt((*parts.path, "scheduler"), "a scheduler needs a schedule, such as '0 20 * * *'")
    if schedule is not None:
        try:
            check_cron(schedule)
        except ValueError as error:
            scope.doubt((*parts.path, "schedule"), str(error))
            return None
    return schedule
