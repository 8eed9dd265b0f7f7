"""A contract's document -> ``Contract``: the standard's keys and ours, every oddity noted as a problem or a warning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from hashlib import sha256

from controlplane.contracts.fields import ReadField, read_fields
from controlplane.contracts.linting import lint_dataset
from controlplane.contracts.model import Contract, DatasetSpec, Layer, OnUnknown, QualityRule
from controlplane.contracts.promises import read_promises
from controlplane.contracts.properties import PropertyIndex
from controlplane.contracts.rules import enum_rule, read_rules
from controlplane.contracts.scope import Scope, columns_of, place
from controlplane.contracts.vocabulary import COMPATIBILITIES
from controlplane.contracts.write_modes import read_write_mode
from controlplane.kernel.documents import Document
from controlplane.kernel.problems import Steps
from controlplane.kernel.reading import Issues, Section

_TIERS = range(1, 4)
_WARMUPS = range(1, 1001)
_OPTIONAL = ("layer", "tier", "lateness", "warmup", "history", "compatibility", "onUnknown")


def build(document: Document, content: bytes, issues: Issues, index: PropertyIndex, *, today: date | None) -> Contract:
    """Return the contract a document describes; where something is wrong, ``issues`` says so and a default stands in.

    Args:
        document: a map at its top, as the file holds it.
        content: the file's bytes.
        issues: of the document.
        index: its properties of ours.
        today: against which waivers expire; None leaves that unjudged.
    """
    data: Mapping[str, object] = document.data if isinstance(document.data, dict) else {}
    scope = Scope(issues, governed=index.any)
    datasets = _datasets(data, scope, index, today)
    return Contract(
        id=_text(data, "id") or "",
        version=_text(data, "version") or "",
        status=_text(data, "status"),
        api_version=_text(data, "apiVersion") or "",
        place=place(issues, ()),
        sha256=sha256(content).hexdigest(),
        datasets=datasets,
        name=_text(data, "name"),
        domain=_text(data, "domain"),
        description=_description(data.get("description")),
        owner=_owner(data.get("team")),
        promises=read_promises(data, scope),
        document=data,
        warnings=tuple(issues.warnings),
    )


def _text(data: Mapping[str, object], key: str) -> str | None:
    found = data.get(key)
    return found if isinstance(found, str) else None


def _description(found: object) -> str | None:
    return _text(found, "purpose") if isinstance(found, dict) else None


def _owner(team: object) -> str | None:
    """Return the team's name, else the first member whose role is owner (the list of 3.0 or the members of 3.1)."""
    name = _text(team, "name") if isinstance(team, dict) else None
    members = team.get("members") if isinstance(team, dict) else team
    owners = [
        _text(member, "username")
        for member in (members if isinstance(members, list) else ())
        if isinstance(member, dict) and (_text(member, "role") or "").casefold() == "owner"
    ]
    return name or next((owner for owner in owners if owner), None)


def _datasets(data: Mapping[str, object], scope: Scope, index: PropertyIndex, today: date | None) -> tuple[DatasetSpec, ...]:
    objects = data.get("schema")
    found: list[DatasetSpec] = []
    for position, item in enumerate(objects if isinstance(objects, list) else ()):
        if isinstance(item, dict):
            found.append(_dataset(item, ("schema", position), scope, index, today))
            if found[-1].name in {other.name for other in found[:-1]}:
                scope.doubt(("schema", position), f"the dataset {found[-1].name!r} is described twice; keep one")
    if not found:
        scope.issues.warn((), "describes no dataset: schema is missing or empty")
    return tuple(found)


def _dataset(item: Mapping[str, object], path: Steps, scope: Scope, index: PropertyIndex, today: date | None) -> DatasetSpec:
    object_name = _text(item, "name") or ""
    fields = read_fields(item.get("properties"), (*path, "properties"), scope, index)
    named = [(field.spec.name if field.logical_name is None else field.logical_name, field.spec.name) for field in fields]
    scope = replace(scope, columns=columns_of(named), types={field.spec.name: field.spec.type for field in fields})
    specs = {field.spec.name: field.spec for field in fields}
    mode = read_write_mode(index.of(path), scope, specs)
    scope = replace(scope, mode=mode.mode)
    own = _own(index, path)
    spec = DatasetSpec(
        name=_text(item, "physicalName") or object_name,
        object_name=object_name,
        place=place(scope.issues, path),
        fields=tuple(replace(field.spec, rules=_field_rules(field, scope, index)) for field in fields),
        rules=read_rules(item.get("quality"), (*path, "quality"), scope, None, index),
        layer=own.layer,
        tier=own.tier,
        write_mode=mode,
        lateness=own.lateness,
        warmup=own.warmup,
        history=own.history,
        compatibility=own.compatibility,
        on_unknown=own.on_unknown,
        description=_text(item, "description"),
    )
    lint_dataset(spec, {field.spec.name: field.path for field in fields}, scope, path=path, today=today)
    return spec


def _field_rules(field: ReadField, scope: Scope, index: PropertyIndex) -> tuple[QualityRule, ...]:
    implied = enum_rule(field.enum, (*field.path, "enum"), scope, field.spec.type)
    return (*implied, *read_rules(field.quality, (*field.path, "quality"), scope, field.spec, index))


@dataclass(frozen=True)
class _Own:
    layer: Layer | None
    tier: int
    lateness: timedelta
    warmup: int
    history: timedelta
    compatibility: str
    on_unknown: OnUnknown


def _own(index: PropertyIndex, path: Steps) -> _Own:
    """Return an object's own properties, each from the object, else from the contract, else the default."""
    entries = {name: index.of(path).get(name) or index.of(()).get(name) for name in _OPTIONAL}
    layer = _choice(entries["layer"], [layer.value for layer in Layer])
    on_unknown = _choice(entries["onUnknown"], [choice.value for choice in OnUnknown])
    return _Own(
        layer=Layer(layer) if layer else None,
        tier=_whole(entries["tier"], _TIERS, DatasetSpec.tier),
        lateness=_duration(entries["lateness"], DatasetSpec.lateness),
        warmup=_whole(entries["warmup"], _WARMUPS, DatasetSpec.warmup),
        history=_duration(entries["history"], DatasetSpec.history),
        compatibility=_choice(entries["compatibility"], COMPATIBILITIES) or DatasetSpec.compatibility,
        on_unknown=OnUnknown(on_unknown) if on_unknown else DatasetSpec.on_unknown,
    )


def _choice(entry: Section | None, allowed: Sequence[str]) -> str | None:
    return entry.text("value", required=True, allowed=allowed) if entry else None


def _whole(entry: Section | None, allowed: range, default: int) -> int:
    found = entry.integer("value", required=True, allowed=allowed) if entry else None
    return default if found is None else found


def _duration(entry: Section | None, default: timedelta) -> timedelta:
    found = entry.duration("value", required=True) if entry else None
    return default if found is None else found
