"""``slaProperties`` -> ``Promise``: names the standard lists (in any case), with a value and a unit that can be measured.

Format: ODCS, "Service-Level Agreement (SLA)". In a contract of ours an unknown property or unit is an error; in a foreign
one it is a warning, because the standard leaves both open and its own examples use names it does not list.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta

from controlplane.contracts.expressions import check_cron
from controlplane.contracts.model import Contract, DatasetSpec, Promise
from controlplane.contracts.scope import Scope, place
from controlplane.contracts.vocabulary import DATES, SHARES, SLA_PROPERTIES, SPANS
from controlplane.kernel.durations import from_unit
from controlplane.kernel.problems import Steps, kind_of, nearest, shown, unknown

_NAMES = {name.casefold(): name for name in SLA_PROPERTIES}
_LATENCIES = ("latency", "freshness")
_PERCENT = 100


def read_promises(data: Mapping[str, object], scope: Scope) -> tuple[Promise, ...]:
    """Return the producer's guarantees; ``slaDefaultElement`` stands in where an entry names no element."""
    elements = _elements(data.get("schema"))
    default = data.get("slaDefaultElement")
    entries = data.get("slaProperties")
    found: list[Promise] = []
    for position, entry in enumerate(entries if isinstance(entries, list) else ()):
        if not isinstance(entry, dict) or not isinstance(entry.get("property"), str):
            continue
        path = ("slaProperties", position)
        name = _NAMES.get(entry["property"].strip().casefold())
        if name is None:
            scope.doubt((*path, "property"), unknown("SLA property", entry["property"], SLA_PROPERTIES))
        element = entry.get("element", default)
        promise = Promise(
            id=_id(entry, path, scope, found),
            property=name or entry["property"],
            value=entry.get("value"),
            unit=entry["unit"] if isinstance(entry.get("unit"), str) else None,
            element=element if isinstance(element, str) else None,
            place=place(scope.issues, path),
        )
        _check_value(promise, path, scope)
        _check_element(promise, path, scope, elements)
        _check_schedule(entry, path, scope)
        found.append(promise)
    return tuple(found)


def _id(entry: Mapping[str, object], path: Steps, scope: Scope, before: Sequence[Promise]) -> str:
    taken = {promise.id for promise in before}
    given = entry.get("id")
    if isinstance(given, str):
        if given in taken:
            scope.issues.add((*path, "id"), f"the id {given!r} stands twice in slaProperties; choose another")
        return given
    name, count = str(entry["property"]), 1
    while name in taken:
        count += 1
        name = f"{entry['property']}_{count}"
    return name


def _check_value(promise: Promise, path: Steps, scope: Scope) -> None:
    value, at = promise.value, (*path, "value")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if promise.property in SPANS:
        if not number or value < 0:  # type: ignore[operator]
            scope.doubt(at, f"{promise.property} must be a number of time units, not {kind_of(value)}")
        _check_unit(promise, path, scope)
    elif promise.property in SHARES and not (number and 0 <= value <= _PERCENT):  # type: ignore[operator]
        scope.doubt(at, f"{promise.property} must be a percentage from 0 to 100, not {kind_of(value)}")
    elif promise.property in DATES and not _is_date(value):
        scope.doubt(at, f"{promise.property} must be a date such as 2027-06-30, not {kind_of(value)}")


def _check_unit(promise: Promise, path: Steps, scope: Scope) -> None:
    if promise.unit is None:
        scope.doubt(path, f"{promise.property} needs a unit such as h, d or y")
        return
    try:
        from_unit(1, promise.unit)
    except ValueError as error:
        scope.doubt((*path, "unit"), str(error))
        return
    if isinstance(promise.value, int | float) and _span(promise) is None:
        scope.doubt((*path, "value"), f"{promise.value} {promise.unit} is longer than any time that can be counted")


def _is_date(value: object) -> bool:
    for parse in (date.fromisoformat, datetime.fromisoformat):
        try:
            parse(str(value))
        except ValueError:
            continue
        return isinstance(value, str)
    return False


def _elements(objects: object) -> tuple[str, ...]:
    """Return what an element may be: an object, or ``object.field``, each by its name and by its physical name."""
    found: list[str] = []
    for item in objects if isinstance(objects, list) else ():
        owners = _names(item)
        columns = item.get("properties") if isinstance(item, dict) else None
        fields = [name for column in (columns if isinstance(columns, list) else ()) for name in _names(column)]
        found += [*owners, *(f"{owner}.{name}" for owner in owners for name in fields)]
    return tuple(dict.fromkeys(found))


def _names(item: object) -> list[str]:
    names = [item.get("name"), item.get("physicalName")] if isinstance(item, dict) else []
    return [name for name in names if isinstance(name, str)]


def _check_element(promise: Promise, path: Steps, scope: Scope, elements: Sequence[str]) -> None:
    """Check that an element is described here; several are separated by commas."""
    for element in promise.element.split(",") if promise.element else ():
        if element.strip() not in elements:
            guess = nearest(element.strip(), elements)
            meant = f"did you mean {guess!r}?" if guess else "write object.field, as they are named in schema"
            scope.doubt((*path, "element"), f"the element {shown(element.strip())} is not described here; {meant}")


def _check_schedule(entry: Mapping[str, object], path: Steps, scope: Scope) -> None:
    schedule = entry.get("schedule")
    if isinstance(schedule, str) and entry.get("scheduler", "cron") == "cron":
        try:
            check_cron(schedule)
        except ValueError as error:
            scope.doubt((*path, "schedule"), str(error))


def guaranteed_latency(contracts: Iterable[Contract]) -> dict[str, timedelta | None]:
    """Return every dataset and the shortest latency (or freshness) its contract guarantees; None where it says nothing."""
    found: dict[str, timedelta | None] = {}
    for contract in contracts:
        for spec in contract.datasets:
            spans = [
                _span(promise) for promise in contract.promises if promise.property in _LATENCIES and _concerns(promise, spec)
            ]
            found[spec.name] = min((span for span in spans if span is not None), default=None)
    return found


def _concerns(promise: Promise, spec: DatasetSpec) -> bool:
    elements = [element.strip() for element in promise.element.split(",")] if promise.element else []
    owners = (spec.name, spec.object_name)
    return not elements or any(element == owner or element.startswith(f"{owner}.") for element in elements for owner in owners)


def _span(promise: Promise) -> timedelta | None:
    value = promise.value
    if isinstance(value, bool) or not isinstance(value, int | float) or promise.unit is None:
        return None
    try:
        return from_unit(value, promise.unit)
    except (ValueError, OverflowError):
        return None
