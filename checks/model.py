"""A check: a frozen statement of what must hold. Engines measure; ``checks.judging`` decides.

Names follow ODCS (metric, threshold, dimension, severity) and Deequ (a state is a measurement that can be merged).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from controlplane.kernel.outcome import Dimension, Evidence, Outcome, Severity, Stage
from controlplane.kernel.table import TableSchema


class CheckKind(StrEnum):
    """What is measured. The value is the word a contract uses."""

    NULL_VALUES = "nullValues"
    MISSING_VALUES = "missingValues"
    INVALID_VALUES = "invalidValues"
    DUPLICATE_VALUES = "duplicateValues"
    ROW_COUNT = "rowCount"
    SQL = "sql"
    AGGREGATE = "aggregate"
    REFERENCE = "reference"
    FRESHNESS = "freshness"
    VOLUME_CHANGE = "volumeChange"
    RECONCILIATION = "reconciliation"
    SCHEMA = "schema"
    SCHEMA_DRIFT = "schemaDrift"
    MASKED_FORMAT = "maskedFormat"
    LEAK = "leak"
    CAST = "cast"


ROW_SCOPE = frozenset(
    {CheckKind.NULL_VALUES, CheckKind.MISSING_VALUES, CheckKind.INVALID_VALUES, CheckKind.REFERENCE, CheckKind.CAST}
)
"""Kinds that are true or false of one row alone (given its parents), so that a failing row can be set aside."""


class Operator(StrEnum):
    """ODCS comparison operators; between is inclusive."""

    MUST_BE = "mustBe"
    MUST_NOT_BE = "mustNotBe"
    MUST_BE_GREATER_THAN = "mustBeGreaterThan"
    MUST_BE_GREATER_OR_EQUAL_TO = "mustBeGreaterOrEqualTo"
    MUST_BE_LESS_THAN = "mustBeLessThan"
    MUST_BE_LESS_OR_EQUAL_TO = "mustBeLessOrEqualTo"
    MUST_BE_BETWEEN = "mustBeBetween"
    MUST_NOT_BE_BETWEEN = "mustNotBeBetween"


@dataclass(frozen=True)
class Threshold:
    """An operator and its one or two numbers."""

    operator: Operator = Operator.MUST_BE
    operand: tuple[Decimal, ...] = (Decimal(0),)


@dataclass(frozen=True)
class Quarantine:
    """How many failing rows may leave a batch (``unit``: ``rows`` or ``percent`` of the rows offered)."""

    max: Decimal = Decimal(0)
    unit: str = "rows"


@dataclass(frozen=True)
class Closeness:
    """How far two numbers may lie apart and still count as equal; at most one is given."""

    absolute: Decimal | None = None
    percent: Decimal | None = None


@dataclass(frozen=True)
class Check:
    """One statement about one dataset.

    Attributes:
        id: reported id, ``<dataset>.<field>.<id>`` or ``<dataset>.<id>``.
        dataset: dataset name, e.g. ``silver.orders``.
        fields: the columns it speaks of; empty for a table-wide check.
        arguments: what the kind needs beside fields, in the contract's words (``validValues``, ``minimum``, ``to`` ...).
        unit: of measured value and threshold: ``rows``, ``percent``, ``s`` ...
        where: SQL condition; rows for which it is not true are neither counted nor judged.
        screening_only: True for value checks on a masked field: published values cannot be judged.
    """

    id: str
    dataset: str
    kind: CheckKind
    fields: tuple[str, ...] = ()
    arguments: Mapping[str, object] = field(default_factory=dict)
    threshold: Threshold = Threshold()
    unit: str = "rows"
    severity: Severity = Severity.ERROR
    dimension: Dimension | None = None
    blocking: bool = True
    where: str | None = None
    segment_by: str | None = None
    min_rows: int = 0
    quarantine: Quarantine = Quarantine()
    tolerance: Closeness = Closeness()
    query: str | None = None
    schedule: str | None = None
    screening_only: bool = False
    reason: str | None = None

    @property
    def row_scope(self) -> bool:
        """Whether a failing row can be named; of drift, where it is looked for in a column of the rows."""
        return self.kind in ROW_SCOPE or (self.kind is CheckKind.SCHEMA_DRIFT and bool(self.fields))


@dataclass(frozen=True)
class Measurement:
    """What an engine found; says nothing about good or bad.

    Attributes:
        value: in the check's unit; None when there was nothing to measure.
        rows_total: rows looked at (after ``where``); rows_failed: of these, rows that break the rule. None: not countable.
        error: why it could not be measured, redacted; then value is None.
        detail: what the reason should mention, e.g. ``{"baseline": "120"}``; never values of rows.
        history_points: how many earlier points a comparison with history had; None for other kinds.
    """

    check_id: str
    value: Decimal | None = None
    rows_total: int | None = None
    rows_failed: int | None = None
    segment: str | None = None
    evidence: Evidence = Evidence.SCAN
    error: str | None = None
    detail: Mapping[str, str] = field(default_factory=dict)
    history_points: int | None = None


@dataclass(frozen=True)
class CheckResult:
    """A measurement and what our judging made of it.

    Attributes:
        quarantined: rows set aside because of this check.
        reason: one plain sentence with the numbers.
    """

    check: Check
    measurement: Measurement
    outcome: Outcome
    stage: Stage
    reason: str
    quarantined: int = 0


@dataclass(frozen=True)
class Facts:
    """What a check may need that is not in the table.

    Attributes:
        now: the plane's clock.
        heartbeat: until when the sources are known to be delivered; None when unknown.
        daily_rows: per local day (ISO date) rows published so far *at the same time of day*, for ``volumeChange`` without
            a field; the current day is included.
        schema: the table's schema at the judged snapshot; expected_schema: what the contract and the recorded field ids
            say it is.
        time_zone: IANA name of the project's calendar.
        warmup: points of history that comparisons need.
        drift: how far ahead of ``now`` a source's time may be before it counts as a future time (clocks differ a little).
    """

    now: datetime
    heartbeat: datetime | None = None
    daily_rows: Mapping[str, int] = field(default_factory=dict)
    schema: TableSchema | None = None
    expected_schema: TableSchema | None = None
    time_zone: str = "UTC"
    warmup: int = 14
    lateness: timedelta = timedelta(0)
    drift: timedelta = timedelta(0)
