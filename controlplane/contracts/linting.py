"""What no schema can say: does a contract protect personal data, and do contracts fit together.

Pure; ``lint_across`` takes contracts that each are sound by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from controlplane.contracts.expressions import condition_columns, expression_columns
from controlplane.contracts.model import Contract, DatasetSpec, FieldSpec, Layer, Masking, QualityRule
from controlplane.contracts.scope import Scope
from controlplane.contracts.vocabulary import DIRECT_CATEGORIES
from controlplane.kernel.problems import Problem, Steps, listed, nearest, shown, unknown

_DOMAIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_NAME = re.compile(r"\w+(?:\.\w+)*")
_TIMES = ("date", "timestamp", "timestamptz")
_TOKENS = frozenset({"string", "long", "int", "decimal", "date", "timestamp", "timestamptz", "binary"})
_MISSPELT = 0.8


def lint_dataset(spec: DatasetSpec, paths: Mapping[str, Steps], scope: Scope, *, path: Steps, today: date | None) -> None:
    """Note where a dataset leaves personal data open, or masks what its technique does not fit.

    Args:
        spec: the dataset.
        paths: where each field stands.
        scope: how strict to be.
        path: where the dataset stands.
        today: against which waivers expire; None leaves that unjudged.
    """
    if scope.governed and not _NAME.fullmatch(spec.name):
        message = f"the dataset name {shown(spec.name)} may hold letters, digits, '_' and dots only, such as silver.orders"
        scope.issues.add((*path, "physicalName"), message)
    for field in spec.fields:
        where = paths[field.name]
        why = _unprotected(field, spec.layer)
        if why:
            scope.issues.add(where, why)
        if field.masking is not None:
            for message in _misfits(field, field.masking):
                scope.issues.add((*where, "customProperties"), f"masking of {field.name}: {message}")
        if field.waiver is not None and today is not None and field.waiver.until < today:
            message = f"the waiver of {field.waiver.by} ended on {field.waiver.until}; mask the field or have it renewed"
            scope.issues.add((*where, "customProperties"), message)


def _unprotected(field: FieldSpec, layer: Layer | None) -> str | None:
    """Return why a field shows personal data it may not show (above bronze, in clear, without a waiver)."""
    if layer in {None, Layer.BRONZE} or field.masking is not None or field.waiver is not None:
        return None
    way_out = "add controlplane.masking, or a controlplane.waiver {by, until, reason}"
    direct = sorted(DIRECT_CATEGORIES.intersection(field.data_category))
    if direct:
        return f"{field.name} holds {listed(direct)} in clear in layer {layer.value}; {way_out}"
    meant = [(word, nearest(word, tuple(DIRECT_CATEGORIES), _MISSPELT)) for word in field.data_category]
    for word, near in meant:
        if near:
            return f"{field.name} has the category {word!r}, nearly {near!r}, in clear in layer {layer.value}; {way_out}"
    if field.subject_key or field.quasi_identifier:
        return None
    if field.data_category:
        return (
            f"{field.name} holds {listed(field.data_category)} in clear in layer {layer.value}, which counts as direct; "
            f"{way_out}, or declare controlplane.subjectKey or controlplane.quasiIdentifier"
        )
    return (
        f"{field.name} is restricted and in clear in layer {layer.value}; {way_out}"
        if field.sensitivity == "restricted"
        else None
    )


def _misfits(field: FieldSpec, masking: Masking) -> Iterator[str]:
    base = field.type.split("(")[0]
    if masking.technique == "token":
        if masking.domain is None or not _DOMAIN.fullmatch(masking.domain):
            yield "a token needs a domain of 1 to 63 lower-case ASCII letters, digits, '-' or '_', such as customer-email"
        if base not in _TOKENS:
            yield f"token does not fit type {field.type}; it fits {listed(sorted(_TOKENS))}"
        if masking.profile != "none" and base != "string":
            yield f"profile {masking.profile} is for texts, not for type {field.type}"
    if masking.technique == "truncate":
        yield from _untruncatable(base, masking.to)
    if masking.technique == "null" and (field.required or field.primary_key is not None):
        yield "null empties a field that is required; remove required or use token"
    if masking.technique in {"null", "drop", "truncate"} and field.unique:
        yield f"{masking.technique} makes values equal that must be unique; use token or remove unique"


def _untruncatable(base: str, to: str | None) -> Iterator[str]:
    if base in _TIMES:
        if to not in {"year", "month"}:
            yield f"a {base} is truncated to: year or month, not {shown(to)}"
    elif base == "string":
        if to is None or not (to.isascii() and to.isdigit() and int(to) > 0):
            yield f"text is truncated to a number of leading characters from 1, not {shown(to)}"
    else:
        yield f"truncate does not fit type {base}; it fits {listed((*_TIMES, 'string'))}"


def lint_across(contracts: Sequence[Contract]) -> list[Problem]:
    """Return what is wrong between contracts: a dataset with two of them, a comparison with what does not exist."""
    known: dict[str, DatasetSpec] = {}
    problems: list[Problem] = []
    for contract in contracts:
        for spec in contract.datasets:
            if spec.name in known:
                message = f"the dataset {spec.name!r} has a contract already, in {known[spec.name].place}; keep one"
                problems.append(Problem(spec.place.file, spec.place.line, spec.name, message))
            known.setdefault(spec.name, spec)
    for contract in contracts:
        for spec in contract.datasets:
            for field, rule in _rules(spec):
                where = ".".join(part for part in (spec.name, field, rule.id) if part)
                found = _comparison(rule, spec, known)
                problems += [Problem(rule.place.file, rule.place.line, where, message) for message in found]
    return problems


def _rules(spec: DatasetSpec) -> Iterator[tuple[str | None, QualityRule]]:
    yield from ((None, rule) for rule in spec.rules)
    yield from ((field.name, rule) for field in spec.fields for rule in field.rules)


def _comparison(rule: QualityRule, spec: DatasetSpec, known: Mapping[str, DatasetSpec]) -> Iterator[str]:
    to = rule.arguments.get("to")
    if not isinstance(to, str):
        return
    other = known.get(to)
    if other is None:
        yield unknown("dataset", to, sorted(known))
        return
    if rule.kind == "reference":
        yield from _reference(rule, spec, other)
        yield from _unknown_columns("where", rule.arguments.get("where"), other)
    else:
        yield from _reconciliation(rule, other)


def _reference(rule: QualityRule, spec: DatasetSpec, parent: DatasetSpec) -> Iterator[str]:
    fields = rule.arguments.get("fields")
    for child, name in fields.items() if isinstance(fields, dict) else ():
        mine, theirs = spec.field(str(child)), parent.field(str(name))
        if theirs is None:
            yield f"{parent.name}: {unknown('field', name, [field.name for field in parent.fields])}"
        elif theirs.masking is not None:
            how = theirs.masking.technique
            yield f"{parent.name}.{name} is published masked ({how}), so no clear value can equal it; refer to another field"
        elif mine is not None and _family(mine.type) != _family(theirs.type):
            yield f"{child} is of type {mine.type} and {parent.name}.{name} of type {theirs.type}; they can never be equal"


def _family(canonical: str) -> str:
    base = canonical.split("(", maxsplit=1)[0]
    return "number" if base in {"long", "int", "double", "float", "decimal"} else base


def _reconciliation(rule: QualityRule, other: DatasetSpec) -> Iterator[str]:
    measure = rule.arguments.get("toMeasure", rule.arguments.get("measure"))
    keys = rule.arguments.get("keys")
    names = list(keys.values()) if isinstance(keys, dict) else keys if isinstance(keys, list) else []
    yield from _unknown_columns("toMeasure" if "toMeasure" in rule.arguments else "measure", measure, other, aggregate=True)
    for name in names:
        yield from _unknown_columns("keys", name, other, aggregate=False)
    yield from _unknown_columns("toWhere", rule.arguments.get("toWhere"), other)


def _unknown_columns(key: str, text: object, other: DatasetSpec, *, aggregate: bool | None = None) -> Iterator[str]:
    """Yield a sentence for each column an expression (or condition: ``aggregate`` None) names that a dataset lacks."""
    if not isinstance(text, str):
        return
    columns = {field.name.casefold() for field in other.fields}
    named = condition_columns(text) if aggregate is None else expression_columns(text, aggregate=aggregate)
    for name in named:
        if name.casefold() not in columns:
            yield f"{key} names {other.name}: {unknown('field', name, [field.name for field in other.fields])}"
