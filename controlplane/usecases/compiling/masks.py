"""From a contract's masking to mask rules, and the types of what they publish."""

from __future__ import annotations

from collections.abc import Sequence

from controlplane.contracts.model import DatasetSpec, FieldSpec
from controlplane.kernel.errors import ConfigurationError
from pii_policies.masking import masked_type
from pii_policies.model import MaskRule, Profile, Technique


def compile_masks(spec: DatasetSpec) -> tuple[MaskRule, ...]:
    """Return one rule per masked field.

    Raises:
        ConfigurationError: a technique or profile is unknown (the contract's lint says so earlier, with the line).
    """
    rules = []
    for field in spec.masked_fields:
        masking = field.masking
        if masking is None:
            continue
        try:
            technique, profile = Technique(masking.technique), Profile(masking.profile)
        except ValueError as error:
            message = f"{field.place}: {spec.name}.{field.name}: masking {error}"
            raise ConfigurationError(message) from error
        rules.append(MaskRule(field.name, technique, domain=masking.domain, profile=profile, to=masking.to))
    return tuple(rules)


def published_type(field: FieldSpec, rules: Sequence[MaskRule]) -> str:
    """Return the canonical type a field has once it is published: masking by token makes text of anything.

    Raises:
        ConfigurationError: the rule cannot be applied to the field's type.
    """
    rule = next((rule for rule in rules if rule.field == field.name), None)
    return field.type if rule is None else masked_type(field.type, rule)
