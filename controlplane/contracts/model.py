"""A contract: what a producer promises about the datasets of one ODCS file.

Format: Open Data Contract Standard 3.0 to 3.2; what is ours stands in ``customProperties`` named ``controlplane.*``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum

from controlplane.kernel.outcome import Dimension, Severity


@dataclass(frozen=True)
class Place:
    """Where in a file something stands, so that a person finds it."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class Layer(StrEnum):
    """Where in the lakehouse a dataset lives."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"
    SERVING = "serving"


class Mode(StrEnum):
    """How a batch changes its table."""

    APPEND = "append"
    MERGE = "merge"
    OVERWRITE = "overwrite"
    SCD2 = "scd2"


class OnUnknown(StrEnum):
    """What the gate does when there is too little to judge."""

    HOLD = "hold"
    PUBLISH = "publish"


@dataclass(frozen=True)
class WriteMode:
    """``controlplane.writeMode``: how rows reach the table.

    Attributes:
        keys: business key (merge, scd2).
        order_by: which of two events of one key is the later one, most significant first.
        delete_when: SQL condition over the SELECT's columns that marks a delete event.
        partition: Iceberg transforms as text, e.g. ``bucket(16, order_id)``, ``day(created_at)``.
        effective_at: column holding when a version became true (scd2); the interval columns follow.
    """

    mode: Mode
    keys: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    delete_when: str | None = None
    partition: tuple[str, ...] = ()
    effective_at: str | None = None
    valid_from: str | None = None
    valid_to: str | None = None
    is_current: str | None = None

    @property
    def interval_fields(self) -> tuple[str, ...]:
        """The columns the gate computes for scd2 (the SELECT does not return them); empty for other modes."""
        return tuple(name for name in (self.valid_from, self.valid_to, self.is_current) if name)


@dataclass(frozen=True)
class Masking:
    """``controlplane.masking`` of a field.

    Attributes:
        technique: ``token``, ``truncate``, ``null`` or ``drop``.
        domain: token domain; equal values of one domain and epoch give equal tokens.
        profile: normalisation before the token: ``none``, ``ascii-lower-trim`` or ``digits``.
        to: what ``truncate`` keeps: ``year``, ``month`` (dates) or a number of leading characters (text).
    """

    technique: str
    domain: str | None = None
    profile: str = "none"
    to: str | None = None


@dataclass(frozen=True)
class Waiver:
    """Somebody's signed permission to show a field less protected than its label asks, until a date."""

    by: str
    until: date
    reason: str


@dataclass(frozen=True)
class Allowance:
    """``controlplane.check.quarantine``: how many failing rows may leave the batch instead of holding it."""

    max: Decimal
    unit: str = "rows"
    reason: str | None = None


@dataclass(frozen=True)
class Tolerance:
    """``controlplane.check.tolerance``: closeness of numbers; exactly one is given."""

    absolute: Decimal | None = None
    percent: Decimal | None = None


@dataclass(frozen=True)
class QualityRule:
    """One entry of a ``quality`` list, still in the contract's words.

    Attributes:
        id: unique within its list; matches ``[A-Za-z0-9_-]+``.
        kind: a library metric (``nullValues`` ...), ``sql``, or one of our kinds (``freshness``, ``reference`` ...).
        arguments: ``arguments`` of a metric, or what is left of ``implementation`` after kind, operator and unit.
        operator: ``mustBe``, ``mustBeBetween`` ...
        operand: one number, or two for the between operators (inclusive).
        blocking: False publishes failing rows and counts them; None follows the severity.
    """

    id: str
    kind: str
    place: Place
    arguments: Mapping[str, object] = field(default_factory=dict)
    operator: str = "mustBe"
    operand: tuple[Decimal, ...] = (Decimal(0),)
    unit: str = "rows"
    dimension: Dimension | None = None
    severity: Severity = Severity.ERROR
    query: str | None = None
    schedule: str | None = None
    description: str | None = None
    blocking: bool | None = None
    min_rows: int = 0
    where: str | None = None
    segment_by: str | None = None
    quarantine: Allowance | None = None
    tolerance: Tolerance | None = None
    reason: str | None = None


@dataclass(frozen=True)
class FieldSpec:
    """One property of a schema object.

    Attributes:
        type: canonical (Iceberg) type, see ``controlplane.kernel.types``.
        options: ``logicalTypeOptions`` as written.
        primary_key: position in the primary key from 1; None when the field is not part of it.
    """

    name: str
    type: str
    place: Place
    id: str | None = None
    logical_type: str | None = None
    physical_type: str | None = None
    required: bool = False
    unique: bool = False
    primary_key: int | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    description: str | None = None
    classification: str | None = None
    data_category: tuple[str, ...] = ()
    sensitivity: str | None = None
    masking: Masking | None = None
    subject_key: bool = False
    quasi_identifier: bool = False
    waiver: Waiver | None = None
    rules: tuple[QualityRule, ...] = ()


@dataclass(frozen=True)
class Promise:
    """One ``slaProperties`` entry: a producer's guarantee."""

    id: str
    property: str
    value: object
    unit: str | None
    element: str | None
    place: Place


@dataclass(frozen=True)
class DatasetSpec:
    """One schema object: a dataset as the contract describes it once it is *published*.

    Attributes:
        name: the object's ``physicalName``, e.g. ``silver.orders``.
        lateness: how long a row may wait for its parent before it is quarantined.
        warmup: how many points of history a check that compares with history needs.
        history: how long snapshots are kept.
    """

    name: str
    object_name: str
    place: Place
    fields: tuple[FieldSpec, ...]
    rules: tuple[QualityRule, ...] = ()
    layer: Layer | None = None
    tier: int = 3
    write_mode: WriteMode = field(default_factory=lambda: WriteMode(Mode.APPEND))
    lateness: timedelta = timedelta(hours=6)
    warmup: int = 14
    history: timedelta = timedelta(days=7)
    compatibility: str = "backward"
    on_unknown: OnUnknown = OnUnknown.HOLD
    description: str | None = None

    def field(self, name: str) -> FieldSpec | None:
        """Return the field of that name, or None."""
        return next((spec for spec in self.fields if spec.name == name), None)

    @property
    def primary_key(self) -> tuple[str, ...]:
        """Names of the primary key's fields, in key order."""
        keyed = [(spec.primary_key, spec.name) for spec in self.fields if spec.primary_key is not None]
        return tuple(name for _, name in sorted(keyed))

    @property
    def masked_fields(self) -> tuple[FieldSpec, ...]:
        """Fields that are masked before they are written."""
        return tuple(spec for spec in self.fields if spec.masking is not None)


@dataclass(frozen=True)
class Contract:
    """One ODCS file.

    Attributes:
        sha256: of the file's bytes; a run pins it.
        document: the file's content as plain data, so that it can be written back with nothing lost.
        warnings: what the loader accepted but a person should know.
    """

    id: str
    version: str
    status: str | None
    api_version: str
    place: Place
    sha256: str
    datasets: tuple[DatasetSpec, ...]
    name: str | None = None
    domain: str | None = None
    description: str | None = None
    owner: str | None = None
    promises: tuple[Promise, ...] = ()
    document: Mapping[str, object] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
