"""From a contract to everything the gate needs to govern one of its datasets, compiled once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from checks.model import Check
from controlplane.contracts.model import Contract, DatasetSpec, Mode
from controlplane.gate.model import TableDefinition
from controlplane.kernel.identity import DatasetId
from controlplane.usecases.compiling.checks import compile_checks
from controlplane.usecases.compiling.masks import compile_masks, published_type
from pii_policies.masking import policy_sha256
from pii_policies.model import MaskRule, Technique


@dataclass(frozen=True)
class Governed:
    """One dataset, compiled.

    Attributes:
        columns: published columns to canonical type, in table order (dropped fields are not among them).
        clear_columns: the columns of a batch before masking (what the SELECT or the caller delivers), to canonical type.
    """

    id: DatasetId
    contract: Contract
    spec: DatasetSpec
    checks: tuple[Check, ...]
    masks: tuple[MaskRule, ...]
    policy_sha256: str
    columns: Mapping[str, str]
    clear_columns: Mapping[str, str]
    definition: TableDefinition

    @property
    def name(self) -> str:
        """The dataset's name, e.g. ``silver.orders``."""
        return self.id.name

    @property
    def sets_aside(self) -> bool:
        """Whether failing rows may leave a batch: not where a batch is a whole result, such as an aggregate."""
        return self.spec.write_mode.mode is not Mode.OVERWRITE


def compile_dataset(contract: Contract, spec: DatasetSpec, *, namespace: str, epoch: int | None) -> Governed:
    """Return the governed form of a contract's dataset.

    Args:
        epoch: of the token key in force, which masked values carry; None (outside a project): any epoch.

    Raises:
        ConfigurationError: a field's masking and type do not fit.
    """
    masks = compile_masks(spec)
    dropped = {rule.field for rule in masks if rule.technique is Technique.DROP}
    kept = [field for field in spec.fields if field.name not in dropped]
    interval = spec.write_mode.interval_fields
    columns = {field.name: published_type(field, masks) for field in kept}
    return Governed(
        id=DatasetId(namespace, spec.name),
        contract=contract,
        spec=spec,
        checks=compile_checks(spec, masks, epoch=epoch),
        masks=masks,
        policy_sha256=policy_sha256(masks),
        columns=columns,
        clear_columns={field.name: field.type for field in spec.fields if field.name not in interval},
        definition=TableDefinition(
            fields=tuple((field.name, columns[field.name], field.required) for field in kept),
            partition=spec.write_mode.partition,
            hidden_bounds=tuple(field.name for field in kept if field.masking or field.data_category or field.sensitivity),
        ),
    )
