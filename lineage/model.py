"""Words of lineage, as OpenLineage uses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class EdgeKind(StrEnum):
    """Whether a value flows (``direct``) or only decides which rows or groups there are (``indirect``)."""

    DIRECT = "direct"
    INDIRECT = "indirect"


@dataclass(frozen=True, order=True)
class ColumnRef:
    """A column of a dataset; dataset is ``schema.table``."""

    dataset: str
    column: str

    def __str__(self) -> str:
        return f"{self.dataset}.{self.column}"


@dataclass(frozen=True, order=True)
class ColumnEdge:
    """One column feeding another.

    Attributes:
        target: the column fed; an influence on all rows (filter, join, sort ...) has one edge per written column.
        transformation: ``identity``, ``transformation``, ``aggregation`` (direct);
            ``filter``, ``join``, ``group_by``, ``sort``, ``window``, ``conditional`` (indirect).
        masking: whether the value is protected on the way.
    """

    source: ColumnRef
    target: ColumnRef
    kind: EdgeKind
    transformation: str
    masking: bool = False


@dataclass(frozen=True)
class ColumnLineage:
    """All edges of one SELECT, and the output columns whose origin could not be found (never silently dropped)."""

    edges: tuple[ColumnEdge, ...]
    unresolved: tuple[str, ...] = ()


class EventType(StrEnum):
    """OpenLineage run states that we emit."""

    START = "START"
    COMPLETE = "COMPLETE"
    FAIL = "FAIL"
    ABORT = "ABORT"


@dataclass(frozen=True)
class DatasetVersion:
    """A dataset as a run saw or made it: columns are (name, type) in table order; version is the snapshot id."""

    namespace: str
    name: str
    columns: tuple[tuple[str, str], ...] = ()
    version: str | None = None


@dataclass(frozen=True)
class Assertion:
    """One check's verdict as OpenLineage's data-quality assertion carries it (success None: not judged)."""

    assertion: str
    success: bool | None
    column: str | None = None
    severity: str | None = None


@dataclass(frozen=True)
class RunEvent:
    """One event of one governed run, before it is turned into OpenLineage's JSON.

    Attributes:
        sql: the text that really ran; None for ingestion.
        error: why the run failed, redacted, one sentence.
        rows_written / bytes_written: output statistics; None when nothing was written.
    """

    event_type: EventType
    at: datetime
    run_id: UUID
    job_namespace: str
    job_name: str
    inputs: tuple[DatasetVersion, ...] = ()
    outputs: tuple[DatasetVersion, ...] = ()
    sql: str | None = None
    sql_dialect: str = "spark"
    columns: ColumnLineage | None = None
    assertions: Mapping[str, tuple[Assertion, ...]] = field(default_factory=dict)
    error: str | None = None
    rows_written: int | None = None
    bytes_written: int | None = None
