"""``properties`` of a schema object -> ``FieldSpec``: types, keys, options and labels of personal data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from controlplane.contracts.arguments import read_limits
from controlplane.contracts.model import FieldSpec, Masking, Waiver
from controlplane.contracts.properties import Properties, PropertyIndex
from controlplane.contracts.scope import Scope, place
from controlplane.contracts.vocabulary import BOUNDS, LENGTHS, PROFILES, SENSITIVITIES, TECHNIQUES
from controlplane.kernel.problems import Steps
from controlplane.kernel.reading import Section
from controlplane.kernel.types import canonical_type

UNKNOWN_TYPE = "unknown"
"""Type of a field that neither its physical nor its logical type tells; in foreign contracts only."""

_CHECKED = frozenset({"pattern", *BOUNDS, *LENGTHS})
_SAID_ELSEWHERE = frozenset({"format", "timezone", "defaultTimezone", "required"})
"""Options that describe how values are written, which the type or an own entry already fixes."""

_EXCLUSIVE = {"exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}

_ALIKE = {
    "string": {"string", "binary"},
    "integer": {"long", "int", "decimal"},
    "number": {"double", "float", "decimal", "long", "int"},
    "boolean": {"boolean"},
    "date": {"date", "timestamp", "timestamptz"},
    "timestamp": {"timestamp", "timestamptz"},
    "time": {"time"},
}


@dataclass(frozen=True)
class ReadField:
    """A field and where it was read from.

    Attributes:
        logical_name: ``name`` in the contract where the column is called otherwise.
        quality: its quality entries, still to be read; so is ``enum`` of 3.2, its list of values.
    """

    spec: FieldSpec
    path: Steps
    logical_name: str | None
    quality: object
    enum: object


def read_fields(properties: object, path: Steps, scope: Scope, index: PropertyIndex) -> tuple[ReadField, ...]:
    """Return the fields of one object, in order; a column's name is ``physicalName``, else ``name``."""
    items = [
        (position, item)
        for position, item in enumerate(properties if isinstance(properties, list) else ())
        if isinstance(item, dict) and isinstance(item.get("name"), str)
    ]
    keys = _key_positions([item for _, item in items], path, scope)
    fields: list[ReadField] = []
    seen: dict[str, int] = {}
    for (position, item), key in zip(items, keys, strict=True):
        at = (*path, position)
        name = item["physicalName"] if isinstance(item.get("physicalName"), str) else item["name"]
        if name.casefold() in seen:
            scope.doubt(
                at, f"the field {name!r} stands twice (first in line {seen[name.casefold()]}); engines ignore case; keep one"
            )
        seen.setdefault(name.casefold(), scope.issues.document.line(at))
        spec = _field(item, at, scope, index.of(at), key, name)
        fields.append(
            ReadField(spec, at, item["name"] if item["name"] != name else None, item.get("quality"), item.get("enum"))
        )
    return tuple(fields)


def _field(item: Mapping[str, Any], path: Steps, scope: Scope, ours: Properties, key: int | None, name: str) -> FieldSpec:
    canonical = _type(item, path, scope)
    labels = _labels(ours)
    return FieldSpec(
        name=name,
        type=canonical,
        place=place(scope.issues, path),
        id=_text(item, "id"),
        logical_type=_text(item, "logicalType"),
        physical_type=_text(item, "physicalType"),
        required=item.get("required") is True,
        unique=item.get("unique") is True,
        primary_key=key,
        options=_options(item, path, scope, canonical),
        description=_text(item, "description"),
        classification=_text(item, "classification"),
        **labels,
    )


def _text(item: Mapping[str, object], key: str) -> str | None:
    found = item.get(key)
    return found if isinstance(found, str) else None


def _type(item: Mapping[str, object], path: Steps, scope: Scope) -> str:
    logical, physical = _text(item, "logicalType"), _text(item, "physicalType")
    try:
        canonical = canonical_type(logical, physical)
    except ValueError as error:
        scope.doubt((*path, "physicalType" if physical is not None else "logicalType"), str(error))
        return _by_logical_type(logical)
    if logical in _ALIKE and canonical.split("(")[0] not in _ALIKE[logical]:
        message = f"physicalType {physical!r} ({canonical}) does not fit logicalType {logical!r}; the physical type is used"
        scope.issues.warn((*path, "physicalType"), message)
    return canonical


def _by_logical_type(logical: str | None) -> str:
    try:
        return canonical_type(logical, None)
    except ValueError:
        return UNKNOWN_TYPE


def _key_positions(items: Sequence[Mapping[str, object]], path: Steps, scope: Scope) -> list[int | None]:
    """Return each field's position in the primary key; where none is given they are counted in order."""
    members = [item for item in items if item.get("primaryKey") is True]
    explicit = [position for position in map(_position, members) if position is not None]
    if len(explicit) != len(set(explicit)):
        scope.doubt(path, "two fields have the same primaryKeyPosition; number them 1, 2, ...")
    if explicit and len(explicit) != len(members):
        scope.doubt(path, "some fields of the primary key have a primaryKeyPosition and some have none; number all of them")
    numbered = len(explicit) == len(members) == len(set(explicit))
    order = iter(explicit if numbered else range(1, len(members) + 1))
    return [next(order) if item.get("primaryKey") is True else None for item in items]


def _position(item: Mapping[str, object]) -> int | None:
    found = item.get("primaryKeyPosition")
    return found if isinstance(found, int) and not isinstance(found, bool) and found > 0 else None


def _options(item: Mapping[str, object], path: Steps, scope: Scope, canonical: str) -> Mapping[str, object]:
    """Return ``logicalTypeOptions``; the true-or-false exclusive bounds of 3.0 become the numbers of 3.1."""
    given = item.get("logicalTypeOptions")
    if not isinstance(given, dict):
        return {}
    options = numeric_bounds(given)
    section = Section(scope.issues, (*path, "logicalTypeOptions"), {key: options[key] for key in options if key in _CHECKED})
    read_limits(section, scope, canonical)
    for key in options:
        if key not in _CHECKED | _SAID_ELSEWHERE:
            scope.issues.warn((*path, "logicalTypeOptions", key), "is not checked by this version")
    return options


def numeric_bounds(options: Mapping[str, object]) -> dict[str, object]:
    """Return options in which exclusive bounds are values as in 3.1, not true or false beside a bound as in 3.0."""
    found = dict(options)
    for exclusive, inclusive in _EXCLUSIVE.items():
        if isinstance(found.get(exclusive), bool) and found.pop(exclusive) and inclusive in found:
            found[exclusive] = found.pop(inclusive)
    return found


def _labels(ours: Properties) -> dict[str, Any]:
    category, sensitivity = ours.get("dataCategory"), ours.get("sensitivity")
    subject, quasi = ours.get("subjectKey"), ours.get("quasiIdentifier")
    return {
        "data_category": category.texts("value", required=True) if category else (),
        "sensitivity": sensitivity.text("value", required=True, allowed=SENSITIVITIES) if sensitivity else None,
        "masking": _masking(ours.get("masking")),
        "subject_key": bool(subject and subject.flag("value")),
        "quasi_identifier": bool(quasi and quasi.flag("value")),
        "waiver": _waiver(ours.get("waiver")),
    }


def _masking(entry: Section | None) -> Masking | None:
    section = entry.section("value", required=True) if entry else None
    if section is None:
        return None
    technique = section.text("technique", required=True, allowed=TECHNIQUES)
    found = Masking(
        technique=technique or "null",
        domain=section.text("domain"),
        profile=section.text("profile", allowed=PROFILES) or "none",
        to=_kept(section),
    )
    section.done()
    for key, owner in (("domain", "token"), ("profile", "token"), ("to", "truncate")):
        if key in section and technique is not None and technique != owner:
            section.problem(key, f"{key} is for technique {owner}, not for {technique}; remove it")
    return found


def _kept(section: Section) -> str | None:
    """Return what truncation keeps; a number may stand without quotes."""
    value = section.data.get("to")
    if isinstance(value, int) and not isinstance(value, bool):
        section.asked["to"] = None
        return str(value)
    return section.text("to")


def _waiver(entry: Section | None) -> Waiver | None:
    section = entry.section("value", required=True) if entry else None
    if section is None:
        return None
    by, until, reason = (
        section.text("by", required=True),
        section.day("until", required=True),
        section.text("reason", required=True),
    )
    section.done()
    return Waiver(by or "", until or date.max, reason or "")
