"""From a contract to checks: what a steward wrote, and what the schema itself implies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from checks.model import ROW_SCOPE, Check, CheckKind, Closeness, Operator, Quarantine, Threshold
from controlplane.contracts.model import DatasetSpec, FieldSpec, QualityRule
from controlplane.gate.casting import UNKNOWN
from controlplane.kernel.errors import ConfigurationError
from controlplane.kernel.outcome import Dimension, Severity
from pii_policies.masking import format_predicate
from pii_policies.model import MaskRule, Technique

_VALUE_OPTIONS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern",
)  # fmt: skip


def compile_checks(spec: DatasetSpec, masks: Sequence[MaskRule], *, epoch: int | None) -> tuple[Check, ...]:
    """Return all checks of a dataset: implied ones first, then the contract's own, in the order they are written.

    ``required``, ``unique``, ``primaryKey`` and ``logicalTypeOptions`` are implied blocking checks (design of ODCS); every
    field must cast to its type; every masked field must look masked and hold no clear value of the batch.
    """
    masked = {rule.field: rule for rule in masks}
    checks = [Check(id=f"{spec.name}.schema", dataset=spec.name, kind=CheckKind.SCHEMA, dimension=Dimension.CONFORMITY)]
    for field in spec.fields:
        checks += _implied(spec, field, masked.get(field.name))
        checks += [_rule(spec, rule, field, masked.get(field.name)) for rule in field.rules]
        if field.name in masked:
            checks += _masking(spec, field, masked[field.name], epoch)
    if spec.primary_key:
        checks.append(
            Check(
                id=f"{spec.name}.primary_key",
                dataset=spec.name,
                kind=CheckKind.DUPLICATE_VALUES,
                fields=spec.primary_key,
                dimension=Dimension.UNIQUENESS,
            )
        )
    checks += [_rule(spec, rule, None, None) for rule in spec.rules]
    return tuple(checks)


def _implied(spec: DatasetSpec, field: FieldSpec, mask: MaskRule | None) -> Iterator[Check]:
    prefix = f"{spec.name}.{field.name}"
    if field.name not in spec.write_mode.interval_fields and field.type != UNKNOWN:
        yield Check(
            id=f"{prefix}.type",
            dataset=spec.name,
            kind=CheckKind.CAST,
            fields=(field.name,),
            arguments={"type": field.type},
            dimension=Dimension.CONFORMITY,
            screening_only=True,
            quarantine=_lenience(field),
        )
    if field.required or field.primary_key is not None:
        yield Check(
            id=f"{prefix}.required",
            dataset=spec.name,
            kind=CheckKind.NULL_VALUES,
            fields=(field.name,),
            dimension=Dimension.COMPLETENESS,
            screening_only=_hides_nulls(mask),
        )
    if field.unique:
        yield Check(
            id=f"{prefix}.unique",
            dataset=spec.name,
            kind=CheckKind.DUPLICATE_VALUES,
            fields=(field.name,),
            dimension=Dimension.UNIQUENESS,
        )
    for option in _VALUE_OPTIONS:
        if option in field.options:
            yield Check(
                id=f"{prefix}.{option}",
                dataset=spec.name,
                kind=CheckKind.INVALID_VALUES,
                fields=(field.name,),
                arguments={option: field.options[option]},
                dimension=Dimension.CONFORMITY,
                screening_only=mask is not None,
            )


def _lenience(field: FieldSpec) -> Quarantine:
    """A field whose own rules let failing rows leave the batch lets rows that do not cast leave it on the same terms."""
    allowances = [rule.quarantine for rule in field.rules if rule.quarantine is not None]
    return Quarantine(max=allowances[0].max, unit=allowances[0].unit) if allowances else Quarantine()


def _masking(spec: DatasetSpec, field: FieldSpec, mask: MaskRule, epoch: int | None) -> Iterator[Check]:
    if mask.technique is Technique.DROP:
        return
    yield Check(
        id=f"{spec.name}.{field.name}.masked_format",
        dataset=spec.name,
        kind=CheckKind.MASKED_FORMAT,
        fields=(field.name,),
        arguments={"predicate": format_predicate(mask, field.name, field.type, epoch=epoch)},
        dimension=Dimension.CONFORMITY,
        severity=Severity.CRITICAL,
    )
    if mask.technique is Technique.TOKEN:
        yield Check(
            id=f"{spec.name}.{field.name}.leak",
            dataset=spec.name,
            kind=CheckKind.LEAK,
            fields=(field.name,),
            arguments={"against": CLEAR, "field": field.name},
            dimension=Dimension.CONFORMITY,
            severity=Severity.CRITICAL,
        )


CLEAR = "clear_values"
"""Name under which a batch's clear values of masked fields are registered for the leak scan."""


def _hides_nulls(mask: MaskRule | None) -> bool:
    return mask is not None and mask.technique in {Technique.NULL, Technique.DROP}


def _rule(spec: DatasetSpec, rule: QualityRule, field: FieldSpec | None, mask: MaskRule | None) -> Check:
    kind = CheckKind(rule.kind)
    shown = next((column for column in spec.fields if column.name == rule.segment_by and column.masking), None)
    if shown is not None:
        message = (
            f"{rule.place}: {spec.name}.{rule.id} is segmented by {shown.name}, which is masked; segments are stored by value"
        )
        raise ConfigurationError(message)
    where = f"{spec.name}.{field.name}" if field else spec.name
    blocking = rule.blocking if rule.blocking is not None else rule.severity.rank >= Severity.ERROR.rank
    payload = rule.arguments.get("payload")
    hidden = mask is not None or any(column.name == payload and column.masking for column in spec.fields)
    reads_values = kind is not CheckKind.NULL_VALUES or _hides_nulls(mask)
    return Check(
        id=f"{where}.{rule.id}",
        dataset=spec.name,
        kind=kind,
        fields=_fields(rule, kind, field),
        arguments=rule.arguments,
        threshold=Threshold(Operator(rule.operator), rule.operand),
        unit=rule.unit,
        severity=rule.severity,
        dimension=rule.dimension,
        blocking=blocking,
        where=rule.where,
        segment_by=rule.segment_by,
        min_rows=rule.min_rows,
        quarantine=Quarantine(rule.quarantine.max, rule.quarantine.unit) if rule.quarantine else Quarantine(Decimal(0)),
        tolerance=Closeness(rule.tolerance.absolute, rule.tolerance.percent) if rule.tolerance else Closeness(),
        query=rule.query,
        schedule=rule.schedule,
        screening_only=hidden and reads_values and kind in ROW_SCOPE | {CheckKind.AGGREGATE, CheckKind.SCHEMA_DRIFT},
        reason=rule.reason,
    )


def _fields(rule: QualityRule, kind: CheckKind, field: FieldSpec | None) -> tuple[str, ...]:
    if kind is CheckKind.REFERENCE:
        return tuple(_mapping(rule.arguments.get("fields"))) or ((field.name,) if field else ())
    if kind is CheckKind.DUPLICATE_VALUES and field is None:
        return tuple(str(name) for name in _list(rule.arguments.get("properties")))
    named = rule.arguments.get("payload" if kind is CheckKind.SCHEMA_DRIFT else "field")
    if field is None and isinstance(named, str):
        return (named,)
    return (field.name,) if field else ()


def _mapping(value: object) -> Sequence[str]:
    return [str(name) for name in value] if isinstance(value, dict) else []


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else []
