"""``controlplane.writeMode`` -> ``WriteMode``: each mode with the keys it needs and no others."""

from __future__ import annotations

from collections.abc import Mapping

from controlplane.contracts.expressions import partition_field, partition_misfit
from controlplane.contracts.model import FieldSpec, Mode, WriteMode
from controlplane.contracts.properties import Properties
from controlplane.contracts.scope import Scope, checked_condition
from controlplane.kernel.problems import listed, shown
from controlplane.kernel.reading import Section

_NEEDS = {
    Mode.APPEND: (),
    Mode.OVERWRITE: (),
    Mode.MERGE: ("keys", "orderBy"),
    Mode.SCD2: ("keys", "orderBy", "effectiveAt", "validFrom", "validTo", "isCurrent"),
}
_MAY = {
    Mode.APPEND: ("partition",),
    Mode.OVERWRITE: ("partition",),
    Mode.MERGE: ("deleteWhen", "partition"),
    Mode.SCD2: ("deleteWhen", "partition"),
}
_INSTANTS = ("timestamptz", "timestamp", "date")
_NEARLY = 0.85
_UNKNOWN = "unknown"


def read_write_mode(ours: Properties, scope: Scope, fields: Mapping[str, FieldSpec]) -> WriteMode:
    """Return how rows reach the table; ``append`` where nothing is said.

    Columns that only order or delete events (``orderBy``, ``deleteWhen``) may be the SELECT's own and need not be fields.
    """
    entry = ours.get("writeMode")
    section = entry.section("value", required=True) if entry else None
    if section is None:
        return WriteMode(Mode.APPEND)
    word = section.text("mode", required=True, allowed=[mode.value for mode in Mode])
    found = WriteMode(
        mode=Mode(word) if word else Mode.APPEND,
        keys=scope.all_named(section, "keys"),
        order_by=_order(section, scope),
        delete_when=section.parsed("deleteWhen", checked_condition),
        partition=_partition(section, scope, fields),
        effective_at=scope.named(section, "effectiveAt"),
        valid_from=scope.named(section, "validFrom"),
        valid_to=scope.named(section, "validTo"),
        is_current=scope.named(section, "isCurrent"),
    )
    section.done()
    if word:
        _complete(section, found.mode)
        _keys(section, scope, found, fields)
        _interval(section, found, fields)
    return found


def _complete(section: Section, mode: Mode) -> None:
    missing = [key for key in _NEEDS[mode] if not section.data.get(key)]
    if missing:
        section.issues.add(section.path, f"mode {mode.value} needs {listed(missing)}")
    allowed = ("mode", *_NEEDS[mode], *_MAY[mode])
    for key in section.asked:
        if key in section and key not in allowed:
            section.problem(key, f"{key} is not for mode {mode.value}; allowed are {listed(allowed)}")


def _order(section: Section, scope: Scope) -> tuple[str, ...]:
    names: list[str] = []
    for position, name in enumerate(section.texts("orderBy")):
        known = scope.columns.get(name.casefold())
        near = None if known else scope.near_column(name, _NEARLY)
        if near:
            path = section.at("orderBy", position)
            section.issues.add(
                path, f"{shown(name)} is no field: did you mean {near!r}? rename it if the SELECT has such a column"
            )
        elif not known:
            message = f"{shown(name)} is no field of the dataset, so the SELECT must return it beside them"
            section.issues.warn(section.at("orderBy", position), message)
        names.append(known or name)
    return tuple(names)


def _partition(section: Section, scope: Scope, fields: Mapping[str, FieldSpec]) -> tuple[str, ...]:
    texts = section.texts("partition")
    for position, text in enumerate(texts):
        path = section.at("partition", position)
        try:
            transform, name = partition_field(text)
        except ValueError as error:
            section.issues.add(path, str(error))
            continue
        column = scope.column(path, name)
        kind = _stored(fields[column]) if column else _UNKNOWN
        why = partition_misfit(transform, kind) if kind != _UNKNOWN else None
        if why:
            section.issues.add(path, why)
    return texts


def _stored(field: FieldSpec) -> str:
    """Return the type a field is stored with: a token is text."""
    return "string" if field.masking is not None and field.masking.technique == "token" else field.type


def _keys(section: Section, scope: Scope, mode: WriteMode, fields: Mapping[str, FieldSpec]) -> None:
    for name in mode.keys:
        field = fields[name]
        if field.masking is not None and field.masking.technique != "token":
            section.problem(
                "keys", f"{name} is masked by {field.masking.technique}, so its rows could not be told apart; use token"
            )
        if not field.required and field.primary_key is None:
            scope.issues.warn(section.at("keys"), f"{name} is a key but may be null; say required: true")
    primary = {name for name, field in fields.items() if field.primary_key is not None}
    if mode.mode is Mode.MERGE and primary and primary != set(mode.keys):
        scope.issues.warn(section.at("keys"), f"the keys differ from the primary key ({listed(sorted(primary))})")


def _interval(section: Section, mode: WriteMode, fields: Mapping[str, FieldSpec]) -> None:
    """Check the columns of scd2: times of one type, an end that may be open, a truth value, none of them masked."""
    if mode.mode is not Mode.SCD2:
        return
    times = {"effectiveAt": mode.effective_at, "validFrom": mode.valid_from, "validTo": mode.valid_to}
    start = fields[mode.effective_at].type if mode.effective_at else _UNKNOWN
    for key, name in times.items():
        kind = fields[name].type if name else _UNKNOWN
        if kind not in {*_INSTANTS, _UNKNOWN}:
            section.problem(key, f"{name} is of type {kind}; allowed are {listed(_INSTANTS)}")
        elif name and _UNKNOWN not in {kind, start} and kind != start:
            section.problem(key, f"{name} is of type {kind}, but effectiveAt is of type {start}; they must be the same")
    if mode.is_current and fields[mode.is_current].type not in {"boolean", _UNKNOWN}:
        section.problem("isCurrent", f"{mode.is_current} is of type {fields[mode.is_current].type}; it must be boolean")
    if mode.valid_to and fields[mode.valid_to].required:
        section.problem("validTo", f"{mode.valid_to} is required, but it is empty while a version is current; remove required")
    for name in mode.interval_fields:
        if fields[name].masking is not None or name in mode.keys:
            section.issues.add(section.path, f"{name} is computed by the gate, so it can neither be masked nor be a key")
    if len(set(mode.interval_fields)) != len(mode.interval_fields):
        section.issues.add(section.path, "validFrom, validTo and isCurrent must be three fields")
