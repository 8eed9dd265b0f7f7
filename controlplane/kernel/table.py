"""What a table looks like from outside: schema, snapshots, data files and their statistics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from controlplane.kernel.identity import SnapshotId


@dataclass(frozen=True)
class FieldStats:
    """Statistics of one field in one data file; ``None`` means *not known*, never zero.

    Attributes:
        bounds_exact: False where bounds may be truncated (strings, binary) and so are no real values.
    """

    field_id: int
    value_count: int | None
    null_count: int | None
    nan_count: int | None
    lower: object | None
    upper: object | None
    bounds_exact: bool


@dataclass(frozen=True)
class DataFile:
    """One data file of a snapshot. ``delete_files`` not empty disqualifies ``record_count`` as a row count."""

    uri: str
    record_count: int
    size_bytes: int
    sequence_number: int
    partition: tuple[object, ...]
    delete_files: tuple[str, ...] = ()
    stats: Mapping[int, FieldStats] = field(default_factory=dict)


@dataclass(frozen=True)
class Field:
    """A column: Iceberg field id, name, type in Iceberg's notation (``long``, ``decimal(12, 2)``), and if it is required."""

    field_id: int
    name: str
    type: str
    required: bool


@dataclass(frozen=True)
class TableSchema:
    """The columns of a table at one schema id."""

    schema_id: int
    fields: tuple[Field, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in table order."""
        return tuple(column.name for column in self.fields)


@dataclass(frozen=True)
class Snapshot:
    """One snapshot of a table.

    Attributes:
        operation: Iceberg's word: ``append``, ``overwrite``, ``delete`` or ``replace``.
        published_at: ``controlplane.published-at`` (the plane's clock); None when the snapshot is not governed.
        properties: the snapshot summary's own properties.
        files: live data files; loaded lazily by readers that can, so may be expensive to ask for.
    """

    snapshot_id: SnapshotId
    parent_id: SnapshotId | None
    schema: TableSchema
    operation: str
    published_at: datetime | None
    properties: Mapping[str, str]
    files: tuple[DataFile, ...]

    @property
    def row_count(self) -> int | None:
        """Rows by metadata alone; None where delete files make record counts wrong."""
        if any(data_file.delete_files for data_file in self.files):
            return None
        return sum(data_file.record_count for data_file in self.files)
